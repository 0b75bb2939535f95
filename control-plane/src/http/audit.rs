//! `GET /audit`: who changed what.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::ledger::{AuditCursor, AuditEntry};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::access::Caller;
use super::errors::{ApiError, Problem};
use super::extract::Query;

/// Most entries on a page.
const MAX_PAGE: u32 = 1000;

/// The query string of a listing.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditWanted {
    /// The `cursor` of the page before.
    cursor: Option<String>,
    /// Entries on the page, 100 when it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// A page of the audit log, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// Give it as `cursor` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Changes that were asked for, with who asked and what came of it, newest first. An entry without a status is of a request
/// whose outcome is not known.
#[utoipa::path(
    get,
    path = "/audit",
    tag = "audit",
    params(AuditWanted),
    responses((status = OK, description = "A page", body = AuditPage), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Query(wanted): Query<AuditWanted>,
) -> Result<Json<AuditPage>, ApiError> {
    caller.check_all()?;
    let limit = wanted.limit.unwrap_or(100);
    if !(1..=MAX_PAGE).contains(&limit) {
        let detail = format!("limit {limit} is not between 1 and {MAX_PAGE}");
        return Err(ApiError::bad_request(detail));
    }
    let before = wanted.cursor.as_deref().map(cursor).transpose()?;
    let entries = api.ledger.audit(before, limit).await?;
    let full = entries.len() == limit as usize;
    let cursor = entries
        .last()
        .filter(|_| full)
        .map(|entry| format!("{}-{}", entry.happened_at, entry.id));
    Ok(Json(AuditPage { entries, cursor }))
}

/// A time and an entry.
fn cursor(text: &str) -> Result<AuditCursor, ApiError> {
    let parsed = text.split_once('-').and_then(|(time, id)| {
        Some(AuditCursor {
            happened_at: time.parse().ok()?,
            id: id.parse().ok()?,
        })
    });
    parsed.ok_or_else(|| ApiError::bad_request("cursor: take it from the page before, as it is"))
}
