//! The ledger on PostgreSQL: one server, any number of control planes and workers.
//!
//! A call takes a connection from a pool and is one transaction at READ COMMITTED. Its first statement is a conditional
//! update, whose WHERE clause PostgreSQL evaluates again after it has waited for another transaction's row lock, so that
//! the row decides and not a snapshot. Statements that do not depend on each other's answers are sent without waiting
//! (`session`). When the server breaks a deadlock, the call is repeated: it was rolled back for certain. Nothing else is
//! repeated here: after a lost connection the outcome is unknown, and the caller decides.
//!
//! There is no group commit as on SQLite: PostgreSQL writes the log of sessions that commit together with one flush. See
//! `docs/decisions/ledger-in-postgres.md`.

mod approvals;
mod audit;
mod breakers;
mod catalog;
mod control;
mod explain;
mod index_settings;
mod instances;
mod keys;
mod logging;
mod pool;
mod runs;
mod schema;
mod session;
mod settings;
mod usage;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use self::explain::Place;
use self::pool::Connections;
use self::session::{Opening, Session};
use super::calls::upkeep::Pruning;
use super::calls::{attempts, queries, requests, upkeep};
use super::database::{DbError, DbResult};
use super::{
    Change, ClaimOutcome, ClaimRequest, Commit, CommitOutcome, DeadClaim, DueFile, Enqueued, Fail,
    FailOutcome, FileFilter, FileRow, HistoryEntry, Hold, IndexRecord, IndexStats, KnownFile, Ledger,
    LedgerError, ReleaseOutcome, SweepPolicy, Swept, sql,
};
use crate::blob_path::BlobPath;
use crate::ids::{ClaimId, FileId, IndexId, RunId};
use crate::work_message::WorkMessage;
pub use settings::PostgresSettings;

/// How often a call is repeated that the server has rolled back in favour of another.
const REPEATS: u32 = 10;

/// The statements that must not slow down as tables grow, by name and as PostgreSQL gets them: for looking at their plans.
#[must_use]
pub fn hot_statements() -> Vec<(&'static str, &'static str)> {
    sql::hot()
        .into_iter()
        .map(|(name, sql)| (name, sql.postgres()))
        .collect()
}

/// A ledger in a PostgreSQL database. Cheap to share; its connections are closed when it is dropped.
pub struct PostgresLedger {
    connections: Connections,
    place: Place,
}

impl PostgresLedger {
    /// Connects and brings the tables up to date, made when they are not there. Several processes may do so at the same
    /// time: one of them works, the others wait for it.
    ///
    /// # Errors
    /// [`LedgerError::NewerSchema`] when a newer build wrote the tables; otherwise [`LedgerError::Unavailable`] with the
    /// server, the database and what to do. Neither user nor password are in it.
    pub async fn connect(settings: &PostgresSettings) -> Result<Arc<Self>, LedgerError> {
        let (config, place) = settings.parse()?;
        let connections = Connections::new(config, settings, &place)?;
        let mut client = connections
            .take()
            .await
            .map_err(|error| place.explain_pool(error))?;
        schema::prepare(&mut client, settings.schema.as_deref())
            .await
            .map_err(|error| place.explain(error))?;
        drop(client);
        Ok(Arc::new(Self { connections, place }))
    }

    /// One transaction that changes something.
    async fn write<T, F>(&self, work: impl Fn(Arc<Session>) -> F + Send + Sync) -> Result<T, LedgerError>
    where
        F: Future<Output = DbResult<T>> + Send,
    {
        let mut repeats = 0;
        loop {
            match self.transaction(Opening::Write, &work).await? {
                Err(error) if session::lost_to_another(&error) && repeats < REPEATS => {
                    repeats += 1;
                    tracing::debug!(repeats, "the database rolled a call back in favour of another");
                    // Apart from each other, so that the same ones do not meet again.
                    let wait = rand::random_range(1..=u64::from(repeats) * 10);
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                }
                worked => return worked.map_err(|error| self.place.explain(error)),
            }
        }
    }

    /// Statements that only read, on one snapshot.
    async fn read<T, F>(&self, work: impl Fn(Arc<Session>) -> F + Send + Sync) -> Result<T, LedgerError>
    where
        F: Future<Output = DbResult<T>> + Send,
    {
        let worked = self.transaction(Opening::Snapshot, &work).await?;
        worked.map_err(|error| self.place.explain(error))
    }

    /// One statement that only reads, or several whose rows have nothing to do with each other.
    async fn look<T, F>(&self, work: impl Fn(Arc<Session>) -> F + Send + Sync) -> Result<T, LedgerError>
    where
        F: Future<Output = DbResult<T>> + Send,
    {
        let worked = self.transaction(Opening::Plain, &work).await?;
        worked.map_err(|error| self.place.explain(error))
    }

    async fn transaction<T, F>(
        &self,
        opening: Opening,
        work: &(impl Fn(Arc<Session>) -> F + Send + Sync),
    ) -> Result<Result<T, DbError>, LedgerError>
    where
        F: Future<Output = DbResult<T>> + Send,
    {
        let client = self.connections.take().await;
        let client = client.map_err(|error| self.place.explain_pool(error))?;
        let session = Arc::new(Session::new(client, opening));
        let worked = work(Arc::clone(&session)).await;
        Ok(session.end(worked).await)
    }
}

