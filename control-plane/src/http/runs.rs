//! `POST /indexes/{index}/run`, `GET /indexes/{index}/runs`, `GET /runs/{run}`, `POST /runs/{run}/cancel`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header::LOCATION};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use shared::blob_path::BlobPath;
use shared::clock::UnixMillis;
use shared::ids::RunId;
use shared::ledger::{NewRun, RunFilter, RunKind, RunRecord, RunState};
use utoipa::{IntoParams, ToSchema};

use super::access::Caller;
use super::errors::{ApiError, ErrorCode, Problem};
use super::extract::{Path, Query};
use super::{Api, cursor};

/// Most runs on a page.
const MAX_PAGE: u32 = 200;
/// Files given back while the caller waits; the others follow.
const GIVEN_BACK_AT_ONCE: u32 = 500;

/// The query string of a run.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RunWanted {
    /// `failed`: files that failed are tried again as well.
    #[param(example = "failed")]
    retry: Option<String>,
    /// With `retry`, only this file, and no comparison.
    path: Option<String>,
    /// Make every file again, also those whose content is the same; vectors of equal text are reused.
    #[serde(default)]
    full: bool,
}

/// What was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunStarted {
    /// The run.
    pub run: RunId,
}

/// A run, how far it is, and how fast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunStatus {
    /// The run.
    #[serde(flatten)]
    pub run: RunRecord,
    /// Files per second, over the last minute.
    pub files_per_second: f64,
    /// When it will be done at this rate; absent when that cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta_at: Option<UnixMillis>,
}

impl RunStatus {
    /// What follows from a record.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
    pub fn of(run: RunRecord) -> Self {
        const MINUTE: UnixMillis = 60_000;
        // A young run has not had a minute yet.
        let window = run.as_of.saturating_sub(run.opened_at).clamp(1, MINUTE);
        let files_per_second = if run.state.is_over() {
            0.0
        } else {
            run.done_lately as f64 * 1000.0 / window as f64
        };
        let left = i64::try_from(run.total.saturating_sub(run.done)).unwrap_or(i64::MAX);
        let lately = i64::try_from(run.done_lately).unwrap_or(i64::MAX);
        let knows = run.state == RunState::Running && run.suspended_at.is_none() && lately > 0;
        let eta_at = knows.then(|| {
            let needed = left.saturating_mul(window) / lately.max(1);
            run.as_of.saturating_add(needed)
        });
        Self {
            run,
            files_per_second,
            eta_at,
        }
    }
}

/// Wakes what is pending and compares the source with the index. With `retry=failed`, failed files are tried again as well;
/// with `full=true`, every file is made again, whether it has changed or not. The files are listed in the background.
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
    caller: Caller,
    Path(index): Path<String>,
    Query(wanted): Query<RunWanted>,
) -> Result<impl IntoResponse, ApiError> {
    let (kind, path) = wanted.kind()?;
    let index = api.index(&index).await?;
    if index.upkeep.is_none() {
        let detail = "nothing would take up the work: start `longshore up` first";
        return Err(ApiError::new(ErrorCode::NotHere, detail));
    }
    let run = NewRun {
        id: RunId::generate(),
        index: index.record.id.clone(),
        kind,
        asked_by: caller.key.unwrap_or_else(|| "local".to_owned()),
        path,
        lease: Duration::ZERO,
    };
    api.ledger.open_run(&run).await?;
    let location = [(LOCATION, format!("/runs/{}", run.id))];
    Ok((StatusCode::ACCEPTED, location, Json(RunStarted { run: run.id })))
}

impl RunWanted {
    /// What it asks for.
    fn kind(self) -> Result<(RunKind, Option<BlobPath>), ApiError> {
        let kind = match (self.retry.as_deref(), self.full) {
            (None, false) => RunKind::Scan,
            (None, true) => RunKind::Full,
            (Some("failed"), false) => RunKind::Retry,
            (Some("failed"), true) => {
                let why = "full=true tries failed files again already; leave retry=failed out";
                return Err(ApiError::bad_request(why));
            }
            (Some(other), _) => {
                let why = format!("retry={other} is not known; use retry=failed");
                return Err(ApiError::bad_request(why));
            }
        };
        if self.path.is_some() && kind != RunKind::Retry {
            return Err(ApiError::bad_request("path goes with retry=failed"));
        }
        let path = self
            .path
            .map(BlobPath::new)
            .transpose()
            .map_err(|error| ApiError::bad_request(format!("path: {error}")))?;
        Ok((kind, path))
    }
}

