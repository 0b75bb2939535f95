//! Generations on SQLite.

use std::time::Duration;

use async_trait::async_trait;

use super::SqliteLedger;
use crate::ids::IndexId;
use crate::ledger::calls::catalog;
use crate::ledger::{Begun, Catalog, Family, Lag, LedgerError};

#[async_trait]
impl Catalog for SqliteLedger {
    async fn families(&self) -> Result<Vec<Family>, LedgerError> {
        self.read(async move |db| catalog::families(db).await).await
    }

    async fn begin_generation(
        &self,
        name: &IndexId,
        settings: &serde_json::Value,
    ) -> Result<Begun, LedgerError> {
        let (name, settings) = (name.clone(), settings.clone());
        self.write(async move |db| catalog::begin_generation(db, &name, &settings).await)
            .await
    }

    async fn lags(&self, name: &IndexId, next: &IndexId, limit: u32) -> Result<Vec<Lag>, LedgerError> {
        let (name, next) = (name.clone(), next.clone());
        self.read(async move |db| catalog::lags(db, &name, &next, limit).await)
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
        let (name, next) = (name.clone(), next.clone());
        self.write(async move |db| catalog::swap_generation(db, &name, &next, forced).await)
            .await
    }

    async fn roll_back(
        &self,
        name: &IndexId,
        generation: &IndexId,
        reason: &str,
    ) -> Result<bool, LedgerError> {
        let (name, generation, reason) = (name.clone(), generation.clone(), reason.to_owned());
        self.write(async move |db| catalog::roll_back(db, &name, &generation, &reason).await)
            .await
    }

    async fn undo_swap(&self, name: &IndexId, live: &IndexId) -> Result<bool, LedgerError> {
        let (name, live) = (name.clone(), live.clone());
        self.write(async move |db| catalog::undo_swap(db, &name, &live).await)
            .await
    }

    async fn drop_retired(
        &self,
        name: &IndexId,
        retired: &IndexId,
        age: Duration,
    ) -> Result<bool, LedgerError> {
        let (name, retired) = (name.clone(), retired.clone());
        self.write(async move |db| catalog::drop_retired(db, &name, &retired, age).await)
            .await
    }

    async fn note_progress(
        &self,
        name: &IndexId,
        next: &IndexId,
        settled: u64,
        waits_for: &[String],
    ) -> Result<(), LedgerError> {
        let (name, next, waits_for) = (name.clone(), next.clone(), waits_for.to_vec());
        self.write(async move |db| catalog::note_progress(db, &name, &next, settled, &waits_for).await)
            .await
    }

    async fn note_alias(&self, name: &IndexId, live: &IndexId) -> Result<(), LedgerError> {
        let (name, live) = (name.clone(), live.clone());
        self.write(async move |db| catalog::note_alias(db, &name, &live).await)
            .await
    }
}
