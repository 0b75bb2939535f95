//! `POST /status/{instance}/terminate`, `/suspend`, `/resume` and `/rewind`.
//!
//! Each is one conditional statement of the ledger. When it had no effect, the row says why; asking for what is so already
//! is no error, so that of two clients that ask for the same both are told that it is done.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared::blobs::BlobError;
use shared::file_state::FileState;
use shared::ids::{FileId, IndexId};
use shared::ledger::{FileRow, RunRecord, RunState, SuspendedBy, TERMINATED, Terminate};
use shared::retry::Failure;
use tokio::time::{Duration, timeout};
use utoipa::IntoParams;

use super::{Found, InstanceStatus, Shown, mapping};
use crate::http::Api;
use crate::http::access::Caller;
use crate::http::errors::{ApiError, ErrorCode, Problem};
use crate::http::extract::{Path, Query};
use crate::reconcile::error_tag;

/// Longest reason, in characters.
const LONGEST_REASON: usize = 1000;
/// Longest wait for the source's word on a file that is terminated.
const SOURCE: Duration = Duration::from_secs(5);
/// Files rewound per transaction.
const REWIND_PAGE: u32 = 1000;
/// Times that a file is looked at again because it moved on in between.
const REPEATS: usize = 5;

/// The query string of an action.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Why {
    /// Why, for the history; at most 1,000 characters.
    #[serde(default)]
    #[param(required = false, example = "the template changes tomorrow")]
    reason: String,
}

impl Why {
    fn checked(self) -> Result<String, ApiError> {
        if self.reason.chars().count() > LONGEST_REASON {
            let detail = format!("the reason is longer than {LONGEST_REASON} characters");
            return Err(ApiError::bad_request(detail));
        }
        Ok(self.reason)
    }
}

/// Ends what goes on. An attempt at a file is fenced, and the file is FAILED with the code `terminated` until it changes or
/// somebody rewinds it; a run is cancelled. What is committed stays.
#[utoipa::path(
    post,
    path = "/status/{instance}/terminate",
    tag = "status",
    params(("instance" = String, Path, description = "A run's id, or `INDEX:FILEID`"), Why),
    responses((status = ACCEPTED, description = "It is ended", body = InstanceStatus), (status = GONE, description = "It had ended before", body = Problem, content_type = "application/problem+json"), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["ingest"]))
)]
pub(in crate::http) async fn terminate(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(instance): Path<String>,
    Query(why): Query<Why>,
) -> Result<Response, ApiError> {
    let reason = why.checked()?;
    match api.instance(&caller, &instance).await? {
        Found::File(index, row) => terminate_file(&api, &index, *row, &reason).await?,
        Found::Run(run) => cancel(&api, &caller, &run).await?,
    }
    done(&api, &caller, &instance, "terminate").await
}

/// Holds it: its files are not taken up until it is resumed. Attempts under way go on, and changes are still recorded.
#[utoipa::path(
    post,
    path = "/status/{instance}/suspend",
    tag = "status",
    params(("instance" = String, Path, description = "A run's id, or `INDEX:FILEID`"), Why),
    responses((status = ACCEPTED, description = "It is suspended", body = InstanceStatus), (status = GONE, description = "It has ended", body = Problem, content_type = "application/problem+json"), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["ingest"]))
)]
pub(in crate::http) async fn suspend(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(instance): Path<String>,
    Query(why): Query<Why>,
) -> Result<Response, ApiError> {
    let reason = why.checked()?;
    match api.instance(&caller, &instance).await? {
        Found::File(index, row) => {
            let held = api.ledger.suspend_file(&index, row.file_id, &reason).await?;
            if held.is_none() && row.state == FileState::Deleted {
                return Err(ended(
                    &instance,
                    "the file is gone from the source and from the index",
                ));
            }
        }
        Found::Run(run) => {
            if !api.ledger.suspend_run(run.id).await? {
                check_goes_on(&run)?;
            }
        }
    }
    done(&api, &caller, &instance, "suspend").await
}

