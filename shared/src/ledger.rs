//! The ledger: one row per file, and the only lock in the system.
//!
//! A file's session lives in its row. Every statement of the protocol is one conditional update, so that two callers
//! never both succeed. `claim` hands out a fence number that grows with each claim; `commit` is the linearization point:
//! it succeeds only for the claim that the row still holds, and from then on search shows that claim's points and no
//! other's.
//!
//! | statement | by | effect |
//! |---|---|---|
//! | [`Ledger::enqueue`] | control plane | `desired_seq + 1`; a file that is not running becomes PENDING |
//! | [`Ledger::due`], [`Ledger::mark_woken`] | dispatcher | what to wake; `woken_at = 0` is the outbox |
//! | [`Ledger::claim`] | worker | PENDING → PROCESSING (PUBLISHING when `dirty`), new claim, `fence + 1`, lease |
//! | [`Ledger::renew`] | worker | extends its unexpired leases |
//! | [`Ledger::commit`] | worker | PROCESSING → PUBLISHING, `live_claim` = this claim |
//! | [`Ledger::release`] | worker | PUBLISHING → settled, or PENDING when something newer is wanted |
//! | [`Ledger::fail`] | worker | gives the claim up: PENDING with backoff, or FAILED |
//! | [`Ledger::sweep`] | control plane | the same for claims whose lease ran out |
//! | [`InstancesLedger::terminate`] | people | gives the claim up, if there is one, and leaves the file FAILED |
//! | [`InstancesLedger::suspend_file`] | people | no claim until `resume_file` |

mod approvals;
mod audit;
mod breakers;
mod calls;
mod catalog;
pub mod conformance;
mod control;
mod database;
mod detail;
mod index_settings;
mod instances;
mod keys;
mod logging;
mod migrations;
pub mod model;
mod order;
pub mod postgres;
mod runs;
mod sql;
pub mod sqlite;
mod types;
mod usage;

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;

use crate::blob_path::BlobPath;
use crate::clock::UnixMillis;
use crate::ids::{ClaimId, FileId, IndexId, RunId};
use crate::work_message::WorkMessage;
pub use approvals::*;
pub use audit::*;
pub use breakers::*;
pub use catalog::*;
pub use control::*;
pub use index_settings::*;
pub use instances::*;
pub use keys::*;
pub use logging::*;
pub use migrations::SCHEMA_VERSION;
pub use runs::*;
pub use types::*;
pub use usage::*;

/// Why a ledger call failed. After `Unavailable` the effect is unknown: every statement can be repeated, or read back
/// through the claim id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The database could not be reached, is out of space, or refused the statement; trying again may help.
    #[error("ledger unavailable: {0}")]
    Unavailable(String),
    /// A newer build has changed the tables, and not by additions alone.
    #[error(
        "the ledger has schema version {found}, this build knows up to {known}, and {}: start a newer build of longshore, or \
         restore the backup from before the upgrade; nothing was changed",
        asked(*.needs)
    )]
    NewerSchema {
        /// Version in the database.
        found: i64,
        /// Newest version that this build knows.
        known: i64,
        /// The least version that a build must know to work with it, if the database says so.
        needs: Option<i64>,
    },
    /// Files and runs belong to an index that exists.
    #[error("there is no index {0}: create it first")]
    UnknownIndex(IndexId),
    /// A row could not be read; the database was changed by something else.
    #[error("the ledger holds a row that cannot be read: {0}")]
    Corrupt(String),
}

/// What a newer schema asks of a build, in words.
fn asked(needs: Option<i64>) -> String {
    match needs {
        Some(needs) => format!("asks for a build that knows version {needs}"),
        None => "does not say that older builds may go on".to_owned(),
    }
}

