//! A change on its way: in the audit log before it is made, and again when its outcome is known.

use axum::http::StatusCode;
use shared::ids::{AuditId, IndexId};
use shared::ledger::{AuditEntry, ControlLedger};

use super::request_id;
use crate::http::access::{Caller, Operation};
use crate::http::errors::{ApiError, ErrorCode};

/// Who it was where no key is asked for.
const LOCAL: &str = "local";

/// An entry that waits for its outcome.
pub(super) struct Audited(AuditId);

impl Audited {
    /// Writes the entry. A change that cannot be written down is not made.
    pub(super) async fn begin(
        ledger: &dyn ControlLedger,
        caller: &Caller,
        operation: &Operation,
        path: &str,
        index: Option<IndexId>,
    ) -> Result<Self, ApiError> {
        let id = AuditId::generate();
        let entry = AuditEntry {
            id,
            happened_at: 0,
            actor: caller.key.clone().unwrap_or_else(|| LOCAL.to_owned()),
            key: caller.id,
            action: operation.id.clone(),
            // Never the query: somebody may have put a key there.
            path: path.to_owned(),
            index,
            request_id: request_id::current().unwrap_or_default(),
            status: None,
            code: None,
        };
        ledger.begin_audit(&entry).await?;
        Ok(Self(id))
    }

    /// Adds the outcome.
    pub(super) async fn end(
        self,
        ledger: &dyn ControlLedger,
        status: StatusCode,
        refusal: Option<ErrorCode>,
    ) {
        let code = refusal.map(ErrorCode::name);
        if let Err(error) = ledger.end_audit(self.0, status.as_u16(), code).await {
            tracing::warn!(%error, "the outcome of a change is missing from the audit log");
        }
    }
}
