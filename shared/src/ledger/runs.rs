//! Runs: who asked for what, how far it is, and what became of each file.
//!
//! A run is a row before anything of it is done; whoever has its lease carries it out page by page. Each file that joins it
//! leaves it exactly once: settled, taken over by another run, or given back.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Change, LedgerError};
use crate::blob_path::BlobPath;
use crate::clock::UnixMillis;
use crate::ids::{FileId, IndexId, RunId};

/// Counts files that joined.
pub(super) const JOINED: &str = "JOINED";
/// Counts what was spent for files that were not done at once.
pub(super) const COMMITTED: &str = "COMMITTED";
/// Failure codes that a run shows.
pub(super) const ERRORS_SHOWN: usize = 20;
/// Milliseconds that a closed batch of events waits for changes that were being recorded as it was closed.
pub(super) const BATCH_GRACE: UnixMillis = 1000;

macro_rules! named {
    ($(#[$meta:meta])* $name:ident, $unknown:ident, $what:literal, { $($(#[$doc:meta])* $variant:ident = $text:tt),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// Every one.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$variant),+];

            /// The name as stored and shown.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        #[doc = concat!("The text names no ", $what, ".")]
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
        #[error("{0:?} is not a {what}; there are: {all}", what = $what, all = [$($text),+].join(", "))]
        pub struct $unknown(pub String);

        impl FromStr for $name {
            type Err = $unknown;
            fn from_str(name: &str) -> Result<Self, Self::Err> {
                Self::ALL
                    .into_iter()
                    .find(|known| known.name().eq_ignore_ascii_case(name))
                    .ok_or_else(|| $unknown(name.to_owned()))
            }
        }
    };
}

named! {
    /// Why a run exists.
    RunKind, UnknownRunKind, "kind of run", {
        /// The source is listed and compared with the ledger.
        Scan = "scan",
        /// Changes as they were reported: opened when an idle index gets work, closed when it is drained.
        Events = "events",
        /// As a scan, and failed files are tried again.
        Retry = "retry",
        /// As a scan, and everything is made again.
        Full = "full",
    }
}

named! {
    /// Where a run is in its life.
    RunState, UnknownRunState, "state of a run", {
        /// Its files are being found and recorded.
        Listing = "LISTING",
        /// All of its files are recorded (of a batch of events: those reported so far); some are not done.
        Running = "RUNNING",
        /// Each of its files is done.
        Completed = "COMPLETED",
        /// Cancelled; files that have begun are being finished, the others given back.
        Cancelling = "CANCELLING",
        /// Cancelled, and nothing of it goes on.
        Cancelled = "CANCELLED",
    }
}

impl RunState {
    /// Will nothing change any more?
    #[must_use]
    pub fn is_over(self) -> bool {
        match self {
            Self::Completed | Self::Cancelled => true,
            Self::Listing | Self::Running | Self::Cancelling => false,
        }
    }
}

named! {
    /// What a run records while it is LISTING, in this order.
    RunPhase, UnknownRunPhase, "phase of a run", {
        /// Failed files are asked for again.
        Retry = "retry",
        /// The source is compared with the ledger.
        Compare = "compare",
        /// What is as it was is asked for again.
        Again = "again",
    }
}

named! {
    /// How a file left its run.
    RunOutcome, UnknownRunOutcome, "outcome of a run's file", {
        /// It was made, and search shows it.
        Indexed = "INDEXED",
        /// It was looked at, and what search shows was kept.
        Unchanged = "UNCHANGED",
        /// It is not indexed by policy.
        Skipped = "SKIPPED",
        /// It is gone.
        Deleted = "DELETED",
        /// It was given up with a reason.
        Failed = "FAILED",
        /// Another run took it over first.
        Superseded = "SUPERSEDED",
        /// Its removal waits for approval.
        AwaitingApproval = "AWAITING_APPROVAL",
        /// The run was cancelled before it had begun.
        Cancelled = "CANCELLED",
    }
}

/// A run to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRun {
    /// Made by the caller, so that opening can be repeated.
    pub id: RunId,
    /// The index.
    pub index: IndexId,
    /// Why.
    pub kind: RunKind,
    /// For people: a key's name, `reconcile`, …
    pub asked_by: String,
    /// Of a retry: only this file, and no comparison.
    pub path: Option<BlobPath>,
    /// The caller carries it out itself, beginning now, and renews within this time; zero leaves it to whoever comes first.
    pub lease: Duration,
}

