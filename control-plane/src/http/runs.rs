//! `POST /indexes/{index}/run`, `GET /indexes/{index}/runs`, `GET /runs/{run}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header::LOCATION};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use shared::blob_path::BlobPath;
use shared::file_state::FileState;
use shared::ids::RunId;
use shared::ledger::{Change, FileFilter, RunKind, RunRecord};
use shared::work_message::Lane;
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::access::Caller;
use super::errors::{ApiError, ErrorCode, Problem};
use super::extract::{Path, Query};
use crate::indexes::Index;

/// Runs that a listing shows.
const RUNS_SHOWN: u32 = 50;
/// Files recorded per transaction of a full run.
const FULL_PAGE: u32 = 1000;

/// The query string of a run.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RunWanted {
    /// `failed`: try failed files again instead.
    #[param(example = "failed")]
    retry: Option<String>,
    /// With `retry`, only this file.
    path: Option<String>,
    /// Look at every file again.
    #[serde(default)]
    full: bool,
}

/// What was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunStarted {
    /// The run; absent when there was nothing to do.
    pub run: Option<RunId>,
    /// Files in it.
    pub files: u64,
}

/// Compares the source with the index. With `retry=failed`, failed files are tried again instead; with `full=true`, every
/// file is looked at again, and made again where settings have changed.
#[utoipa::path(
    post,
    path = "/indexes/{index}/run",
    tag = "runs",
    params(("index" = String, Path, description = "The index", example = "team-docs"), RunWanted),
    responses((status = ACCEPTED, description = "It runs; see `Location`", body = RunStarted), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["ingest"]))
)]
pub(super) async fn start(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
    Query(wanted): Query<RunWanted>,
) -> Result<impl IntoResponse, ApiError> {
    let index = api.index(&index).await?;
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
    let reconciler = index.reconciler.as_ref().ok_or_else(|| {
        let detail = "nothing would take up the work: start `longshore up` first";
        ApiError::new(ErrorCode::NotHere, detail)
    })?;
    let plan = reconciler.everything("run").await?;
    if let Some(upkeep) = &index.upkeep {
        upkeep
            .compare_vectors()
            .await
            .map_err(|error| ApiError::new(ErrorCode::VectorsUnavailable, error.to_string()))?;
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
        // Looking at one of these would remove it, and nobody has agreed to that yet.
        let decided = page
            .iter()
            .filter(|file| file.state != FileState::AwaitingApproval);
        let changes: Vec<Change> = decided.map(|file| change(&file.path)).collect();
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
        Json(RunStarted { run, files }),
    )
        .into_response()
}

/// The newest runs of an index.
#[utoipa::path(
    get,
    path = "/indexes/{index}/runs",
    tag = "runs",
    params(("index" = String, Path, description = "The index", example = "team-docs")),
    responses((status = OK, description = "Newest first", body = [RunRecord]), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
) -> Result<Json<Vec<RunRecord>>, ApiError> {
    let index = api.record(&index).await?;
    Ok(Json(api.ledger.runs(&index.id, RUNS_SHOWN).await?))
}

/// A run and how far it is.
#[utoipa::path(
    get,
    path = "/runs/{run}",
    tag = "runs",
    params(("run" = RunId, Path, description = "The run")),
    responses((status = OK, description = "The run", body = RunRecord), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(super) async fn one(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(run): Path<RunId>,
) -> Result<Json<RunRecord>, ApiError> {
    let found = api.ledger.run(run).await?;
    let found =
        found.ok_or_else(|| ApiError::new(ErrorCode::RunNotFound, format!("there is no run {run}")))?;
    caller.check(&found.index)?;
    Ok(Json(found))
}
