//! Changes of settings on SQLite.

use async_trait::async_trait;

use super::SqliteLedger;
use crate::ledger::calls::index_settings;
use crate::ledger::{IndexRecord, LedgerError, SettingsChange, SettingsLedger};

#[async_trait]
impl SettingsLedger for SqliteLedger {
    async fn change_settings(&self, change: &SettingsChange) -> Result<Option<IndexRecord>, LedgerError> {
        let change = change.clone();
        self.write(async move |db| index_settings::change_settings(db, &change).await)
            .await
    }
}
