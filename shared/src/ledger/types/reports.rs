//! What the ledger tells about the past and about many files at once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::UnixMillis;
use crate::file_state::FileState;
use crate::ids::ClaimId;

/// One line of a file's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HistoryEntry {
    /// Its number in the file's history; later ones have greater numbers.
    #[serde(default)]
    pub n: i64,
    /// When.
    pub at: UnixMillis,
    /// What: `enqueued`, `claimed`, `committed`, `released`, `failed`, `swept`, `retried`, `approved`, `rejected`,
    /// `cancelled`, `terminated`, `suspended`, `resumed`.
    pub event: String,
    /// The file's state after it.
    pub state: FileState,
    /// The change that it is about.
    pub seq: i64,
    /// The attempt.
    pub claim_id: Option<ClaimId>,
    /// Timings, counts, reason or failure, as a JSON object.
    pub detail: serde_json::Value,
}

/// Numbers about an index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IndexStats {
    /// Files per state; states with none are left out.
    pub by_state: BTreeMap<FileState, u64>,
    /// Points of all live versions.
    pub chunks: u64,
    /// Bytes of all live versions' blobs.
    pub bytes: u64,
    /// Files that are indexed in part: [`Version::missing`](super::Version::missing) says which parts are not.
    pub partial: u64,
    /// PENDING and running files, without those that are suspended.
    pub backlog: u64,
    /// When the oldest change that is not yet applied was reported, of files that are PENDING or running.
    pub oldest_pending_at: Option<UnixMillis>,
    /// The earliest time that a PENDING file becomes due.
    pub next_due_at: Option<UnixMillis>,
}
