//! How much one file of an index may take.

use serde::{Deserialize, Serialize};

/// The longest attempt that a setting can allow, in minutes.
const MOST_MINUTES: u32 = 1440;

/// Limits of the work on one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Longest time that one attempt at a file may take, in minutes. It shortens what the services are set to
    /// (`INDEXER_STALE_FILE_TIMEOUT_MINUTES`), and never extends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1440)]
    pub attempt_minutes: Option<u32>,
}

impl Limits {
    /// What is wrong with them, each with the field's name in front.
    pub(super) fn problems(&self) -> Vec<String> {
        let wrong = self
            .attempt_minutes
            .is_some_and(|minutes| !(1..=MOST_MINUTES).contains(&minutes));
        let problem = format!("limits.attempt_minutes: from 1 to {MOST_MINUTES} is possible");
        if wrong { vec![problem] } else { Vec::new() }
    }
}
