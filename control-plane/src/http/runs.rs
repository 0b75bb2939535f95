//! `GET /indexes`, `POST /indexes/{index}/run`, `GET /runs/{run}`, `POST /indexes/{index}/approvals`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header::LOCATION};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::blob_path::BlobPath;
use shared::ids::RunId;
use shared::ledger::{IndexRecord, IndexStats, RunKind, RunRecord};

use super::Api;
use super::errors::ApiError;

/// Runs that a listing shows.
const RUNS_SHOWN: u32 = 50;

/// An index and its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IndexStatus {
    /// As stored.
    #[serde(flatten)]
    pub index: IndexRecord,
    /// Its numbers now.
    pub stats: IndexStats,
}

pub(super) async fn indexes(State(api): State<Arc<Api>>) -> Result<Json<Vec<IndexStatus>>, ApiError> {
    let mut all = Vec::new();
    for index in api.ledger.indexes().await? {
        let stats = api.ledger.stats(&index.id).await?;
        all.push(IndexStatus { index, stats });
    }
    Ok(Json(all))
}

pub(super) async fn index(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
) -> Result<Json<IndexStatus>, ApiError> {
    let id = api.check(&index)?;
    let found = api
        .ledger
        .indexes()
        .await?
        .into_iter()
        .find(|index| index.id == *id);
    let index = found.ok_or_else(|| ApiError::not_found(format!("the index {id} is not in the ledger")))?;
    let stats = api.ledger.stats(id).await?;
    Ok(Json(IndexStatus { index, stats }))
}

/// The query string of a run.
#[derive(Deserialize)]
pub(super) struct RunWanted {
    retry: Option<String>,
    path: Option<String>,
}

/// Compares the source with the index; with `retry=failed`, failed files are tried again too.
pub(super) async fn start(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
    wanted: Result<Query<RunWanted>, QueryRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let index = api.check(&index)?;
    let Query(wanted) = wanted.map_err(|error| ApiError::bad_request(error.body_text()))?;
    match wanted.retry.as_deref() {
        None => {
            let reconciler = api.reconciler.as_ref().ok_or_else(|| {
                ApiError::unavailable("nothing would take up the work: start `longshore up` first")
            })?;
            let plan = reconciler
                .everything("run")
                .await
                .map_err(|error| ApiError::unavailable(error.to_string()))?;
            let run = plan.changes.first().and_then(|change| change.run);
            Ok(accepted(run, plan.changes.len() as u64))
        }
        Some("failed") => {
            let path = wanted
                .path
                .map(BlobPath::new)
                .transpose()
                .map_err(|error| ApiError::bad_request(format!("path: {error}")))?;
            let run = RunId::generate();
            api.ledger.open_run(index, run, RunKind::Retry).await?;
            let woken = api.ledger.retry_failed(index, path.as_ref(), Some(run)).await?;
            api.ledger.seal_run(run).await?;
            api.nudge.notify_one();
            Ok(accepted(Some(run), woken))
        }
        Some(other) => Err(ApiError::bad_request(format!(
            "retry={other} is not known; use retry=failed"
        ))),
    }
}

fn accepted(run: Option<RunId>, files: u64) -> impl IntoResponse {
    let location = run.map_or_else(|| "/indexes".to_owned(), |run| format!("/runs/{run}"));
    (
        StatusCode::ACCEPTED,
        [(LOCATION, location)],
        Json(json!({ "run": run, "files": files })),
    )
}

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
) -> Result<Json<Vec<RunRecord>>, ApiError> {
    let index = api.check(&index)?;
    Ok(Json(api.ledger.runs(index, RUNS_SHOWN).await?))
}

pub(super) async fn one(
    State(api): State<Arc<Api>>,
    Path(run): Path<String>,
) -> Result<Json<RunRecord>, ApiError> {
    let id: RunId = run
        .parse()
        .map_err(|_| ApiError::bad_request(format!("{run:?} is not a run id")))?;
    let found = api.ledger.run(id).await?;
    found
        .map(Json)
        .ok_or_else(|| ApiError::not_found(format!("there is no run {id}")))
}

/// A decision on held removals.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Remove (true) or keep (false).
    pub approve: bool,
}

pub(super) async fn decide(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
    decision: Result<Json<Decision>, JsonRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let index = api.check(&index)?;
    let Json(decision) = decision.map_err(|error| ApiError::bad_request(error.body_text()))?;
    let files = api.ledger.decide(index, decision.approve).await?;
    api.nudge.notify_one();
    Ok(Json(json!({ "approved": decision.approve, "files": files })))
}