impl NewRun {
    /// Where it begins.
    #[must_use]
    pub fn first_phase(&self) -> RunPhase {
        match self.kind {
            RunKind::Retry => RunPhase::Retry,
            RunKind::Scan | RunKind::Events | RunKind::Full => RunPhase::Compare,
        }
    }

    /// The work as it stands when the run has just been opened.
    #[must_use]
    pub fn work(&self) -> RunWork {
        RunWork {
            id: self.id,
            index: self.index.clone(),
            kind: self.kind,
            path: self.path.clone(),
            phase: self.first_phase(),
            cursor: None,
            pages: 0,
        }
    }
}

/// A run whose files are being recorded, for whoever does so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunWork {
    /// The run.
    pub id: RunId,
    /// The index.
    pub index: IndexId,
    /// Why it exists.
    pub kind: RunKind,
    /// Only this file.
    pub path: Option<BlobPath>,
    /// What is being recorded.
    pub phase: RunPhase,
    /// The last file of the phase that is recorded.
    pub cursor: Option<BlobPath>,
    /// Pages recorded so far.
    pub pages: i64,
}

/// A page of a run's files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunPage {
    /// Changes; those without a run become the run's.
    pub changes: Vec<Change>,
    /// Files to try again, if they are FAILED.
    pub retry: Vec<FileId>,
    /// Where the run is afterwards; `None`: all of its files are recorded.
    pub next: Option<(RunPhase, Option<BlobPath>)>,
}

/// Files of a run that failed with the same code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunError {
    /// The failure's code.
    pub code: String,
    /// Files.
    pub files: u64,
}

/// Files of a run by how they left it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunCounts {
    /// Made, and shown by search.
    pub indexed: u64,
    /// Looked at; what search shows was kept.
    pub unchanged: u64,
    /// Not indexed by policy.
    pub skipped: u64,
    /// Gone.
    pub deleted: u64,
    /// Given up with a reason.
    pub failed: u64,
    /// Taken over by another run first.
    pub superseded: u64,
    /// Removals that wait for approval.
    pub awaiting_approval: u64,
    /// Not begun when the run was cancelled.
    pub cancelled: u64,
}

impl RunCounts {
    /// The count of an outcome.
    pub fn of(&mut self, outcome: RunOutcome) -> &mut u64 {
        match outcome {
            RunOutcome::Indexed => &mut self.indexed,
            RunOutcome::Unchanged => &mut self.unchanged,
            RunOutcome::Skipped => &mut self.skipped,
            RunOutcome::Deleted => &mut self.deleted,
            RunOutcome::Failed => &mut self.failed,
            RunOutcome::Superseded => &mut self.superseded,
            RunOutcome::AwaitingApproval => &mut self.awaiting_approval,
            RunOutcome::Cancelled => &mut self.cancelled,
        }
    }

    /// All of them.
    #[must_use]
    pub fn sum(mut self) -> u64 {
        RunOutcome::ALL.into_iter().map(|outcome| *self.of(outcome)).sum()
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
    /// Where it is.
    pub state: RunState,
    /// Who asked for it.
    pub asked_by: String,
    /// Of a retry: only this file.
    pub path: Option<BlobPath>,
    /// When it was opened.
    pub opened_at: UnixMillis,
    /// When its last file was done, or it was found that there is none.
    pub completed_at: Option<UnixMillis>,
    /// Files that joined it so far. One that settles and comes back counts again.
    pub total: u64,
    /// Of those, files that are done.
    pub done: u64,
    /// Done files by outcome.
    pub counts: RunCounts,
    /// Files done in the last minute, about.
    pub done_lately: u64,
    /// Tokens that the embedding model counted for its files.
    pub tokens: u64,
    /// Chunks sent to the embedding model.
    pub chunks_embedded: u64,
    /// Chunks whose vectors were there already.
    pub chunks_reused: u64,
    /// Failed files by code, most first; the first 20 codes.
    pub errors: Vec<RunError>,
    /// Why its files cannot be listed at the moment.
    pub problem: Option<String>,
    /// Since when none of its files is taken up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_at: Option<UnixMillis>,
    /// When these numbers were read.
    pub as_of: UnixMillis,
}

/// Which runs to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only runs in this state.
    pub state: Option<RunState>,
    /// Only runs of this kind.
    pub kind: Option<RunKind>,
    /// Only runs that were opened before this one.
    pub before: Option<(UnixMillis, RunId)>,
}

