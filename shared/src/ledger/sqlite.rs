//! The ledger on SQLite: one file, one process, no server.
//!
//! All writes go through one thread that commits them in groups (`writer`); reads run beside it on their own
//! connections (`readers`) and see every write that was answered. The database is in WAL mode with
//! `synchronous=FULL`: an answered write survives a power cut.

mod attempts;
mod connection;
mod control;
mod notes;
mod queries;
mod readers;
mod requests;
mod rows;
mod upkeep;
mod writer;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;

use self::connection::{DbResult, Place};
use self::readers::Readers;
use self::writer::Writer;
use super::{
    Change, Claim, ClaimOutcome, ClaimRequest, Commit, CommitOutcome, DeadClaim, DueFile, Enqueued, Fail,
    FailOutcome, FileFilter, FileRow, HistoryEntry, Hold, IndexRecord, IndexStats, KnownFile, Ledger,
    LedgerError, ReleaseOutcome, RunKind, RunRecord, SweepPolicy, Swept,
};
use crate::blob_path::BlobPath;
use crate::clock::Clock;
use crate::ids::{ClaimId, FileId, IndexId, RunId};
use crate::work_message::WorkMessage;
pub use writer::Counts;

/// Files looked at in one transaction while pruning.
const PRUNE_PAGE: u32 = 500;

/// A ledger in a SQLite database. Dropping it waits for the last group of writes.
pub struct SqliteLedger {
    writer: Writer,
    /// `None` for a database in memory, whose one connection reads as well.
    readers: Option<Readers>,
}

