//! Keys and the audit log are not what these fleets are about: they pass through, without faults.

use std::time::Duration;

use async_trait::async_trait;
use shared::ids::{AuditId, KeyId};
use shared::ledger::{
    AuditCursor, AuditEntry, AuditLog, FoundKey, KeyRecord, Keys, LedgerError, NewKey, Rotated, SecretMark,
};

use super::LedgerClient;

#[async_trait]
impl Keys for LedgerClient {
    async fn create_key(&self, key: &NewKey) -> Result<KeyRecord, LedgerError> {
        self.server.model.create_key(key).await
    }

    async fn create_first_key(&self, key: &NewKey) -> Result<bool, LedgerError> {
        self.server.model.create_first_key(key).await
    }

    async fn any_key(&self) -> Result<bool, LedgerError> {
        self.server.model.any_key().await
    }

    async fn find_key(&self, prefix: &str) -> Result<Option<FoundKey>, LedgerError> {
        self.server.model.find_key(prefix).await
    }

    async fn keys(&self, after: Option<KeyId>, limit: u32) -> Result<Vec<KeyRecord>, LedgerError> {
        self.server.model.keys(after, limit).await
    }

    async fn key(&self, id: KeyId) -> Result<Option<KeyRecord>, LedgerError> {
        self.server.model.key(id).await
    }

    async fn rotate_key(
        &self,
        id: KeyId,
        secret: &SecretMark,
        overlap: Duration,
    ) -> Result<Rotated, LedgerError> {
        self.server.model.rotate_key(id, secret, overlap).await
    }

    async fn revoke_key(&self, id: KeyId) -> Result<Option<KeyRecord>, LedgerError> {
        self.server.model.revoke_key(id).await
    }

    async fn touch_key(&self, id: KeyId, coarse: Duration) -> Result<(), LedgerError> {
        self.server.model.touch_key(id, coarse).await
    }
}

#[async_trait]
impl AuditLog for LedgerClient {
    async fn begin_audit(&self, entry: &AuditEntry) -> Result<(), LedgerError> {
        self.server.model.begin_audit(entry).await
    }

    async fn end_audit(&self, id: AuditId, status: u16, code: Option<&str>) -> Result<(), LedgerError> {
        self.server.model.end_audit(id, status, code).await
    }

    async fn audit(&self, before: Option<AuditCursor>, limit: u32) -> Result<Vec<AuditEntry>, LedgerError> {
        self.server.model.audit(before, limit).await
    }

    async fn forget_audit(&self, older_than: Duration) -> Result<u64, LedgerError> {
        self.server.model.forget_audit(older_than).await
    }
}
