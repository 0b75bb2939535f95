//! API keys in the model.

use std::time::Duration;

use async_trait::async_trait;

use super::ModelLedger;
use crate::clock::UnixMillis;
use crate::ids::KeyId;
use crate::ledger::{FoundKey, KeyRecord, Keys, LedgerError, NewKey, Rotated, SecretMark, millis};

/// A key with the hashes of its secrets.
#[derive(Clone)]
pub(super) struct StoredKey {
    record: KeyRecord,
    hash: String,
    old_hash: Option<String>,
}

impl StoredKey {
    fn new(key: &NewKey, now: UnixMillis) -> Self {
        Self {
            record: KeyRecord {
                id: key.id,
                name: key.name.clone(),
                scopes: key.scopes.clone(),
                indexes: key.indexes.clone(),
                prefix: key.secret.prefix.clone(),
                old_prefix: None,
                old_until: None,
                created_at: now,
                expires_at: key.expires_at,
                revoked_at: None,
                last_used_at: None,
            },
            hash: key.secret.hash.clone(),
            old_hash: None,
        }
    }

    fn is_valid(&self, now: UnixMillis) -> bool {
        self.record.revoked_at.is_none() && self.record.expires_at.is_none_or(|at| at > now)
    }

    fn overlaps(&self, now: UnixMillis) -> bool {
        self.record.old_until.is_some_and(|until| until > now)
    }

    /// The hash of its secret that starts so, if that is accepted.
    fn hash_of(&self, prefix: &str, now: UnixMillis) -> Option<String> {
        if !self.is_valid(now) {
            return None;
        }
        if self.record.prefix == prefix {
            return Some(self.hash.clone());
        }
        let old = self.record.old_prefix.as_deref() == Some(prefix) && self.overlaps(now);
        self.old_hash.clone().filter(|_| old)
    }
}

#[async_trait]
impl Keys for ModelLedger {
    async fn create_key(&self, key: &NewKey) -> Result<KeyRecord, LedgerError> {
        let (mut tables, now) = self.enter();
        let stored = tables
            .keys
            .entry(key.id)
            .or_insert_with(|| StoredKey::new(key, now));
        Ok(stored.record.clone())
    }

    async fn create_first_key(&self, key: &NewKey) -> Result<bool, LedgerError> {
        let (mut tables, now) = self.enter();
        if tables.keys.is_empty() {
            tables.keys.insert(key.id, StoredKey::new(key, now));
        }
        let stored = tables.keys.get(&key.id);
        Ok(stored.is_some_and(|stored| stored.hash == key.secret.hash))
    }

    async fn any_key(&self) -> Result<bool, LedgerError> {
        Ok(!self.enter().0.keys.is_empty())
    }

    async fn find_key(&self, prefix: &str) -> Result<Option<FoundKey>, LedgerError> {
        let (tables, now) = self.enter();
        let found = tables.keys.values().find_map(|stored| {
            let record = stored.record.clone();
            let hash = stored.hash_of(prefix, now)?;
            Some(FoundKey { record, hash })
        });
        Ok(found)
    }

    async fn keys(&self, after: Option<KeyId>, limit: u32) -> Result<Vec<KeyRecord>, LedgerError> {
        let (tables, _) = self.enter();
        let wanted = tables
            .keys
            .values()
            .filter(|stored| after.is_none_or(|after| stored.record.id > after));
        Ok(wanted
            .take(limit as usize)
            .map(|stored| stored.record.clone())
            .collect())
    }

    async fn key(&self, id: KeyId) -> Result<Option<KeyRecord>, LedgerError> {
        Ok(self.enter().0.keys.get(&id).map(|stored| stored.record.clone()))
    }

    async fn rotate_key(
        &self,
        id: KeyId,
        secret: &SecretMark,
        overlap: Duration,
    ) -> Result<Rotated, LedgerError> {
        let (mut tables, now) = self.enter();
        let stored = tables.keys.get_mut(&id).filter(|stored| stored.is_valid(now));
        let Some(stored) = stored else {
            return Ok(Rotated::Gone);
        };
        if !overlap.is_zero() && stored.overlaps(now) {
            return Ok(Rotated::Overlapping);
        }
        let hash = std::mem::replace(&mut stored.hash, secret.hash.clone());
        let prefix = std::mem::replace(&mut stored.record.prefix, secret.prefix.clone());
        let kept = !overlap.is_zero();
        stored.old_hash = kept.then_some(hash);
        stored.record.old_prefix = kept.then_some(prefix);
        stored.record.old_until = kept.then(|| now + millis(overlap));
        Ok(Rotated::Done(Box::new(stored.record.clone())))
    }

    async fn revoke_key(&self, id: KeyId) -> Result<Option<KeyRecord>, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.keys.get_mut(&id).map(|stored| {
            stored.record.revoked_at.get_or_insert(now);
            stored.record.clone()
        }))
    }

    async fn touch_key(&self, id: KeyId, coarse: Duration) -> Result<(), LedgerError> {
        let (mut tables, now) = self.enter();
        if let Some(stored) = tables.keys.get_mut(&id) {
            let due = |at: &UnixMillis| *at < now - millis(coarse);
            if stored.record.last_used_at.as_ref().is_none_or(due) {
                stored.record.last_used_at = Some(now);
            }
        }
        Ok(())
    }
}
