//! API keys: what each allows, and hashes of their secrets. The secrets themselves are nowhere.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::LedgerError;
use crate::clock::UnixMillis;
use crate::ids::{IndexId, KeyId};

/// What a key allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything.
    Admin,
    /// To report events, start runs, and see how they go.
    Ingest,
    /// To search, and to look up files.
    Search,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Ingest, Self::Search];

    /// The name as stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Ingest => "ingest",
            Self::Search => "search",
        }
    }
}

/// What is kept of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretMark {
    /// The start of the secret, by which its key is found. Not secret; no two secrets have the same.
    pub prefix: String,
    /// The BLAKE3 hash of the whole secret, in hexadecimal.
    pub hash: String,
}

/// A key to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// Made by the caller, so that a repetition is recognised.
    pub id: KeyId,
    /// For people, and for the audit log.
    pub name: String,
    /// What it allows.
    pub scopes: BTreeSet<Scope>,
    /// The indexes that it is for; `None` for all.
    pub indexes: Option<BTreeSet<IndexId>>,
    /// When it ends by itself.
    pub expires_at: Option<UnixMillis>,
    /// Its secret's mark.
    pub secret: SecretMark,
}

/// A key without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyRecord {
    /// Its id.
    pub id: KeyId,
    /// For people, and for the audit log.
    #[schema(example = "website search")]
    pub name: String,
    /// What it allows; any of them suffices where an operation names several.
    #[schema(example = json!(["search"]))]
    pub scopes: BTreeSet<Scope>,
    /// The indexes that it is for; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, example = json!(["team-docs"]))]
    pub indexes: Option<BTreeSet<IndexId>>,
    /// The start of its secret, to recognise it by.
    #[schema(example = "lsk_3fk92mzq")]
    pub prefix: String,
    /// The start of the secret before the last rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_prefix: Option<String>,
    /// Until when that one is accepted too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_until: Option<UnixMillis>,
    /// When it was made.
    #[schema(example = 1_767_225_600_000_i64)]
    pub created_at: UnixMillis,
    /// When it ends by itself; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixMillis>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<UnixMillis>,
    /// When it was last used, give or take some minutes; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<UnixMillis>,
}

/// A key that is valid now, and the hash that the secret must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundKey {
    /// The key.
    pub record: KeyRecord,
    /// Hash of the secret with the prefix that was asked for.
    pub hash: String,
}

/// What became of a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// The new secret is valid; the key as it is now.
    Done(Box<KeyRecord>),
    /// There is no such key, or it is revoked or expired.
    Gone,
    /// The secret before the last rotation is still valid, so somebody else may just have rotated it.
    Overlapping,
}

/// API keys. All calls are atomic.
#[async_trait]
pub trait Keys: Send + Sync + 'static {
    /// Keeps a key. Keeping the same id again changes nothing.
    async fn create_key(&self, key: &NewKey) -> Result<KeyRecord, LedgerError>;

    /// Keeps a key if there has never been any; of several replicas that try at the same time, one succeeds, provided that
    /// all give the same id. `true` when this key is in the ledger afterwards, also by an earlier call with the same secret.
    async fn create_first_key(&self, key: &NewKey) -> Result<bool, LedgerError>;

    /// Have there ever been keys?
    async fn any_key(&self) -> Result<bool, LedgerError>;

    /// The valid key with a secret that starts with `prefix`: not revoked, not expired, and the secret not replaced too long
    /// ago.
    async fn find_key(&self, prefix: &str) -> Result<Option<FoundKey>, LedgerError>;

    /// Keys in the order in which they were made, after `after`, revoked ones too.
    async fn keys(&self, after: Option<KeyId>, limit: u32) -> Result<Vec<KeyRecord>, LedgerError>;

    /// A key, also a revoked one.
    async fn key(&self, id: KeyId) -> Result<Option<KeyRecord>, LedgerError>;

    /// Replaces a key's secret; the one until now stays valid for `overlap`. Refused while an earlier rotation overlaps,
    /// so that of two rotations at the same time only one succeeds; with an `overlap` of zero nothing is waited for, and
    /// every secret but the new one ends at once.
    async fn rotate_key(
        &self,
        id: KeyId,
        secret: &SecretMark,
        overlap: Duration,
    ) -> Result<Rotated, LedgerError>;

    /// Ends a key; the key as it is now, or `None` when there is none. A key that was revoked before stays as it is.
    async fn revoke_key(&self, id: KeyId) -> Result<Option<KeyRecord>, LedgerError>;

    /// Notes that a key is used, unless that was noted less than `coarse` ago.
    async fn touch_key(&self, id: KeyId, coarse: Duration) -> Result<(), LedgerError>;
}
