//! `GET /healthz`, `/readyz` and `/metrics`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::access::Caller;
use super::errors::{ApiError, Problem};
use super::gauges;

/// The process runs.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "service",
    responses((status = OK, description = "It does", body = String, content_type = "text/plain"), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(())
)]
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// What is ready. It holds no names: this is answered without a key.
#[derive(Serialize, ToSchema)]
pub(super) struct Readiness {
    /// Yes.
    ready: bool,
    /// Open indexes.
    indexes: u64,
    /// Files to be done.
    backlog: u64,
    /// Points of the open indexes.
    points: u64,
}

/// The ledger answers, and so does the vector store of each index that is open.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "service",
    responses((status = OK, description = "They do", body = Readiness), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(())
)]
pub(super) async fn ready(State(api): State<Arc<Api>>) -> Result<Json<Readiness>, ApiError> {
    let backlog: u64 = api
        .ledger
        .backlog()
        .await?
        .iter()
        .map(|lane| lane.pending + lane.running)
        .sum();
    let mut points = 0;
    let mut indexes = 0;
    for index in api.indexes.opened().await {
        points += index.vectors.count().await?;
        indexes += 1;
    }
    Ok(Json(Readiness {
        ready: true,
        indexes,
        backlog,
        points,
    }))
}

/// Every metric in the text format of Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "service",
    responses((status = OK, description = "The metrics", body = String, content_type = "text/plain"), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(super) async fn metrics(
    State(api): State<Arc<Api>>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    caller.check_all()?;
    let _reading = gauges::read(&api).await?;
    Ok(shared::service::health::text(&api.registry))
}
