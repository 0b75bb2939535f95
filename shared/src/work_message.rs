//! The wake-up: a hint that a file has work. All that matters is in the ledger, so a wake-up may be lost, repeated,
//! reordered or stale without harm.

use serde::{Deserialize, Serialize};

use crate::blob_path::BlobPath;
use crate::ids::{FileId, IndexId};

/// Wire version that this build writes and reads.
pub const WORK_MESSAGE_VERSION: u32 = 1;

/// Which queue a wake-up travels on, so that a backfill never delays a fresh upload.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Live events.
    Fast,
    /// Scans, backfills and full runs.
    Bulk,
}

impl Lane {
    /// Every lane, most urgent first.
    pub const ALL: [Self; 2] = [Self::Fast, Self::Bulk];

    /// The name used in routing keys, metrics and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Bulk => "bulk",
        }
    }
}

/// Body of `file.wake.v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WorkMessage {
    /// Wire version, [`WORK_MESSAGE_VERSION`].
    pub v: u32,
    /// The index that the file belongs to.
    pub index: IndexId,
    /// The file to look at.
    pub file_id: FileId,
    /// Its path, for logs.
    pub path: BlobPath,
    /// The `desired_seq` that the sender saw. A hint: the ledger's row decides.
    pub seq: i64,
}
