//! Runs on PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;

use super::PostgresLedger;
use crate::ids::{IndexId, RunId};
use crate::ledger::calls::runs;
use crate::ledger::{LedgerError, NewRun, RunFilter, RunLedger, RunPage, RunRecord, RunWork};

impl PostgresLedger {
    /// Completes those of `found` that have nothing left; returns whether any might have.
    async fn complete(&self, found: &[RunRecord]) -> Result<bool, LedgerError> {
        let ended = &runs::ended(found);
        if !ended.is_empty() {
            self.write(|db| async move { runs::complete_runs(&*db, ended).await })
                .await?;
        }
        Ok(!ended.is_empty())
    }
}

#[async_trait]
impl RunLedger for PostgresLedger {
    async fn open_run(&self, run: &NewRun) -> Result<(), LedgerError> {
        self.write(|db| async move { runs::open_run(&*db, run).await })
            .await
    }

    async fn take_run(&self, index: &IndexId, lease: Duration) -> Result<Option<RunWork>, LedgerError> {
        self.write(|db| async move { runs::take_run(&*db, index, lease).await })
            .await
    }

    async fn keep_run(&self, work: &RunWork, lease: Duration) -> Result<bool, LedgerError> {
        self.write(|db| async move { runs::keep_run(&*db, work, lease).await })
            .await
    }

    async fn advance_run(
        &self,
        work: &RunWork,
        page: &RunPage,
        lease: Duration,
    ) -> Result<Option<RunWork>, LedgerError> {
        self.write(|db| async move { runs::advance_run(&*db, work, page, lease).await })
            .await
    }

    async fn stall_run(&self, work: &RunWork, problem: &str, wait: Duration) -> Result<(), LedgerError> {
        self.write(|db| async move { runs::stall_run(&*db, work, problem, wait).await })
            .await
    }

    async fn cancel_run(&self, run: RunId) -> Result<bool, LedgerError> {
        self.write(|db| async move { runs::cancel_run(&*db, run).await })
            .await
    }

    async fn give_back(&self, run: RunId, limit: u32) -> Result<u64, LedgerError> {
        self.write(|db| async move { runs::give_back(&*db, run, limit).await })
            .await
    }

    async fn close_batch(&self, index: &IndexId) -> Result<bool, LedgerError> {
        self.write(|db| async move { runs::close_batch(&*db, index).await })
            .await
    }

    async fn wake_pending(&self, index: &IndexId, limit: u32) -> Result<u64, LedgerError> {
        self.write(|db| async move { runs::wake_pending(&*db, index, limit).await })
            .await
    }

    async fn prune_runs(
        &self,
        index: &IndexId,
        older_than: Duration,
        limit: u32,
    ) -> Result<u64, LedgerError> {
        self.write(|db| async move { runs::prune_runs(&*db, index, older_than, limit).await })
            .await
    }

    async fn open_runs(&self, index: &IndexId) -> Result<Vec<RunRecord>, LedgerError> {
        let look = || self.read(|db| async move { runs::open_runs(&*db, index).await });
        let mut found = look().await?;
        if self.complete(&found).await? {
            found = look().await?;
        }
        Ok(found)
    }

    async fn runs(
        &self,
        index: &IndexId,
        filter: &RunFilter,
        limit: u32,
    ) -> Result<Vec<RunRecord>, LedgerError> {
        if filter.state.is_some() {
            // What has ended by now is in another state.
            self.open_runs(index).await?;
        }
        let look = || self.read(|db| async move { runs::runs(&*db, index, filter, limit).await });
        let mut found = look().await?;
        if self.complete(&found).await? {
            found = look().await?;
        }
        Ok(found)
    }

    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, LedgerError> {
        let look = || self.read(|db| async move { runs::run(&*db, run).await });
        let mut found = look().await?;
        if self.complete(&found).await? {
            found = look().await?;
        }
        Ok(found.pop())
    }
}
