//! `POST /indexes/{index}/run`, `GET /indexes/{index}/runs`, `GET /runs/{run}`, `POST /indexes/{index}/approvals`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header::LOCATION};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::blob_path::BlobPath;
use shared::ids::RunId;
use shared::ledger::{Change, FileFilter, RunKind, RunRecord};
use shared::work_message::Lane;

use super::Api;
use super::errors::ApiError;
use crate::indexes::Index;

/// Runs that a listing shows.
const RUNS_SHOWN: u32 = 50;
/// Files recorded per transaction of a full run.
const FULL_PAGE: u32 = 1000;

/// The query string of a run.
#[derive(Deserialize)]
pub(super) struct RunWanted {
    retry: Option<String>,
    path: Option<String>,
    #[serde(default)]
    full: bool,
}

/// Compares the source with the index. With `retry=failed`, failed files are tried again instead; with `full=true`, every
/// file is looked at again, and made again where settings have changed.
pub(super) async fn start(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
    wanted: Result<Query<RunWanted>, QueryRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let index = api.index(&index).await?;
    let Query(wanted) = wanted.map_err(|error| ApiError::bad_request(error.body_text()))?;
    match wanted.retry.as_deref() {
        None => compare(&api, &index, wanted.full).await,
        Some("failed") => {
            let path = wanted
                .path
                .map(BlobPath::new)
                .transpose()
                .map_err(|error| ApiError::bad_request(format!("path: {error}")))?;
            let run = RunId::generate();
            let id = &index.record.id;
            api.ledger.open_run(id, run, RunKind::Retry).await?;
            let woken = api.ledger.retry_failed(id, path.as_ref(), Some(run)).await?;
            api.ledger.seal_run(run).await?;
            api.nudge.notify_one();
            Ok(accepted(Some(run), woken))
        }
        Some(other) => Err(ApiError::bad_request(format!(
            "retry={other} is not known; use retry=failed"
        ))),
    }
}

async fn compare(api: &Api, index: &Index, full: bool) -> Result<Response, ApiError> {
    let reconciler = index
        .reconciler
        .as_ref()
        .ok_or_else(|| ApiError::unavailable("nothing would take up the work: start `longshore up` first"))?;
    let plan = reconciler
        .everything("run")
        .await
        .map_err(|error| ApiError::unavailable(error.to_string()))?;
    if let Some(upkeep) = &index.upkeep {
        upkeep
            .compare_vectors()
            .await
            .map_err(|error| ApiError::unavailable(error.to_string()))?;
    }
    if full {
        return everything_again(api, index).await;
    }
    let run = plan.changes.first().and_then(|change| change.run);
    Ok(accepted(run, plan.changes.len() as u64))
}

/// Has a worker look at every file.
async fn everything_again(api: &Api, index: &Index) -> Result<Response, ApiError> {
    let id = &index.record.id;
    let run = RunId::generate();
    api.ledger.open_run(id, run, RunKind::Full).await?;
    let mut filter = FileFilter::default();
    let mut total = 0;
    loop {
        let page = api.ledger.files(id, &filter, FULL_PAGE).await?;
        let change = |path: &BlobPath| Change {
            run: Some(run),
            ..Change::new(path.clone(), "run", Lane::Bulk)
        };
        let changes: Vec<Change> = page.iter().map(|file| change(&file.path)).collect();
        api.ledger.enqueue(id, &changes).await?;
        api.nudge.notify_one();
        total += changes.len() as u64;
        let full = page.len() == FULL_PAGE as usize;
        filter.after = page.into_iter().last().map(|file| file.path);
        if !full {
            break;
        }
    }
    api.ledger.seal_run(run).await?;
    Ok(accepted(Some(run), total))
}

fn accepted(run: Option<RunId>, files: u64) -> Response {
    let location = run.map_or_else(|| "/indexes".to_owned(), |run| format!("/runs/{run}"));
    (
        StatusCode::ACCEPTED,
        [(LOCATION, location)],
        Json(json!({ "run": run, "files": files })),
    )
        .into_response()
}

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
) -> Result<Json<Vec<RunRecord>>, ApiError> {
    let index = api.record(&index).await?;
    Ok(Json(api.ledger.runs(&index.id, RUNS_SHOWN).await?))
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
    let index = api.record(&index).await?;
    let Json(decision) = decision.map_err(|error| ApiError::bad_request(error.body_text()))?;
    let files = api.ledger.decide(&index.id, decision.approve).await?;
    api.nudge.notify_one();
    Ok(Json(json!({ "approved": decision.approve, "files": files })))
}
