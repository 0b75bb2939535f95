//! The audit log on PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;

use super::PostgresLedger;
use crate::ids::AuditId;
use crate::ledger::calls::audit;
use crate::ledger::{AuditCursor, AuditEntry, AuditLog, LedgerError};

#[async_trait]
impl AuditLog for PostgresLedger {
    async fn begin_audit(&self, entry: &AuditEntry) -> Result<(), LedgerError> {
        self.write(|db| async move { audit::begin_audit(&*db, entry).await })
            .await
    }

    async fn end_audit(&self, id: AuditId, status: u16, code: Option<&str>) -> Result<(), LedgerError> {
        self.write(|db| async move { audit::end_audit(&*db, id, status, code).await })
            .await
    }

    async fn audit(&self, before: Option<AuditCursor>, limit: u32) -> Result<Vec<AuditEntry>, LedgerError> {
        self.look(|db| async move { audit::audit(&*db, before, limit).await })
            .await
    }

    async fn forget_audit(&self, older_than: Duration) -> Result<u64, LedgerError> {
        self.write(|db| async move { audit::forget_audit(&*db, older_than).await })
            .await
    }
}
