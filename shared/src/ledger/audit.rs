//! The audit log: who changed what, when, and what came of it.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::LedgerError;
use crate::clock::UnixMillis;
use crate::ids::{AuditId, IndexId, KeyId};

/// A change that somebody asked for. There is never a secret in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Made by whoever writes it.
    pub id: AuditId,
    /// When it was asked for; set by the ledger.
    #[schema(example = 1_767_225_600_000_i64)]
    pub happened_at: UnixMillis,
    /// Name of the key; `local` where no key is asked for.
    #[schema(example = "deploy pipeline")]
    pub actor: String,
    /// The key; absent where none is in the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// The operation's id in the OpenAPI document.
    #[schema(example = "indexes_pause")]
    pub action: String,
    /// The address without its query.
    #[schema(example = "/indexes/team-docs/pause")]
    pub path: String,
    /// The index in the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<IndexId>,
    /// The request's id, as in the logs.
    pub request_id: String,
    /// The answer's HTTP status; absent when the outcome is not known: the process died before, or the caller hung up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 200)]
    pub status: Option<u16>,
    /// Code of the problem; absent when it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// Where a page of the audit log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditCursor {
    /// The last entry's time.
    pub happened_at: UnixMillis,
    /// The last entry.
    pub id: AuditId,
}

/// The audit log. All calls are atomic.
#[async_trait]
pub trait AuditLog: Send + Sync + 'static {
    /// Writes an entry, with the ledger's time and no outcome, before the change is made. Writing it again changes nothing.
    async fn begin_audit(&self, entry: &AuditEntry) -> Result<(), LedgerError>;

    /// Completes an entry with its outcome.
    async fn end_audit(&self, id: AuditId, status: u16, code: Option<&str>) -> Result<(), LedgerError>;

    /// A page of entries, newest first, before `before`.
    async fn audit(&self, before: Option<AuditCursor>, limit: u32) -> Result<Vec<AuditEntry>, LedgerError>;

    /// Forgets entries that are older than `older_than`; returns how many.
    async fn forget_audit(&self, older_than: Duration) -> Result<u64, LedgerError>;
}
