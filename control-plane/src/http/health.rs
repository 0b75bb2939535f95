//! `GET /healthz`, `/readyz` and `/metrics`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Serialize;
use shared::file_state::FileState;
use shared::ids::IndexId;
use shared::ledger::{IndexRecord, Role};
use shared::work_message::Lane;
use utoipa::ToSchema;

use super::Api;
use super::access::Caller;
use super::errors::{ApiError, Problem};

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
    // What is gone must not be shown with its last value.
    api.metrics.files.reset();
    api.metrics.backlog.reset();
    api.metrics.oldest_pending_seconds.reset();
    api.metrics.completeness.reset();
    api.metrics.generations.reset();
    api.metrics.generation_progress.reset();
    let mut generations: BTreeMap<(IndexId, &str), i64> = BTreeMap::new();
    let mut backlog: BTreeMap<(IndexId, &str), u64> = BTreeMap::new();
    for record in api.indexes.records().await? {
        *generations
            .entry((record.id.base(), record.role.name()))
            .or_default() += 1;
        match record.role {
            Role::Live => live(&api, &record).await?,
            Role::Building => building(&api, &record).await?,
            Role::Retired | Role::Dropping => {}
        }
        for lane in Lane::ALL {
            // Shown also when there is nothing to do.
            backlog.entry((record.id.base(), lane.name())).or_default();
        }
    }
    for lane in api.ledger.backlog().await? {
        // The generations of an index together: the same workers do both.
        *backlog.entry((lane.index.base(), lane.lane.name())).or_default() += lane.pending + lane.running;
    }
    // Set and not added to: two scrapes may come at once.
    for ((index, role), count) in generations {
        let labels = [index.as_str(), role];
        api.metrics.generations.with_label_values(&labels).set(count);
    }
    for ((index, lane), files) in backlog {
        let labels = [index.as_str(), lane];
        let files = i64::try_from(files).unwrap_or(i64::MAX);
        api.metrics.backlog.with_label_values(&labels).set(files);
    }

    Ok(shared::service::health::text(&api.registry))
}

/// Sets the gauges of what search shows.
async fn live(api: &Api, record: &IndexRecord) -> Result<(), ApiError> {
    let index = record.id.base_str();
    let stats = api.ledger.stats(&record.id).await?;
    for state in FileState::ALL {
        let count = stats.by_state.get(&state).copied().unwrap_or(0);
        api.metrics
            .files
            .with_label_values(&[index, state.name()])
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    let age = stats
        .oldest_pending_at
        .map_or(0, |at| (api.clock.now() - at).max(0) / 1000);
    api.metrics
        .oldest_pending_seconds
        .with_label_values(&[index])
        .set(age);
    if let Some(comparison) = &record.comparison {
        api.metrics
            .completeness
            .with_label_values(&[index])
            .set(comparison.completeness());
    }
    Ok(())
}

/// Sets the gauge of a build.
#[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
async fn building(api: &Api, record: &IndexRecord) -> Result<(), ApiError> {
    let stats = api.ledger.stats(&record.id).await?;
    let known: u64 = stats.by_state.values().sum();
    let settled = known.saturating_sub(stats.backlog);
    let share = if known == 0 {
        0.0
    } else {
        settled as f64 / known as f64
    };
    api.metrics
        .generation_progress
        .with_label_values(&[record.id.base_str()])
        .set(share);
    Ok(())
}
