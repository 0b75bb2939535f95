//! API keys on SQLite.

use std::time::Duration;

use async_trait::async_trait;

use super::SqliteLedger;
use crate::ids::KeyId;
use crate::ledger::calls::keys;
use crate::ledger::{FoundKey, KeyRecord, Keys, LedgerError, NewKey, Rotated, SecretMark};

#[async_trait]
impl Keys for SqliteLedger {
    async fn create_key(&self, key: &NewKey) -> Result<KeyRecord, LedgerError> {
        let key = key.clone();
        self.write(async move |db| keys::create_key(db, &key).await).await
    }

    async fn create_first_key(&self, key: &NewKey) -> Result<bool, LedgerError> {
        let key = key.clone();
        self.write(async move |db| keys::create_first_key(db, &key).await)
            .await
    }

    async fn any_key(&self) -> Result<bool, LedgerError> {
        self.read(async |db| keys::any_key(db).await).await
    }

    async fn find_key(&self, prefix: &str) -> Result<Option<FoundKey>, LedgerError> {
        let prefix = prefix.to_owned();
        self.read(async move |db| keys::find_key(db, &prefix).await).await
    }

    async fn keys(&self, after: Option<KeyId>, limit: u32) -> Result<Vec<KeyRecord>, LedgerError> {
        self.read(async move |db| keys::keys(db, after, limit).await)
            .await
    }

    async fn key(&self, id: KeyId) -> Result<Option<KeyRecord>, LedgerError> {
        self.read(async move |db| keys::key(db, id).await).await
    }

    async fn rotate_key(
        &self,
        id: KeyId,
        secret: &SecretMark,
        overlap: Duration,
    ) -> Result<Rotated, LedgerError> {
        let secret = secret.clone();
        self.write(async move |db| keys::rotate_key(db, id, &secret, overlap).await)
            .await
    }

    async fn revoke_key(&self, id: KeyId) -> Result<Option<KeyRecord>, LedgerError> {
        self.write(async move |db| keys::revoke_key(db, id).await).await
    }

    async fn touch_key(&self, id: KeyId, coarse: Duration) -> Result<(), LedgerError> {
        self.write(async move |db| keys::touch_key(db, id, coarse).await)
            .await
    }
}
