//! When removals wait for somebody's approval.

use serde::{Deserialize, Serialize};

/// Removals wait when one cause would remove more than `files` and more than `share` of an index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApprovalSettings {
    /// Removals that always pass.
    pub files: u64,
    /// Share of the index, from 0 to 1, that always passes.
    #[schema(minimum = 0, maximum = 1)]
    pub share: f64,
}

impl Default for ApprovalSettings {
    fn default() -> Self {
        Self {
            files: 10,
            share: 0.10,
        }
    }
}
