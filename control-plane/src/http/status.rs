//! `/status`: files and runs as instances, in the shape that users of Durable Functions know.
//!
//! An instance id is a run's id, or `INDEX:FILEID` for a file. A file lives as long as its row, so it is an instance that
//! ends and goes on again: with a change, or when somebody rewinds it. `docs/decisions/instances.md` has the rest.

pub(super) mod actions;
mod events;
mod instance;
pub(super) mod listing;
mod mapping;
pub(super) mod purge;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared::ids::{FileId, IndexId, RunId};
use shared::ledger::{FileRow, RunRecord};
use utoipa::IntoParams;

pub use self::events::HistoryEvent;
use self::instance::InstanceId;
pub use self::instance::{CustomStatus, InstanceInput, InstanceOutput, InstanceStatus};
pub use self::mapping::RuntimeStatus;
pub use self::purge::Purged;
use super::Api;
use super::access::Caller;
use super::errors::{ApiError, ErrorCode, Problem};
use super::extract::{Path, Query};

/// Says where a listing goes on, in requests and answers.
const CONTINUATION: HeaderName = HeaderName::from_static("x-ms-continuation-token");
/// Entries of a history that are shown; the pages of `/indexes/{index}/history/{path}` have all.
const HISTORY_SHOWN: u32 = 1000;

/// The query string of one instance.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(super) struct Shown {
    /// Add what happened, the newest thousand events.
    #[param(required = false)]
    show_history: bool,
    /// Add times and counts of each attempt to its event.
    #[param(required = false)]
    show_history_output: bool,
    /// Show what the instance works on; `true` when it is left out.
    #[param(required = false)]
    show_input: bool,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            show_history: false,
            show_history_output: false,
            show_input: true,
        }
    }
}

/// Something that an id named, and the caller may see.
enum Found {
    File(IndexId, Box<FileRow>),
    Run(Box<RunRecord>),
}

impl Api {
    /// What an id names.
    async fn instance(&self, caller: &Caller, id: &str) -> Result<Found, ApiError> {
        match id.parse() {
            Ok(InstanceId::File(index, file)) => {
                let row = self.instance_file(caller, &index, file).await?;
                Ok(Found::File(index, Box::new(row)))
            }
            Ok(InstanceId::Run(run)) => Ok(Found::Run(Box::new(self.instance_run(caller, run).await?))),
            Err(()) => Err(unknown(id)),
        }
    }

    async fn instance_file(
        &self,
        caller: &Caller,
        index: &IndexId,
        file: FileId,
    ) -> Result<FileRow, ApiError> {
        caller.check(index)?;
        let row = self.ledger.file(index, file).await?;
        row.ok_or_else(|| unknown(&InstanceId::File(index.clone(), file).to_string()))
    }

    async fn instance_run(&self, caller: &Caller, run: RunId) -> Result<RunRecord, ApiError> {
        let found = self.ledger.run(run).await?;
        let found = found.ok_or_else(|| unknown(&run.to_string()))?;
        caller.check(&found.index)?;
        Ok(found)
    }

    async fn shown(&self, found: Found, shown: &Shown) -> Result<InstanceStatus, ApiError> {
        match found {
            Found::File(index, row) => {
                let history = if shown.show_history {
                    let history = self.ledger.history(&index, row.file_id, HISTORY_SHOWN).await?;
                    Some(events::of_file(&history, shown.show_history_output))
                } else {
                    None
                };
                Ok(InstanceStatus {
                    history_events: history,
                    ..InstanceStatus::of_file(&index, *row, shown.show_input)
                })
            }
            Found::Run(run) => Ok(InstanceStatus {
                history_events: shown.show_history.then(|| events::of_run(&run)),
                ..InstanceStatus::of_run(*run, shown.show_input)
            }),
        }
    }
}

fn unknown(id: &str) -> ApiError {
    let detail = format!(
        "there is no instance {id}: an id is a run's, or INDEX:FILEID with the file_id that a listing of files shows"
    );
    ApiError::new(ErrorCode::InstanceNotFound, detail)
}

/// 202 with its address while it goes on, 200 when it has ended.
fn answer(status: InstanceStatus) -> Response {
    if status.runtime_status.has_ended() {
        return Json(status).into_response();
    }
    let mut headers = HeaderMap::new();
    // Ids are letters, digits, hyphens and a colon.
    if let Ok(address) = HeaderValue::from_str(&format!("/status/{}", status.instance_id)) {
        headers.insert(LOCATION, address);
    }
    (StatusCode::ACCEPTED, headers, Json(status)).into_response()
}

/// A file or a run, in the shape of Durable Functions: 202 while it goes on, 200 when it has ended.
#[utoipa::path(
    get,
    path = "/status/{instance}",
    tag = "status",
    params(("instance" = String, Path, description = "A run's id, or `INDEX:FILEID`"), Shown),
    responses((status = OK, description = "It has ended", body = InstanceStatus), (status = ACCEPTED, description = "It goes on; ask again at `Location`", body = InstanceStatus), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(super) async fn one(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(instance): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Response, ApiError> {
    let found = api.instance(&caller, &instance).await?;
    Ok(answer(api.shown(found, &shown).await?))
}