/// Goes on with it.
#[utoipa::path(
    post,
    path = "/status/{instance}/resume",
    tag = "status",
    params(("instance" = String, Path, description = "A run's id, or `INDEX:FILEID`"), Why),
    responses((status = ACCEPTED, description = "It goes on", body = InstanceStatus), (status = GONE, description = "It has ended", body = Problem, content_type = "application/problem+json"), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["ingest"]))
)]
pub(in crate::http) async fn resume(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(instance): Path<String>,
    Query(why): Query<Why>,
) -> Result<Response, ApiError> {
    let reason = why.checked()?;
    match api.instance(&caller, &instance).await? {
        Found::File(index, row) => {
            let goes_on = api.ledger.resume_file(&index, row.file_id, &reason).await?;
            if goes_on.is_none() {
                check_resumed(&api, &instance, &row).await?;
            }
        }
        Found::Run(run) => {
            if !api.ledger.resume_run(run.id).await? {
                check_goes_on(&run)?;
            }
        }
    }
    done(&api, &caller, &instance, "resume").await
}

/// A run that was without effect suspended or resumed has ended, or is so already.
fn check_goes_on(run: &RunRecord) -> Result<(), ApiError> {
    match run.state {
        RunState::Listing | RunState::Running => Ok(()),
        RunState::Completed => Err(ended(&run.id.to_string(), "the run has completed")),
        RunState::Cancelling | RunState::Cancelled => {
            Err(ended(&run.id.to_string(), "the run was cancelled"))
        }
    }
}

/// A resumption without effect is one of a file that is not suspended, or whose run is.
async fn check_resumed(api: &Api, instance: &str, row: &FileRow) -> Result<(), ApiError> {
    let held_by_run = row
        .suspended
        .is_some_and(|suspended| suspended.by == SuspendedBy::Run);
    let run = match row.run {
        Some(run) => api.ledger.run(run).await?,
        None => None,
    };
    let run = run.filter(|run| !run.state.is_over() && run.suspended_at.is_some());
    match run {
        Some(run) if held_by_run || row.state == FileState::Pending => {
            let detail = format!(
                "the file waits because its run is suspended: resume that with POST /status/{}/resume",
                run.id
            );
            Err(ApiError::conflict(detail))
        }
        _ if mapping::of_file(row).has_ended() => {
            Err(ended(instance, "the file has ended, and is not suspended"))
        }
        _ => Ok(()),
    }
}

