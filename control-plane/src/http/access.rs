//! Who asks, and what they may do.
//!
//! Each operation names the scopes that allow it in its OpenAPI description (`security(("key" = ["search"]))`, several for
//! alternatives); that description is what requests are held against, so it cannot say something else than what is done.
//! The scope `admin` allows everything.

use std::collections::BTreeSet;
use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use shared::ids::IndexId;
use utoipa::ToSchema;

use super::errors::{ApiError, ErrorCode};

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

/// Whoever sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The name of the key, for the audit log; `None` where no key is asked for.
    pub key: Option<String>,
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
            scopes: BTreeSet::from([Scope::Admin]),
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
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    /// Whoever was let in; nobody, who may do nothing, when nobody was asked.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let nobody = || Self {
            key: None,
            scopes: BTreeSet::new(),
            indexes: Some(BTreeSet::new()),
        };
        Ok(parts.extensions.get().cloned().unwrap_or_else(nobody))
    }
}
