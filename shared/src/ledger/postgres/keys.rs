//! API keys on PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;

use super::PostgresLedger;
use crate::ids::KeyId;
use crate::ledger::calls::keys;
use crate::ledger::{FoundKey, KeyRecord, Keys, LedgerError, NewKey, Rotated, SecretMark};

#[async_trait]
impl Keys for PostgresLedger {
    async fn create_key(&self, key: &NewKey) -> Result<KeyRecord, LedgerError> {
        self.write(|db| async move { keys::create_key(&*db, key).await })
            .await
    }

    async fn create_first_key(&self, key: &NewKey) -> Result<bool, LedgerError> {
        self.write(|db| async move { keys::create_first_key(&*db, key).await })
            .await
    }

    async fn any_key(&self) -> Result<bool, LedgerError> {
        self.look(|db| async move { keys::any_key(&*db).await }).await
    }

    async fn find_key(&self, prefix: &str) -> Result<Option<FoundKey>, LedgerError> {
        self.look(|db| async move { keys::find_key(&*db, prefix).await })
            .await
    }

    async fn keys(&self, after: Option<KeyId>, limit: u32) -> Result<Vec<KeyRecord>, LedgerError> {
        self.look(|db| async move { keys::keys(&*db, after, limit).await })
            .await
    }

    async fn key(&self, id: KeyId) -> Result<Option<KeyRecord>, LedgerError> {
        self.look(|db| async move { keys::key(&*db, id).await }).await
    }

    async fn rotate_key(
        &self,
        id: KeyId,
        secret: &SecretMark,
        overlap: Duration,
    ) -> Result<Rotated, LedgerError> {
        self.write(|db| async move { keys::rotate_key(&*db, id, secret, overlap).await })
            .await
    }

    async fn revoke_key(&self, id: KeyId) -> Result<Option<KeyRecord>, LedgerError> {
        self.write(|db| async move { keys::revoke_key(&*db, id).await })
            .await
    }

    async fn touch_key(&self, id: KeyId, coarse: Duration) -> Result<(), LedgerError> {
        self.write(|db| async move { keys::touch_key(&*db, id, coarse).await })
            .await
    }
}
