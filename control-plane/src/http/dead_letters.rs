//! `GET /dead-letters`: messages that led to nothing, newest first.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use shared::ledger::DeadLetter;

use super::Api;
use super::errors::ApiError;

/// Letters shown.
const SHOWN: u32 = 100;

pub(super) async fn list(State(api): State<Arc<Api>>) -> Result<Json<Vec<DeadLetter>>, ApiError> {
    Ok(Json(api.ledger.dead_letters(SHOWN).await?))
}
