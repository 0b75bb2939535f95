//! The protocol once more, as plain Rust over maps: what the SQL is held against, and a ledger for simulations.
//!
//! Nothing here is shared with the SQL but the pure decisions ([`transition`](crate::file_state::transition), the order of
//! wake-ups, the words of the history). A test drives random interleavings against both and compares every answer and
//! every row.

mod approvals;
mod attempts;
mod audit;
mod breakers;
mod catalog;
mod control;
mod index_settings;
mod instances;
mod keys;
mod logging;
mod requests;
mod row;
mod runs;
mod upkeep;
mod usage;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use self::approvals::StoredApproval;
use self::catalog::StoredFamily;
use self::control::StoredOperation;
use self::keys::StoredKey;
use self::row::Row;
use self::runs::Books;
use super::{
    AuditEntry, Change, ClaimOutcome, ClaimRequest, Commit, CommitOutcome, DeadClaim, DeadLetter, DueFile,
    Enqueued, Fail, FailOutcome, FileFilter, FileRow, HistoryEntry, Hold, IndexRecord, IndexState,
    IndexStats, KnownFile, Ledger, LedgerError, LoggingChange, ReleaseOutcome, Role, SweepPolicy, Swept,
    Usage,
};
use crate::blob_path::BlobPath;
use crate::circuit::report::ReportedDependency;
use crate::clock::{Clock, UnixMillis};
use crate::ids::{AuditId, ClaimId, FileId, IndexId, KeyId, OperationId, RunId};
use crate::work_message::WorkMessage;

/// A ledger in maps, behind one lock. Nothing survives the process.
pub struct ModelLedger {
    clock: Arc<dyn Clock>,
    tables: Mutex<Tables>,
}

/// Everything that is stored.
#[derive(Default)]
struct Tables {
    indexes: BTreeMap<IndexId, IndexRecord>,
    families: BTreeMap<IndexId, StoredFamily>,
    files: BTreeMap<(IndexId, FileId), Row>,
    books: Books,
    dead_claims: BTreeMap<(IndexId, ClaimId), (FileId, UnixMillis)>,
    duties: BTreeMap<String, (String, UnixMillis)>,
    operations: BTreeMap<OperationId, StoredOperation>,
    dead_letters: BTreeMap<Uuid, DeadLetter>,
    approvals: BTreeMap<(IndexId, u64), StoredApproval>,
    /// By index and day.
    usage: BTreeMap<(IndexId, i64), Usage>,
    breakers: Vec<ReportedDependency>,
    logging: Option<LoggingChange>,
    keys: BTreeMap<KeyId, StoredKey>,
    audit: BTreeMap<AuditId, AuditEntry>,
}

impl ModelLedger {
    /// An empty ledger.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            tables: Mutex::default(),
        }
    }

    /// The tables, and the time now.
    fn enter(&self) -> (MutexGuard<'_, Tables>, UnixMillis) {
        (
            self.tables.lock().unwrap_or_else(PoisonError::into_inner),
            self.clock.now(),
        )
    }
}

#[async_trait]
impl Ledger for ModelLedger {
    async fn add_index(
        &self,
        index: &IndexId,
        settings: &serde_json::Value,
    ) -> Result<(IndexRecord, bool), LedgerError> {
        let (mut tables, now) = self.enter();
        tables.erase_family(index);
        if let Some(family) = tables.family(index) {
            let live = family.live.clone();
            let found = tables.indexes.get(&live).map(|record| tables.shown_index(record));
            return found.map(|record| (record, false)).ok_or_else(|| {
                let what = format!("the last of index {index} goes at this moment: ask again");
                LedgerError::Unavailable(what)
            });
        }
        let made = || IndexRecord {
            id: index.clone(),
            state: IndexState::Active,
            settings: settings.clone(),
            created_at: now,
            comparison: None,
            revision: 1,
            role: Role::Live,
        };
        let added = !tables.indexes.contains_key(index);
        let record = tables.indexes.entry(index.clone()).or_insert_with(made).clone();
        Ok((record, added))
    }

    async fn indexes(&self) -> Result<Vec<IndexRecord>, LedgerError> {
        let tables = self.enter().0;
        let shown = |record| tables.shown_index(record);
        Ok(tables.indexes.values().map(shown).collect())
    }

    async fn set_active(&self, index: &IndexId, active: bool) -> Result<(), LedgerError> {
        let (mut tables, name) = (self.enter().0, index.base());
        tables.ensure_family(&name);
        if let Some(family) = tables.family(&name) {
            family.paused = !active;
        }
        tables.align_family(&name);
        Ok(())
    }

