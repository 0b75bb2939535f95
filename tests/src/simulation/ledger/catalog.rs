//! Generations in a simulated fleet: straight to the model. Nothing that the simulation runs builds one.

use std::time::Duration;

use async_trait::async_trait;
use shared::ids::IndexId;
use shared::ledger::{Begun, Catalog, Family, Lag, LedgerError};

use super::client::LedgerClient;

#[async_trait]
impl Catalog for LedgerClient {
    async fn families(&self) -> Result<Vec<Family>, LedgerError> {
        self.server.model.families().await
    }

    async fn begin_generation(
        &self,
        name: &IndexId,
        settings: &serde_json::Value,
    ) -> Result<Begun, LedgerError> {
        self.server.model.begin_generation(name, settings).await
    }

    async fn lags(&self, name: &IndexId, next: &IndexId, limit: u32) -> Result<Vec<Lag>, LedgerError> {
        self.server.model.lags(name, next, limit).await
    }

    async fn swap_generation(
        &self,
        name: &IndexId,
        next: &IndexId,
        forced: bool,
    ) -> Result<bool, LedgerError> {
        self.server.model.swap_generation(name, next, forced).await
    }

    async fn roll_back(
        &self,
        name: &IndexId,
        generation: &IndexId,
        reason: &str,
    ) -> Result<bool, LedgerError> {
        self.server.model.roll_back(name, generation, reason).await
    }

    async fn undo_swap(&self, name: &IndexId, live: &IndexId) -> Result<bool, LedgerError> {
        self.server.model.undo_swap(name, live).await
    }

    async fn drop_retired(
        &self,
        name: &IndexId,
        retired: &IndexId,
        age: Duration,
    ) -> Result<bool, LedgerError> {
        self.server.model.drop_retired(name, retired, age).await
    }

    async fn note_progress(
        &self,
        name: &IndexId,
        next: &IndexId,
        settled: u64,
        waits_for: &[String],
    ) -> Result<(), LedgerError> {
        self.server
            .model
            .note_progress(name, next, settled, waits_for)
            .await
    }

    async fn note_alias(&self, name: &IndexId, live: &IndexId) -> Result<(), LedgerError> {
        self.server.model.note_alias(name, live).await
    }
}
