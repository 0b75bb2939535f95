//! Changes of settings on PostgreSQL.

use async_trait::async_trait;

use super::PostgresLedger;
use crate::ledger::calls::index_settings;
use crate::ledger::{IndexRecord, LedgerError, SettingsChange, SettingsLedger};

#[async_trait]
impl SettingsLedger for PostgresLedger {
    async fn change_settings(&self, change: &SettingsChange) -> Result<Option<IndexRecord>, LedgerError> {
        self.write(|db| async move { index_settings::change_settings(&*db, change).await })
            .await
    }
}
