//! Which files of a source belong to an index.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::document_type::DocumentType;

/// Largest file that a setting can allow, in bytes: 4 GiB.
const MOST_BYTES: u64 = 4 << 30;

/// Patterns and limits. A file that the globs leave out is treated as if the source did not have it.
///
/// Globs are matched on the whole path inside the source, with `/` between segments: `*` and `?` stay within a segment,
/// `**` spans them, `{a,b}` is either. A large or unwanted file is SKIPPED with the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FileRules {
    /// Only paths that match one of these globs, such as `**/*.pdf`; all when there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["**/*.pdf", "guides/**"]))]
    pub include: Vec<String>,
    /// No paths that match one of these globs; stronger than `include`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["**/drafts/**"]))]
    pub exclude: Vec<String>,
    /// Larger files are SKIPPED; in bytes. What the index processors are set to when it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 4_294_967_296_u64)]
    pub max_bytes: Option<u64>,
    /// Files of these types are SKIPPED, whatever their name says.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub skip_types: BTreeSet<DocumentType>,
}

impl FileRules {
    /// What is wrong with them, each with the field's name in front; the globs are checked where they are compiled.
    pub(super) fn problems(&self) -> Vec<String> {
        let wrong = self
            .max_bytes
            .is_some_and(|bytes| bytes == 0 || bytes > MOST_BYTES);
        let problem = format!("files.max_bytes: from 1 to {MOST_BYTES} (4 GiB) is possible");
        if wrong { vec![problem] } else { Vec::new() }
    }
}