/// Files, runs and history of every index. All calls are atomic; none holds a lock across calls.
#[async_trait]
pub trait Ledger: UsageLedger + Breakers + Logging + Send + Sync + 'static {
    /// Adds the index if it is not there (ACTIVE); returns what is stored, of its live generation, and whether this call
    /// added it. An existing record is left as it is.
    async fn add_index(
        &self,
        index: &IndexId,
        settings: &serde_json::Value,
    ) -> Result<(IndexRecord, bool), LedgerError>;

    /// As [`Ledger::add_index`], for those who do not mind who added it.
    async fn ensure_index(
        &self,
        index: &IndexId,
        settings: &serde_json::Value,
    ) -> Result<IndexRecord, LedgerError> {
        Ok(self.add_index(index, settings).await?.0)
    }

    /// Every index, each generation by itself.
    async fn indexes(&self) -> Result<Vec<IndexRecord>, LedgerError>;

    /// Resumes (`true`) or pauses an index with its generations; a retired one stays paused. While an index is paused nothing
    /// of it is woken or claimed; held files go on. An index that is being deleted stays so.
    async fn set_active(&self, index: &IndexId, active: bool) -> Result<(), LedgerError>;

    /// Records that files changed, in one transaction: when this returns, none of them can be forgotten. Order within
    /// the batch is kept. With `renamed_from`, the old path's removal is enqueued in the same transaction and waits
    /// until the new path's work settles. Returns one entry per item, in order.
    ///
    /// A steady stream of changes does not postpone a file for ever: a change to a file that has been pending for ten
    /// debounces makes it due at once.
    async fn enqueue(&self, index: &IndexId, changes: &[Change]) -> Result<Vec<Enqueued>, LedgerError>;

    /// Files that are due and were not woken within `rewake_after`, most urgent first, at most `window` unclaimed woken
    /// files per ACTIVE index (those returned included). Changes nothing.
    async fn due(&self, window: u32, rewake_after: Duration) -> Result<Vec<DueFile>, LedgerError>;

    /// Stamps `woken_at` on files whose wake-up was confirmed, unless something newer was enqueued meanwhile.
    async fn mark_woken(&self, woken: &[WorkMessage]) -> Result<(), LedgerError>;

    /// Takes the file if it is PENDING and due, has something to do, and its index is ACTIVE. Repeating the call with
    /// the same `claim_id` returns the claim again while it is held; a late duplicate never takes the
    /// file a second time, as long as the first is in the file's history. `attempts` counts here, so that a file that kills
    /// its process is recognised.
    async fn claim(&self, request: &ClaimRequest) -> Result<ClaimOutcome, LedgerError>;

    /// Extends every unexpired lease of `owner` to `lease` from now; returns the claims that are still held. A claim
    /// that is missing from the answer is lost.
    async fn renew(&self, owner: &str, lease: Duration) -> Result<Vec<ClaimId>, LedgerError>;

    /// Makes the claim's version the one that search shows. When no points of an earlier version are left to remove, the
    /// release follows in the same transaction ([`Committed::released`]). Repeating it after a success whose reply
    /// was lost answers [`CommitOutcome::Committed`] again until the claim is given up or another claim follows, so
    /// that nobody takes live points for dead ones; otherwise `Lost`.
    async fn commit(&self, commit: &Commit) -> Result<CommitOutcome, LedgerError>;

    /// Ends a committed claim whose old points are removed. With something newer wanted the file is PENDING again after
    /// `debounce`.
    async fn release(&self, hold: &Hold, debounce: Duration) -> Result<ReleaseOutcome, LedgerError>;

    /// Gives the claim up. The claim is cleared first, which fences whatever the attempt may still do.
    async fn fail(&self, fail: &Fail) -> Result<FailOutcome, LedgerError>;

    /// Gives up claims whose lease ran out or that have run for longer than `stale_after`, at most `limit`.
    async fn sweep(&self, policy: &SweepPolicy, limit: u32) -> Result<Vec<Swept>, LedgerError>;

    /// FAILED files become PENDING with fresh attempts; all of the index, or one path. Returns how many.
    async fn retry_failed(
        &self,
        index: &IndexId,
        path: Option<&BlobPath>,
        run: Option<RunId>,
    ) -> Result<u64, LedgerError>;

    /// The live claim of each file that has one. Search keeps only hits whose claim is in the answer.
    async fn live_claims(
        &self,
        index: &IndexId,
        files: &[FileId],
    ) -> Result<HashMap<FileId, ClaimId>, LedgerError>;

    /// Of `claims`, those that are live, running or awaiting removal by their file's own clean-up; the scrub must keep
    /// their points.
    async fn claims_in_use(&self, index: &IndexId, claims: &[ClaimId]) -> Result<Vec<ClaimId>, LedgerError>;

    /// Claims that were given up and may have left points: their file has settled since, or they were given up more
    /// than `older_than` ago. At most `limit`.
    async fn dead_claims(
        &self,
        index: &IndexId,
        older_than: Duration,
        limit: u32,
    ) -> Result<Vec<DeadClaim>, LedgerError>;

    /// Forgets dead claims whose points were removed.
    async fn forget_dead_claims(&self, index: &IndexId, claims: &[ClaimId]) -> Result<(), LedgerError>;

    /// One file.
    async fn file(&self, index: &IndexId, file: FileId) -> Result<Option<FileRow>, LedgerError>;

    /// Files in path order, after `after`, filtered, at most `limit`.
    async fn files(
        &self,
        index: &IndexId,
        filter: &FileFilter,
        limit: u32,
    ) -> Result<Vec<FileRow>, LedgerError>;

    /// What the reconciler compares with the source: every row at or below `prefix`, tombstones left out.
    async fn known_files(&self, index: &IndexId, prefix: &str) -> Result<Vec<KnownFile>, LedgerError>;

    /// What happened to a file, oldest first, the newest `limit` entries.
    async fn history(
        &self,
        index: &IndexId,
        file: FileId,
        limit: u32,
    ) -> Result<Vec<HistoryEntry>, LedgerError>;

    /// Counts by state, totals, backlog and the age of the oldest pending file.
    async fn stats(&self, index: &IndexId) -> Result<IndexStats, LedgerError>;

    /// Removes history entries beyond the newest `keep` of each file, and tombstones older than `older_than` with their
    /// history, and operations finished as long ago; returns how many rows went. Works in small transactions, so that it never stands in the way.
    async fn prune(&self, index: &IndexId, keep: u32, older_than: Duration) -> Result<u64, LedgerError>;
}

/// A duration in milliseconds, at most a hundred years, so that adding it to a time cannot overflow.
fn millis(duration: Duration) -> UnixMillis {
    const CENTURY: UnixMillis = 100 * 365 * 24 * 60 * 60 * 1000;
    UnixMillis::try_from(duration.as_millis()).map_or(CENTURY, |millis| millis.min(CENTURY))
}
