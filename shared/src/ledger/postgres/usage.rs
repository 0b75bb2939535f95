//! What embedding costs, on PostgreSQL.

use async_trait::async_trait;

use super::PostgresLedger;
use crate::ids::IndexId;
use crate::ledger::calls::usage as calls;
use crate::ledger::{LedgerError, Spending, Usage, UsageLedger, UsageNote};

#[async_trait]
impl UsageLedger for PostgresLedger {
    async fn spend(&self, index: &IndexId, tokens: u64, limit: u64) -> Result<Spending, LedgerError> {
        self.write(|db| async move { calls::spend(&*db, index, tokens, limit).await })
            .await
    }

    async fn note_usage(&self, index: &IndexId, note: &UsageNote) -> Result<(), LedgerError> {
        self.write(|db| async move { calls::note_usage(&*db, index, note).await })
            .await
    }

    async fn usage(&self, index: &IndexId, days: u32) -> Result<Vec<Usage>, LedgerError> {
        self.look(|db| async move { calls::usage(&*db, index, days).await })
            .await
    }

    async fn wake_waiting(&self, index: &IndexId, code: &str) -> Result<u64, LedgerError> {
        self.write(|db| async move { calls::wake_waiting(&*db, index, code).await })
            .await
    }
}
