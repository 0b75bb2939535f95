//! The audit log in the model.

use std::time::Duration;

use async_trait::async_trait;

use super::ModelLedger;
use crate::ids::AuditId;
use crate::ledger::{AuditCursor, AuditEntry, AuditLog, LedgerError, millis};

#[async_trait]
impl AuditLog for ModelLedger {
    async fn begin_audit(&self, entry: &AuditEntry) -> Result<(), LedgerError> {
        let (mut tables, now) = self.enter();
        let begun = || AuditEntry {
            happened_at: now,
            status: None,
            code: None,
            ..entry.clone()
        };
        tables.audit.entry(entry.id).or_insert_with(begun);
        Ok(())
    }

    async fn end_audit(&self, id: AuditId, status: u16, code: Option<&str>) -> Result<(), LedgerError> {
        if let Some(entry) = self.enter().0.audit.get_mut(&id) {
            entry.status = Some(status);
            entry.code = code.map(str::to_owned);
        }
        Ok(())
    }

    async fn audit(&self, before: Option<AuditCursor>, limit: u32) -> Result<Vec<AuditEntry>, LedgerError> {
        let (tables, _) = self.enter();
        let place = |entry: &AuditEntry| (entry.happened_at, entry.id);
        let earlier =
            |entry: &&AuditEntry| before.is_none_or(|cursor| place(entry) < (cursor.happened_at, cursor.id));
        let mut entries: Vec<_> = tables.audit.values().filter(earlier).cloned().collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(place(entry)));
        entries.truncate(limit as usize);
        Ok(entries)
    }

    async fn forget_audit(&self, older_than: Duration) -> Result<u64, LedgerError> {
        let (mut tables, now) = self.enter();
        let before = tables.audit.len();
        tables
            .audit
            .retain(|_, entry| entry.happened_at >= now - millis(older_than));
        Ok((before - tables.audit.len()) as u64)
    }
}
