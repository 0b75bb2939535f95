//! What the ledger tells about the past and about many files at once.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::UnixMillis;
use crate::file_state::FileState;
use crate::ids::{ClaimId, IndexId, RunId};

/// One line of a file's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HistoryEntry {
    /// Its number in the file's history; later ones have greater numbers.
    #[serde(default)]
    pub n: i64,
    /// When.
    pub at: UnixMillis,
    /// What: `enqueued`, `claimed`, `committed`, `released`, `failed`, `swept`, `retried`, `approved`, `rejected`,
    /// `terminated`, `suspended`, `resumed`.
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

/// Why a run exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// The source was listed and compared with the ledger.
    Scan,
    /// Changes as they were reported.
    Events,
    /// Failed files were tried again.
    Retry,
    /// Everything is made again.
    Full,
}

impl RunKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Scan, Self::Events, Self::Retry, Self::Full];

    /// The name as stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Events => "events",
            Self::Retry => "retry",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for RunKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text names no kind of run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a kind of run; the kinds are scan, events, retry, full")]
pub struct UnknownRunKind(pub String);

impl FromStr for RunKind {
    type Err = UnknownRunKind;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| UnknownRunKind(name.to_owned()))
    }
}

/// A run and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunRecord {
    /// The run.
    pub id: RunId,
    /// The index.
    pub index: IndexId,
    /// Why it exists.
    pub kind: RunKind,
    /// When it was opened.
    pub opened_at: UnixMillis,
    /// When its last file settled.
    pub completed_at: Option<UnixMillis>,
    /// Is everything that it wants enqueued?
    pub sealed: bool,
    /// Since when none of its files is taken up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_at: Option<UnixMillis>,
    /// Files that it enqueued. A file that another run took over in between counts again.
    pub total: u64,
    /// Files that another run took over before this one completed; `total` less the files in `by_state`.
    pub superseded: u64,
    /// Its files per state; as they were when it completed.
    pub by_state: BTreeMap<FileState, u64>,
}