impl SqliteLedger {
    /// Opens the database at `path`, made when it is not there, and brings its tables up to date. Blocks for as long as
    /// that takes, usually a few milliseconds.
    ///
    /// # Errors
    /// [`LedgerError::NewerSchema`] when a newer build wrote it; otherwise [`LedgerError::Unavailable`] naming the path
    /// and what to do: the file is no database or belongs to another program, the folder is missing, read-only or full.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Arc<Self>, LedgerError> {
        let place = Place::File(path.to_owned());
        let writer = Writer::start(place.open_writer(&clock)?, place.clone())?;
        Ok(Arc::new(Self {
            writer,
            readers: Some(Readers::new(place, clock)),
        }))
    }

    /// A ledger that lives in memory and is gone when dropped: for tests and trials.
    ///
    /// # Errors
    /// When there is no memory left for it.
    pub fn in_memory(clock: &Arc<dyn Clock>) -> Result<Arc<Self>, LedgerError> {
        let writer = Writer::start(Place::Memory.open_writer(clock)?, Place::Memory)?;
        Ok(Arc::new(Self {
            writer,
            readers: None,
        }))
    }

    /// How many writes were asked for, and how many transactions they took.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.writer.counts()
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> DbResult<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        self.writer.write(work).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> DbResult<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        match &self.readers {
            Some(readers) => readers.read(work).await,
            None => self.writer.write(work).await,
        }
    }

    /// Completes those of `runs` that have nothing left to do; returns whether there were any.
    async fn complete(&self, runs: &[RunRecord]) -> Result<bool, LedgerError> {
        let ended: Vec<_> = runs
            .iter()
            .filter(|run| queries::has_ended(run))
            .map(|run| run.id)
            .collect();
        let any = !ended.is_empty();
        if any {
            self.write(move |db| ended.iter().try_for_each(|run| upkeep::complete_run(db, *run)))
                .await?;
        }
        Ok(any)
    }
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn ensure_index(
        &self,
        index: &IndexId,
        settings: &serde_json::Value,
    ) -> Result<IndexRecord, LedgerError> {
        let (index, settings) = (index.clone(), settings.to_string());
        self.write(move |db| upkeep::ensure_index(db, &index, &settings))
            .await
    }

    async fn indexes(&self) -> Result<Vec<IndexRecord>, LedgerError> {
        self.read(queries::indexes).await
    }

    async fn set_active(&self, index: &IndexId, active: bool) -> Result<(), LedgerError> {
        let index = index.clone();
        self.write(move |db| upkeep::set_active(db, &index, active)).await
    }

    async fn enqueue(&self, index: &IndexId, changes: &[Change]) -> Result<Vec<Enqueued>, LedgerError> {
        let (index, changes) = (index.clone(), changes.to_vec());
        self.write(move |db| requests::enqueue(db, &index, &changes))
            .await
    }

    async fn due(&self, window: u32, rewake_after: Duration) -> Result<Vec<DueFile>, LedgerError> {
        self.read(move |db| queries::due(db, window, rewake_after)).await
    }

    async fn mark_woken(&self, woken: &[WorkMessage]) -> Result<(), LedgerError> {
        let woken = woken.to_vec();
        self.write(move |db| requests::mark_woken(db, &woken)).await
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<ClaimOutcome, LedgerError> {
        let request = request.clone();
        let claim: Option<Claim> = self.write(move |db| attempts::claim(db, &request)).await?;
        Ok(claim.map_or(ClaimOutcome::NotClaimable, |claim| {
            ClaimOutcome::Claimed(Box::new(claim))
        }))
    }

    async fn renew(&self, owner: &str, lease: Duration) -> Result<Vec<ClaimId>, LedgerError> {
        let owner = owner.to_owned();
        self.write(move |db| attempts::renew(db, &owner, lease)).await
    }

    async fn commit(&self, commit: &Commit) -> Result<CommitOutcome, LedgerError> {
        let commit = commit.clone();
        self.write(move |db| attempts::commit(db, &commit)).await
    }

    async fn release(&self, hold: &Hold, debounce: Duration) -> Result<ReleaseOutcome, LedgerError> {
        let hold = hold.clone();
        let state = self
            .write(move |db| attempts::release(db, &hold, debounce))
            .await?;
        Ok(state.map_or(ReleaseOutcome::Lost, ReleaseOutcome::Released))
    }

    async fn fail(&self, fail: &Fail) -> Result<FailOutcome, LedgerError> {
        let fail = fail.clone();
        let state = self.write(move |db| attempts::fail(db, &fail)).await?;
        Ok(state.map_or(FailOutcome::Lost, FailOutcome::Given))
    }

    async fn sweep(&self, policy: &SweepPolicy, limit: u32) -> Result<Vec<Swept>, LedgerError> {
        let policy = *policy;
        self.write(move |db| attempts::sweep(db, &policy, limit)).await
    }

    async fn retry_failed(
        &self,
        index: &IndexId,
        path: Option<&BlobPath>,
        run: Option<RunId>,
    ) -> Result<u64, LedgerError> {
        let (index, file) = (index.clone(), path.map(|path| FileId::of(index, path)));
        self.write(move |db| requests::retry_failed(db, &index, file, run))
            .await
    }

    async fn decide(&self, index: &IndexId, approve: bool) -> Result<u64, LedgerError> {
        let index = index.clone();
        self.write(move |db| requests::decide(db, &index, approve)).await
    }

    async fn live_claims(
        &self,
        index: &IndexId,
        files: &[FileId],
    ) -> Result<HashMap<FileId, ClaimId>, LedgerError> {
        let (index, files) = (index.clone(), files.to_vec());
        self.read(move |db| queries::live_claims(db, &index, &files))
            .await
    }

    async fn claims_in_use(&self, index: &IndexId, claims: &[ClaimId]) -> Result<Vec<ClaimId>, LedgerError> {
        let (index, claims) = (index.clone(), claims.to_vec());
        self.read(move |db| queries::claims_in_use(db, &index, &claims))
            .await
    }

    async fn dead_claims(
        &self,
        index: &IndexId,
        older_than: Duration,
        limit: u32,
    ) -> Result<Vec<DeadClaim>, LedgerError> {
        let index = index.clone();
        self.read(move |db| queries::dead_claims(db, &index, older_than, limit))
            .await
    }

    async fn forget_dead_claims(&self, index: &IndexId, claims: &[ClaimId]) -> Result<(), LedgerError> {
        let (index, claims) = (index.clone(), claims.to_vec());
        self.write(move |db| upkeep::forget_dead_claims(db, &index, &claims))
            .await
    }

    async fn file(&self, index: &IndexId, file: FileId) -> Result<Option<FileRow>, LedgerError> {
        let index = index.clone();
        self.read(move |db| queries::file(db, &index, file)).await
    }

    async fn files(
        &self,
        index: &IndexId,
        filter: &FileFilter,
        limit: u32,
    ) -> Result<Vec<FileRow>, LedgerError> {
        let (index, filter) = (index.clone(), filter.clone());
        self.read(move |db| queries::files(db, &index, &filter, limit))
            .await
    }

    async fn known_files(&self, index: &IndexId, prefix: &str) -> Result<Vec<KnownFile>, LedgerError> {
        let (index, prefix) = (index.clone(), prefix.to_owned());
        self.read(move |db| queries::known_files(db, &index, &prefix))
            .await
    }

    async fn history(
        &self,
        index: &IndexId,
        file: FileId,
        limit: u32,
    ) -> Result<Vec<HistoryEntry>, LedgerError> {
        let index = index.clone();
        self.read(move |db| queries::history(db, &index, file, limit))
            .await
    }

    async fn stats(&self, index: &IndexId) -> Result<IndexStats, LedgerError> {
        let index = index.clone();
        self.read(move |db| queries::stats(db, &index)).await
    }

    async fn open_run(&self, index: &IndexId, run: RunId, kind: RunKind) -> Result<(), LedgerError> {
        let index = index.clone();
        self.write(move |db| upkeep::open_run(db, &index, run, kind))
            .await
    }

    async fn seal_run(&self, run: RunId) -> Result<(), LedgerError> {
        self.write(move |db| upkeep::seal_run(db, run)).await
    }

    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, LedgerError> {
        let found = self.read(move |db| queries::run(db, run)).await?;
        if self.complete(found.as_slice()).await? {
            self.read(move |db| queries::run(db, run)).await
        } else {
            Ok(found)
        }
    }

    async fn runs(&self, index: &IndexId, limit: u32) -> Result<Vec<RunRecord>, LedgerError> {
        let newest = |index: IndexId| self.read(move |db| queries::runs(db, &index, limit));
        let found = newest(index.clone()).await?;
        if self.complete(&found).await? {
            newest(index.clone()).await
        } else {
            Ok(found)
        }
    }

    async fn prune(&self, index: &IndexId, keep: u32, older_than: Duration) -> Result<u64, LedgerError> {
        let mut gone = 0;
        loop {
            let index = index.clone();
            let (files, rows) = self
                .write(move |db| upkeep::prune_tombstones(db, &index, older_than, PRUNE_PAGE))
                .await?;
            gone += rows;
            if files == 0 {
                break;
            }
        }
        let of = index.clone();
        gone += self
            .write(move |db| upkeep::prune_operations(db, &of, older_than))
            .await?;
        let mut after = String::new();
        loop {
            let (page, index) = ((index.clone(), after.clone()), index.clone());
            let Some(end) = self
                .read(move |db| queries::page_end(db, &page.0, &page.1, PRUNE_PAGE))
                .await?
            else {
                return Ok(gone);
            };
            let next = end.clone();
            gone += self
                .write(move |db| upkeep::prune_history(db, &index, &after, &end, keep))
                .await?;
            after = next;
        }
    }
}
