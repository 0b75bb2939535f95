//! When removals wait for somebody's approval, and for how long.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A week.
const WEEK: u64 = 7 * 24 * 60 * 60;

/// Removals wait when one cause would remove more than `files` and more than `share` of an index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApprovalSettings {
    /// Removals that always pass.
    pub files: u64,
    /// Share of the index, from 0 to 1, that always passes.
    #[schema(minimum = 0, maximum = 1)]
    pub share: f64,
    /// Seconds after which removals that nobody decided on are decided by themselves; `null` for never.
    pub decide_after_seconds: Option<u64>,
    /// What is decided then.
    pub otherwise: Otherwise,
}

/// What becomes of removals that nobody decides on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// The files stay in the index.
    #[default]
    Keep,
    /// They are removed.
    Remove,
}

impl Default for ApprovalSettings {
    fn default() -> Self {
        Self {
            files: 10,
            share: 0.10,
            decide_after_seconds: Some(WEEK),
            otherwise: Otherwise::Keep,
        }
    }
}

impl ApprovalSettings {
    /// How long removals wait; `None` for ever.
    #[must_use]
    pub fn decide_after(&self) -> Option<Duration> {
        self.decide_after_seconds.map(Duration::from_secs)
    }
}