/// The query string of a listing.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RunsWanted {
    /// Only runs in this state.
    #[param(example = "RUNNING")]
    state: Option<String>,
    /// Only runs of this kind: `scan`, `events`, `retry`, `full`.
    #[param(example = "full")]
    kind: Option<String>,
    /// The `cursor` of the page before.
    cursor: Option<String>,
    /// Runs on the page, 50 when it is left out.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// A page of runs, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunPage {
    /// The runs.
    pub runs: Vec<RunStatus>,
    /// Give it as `cursor` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// The runs of an index, newest first.
#[utoipa::path(
    get,
    path = "/indexes/{index}/runs",
    tag = "runs",
    params(("index" = String, Path, description = "The index", example = "team-docs"), RunsWanted),
    responses((status = OK, description = "A page", body = RunPage), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
    Query(wanted): Query<RunsWanted>,
) -> Result<Json<RunPage>, ApiError> {
    let index = api.record(&index).await?;
    let limit = wanted.limit.unwrap_or(50);
    if !(1..=MAX_PAGE).contains(&limit) {
        let why = format!("limit {limit} is not between 1 and {MAX_PAGE}");
        return Err(ApiError::bad_request(why));
    }
    let unknown = |error: &dyn std::fmt::Display| ApiError::bad_request(error.to_string());
    let filter = RunFilter {
        state: wanted
            .state
            .map(|state| state.parse())
            .transpose()
            .map_err(|error: shared::ledger::UnknownRunState| unknown(&error))?,
        kind: wanted
            .kind
            .map(|kind| kind.parse())
            .transpose()
            .map_err(|error: shared::ledger::UnknownRunKind| unknown(&error))?,
        before: None,
    };
    let scope = format!("runs {} {:?} {:?}", index.id, filter.state, filter.kind);
    let before = wanted.cursor.map(|cursor| cursor::open(&scope, &cursor));
    let filter = RunFilter {
        before: before.transpose()?,
        ..filter
    };
    let runs = api.ledger.runs(&index.id, &filter, limit).await?;
    let full = runs.len() == limit as usize;
    let cursor = runs
        .last()
        .filter(|_| full)
        .map(|run| cursor::seal(&scope, &(run.opened_at, run.id)));
    let runs = runs.into_iter().map(RunStatus::of).collect();
    Ok(Json(RunPage { runs, cursor }))
}

/// A run and how far it is.
#[utoipa::path(
    get,
    path = "/runs/{run}",
    tag = "runs",
    params(("run" = RunId, Path, description = "The run")),
    responses((status = OK, description = "The run", body = RunStatus), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(super) async fn one(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(run): Path<RunId>,
) -> Result<Json<RunStatus>, ApiError> {
    Ok(Json(RunStatus::of(api.run(&caller, run).await?)))
}

/// Cancels a run: files that have not begun are given back to what they were, unless their change was reported as well. Files
/// that have begun are finished. A run that is over stays as it is.
#[utoipa::path(
    post,
    path = "/runs/{run}/cancel",
    tag = "runs",
    params(("run" = RunId, Path, description = "The run")),
    responses((status = OK, description = "The run: CANCELLING, CANCELLED, or over before", body = RunStatus), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["ingest"]))
)]
pub(super) async fn cancel(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(run): Path<RunId>,
) -> Result<Json<RunStatus>, ApiError> {
    api.run(&caller, run).await?;
    api.cancel(run).await?;
    Ok(Json(RunStatus::of(api.run(&caller, run).await?)))
}

impl Api {
    /// A run that the caller may know of.
    pub(super) async fn run(&self, caller: &Caller, run: RunId) -> Result<RunRecord, ApiError> {
        let found = self.ledger.run(run).await?;
        let unknown = || ApiError::new(ErrorCode::RunNotFound, format!("there is no run {run}"));
        let found = found.ok_or_else(unknown)?;
        caller.check(&found.index)?;
        Ok(found)
    }

    /// Cancels a run; `false` when it is over, or cancelled already.
    pub(super) async fn cancel(&self, run: RunId) -> Result<bool, ApiError> {
        let cancelled = self.ledger.cancel_run(run).await?;
        if cancelled {
            // The upkeep goes on with what is left, also after a crash here.
            self.ledger.give_back(run, GIVEN_BACK_AT_ONCE).await?;
        }
        Ok(cancelled)
    }
}

#[cfg(test)]
mod tests;
