//! Calls by which people hold and end what goes on: files and runs are instances that can be terminated, suspended,
//! resumed, rewound and purged.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{DueFile, FileRow, HistoryEntry, Ledger, LedgerError};
use crate::blob_path::BlobPath;
use crate::clock::UnixMillis;
use crate::file_state::FileState;
use crate::ids::{FileId, IndexId, RunId};
use crate::retry::Failure;

/// The code of files that somebody terminated.
pub const TERMINATED: &str = "terminated";

/// What keeps a file from being worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuspendedBy {
    /// Somebody suspended the file.
    File,
    /// Somebody suspended its run.
    Run,
}

impl SuspendedBy {
    /// The name as stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Run => "run",
        }
    }
}

/// The text names nothing that suspends a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} suspends no file; what does is file and run")]
pub struct UnknownSuspendedBy(pub String);

impl std::str::FromStr for SuspendedBy {
    type Err = UnknownSuspendedBy;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        [Self::File, Self::Run]
            .into_iter()
            .find(|by| by.name() == name)
            .ok_or_else(|| UnknownSuspendedBy(name.to_owned()))
    }
}

/// A file that is not woken or claimed until somebody resumes it. Changes are still recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Suspended {
    /// What has to be resumed.
    pub by: SuspendedBy,
    /// Since when.
    pub at: UnixMillis,
}

/// Somebody ends what goes on with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminate {
    /// The index.
    pub index: IndexId,
    /// The row.
    pub file_id: FileId,
    /// What the row says from now on, with the code [`TERMINATED`].
    pub failure: Failure,
    /// The source's tag of the blob now, if it is known: a comparison then sees that nothing has changed since.
    pub etag: Option<String>,
}

/// How far a run's failed files were rewound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewound {
    /// Files that are PENDING again.
    pub files: u64,
    /// Where the next page begins; `None` when this was the last.
    pub next: Option<FileId>,
}

/// What people do to files and runs. Each call is one conditional update: of two that race, one takes effect. A call
/// that had no effect says so; the row says why.
#[async_trait]
pub trait InstancesLedger: Ledger {
    /// A file that is PENDING or PROCESSING becomes FAILED, whatever was wanted of it; an attempt under way is fenced, and a
    /// suspension ends. It stays so until it changes or somebody asks. Returns whether it did. A committed version is
    /// never undone: a file that is PUBLISHING is refused.
    async fn terminate(&self, terminate: &Terminate) -> Result<bool, LedgerError>;

    /// Keeps a file from being woken and claimed; an attempt under way goes on. Returns the file's state, or `None` when it
    /// is suspended already, is DELETED, or there is no such file.
    async fn suspend_file(
        &self,
        index: &IndexId,
        file: FileId,
        reason: &str,
    ) -> Result<Option<FileState>, LedgerError>;

    /// Ends a suspension of the file itself; one of its run stays. Returns the file's state, or `None` when there is nothing
    /// to end.
    async fn resume_file(
        &self,
        index: &IndexId,
        file: FileId,
        reason: &str,
    ) -> Result<Option<FileState>, LedgerError>;

    /// From now on no file that the run waits for is claimed. Returns whether it took effect: the run is LISTING or RUNNING, and
    /// was not suspended.
    async fn suspend_run(&self, run: RunId) -> Result<bool, LedgerError>;

    /// Ends the suspension of a run; [`InstancesLedger::let_go`] then makes its files due. Returns whether it was suspended.
    async fn resume_run(&self, run: RunId) -> Result<bool, LedgerError>;

    /// A page of the run's FAILED files becomes PENDING with fresh attempts, in the order of their ids, after `after`; each
    /// joins the run once more, and a completed run is RUNNING again when any does. A cancelled run stays as it is.
    async fn rewind_run(&self, run: RunId, after: Option<FileId>, limit: u32)
    -> Result<Rewound, LedgerError>;

    /// Marks due files whose run is suspended ([`DueFile::held_back_by`]), so that they are not due again until it is
    /// resumed. Returns how many.
    async fn set_aside(&self, due: &[DueFile]) -> Result<u64, LedgerError>;

    /// Makes files due that were set aside and whose run was resumed, at most `limit` of each run. Returns how many.
    async fn let_go(&self, limit: u32) -> Result<u64, LedgerError>;

    /// Suspended files in path order, after `after`, at most `limit`.
    async fn suspended_files(
        &self,
        index: &IndexId,
        after: Option<&BlobPath>,
        limit: u32,
    ) -> Result<Vec<FileRow>, LedgerError>;

    /// Entries of a file's history before the one numbered `before` (the newest when `None`), newest first, at most `limit`.
    async fn history_before(
        &self,
        index: &IndexId,
        file: FileId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<HistoryEntry>, LedgerError>;

    /// Removes the history of those of the files that are settled, but for the claims of the last hour: by these a late
    /// repeat of a request is recognised. The rows stay, they are what search goes by. Returns how many files lost entries.
    async fn purge_files(&self, index: &IndexId, files: &[FileId]) -> Result<u64, LedgerError>;

    /// Removes the record of a run that is over; its files stay. Returns whether it did.
    async fn purge_run(&self, run: RunId) -> Result<bool, LedgerError>;
}