/// The id of an index's `n`th batch of events.
pub(super) fn batch_id(index: &IndexId, created_at: UnixMillis, n: i64) -> RunId {
    const NAMESPACE: Uuid = Uuid::from_u128(0x6c6f_6e67_7368_6f72_6500_6261_7463_6801);
    RunId(Uuid::new_v5(
        &NAMESPACE,
        format!("{index}\n{created_at}\n{n}").as_bytes(),
    ))
}

/// Files of the last sixty seconds, from those of this minute and the one before, of which a part counts.
pub(super) fn lately(now: UnixMillis, in_minute: u64, in_previous: u64) -> u64 {
    const MINUTE: u64 = 60_000;
    let into = u64::try_from(now.rem_euclid(60_000)).unwrap_or_default();
    in_minute + in_previous * (MINUTE - into) / MINUTE
}

/// Runs of an index. All calls are atomic.
#[async_trait]
pub trait RunLedger: Send + Sync + 'static {
    /// Keeps a run. Opening the same one again changes nothing.
    async fn open_run(&self, run: &NewRun) -> Result<(), LedgerError>;

    /// Takes the oldest run of the index that is LISTING and that nobody is at, for `lease`.
    async fn take_run(&self, index: &IndexId, lease: Duration) -> Result<Option<RunWork>, LedgerError>;

    /// Extends the lease of a run that is still as the caller knows it. `false` when somebody else recorded a page, or it is
    /// not LISTING any more.
    async fn keep_run(&self, work: &RunWork, lease: Duration) -> Result<bool, LedgerError>;

    /// Records a page and moves the run on, in one transaction. `None`, and nothing recorded, when somebody else recorded a
    /// page since, or the run is not LISTING any more; otherwise the run as it stands now.
    async fn advance_run(
        &self,
        work: &RunWork,
        page: &RunPage,
        lease: Duration,
    ) -> Result<Option<RunWork>, LedgerError>;

    /// Notes why a run cannot be carried out now, and that nobody need try for `wait`.
    async fn stall_run(&self, work: &RunWork, problem: &str, wait: Duration) -> Result<(), LedgerError>;

    /// Cancels a run that is LISTING or RUNNING: nothing more is recorded for it, and a suspension ends. Returns whether it was.
    async fn cancel_run(&self, run: RunId) -> Result<bool, LedgerError>;

    /// Gives back at most `limit` PENDING files of a cancelled run; returns how many. A file that only the run asked for is
    /// again what it was before; a reported change stays PENDING and leaves the run.
    async fn give_back(&self, run: RunId, limit: u32) -> Result<u64, LedgerError>;

    /// Closes the index's batch of events when each of its files is done: what is reported next opens another.
    async fn close_batch(&self, index: &IndexId) -> Result<bool, LedgerError>;

    /// The runs of an index that are not over, oldest first, those completed by now as they are then.
    async fn open_runs(&self, index: &IndexId) -> Result<Vec<RunRecord>, LedgerError>;

    /// A run as it is now; complete when nothing of it is left.
    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, LedgerError>;

    /// Runs of an index, newest first, at most `limit`.
    async fn runs(
        &self,
        index: &IndexId,
        filter: &RunFilter,
        limit: u32,
    ) -> Result<Vec<RunRecord>, LedgerError>;

    /// Makes PENDING files due at once that wait for their next attempt, at most `limit` of each lane; returns how many.
    async fn wake_pending(&self, index: &IndexId, limit: u32) -> Result<u64, LedgerError>;

    /// Removes at most `limit` runs that were over more than `older_than` ago; returns how many.
    async fn prune_runs(&self, index: &IndexId, older_than: Duration, limit: u32)
    -> Result<u64, LedgerError>;
}
