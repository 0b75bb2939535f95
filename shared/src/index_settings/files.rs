//! Which files of a source belong to an index.

use serde::{Deserialize, Serialize};

/// Patterns and limits. A file that they leave out is treated as if the source did not have it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FileRules {
    /// Only paths that match one of these globs, such as `**/*.pdf`; all when there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// No paths that match one of these globs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
}
