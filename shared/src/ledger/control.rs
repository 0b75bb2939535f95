//! The part of the ledger that only the control plane uses: which replica does what, directories on their way, indexes
//! that come and go, and messages that nobody could read.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    AuditLog, Catalog, Change, Comparison, InstancesLedger, Keys, LedgerError, RunLedger, SettingsLedger,
};
use crate::blob_path::BlobPath;
use crate::clock::UnixMillis;
use crate::ids::{ClaimId, FileId, IndexId, OperationId};
use crate::work_message::Lane;

/// An event about a directory: it stands for every file below, so it is kept until each of them is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Operation {
    /// Derived from the event, so that an event which comes twice is one operation.
    pub id: OperationId,
    /// The index that it is about.
    pub index: IndexId,
    /// What happened.
    pub kind: OperationKind,
    /// The order that the source gave the event; for people.
    pub sequencer: Option<String>,
}

/// What happened to a directory. The empty path is the whole source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OperationKind {
    /// It was removed with everything below.
    Remove {
        /// The directory.
        path: String,
    },
    /// It has another path now, and so has everything below.
    Rename {
        /// Where it was.
        from: String,
        /// Where it is.
        to: String,
    },
    /// Something about it changed: list the source there and compare.
    Compare {
        /// The directory.
        path: String,
    },
}

/// An operation that is not finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OperationRecord {
    /// What it is.
    #[serde(flatten)]
    pub operation: Operation,
    /// When it was accepted.
    pub opened_at: UnixMillis,
    /// The last known file that is recorded; `None` before the first page.
    pub cursor: Option<BlobPath>,
    /// Do its removals wait for approval? Decided with the first page, from how much it would remove.
    pub held: Option<bool>,
    /// Files recorded so far.
    pub files: u64,
}

/// A page of an operation: what to record, and where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationPage {
    /// The cursor that the page was made from. Another one in the ledger means that a page was recorded meanwhile.
    pub from: Option<BlobPath>,
    /// The changes of the page.
    pub changes: Vec<Change>,
    /// Where the next page begins; `None` when this was the last one.
    pub next: Option<BlobPath>,
    /// As in [`OperationRecord::held`].
    pub held: bool,
}

/// Files of an index and lane that workers have to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Backlog {
    /// The index.
    pub index: IndexId,
    /// The queue that their wake-ups take.
    pub lane: Lane,
    /// PENDING files, without those that are suspended.
    pub pending: u64,
    /// PROCESSING and PUBLISHING files.
    pub running: u64,
}

/// A file and the claim whose points search shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveFile {
    /// The row.
    pub file_id: FileId,
    /// The blob.
    pub path: BlobPath,
    /// The claim.
    pub claim_id: ClaimId,
}

/// A message from the queue that led to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeadLetter {
    /// Made by whoever keeps it.
    pub id: Uuid,
    /// When it was kept; set by the ledger.
    pub received_at: UnixMillis,
    /// The queue that it was on.
    pub queue: String,
    /// Why the broker or a worker gave it up: `rejected`, `delivery_limit`, `maxlen`.
    pub reason: String,
    /// What is wrong with it, for people.
    pub problem: String,
    /// The start of its body, as text.
    pub body: String,
}

/// What is left of an index that is being deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erased {
    /// A worker still holds one of its files, or nobody asked for its deletion: nothing was removed.
    Refused,
    /// Rows went, and there are more.
    More,
    /// The index is gone.
    Gone,
}

/// Bookkeeping of the control plane. All calls are atomic.
#[async_trait]
pub trait ControlLedger:
    Catalog + SettingsLedger + RunLedger + InstancesLedger + super::Approvals + Keys + AuditLog
{
    /// Takes or keeps a duty for `lease`, unless another owner's lease on it has not run out. Several control planes share
    /// the background work this way; a duty that two had for a moment does no harm, it only costs twice.
    async fn hold_duty(&self, duty: &str, owner: &str, lease: Duration) -> Result<bool, LedgerError>;

    /// Gives a duty back, so that another replica need not wait for the lease.
    async fn drop_duty(&self, duty: &str, owner: &str) -> Result<(), LedgerError>;

    /// Begins to delete an index with all its generations: nothing of it is woken or claimed from now on, and it cannot be
    /// resumed. `false` when there is no such index.
    async fn delete_index(&self, index: &IndexId) -> Result<bool, LedgerError>;

    /// Removes about `limit` rows of an index that is being deleted, the index itself last. Its points must be gone
    /// before, or be out of reach: what they were is forgotten here. With a `limit` of 0 nothing is removed; the answer says
    /// whether it could be.
    async fn erase_index(&self, index: &IndexId, limit: u32) -> Result<Erased, LedgerError>;

    /// Keeps an operation until it is finished. `false` when it is known already.
    async fn open_operation(&self, operation: &Operation) -> Result<bool, LedgerError>;

    /// Unfinished operations of an index, oldest first.
    async fn operations(&self, index: &IndexId, limit: u32) -> Result<Vec<OperationRecord>, LedgerError>;

    /// Records a page of an operation and moves its cursor, in one transaction. `false`, and nothing recorded, when
    /// somebody else recorded a page since, or the operation is finished.
    async fn advance_operation(
        &self,
        operation: &Operation,
        page: &OperationPage,
    ) -> Result<bool, LedgerError>;

    /// Keeps what a comparison found, in place of the one before.
    async fn note_comparison(&self, index: &IndexId, comparison: &Comparison) -> Result<(), LedgerError>;

    /// A page of the files that have a live claim, in the order of their ids, after `after`.
    async fn live_files(
        &self,
        index: &IndexId,
        after: Option<FileId>,
        limit: u32,
    ) -> Result<Vec<LiveFile>, LedgerError>;

    /// Notes that the points of these live claims are lost: an attempt then makes them again although the blob is
    /// unchanged. Claims that are not live any more are passed over. Record a change of the files afterwards.
    async fn spoil(&self, index: &IndexId, claims: &[ClaimId]) -> Result<(), LedgerError>;

    /// Files that workers have to do, per index and lane; lanes with none are left out. Of an index that is paused or on its way
    /// out only running files count: more workers could do nothing for the others.
    async fn backlog(&self) -> Result<Vec<Backlog>, LedgerError>;

    /// Keeps a dead letter where people can see it. Keeping the same one again changes nothing.
    async fn keep_dead_letter(&self, letter: &DeadLetter) -> Result<(), LedgerError>;

    /// The newest dead letters, newest first.
    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, LedgerError>;

    /// Forgets dead letters that were kept more than `older_than` ago; returns how many.
    async fn forget_dead_letters(&self, older_than: Duration) -> Result<u64, LedgerError>;
}