/// Tries again what failed: a file that is FAILED, or every such file of a run, which is then open again.
#[utoipa::path(
    post,
    path = "/status/{instance}/rewind",
    tag = "status",
    params(("instance" = String, Path, description = "A run's id, or `INDEX:FILEID`"), Why),
    responses((status = ACCEPTED, description = "It is tried again", body = InstanceStatus), (status = GONE, description = "It has ended without a failure", body = Problem, content_type = "application/problem+json"), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["ingest"]))
)]
pub(in crate::http) async fn rewind(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(instance): Path<String>,
    Query(why): Query<Why>,
) -> Result<Response, ApiError> {
    why.checked()?;
    match api.instance(&caller, &instance).await? {
        Found::File(index, row) => {
            let again = api.ledger.retry_failed(&index, Some(&row.path), None).await?;
            // Another client may have been faster: then it is not FAILED any more, and that is what was asked for.
            if again == 0 && row.state != FileState::Failed {
                return Err(nothing_failed(
                    &instance,
                    mapping::of_file(&row).has_ended(),
                    "the file",
                ));
            }
        }
        Found::Run(run) => {
            let mut after = None;
            let mut files = 0;
            loop {
                let page = api.ledger.rewind_run(run.id, after, REWIND_PAGE).await?;
                api.nudge.notify_one();
                files += page.files;
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            if files == 0 {
                return Err(nothing_failed(
                    &instance,
                    mapping::of_run(&run).has_ended(),
                    "no file of the run",
                ));
            }
        }
    }
    done(&api, &caller, &instance, "rewind").await
}

fn nothing_failed(instance: &str, has_ended: bool, who: &str) -> ApiError {
    if has_ended {
        ended(instance, "it ended without a failure that could be tried again")
    } else {
        ApiError::conflict(format!("{who} is FAILED, so there is nothing to try again"))
    }
}

fn ended(instance: &str, what: &str) -> ApiError {
    ApiError::new(ErrorCode::InstanceEnded, format!("{instance}: {what}"))
}

/// Ends a file, looking again when it moves on meanwhile.
async fn terminate_file(api: &Api, index: &IndexId, mut row: FileRow, reason: &str) -> Result<(), ApiError> {
    let etag = tag_now(api, index, &row).await;
    let because = if reason.is_empty() {
        "no reason was given"
    } else {
        reason
    };
    let message = format!("somebody ended it ({because}); it stays so until the file changes or is retried");
    let terminate = Terminate {
        index: index.clone(),
        file_id: row.file_id,
        failure: Failure::permanent(TERMINATED, message),
        etag,
    };
    for _ in 0..REPEATS {
        if api.ledger.terminate(&terminate).await? {
            tracing::info!(file.id = %row.file_id, index.id = %index, "{} was terminated", row.path);
            return Ok(());
        }
        row = reread(api, index, row.file_id).await?;
        match row.state {
            FileState::Pending | FileState::Processing => {}
            FileState::Publishing => {
                let detail = "its new version is committed and search shows it; what is left is to remove the old points";
                return Err(ApiError::conflict(detail));
            }
            FileState::AwaitingApproval => {
                let detail = "its removal waits for a decision: approve or reject it instead";
                return Err(ApiError::conflict(detail));
            }
            FileState::Indexed | FileState::Failed | FileState::Skipped | FileState::Deleted => {
                let id = super::InstanceId::File(index.clone(), row.file_id).to_string();
                return Err(ended(&id, &format!("the file is {} already", row.state)));
            }
        }
    }
    Err(ApiError::conflict(
        "the file changes hands all the time; ask again",
    ))
}

async fn reread(api: &Api, index: &IndexId, file: FileId) -> Result<FileRow, ApiError> {
    let row = api.ledger.file(index, file).await?;
    row.ok_or_else(|| super::unknown(&super::InstanceId::File(index.clone(), file).to_string()))
}

/// The tag under which the source has the file now: with it a comparison knows that nothing has changed since. A source that
/// does not answer in time leaves the tag as it is; then the next comparison may take the file up again.
async fn tag_now(api: &Api, index: &IndexId, row: &FileRow) -> Option<String> {
    let index = api.indexes.get(index).await.ok()?;
    match timeout(SOURCE, index.blobs.head(&row.path)).await.ok()? {
        Ok(meta) => Some(meta.etag),
        Err(BlobError::NotFound | BlobError::Unavailable(_)) => None,
        Err(error) => Some(error_tag(&error)),
    }
}

/// Ends a run. One that is being cancelled already is what was asked for.
async fn cancel(api: &Api, caller: &Caller, run: &RunRecord) -> Result<(), ApiError> {
    if !api.cancel(run.id).await? {
        let now = api.instance_run(caller, run.id).await?;
        if now.state.is_over() {
            return check_goes_on(&now);
        }
    }
    Ok(())
}

/// 202 with what it is now.
async fn done(api: &Api, caller: &Caller, instance: &str, action: &str) -> Result<Response, ApiError> {
    api.nudge.notify_one();
    let found = api.instance(caller, instance).await?;
    let kind = match found {
        Found::File(..) => "file",
        Found::Run(_) => "run",
    };
    api.metrics.interventions.with_label_values(&[kind, action]).inc();
    let status = api.shown(found, &Shown::default()).await?;
    Ok((StatusCode::ACCEPTED, Json(status)).into_response())
}
