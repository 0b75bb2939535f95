//! The ledger on SQLite: one file, one process, no server.
//!
//! All writes go through one thread that commits them in groups (`writer`); reads run beside it on their own
//! connections (`readers`) and see every write that was answered. The database is in WAL mode with
//! `synchronous=FULL`: an answered write survives a power cut.

mod approvals;
mod audit;
mod breakers;
mod catalog;
mod connection;
mod control;
mod index_settings;
mod instances;
mod keys;
mod logging;
mod readers;
mod runs;
mod statements;
mod usage;
mod writer;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;

use self::connection::Place;
use self::readers::Readers;
use self::writer::Writer;
use super::calls::upkeep::Pruning;
use super::calls::{attempts, queries, requests, upkeep};
use super::database::DbResult;
use super::{
    Change, ClaimOutcome, ClaimRequest, Commit, CommitOutcome, DeadClaim, DueFile, Enqueued, Fail,
    FailOutcome, FileFilter, FileRow, HistoryEntry, Hold, IndexRecord, IndexStats, KnownFile, Ledger,
    LedgerError, ReleaseOutcome, SweepPolicy, Swept,
};
use crate::blob_path::BlobPath;
use crate::clock::Clock;
use crate::ids::{ClaimId, FileId, IndexId, RunId};
use crate::work_message::WorkMessage;
pub use writer::Counts;

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
        work: impl AsyncFnOnce(&Connection) -> DbResult<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        self.writer.write(work).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(&Connection) -> DbResult<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        match &self.readers {
            Some(readers) => readers.read(work).await,
            None => self.writer.write(work).await,
        }
    }
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn add_index(
        &self,
        index: &IndexId,
        settings: &serde_json::Value,
    ) -> Result<(IndexRecord, bool), LedgerError> {
        let (index, settings) = (index.clone(), settings.clone());
        self.write(async move |db| upkeep::add_index(db, &index, &settings).await)
            .await
    }

    async fn indexes(&self) -> Result<Vec<IndexRecord>, LedgerError> {
        self.read(async |db| queries::indexes(db).await).await
    }

    async fn set_active(&self, index: &IndexId, active: bool) -> Result<(), LedgerError> {
        let index = index.clone();
        self.write(async move |db| upkeep::set_active(db, &index, active).await)
            .await
    }

    async fn enqueue(&self, index: &IndexId, changes: &[Change]) -> Result<Vec<Enqueued>, LedgerError> {
        let (index, changes) = (index.clone(), changes.to_vec());
        self.write(async move |db| requests::enqueue(db, &index, &changes).await)
            .await
    }

    async fn due(&self, window: u32, rewake_after: Duration) -> Result<Vec<DueFile>, LedgerError> {
        self.read(async move |db| queries::due(db, window, rewake_after).await)
            .await
    }

    async fn mark_woken(&self, woken: &[WorkMessage]) -> Result<(), LedgerError> {
        let woken = woken.to_vec();
        self.write(async move |db| requests::mark_woken(db, &woken).await)
            .await
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<ClaimOutcome, LedgerError> {
        let request = request.clone();
        self.write(async move |db| attempts::claim(db, &request).await)
            .await
    }

    async fn renew(&self, owner: &str, lease: Duration) -> Result<Vec<ClaimId>, LedgerError> {
        let owner = owner.to_owned();
        self.write(async move |db| attempts::renew(db, &owner, lease).await)
            .await
    }

    async fn commit(&self, commit: &Commit) -> Result<CommitOutcome, LedgerError> {
        let commit = commit.clone();
        self.write(async move |db| attempts::commit(db, &commit).await)
            .await
    }

    async fn release(&self, hold: &Hold, debounce: Duration) -> Result<ReleaseOutcome, LedgerError> {
        let hold = hold.clone();
        self.write(async move |db| attempts::release(db, &hold, debounce).await)
            .await
    }

    async fn fail(&self, fail: &Fail) -> Result<FailOutcome, LedgerError> {
        let fail = fail.clone();
        self.write(async move |db| attempts::fail(db, &fail).await).await
    }

    async fn sweep(&self, policy: &SweepPolicy, limit: u32) -> Result<Vec<Swept>, LedgerError> {
        let policy = *policy;
        self.write(async move |db| attempts::sweep(db, &policy, limit).await)
            .await
    }

    async fn retry_failed(
        &self,
        index: &IndexId,
        path: Option<&BlobPath>,
        run: Option<RunId>,
    ) -> Result<u64, LedgerError> {
        let (index, file) = (index.clone(), path.map(|path| FileId::of(index, path)));
        self.write(async move |db| requests::retry_failed(db, &index, file, run).await)
            .await
    }

    async fn live_claims(
        &self,
        index: &IndexId,
        files: &[FileId],
    ) -> Result<HashMap<FileId, ClaimId>, LedgerError> {
        let (index, files) = (index.clone(), files.to_vec());
        self.read(async move |db| queries::live_claims(db, &index, &files).await)
            .await
    }

    async fn claims_in_use(&self, index: &IndexId, claims: &[ClaimId]) -> Result<Vec<ClaimId>, LedgerError> {
        let (index, claims) = (index.clone(), claims.to_vec());
        self.read(async move |db| queries::claims_in_use(db, &index, &claims).await)
            .await
    }

    async fn dead_claims(
        &self,
        index: &IndexId,
        older_than: Duration,
        limit: u32,
    ) -> Result<Vec<DeadClaim>, LedgerError> {
        let index = index.clone();
        self.read(async move |db| queries::dead_claims(db, &index, older_than, limit).await)
            .await
    }

    async fn forget_dead_claims(&self, index: &IndexId, claims: &[ClaimId]) -> Result<(), LedgerError> {
        let (index, claims) = (index.clone(), claims.to_vec());
        self.write(async move |db| upkeep::forget_dead_claims(db, &index, &claims).await)
            .await
    }

    async fn file(&self, index: &IndexId, file: FileId) -> Result<Option<FileRow>, LedgerError> {
        let index = index.clone();
        self.read(async move |db| queries::file(db, &index, file).await)
            .await
    }

    async fn files(
        &self,
        index: &IndexId,
        filter: &FileFilter,
        limit: u32,
    ) -> Result<Vec<FileRow>, LedgerError> {
        let (index, filter) = (index.clone(), filter.clone());
        self.read(async move |db| queries::files(db, &index, &filter, limit).await)
            .await
    }

    async fn known_files(&self, index: &IndexId, prefix: &str) -> Result<Vec<KnownFile>, LedgerError> {
        let (index, prefix) = (index.clone(), prefix.to_owned());
        self.read(async move |db| queries::known_files(db, &index, &prefix).await)
            .await
    }

    async fn history(
        &self,
        index: &IndexId,
        file: FileId,
        limit: u32,
    ) -> Result<Vec<HistoryEntry>, LedgerError> {
        let index = index.clone();
        self.read(async move |db| queries::history(db, &index, file, limit).await)
            .await
    }

    async fn stats(&self, index: &IndexId) -> Result<IndexStats, LedgerError> {
        let index = index.clone();
        self.read(async move |db| queries::stats(db, &index).await).await
    }

    async fn prune(&self, index: &IndexId, keep: u32, older_than: Duration) -> Result<u64, LedgerError> {
        let mut gone = 0;
        let mut next = Some(Pruning::Tombstones);
        while let Some(step) = next {
            let index = index.clone();
            let (rows, then) = self
                .write(async move |db| upkeep::prune(db, &index, keep, older_than, &step).await)
                .await?;
            gone += rows;
            next = then;
        }
        Ok(gone)
    }
}
