//! What embedding costs, on SQLite.

use async_trait::async_trait;

use super::SqliteLedger;
use crate::ids::IndexId;
use crate::ledger::calls::usage as calls;
use crate::ledger::{LedgerError, Spending, Usage, UsageLedger, UsageNote};

#[async_trait]
impl UsageLedger for SqliteLedger {
    async fn spend(&self, index: &IndexId, tokens: u64, limit: u64) -> Result<Spending, LedgerError> {
        let index = index.clone();
        self.write(async move |db| calls::spend(db, &index, tokens, limit).await)
            .await
    }

    async fn note_usage(&self, index: &IndexId, note: &UsageNote) -> Result<(), LedgerError> {
        let index = index.clone();
        let note = *note;
        self.write(async move |db| calls::note_usage(db, &index, &note).await)
            .await
    }

    async fn usage(&self, index: &IndexId, days: u32) -> Result<Vec<Usage>, LedgerError> {
        let index = index.clone();
        self.read(async move |db| calls::usage(db, &index, days).await)
            .await
    }

    async fn wake_waiting(&self, index: &IndexId, code: &str) -> Result<u64, LedgerError> {
        let index = index.clone();
        let code = code.to_owned();
        self.write(async move |db| calls::wake_waiting(db, &index, &code).await)
            .await
    }
}
