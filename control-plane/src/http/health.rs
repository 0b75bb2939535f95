//! `GET /healthz`, `/readyz` and `/metrics`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use prometheus::{Encoder, TextEncoder};
use serde_json::{Value, json};
use shared::file_state::FileState;

use super::Api;
use super::errors::ApiError;

/// The process runs.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// The ledger and the vector store answer.
pub(super) async fn ready(State(api): State<Arc<Api>>) -> Result<Json<Value>, ApiError> {
    let stats = api.ledger.stats(&api.index).await?;
    let points = api
        .search
        .vectors
        .count()
        .await
        .map_err(|error| ApiError::unavailable(error.to_string()))?;
    Ok(Json(
        json!({ "ready": true, "index": api.index, "backlog": stats.backlog, "points": points }),
    ))
}

/// Every metric in the text format of Prometheus.
pub(super) async fn metrics(State(api): State<Arc<Api>>) -> Result<impl IntoResponse, ApiError> {
    let stats = api.ledger.stats(&api.index).await?;
    let index = api.index.as_str();
    for state in FileState::ALL {
        let count = stats.by_state.get(&state).copied().unwrap_or(0);
        api.metrics
            .files
            .with_label_values(&[index, state.name()])
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    let backlog = i64::try_from(stats.backlog).unwrap_or(i64::MAX);
    api.metrics.backlog.with_label_values(&[index]).set(backlog);
    let age = stats
        .oldest_pending_at
        .map_or(0, |at| (api.clock.now() - at).max(0) / 1000);
    api.metrics
        .oldest_pending_seconds
        .with_label_values(&[index])
        .set(age);

    let mut text = Vec::new();
    let encoder = TextEncoder::new();
    encoder
        .encode(&api.registry.gather(), &mut text)
        .map_err(|error| ApiError::unavailable(format!("metrics cannot be written: {error}")))?;
    Ok(([(CONTENT_TYPE, encoder.format_type().to_owned())], text))
}
