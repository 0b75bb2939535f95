//! Who asks, and what they may do.
//!
//! Each operation names the scopes that allow it in its OpenAPI description (`security(("key" = ["search"]))`, several for
//! alternatives); that description is what requests are held against (`access/table.rs`), so it cannot say something
//! else than what is done. The scope `admin` allows everything.

mod table;

use std::collections::BTreeSet;
use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use shared::ids::{IndexId, KeyId};
pub use shared::ledger::Scope;
pub(super) use table::{Found, Operation, Table};

use super::errors::{ApiError, ErrorCode};

/// Whoever sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The name of the key, for the audit log; `None` where no key is asked for.
    pub key: Option<String>,
    /// The key in the ledger; `None` for one that is a setting.
    pub id: Option<KeyId>,
    /// What the key allows.
    pub scopes: BTreeSet<Scope>,
    /// The indexes that it is for; `None` for all.
    pub indexes: Option<BTreeSet<IndexId>>,
}

impl Caller {
    /// Somebody on this machine, where no key is asked for: may do everything.
    #[must_use]
    pub fn local() -> Self {
        Self {
            key: None,
            id: None,
            scopes: BTreeSet::from([Scope::Admin]),
            indexes: None,
        }
    }

    /// A stranger: may do nothing.
    pub(super) fn nobody() -> Self {
        Self {
            key: None,
            id: None,
            scopes: BTreeSet::new(),
            indexes: Some(BTreeSet::new()),
        }
    }

    /// A key that is a setting of the service and not in the ledger.
    pub(super) fn of_setting(name: &str, scope: Scope) -> Self {
        Self {
            key: Some(name.to_owned()),
            id: None,
            scopes: BTreeSet::from([scope]),
            indexes: None,
        }
    }

    /// May it know of this index? A key for an index is for each of its generations.
    #[must_use]
    pub fn sees(&self, index: &IndexId) -> bool {
        self.indexes
            .as_ref()
            .is_none_or(|indexes| indexes.contains(&index.base()))
    }

    /// Does it have a scope, or `admin`?
    pub(super) fn has_any(&self, scopes: &BTreeSet<Scope>) -> bool {
        self.scopes.contains(&Scope::Admin) || !self.scopes.is_disjoint(scopes)
    }

    /// Refuses what is about an index that the key is not for. Routes with `{index}` in their path are checked before their
    /// handler; a handler that learns of an index otherwise asks here.
    ///
    /// # Errors
    /// 403 when the key is for other indexes.
    pub fn check(&self, index: &IndexId) -> Result<(), ApiError> {
        if self.sees(index) {
            return Ok(());
        }
        let detail = format!("the key is not for index {index}");
        Err(ApiError::new(ErrorCode::Forbidden, detail))
    }

    /// Refuses what is about the service as a whole, such as its keys: a key for some indexes must not make one for all.
    ///
    /// # Errors
    /// 403 when the key is for some indexes only.
    pub fn check_all(&self) -> Result<(), ApiError> {
        if self.indexes.is_none() {
            return Ok(());
        }
        let detail = "this is about all indexes, and the key is for some only";
        Err(ApiError::new(ErrorCode::Forbidden, detail))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    /// Whoever was let in; nobody, who may do nothing, when nobody was asked.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_else(Self::nobody))
    }
}