#[async_trait]
impl Ledger for PostgresLedger {
    async fn add_index(
        &self,
        index: &IndexId,
        settings: &serde_json::Value,
    ) -> Result<(IndexRecord, bool), LedgerError> {
        self.write(|db| async move { upkeep::add_index(&*db, index, settings).await })
            .await
    }

    async fn indexes(&self) -> Result<Vec<IndexRecord>, LedgerError> {
        self.look(|db| async move { queries::indexes(&*db).await }).await
    }

    async fn set_active(&self, index: &IndexId, active: bool) -> Result<(), LedgerError> {
        self.write(|db| async move { upkeep::set_active(&*db, index, active).await })
            .await
    }

    async fn enqueue(&self, index: &IndexId, changes: &[Change]) -> Result<Vec<Enqueued>, LedgerError> {
        self.write(|db| async move { requests::enqueue(&*db, index, changes).await })
            .await
    }

    async fn due(&self, window: u32, rewake_after: Duration) -> Result<Vec<DueFile>, LedgerError> {
        self.read(|db| async move { queries::due(&*db, window, rewake_after).await })
            .await
    }

    async fn mark_woken(&self, woken: &[WorkMessage]) -> Result<(), LedgerError> {
        self.write(|db| async move { requests::mark_woken(&*db, woken).await })
            .await
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<ClaimOutcome, LedgerError> {
        self.write(|db| async move { attempts::claim(&*db, request).await })
            .await
    }

    async fn renew(&self, owner: &str, lease: Duration) -> Result<Vec<ClaimId>, LedgerError> {
        self.write(|db| async move { attempts::renew(&*db, owner, lease).await })
            .await
    }

    async fn commit(&self, commit: &Commit) -> Result<CommitOutcome, LedgerError> {
        self.write(|db| async move { attempts::commit(&*db, commit).await })
            .await
    }

    async fn release(&self, hold: &Hold, debounce: Duration) -> Result<ReleaseOutcome, LedgerError> {
        self.write(|db| async move { attempts::release(&*db, hold, debounce).await })
            .await
    }

    async fn fail(&self, fail: &Fail) -> Result<FailOutcome, LedgerError> {
        self.write(|db| async move { attempts::fail(&*db, fail).await })
            .await
    }

    async fn sweep(&self, policy: &SweepPolicy, limit: u32) -> Result<Vec<Swept>, LedgerError> {
        self.write(|db| async move { attempts::sweep(&*db, policy, limit).await })
            .await
    }

    async fn retry_failed(
        &self,
        index: &IndexId,
        path: Option<&BlobPath>,
        run: Option<RunId>,
    ) -> Result<u64, LedgerError> {
        let file = path.map(|path| FileId::of(index, path));
        self.write(|db| async move { requests::retry_failed(&*db, index, file, run).await })
            .await
    }

    async fn live_claims(
        &self,
        index: &IndexId,
        files: &[FileId],
    ) -> Result<HashMap<FileId, ClaimId>, LedgerError> {
        self.look(|db| async move { queries::live_claims(&*db, index, files).await })
            .await
    }

    async fn claims_in_use(&self, index: &IndexId, claims: &[ClaimId]) -> Result<Vec<ClaimId>, LedgerError> {
        self.look(|db| async move { queries::claims_in_use(&*db, index, claims).await })
            .await
    }

    async fn dead_claims(
        &self,
        index: &IndexId,
        older_than: Duration,
        limit: u32,
    ) -> Result<Vec<DeadClaim>, LedgerError> {
        self.look(|db| async move { queries::dead_claims(&*db, index, older_than, limit).await })
            .await
    }

    async fn forget_dead_claims(&self, index: &IndexId, claims: &[ClaimId]) -> Result<(), LedgerError> {
        self.write(|db| async move { upkeep::forget_dead_claims(&*db, index, claims).await })
            .await
    }

    async fn file(&self, index: &IndexId, file: FileId) -> Result<Option<FileRow>, LedgerError> {
        self.look(|db| async move { queries::file(&*db, index, file).await })
            .await
    }

    async fn files(
        &self,
        index: &IndexId,
        filter: &FileFilter,
        limit: u32,
    ) -> Result<Vec<FileRow>, LedgerError> {
        self.read(|db| async move { queries::files(&*db, index, filter, limit).await })
            .await
    }

    async fn known_files(&self, index: &IndexId, prefix: &str) -> Result<Vec<KnownFile>, LedgerError> {
        self.look(|db| async move { queries::known_files(&*db, index, prefix).await })
            .await
    }

    async fn history(
        &self,
        index: &IndexId,
        file: FileId,
        limit: u32,
    ) -> Result<Vec<HistoryEntry>, LedgerError> {
        self.look(|db| async move { queries::history(&*db, index, file, limit).await })
            .await
    }

    async fn stats(&self, index: &IndexId) -> Result<IndexStats, LedgerError> {
        self.read(|db| async move { queries::stats(&*db, index).await })
            .await
    }

    async fn prune(&self, index: &IndexId, keep: u32, older_than: Duration) -> Result<u64, LedgerError> {
        let mut gone = 0;
        let mut next = Some(Pruning::Tombstones);
        while let Some(step) = next {
            let step = &step;
            let (rows, then) = self
                .write(|db| async move { upkeep::prune(&*db, index, keep, older_than, step).await })
                .await?;
            gone += rows;
            next = then;
        }
        Ok(gone)
    }
}
