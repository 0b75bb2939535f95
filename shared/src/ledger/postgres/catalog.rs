//! Generations on PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;

use super::PostgresLedger;
use crate::ids::IndexId;
use crate::ledger::calls::catalog;
use crate::ledger::{Begun, Catalog, Family, Lag, LedgerError};

#[async_trait]
impl Catalog for PostgresLedger {
    async fn families(&self) -> Result<Vec<Family>, LedgerError> {
        self.look(|db| async move { catalog::families(&*db).await }).await
    }

    async fn begin_generation(
        &self,
        name: &IndexId,
        settings: &serde_json::Value,
    ) -> Result<Begun, LedgerError> {
        self.write(|db| async move { catalog::begin_generation(&*db, name, settings).await })
            .await
    }

    async fn lags(&self, name: &IndexId, next: &IndexId, limit: u32) -> Result<Vec<Lag>, LedgerError> {
        self.read(|db| async move { catalog::lags(&*db, name, next, limit).await })
            .await
    }

    async fn swap_generation(
        &self,
        name: &IndexId,
        next: &IndexId,
        forced: bool,
    ) -> Result<bool, LedgerError> {
        if !forced && !self.lags(name, next, 1).await?.is_empty() {
            return Ok(false);
        }
        self.write(|db| async move { catalog::swap_generation(&*db, name, next, forced).await })
            .await
    }

    async fn roll_back(
        &self,
        name: &IndexId,
        generation: &IndexId,
        reason: &str,
    ) -> Result<bool, LedgerError> {
        self.write(|db| async move { catalog::roll_back(&*db, name, generation, reason).await })
            .await
    }

    async fn undo_swap(&self, name: &IndexId, live: &IndexId) -> Result<bool, LedgerError> {
        self.write(|db| async move { catalog::undo_swap(&*db, name, live).await })
            .await
    }

    async fn drop_retired(
        &self,
        name: &IndexId,
        retired: &IndexId,
        age: Duration,
    ) -> Result<bool, LedgerError> {
        self.write(|db| async move { catalog::drop_retired(&*db, name, retired, age).await })
            .await
    }

    async fn note_progress(
        &self,
        name: &IndexId,
        next: &IndexId,
        settled: u64,
        waits_for: &[String],
    ) -> Result<(), LedgerError> {
        self.write(|db| async move { catalog::note_progress(&*db, name, next, settled, waits_for).await })
            .await
    }

    async fn note_alias(&self, name: &IndexId, live: &IndexId) -> Result<(), LedgerError> {
        self.write(|db| async move { catalog::note_alias(&*db, name, live).await })
            .await
    }
}
