//! The audit log on SQLite.

use std::time::Duration;

use async_trait::async_trait;

use super::SqliteLedger;
use crate::ids::AuditId;
use crate::ledger::calls::audit;
use crate::ledger::{AuditCursor, AuditEntry, AuditLog, LedgerError};

#[async_trait]
impl AuditLog for SqliteLedger {
    async fn begin_audit(&self, entry: &AuditEntry) -> Result<(), LedgerError> {
        let entry = entry.clone();
        self.write(async move |db| audit::begin_audit(db, &entry).await)
            .await
    }

    async fn end_audit(&self, id: AuditId, status: u16, code: Option<&str>) -> Result<(), LedgerError> {
        let code = code.map(str::to_owned);
        self.write(async move |db| audit::end_audit(db, id, status, code.as_deref()).await)
            .await
    }

    async fn audit(&self, before: Option<AuditCursor>, limit: u32) -> Result<Vec<AuditEntry>, LedgerError> {
        self.read(async move |db| audit::audit(db, before, limit).await)
            .await
    }

    async fn forget_audit(&self, older_than: Duration) -> Result<u64, LedgerError> {
        self.write(async move |db| audit::forget_audit(db, older_than).await)
            .await
    }
}
