//! `GET /dead-letters`: messages that led to nothing, newest first.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use shared::ledger::DeadLetter;

use super::Api;
use super::access::Caller;
use super::errors::{ApiError, Problem};

/// Letters shown.
const SHOWN: u32 = 100;

/// Messages that led to nothing, newest first.
#[utoipa::path(
    get,
    path = "/dead-letters",
    tag = "work",
    responses((status = OK, description = "The newest hundred", body = [DeadLetter]), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
) -> Result<Json<Vec<DeadLetter>>, ApiError> {
    caller.check_all()?;
    Ok(Json(api.ledger.dead_letters(SHOWN).await?))
}