    async fn enqueue(&self, index: &IndexId, changes: &[Change]) -> Result<Vec<Enqueued>, LedgerError> {
        let (mut tables, now) = self.enter();
        if !tables.indexes.contains_key(index) && !changes.is_empty() {
            return Err(LedgerError::UnknownIndex(index.clone()));
        }
        Ok(tables.enqueue(now, index, changes))
    }

    async fn due(&self, window: u32, rewake_after: Duration) -> Result<Vec<DueFile>, LedgerError> {
        let (tables, now) = self.enter();
        Ok(tables.due(now, window, rewake_after))
    }

    async fn mark_woken(&self, woken: &[WorkMessage]) -> Result<(), LedgerError> {
        let (mut tables, now) = self.enter();
        for message in woken {
            let row = tables.files.get_mut(&(message.index.clone(), message.file_id));
            if let Some(row) = row.filter(|row| row.is_due(now) && row.desired == message.seq) {
                row.woken_at = now;
            }
        }
        Ok(())
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<ClaimOutcome, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.claim(now, request))
    }

    async fn renew(&self, owner: &str, lease: Duration) -> Result<Vec<ClaimId>, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.renew(now, owner, lease))
    }

    async fn commit(&self, commit: &Commit) -> Result<CommitOutcome, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.commit(now, commit))
    }

    async fn release(&self, hold: &Hold, debounce: Duration) -> Result<ReleaseOutcome, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables
            .release(now, hold, debounce)
            .map_or(ReleaseOutcome::Lost, ReleaseOutcome::Released))
    }

    async fn fail(&self, fail: &Fail) -> Result<FailOutcome, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables
            .fail(now, fail)
            .map_or(FailOutcome::Lost, FailOutcome::Given))
    }

    async fn sweep(&self, policy: &SweepPolicy, limit: u32) -> Result<Vec<Swept>, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.sweep(now, policy, limit))
    }

    async fn retry_failed(
        &self,
        index: &IndexId,
        path: Option<&BlobPath>,
        run: Option<RunId>,
    ) -> Result<u64, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.retry_failed(now, index, path.map(|path| FileId::of(index, path)), run))
    }

    async fn live_claims(
        &self,
        index: &IndexId,
        files: &[FileId],
    ) -> Result<HashMap<FileId, ClaimId>, LedgerError> {
        let (tables, _) = self.enter();
        let live = |file: &FileId| Some((*file, tables.files.get(&(index.clone(), *file))?.live?));
        Ok(files.iter().filter_map(live).collect())
    }

    async fn claims_in_use(&self, index: &IndexId, claims: &[ClaimId]) -> Result<Vec<ClaimId>, LedgerError> {
        Ok(self.enter().0.claims_in_use(index, claims))
    }

    async fn dead_claims(
        &self,
        index: &IndexId,
        older_than: Duration,
        limit: u32,
    ) -> Result<Vec<DeadClaim>, LedgerError> {
        let (tables, now) = self.enter();
        Ok(tables.dead_claims(now, index, older_than, limit))
    }

    async fn forget_dead_claims(&self, index: &IndexId, claims: &[ClaimId]) -> Result<(), LedgerError> {
        let (mut tables, _) = self.enter();
        for claim in claims {
            tables.dead_claims.remove(&(index.clone(), *claim));
        }
        Ok(())
    }

    async fn file(&self, index: &IndexId, file: FileId) -> Result<Option<FileRow>, LedgerError> {
        let (tables, _) = self.enter();
        Ok(tables
            .files
            .get(&(index.clone(), file))
            .map(|row| row.shown(file)))
    }

    async fn files(
        &self,
        index: &IndexId,
        filter: &FileFilter,
        limit: u32,
    ) -> Result<Vec<FileRow>, LedgerError> {
        Ok(self.enter().0.files(index, filter, limit))
    }

    async fn known_files(&self, index: &IndexId, prefix: &str) -> Result<Vec<KnownFile>, LedgerError> {
        let (tables, now) = self.enter();
        Ok(tables.known_files(now, index, prefix))
    }

    async fn history(
        &self,
        index: &IndexId,
        file: FileId,
        limit: u32,
    ) -> Result<Vec<HistoryEntry>, LedgerError> {
        let (tables, _) = self.enter();
        let all = tables
            .files
            .get(&(index.clone(), file))
            .map_or(&[][..], |row| &row.history);
        Ok(all[all.len().saturating_sub(limit as usize)..].to_vec())
    }

    async fn stats(&self, index: &IndexId) -> Result<IndexStats, LedgerError> {
        Ok(self.enter().0.stats(index))
    }

    async fn prune(&self, index: &IndexId, keep: u32, older_than: Duration) -> Result<u64, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.prune(now, index, keep, older_than))
    }
}
