//! `DELETE /status/{instance}` and `DELETE /status?…`: history of what has ended goes.
//!
//! A run's record goes. A file's history goes, and its row stays: it is what search and the protocol go by, and with it
//! stay the claims of the last hour.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use shared::ids::{FileId, IndexId};
use utoipa::{IntoParams, ToSchema};

use super::Found;
use super::listing::{Filter, Listed, continuation, page, place};
use super::mapping;
use crate::http::Api;
use crate::http::access::Caller;
use crate::http::errors::{ApiError, Problem};
use crate::http::extract::{Path, Query};

/// Instances that one request purges at most.
const AT_ONCE: usize = 1000;

/// What was purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Purged {
    /// Instances whose history went.
    pub instances_deleted: u64,
}

/// The query string of a purge.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(in crate::http) struct Old {
    /// First asked for at this time (RFC 3339) or later.
    #[param(example = "2026-03-01T00:00:00Z")]
    created_time_from: String,
    /// First asked for at this time (RFC 3339) or earlier.
    #[param(required = false, example = "2026-04-01T00:00:00Z")]
    created_time_to: Option<String>,
    /// Statuses that have ended, with commas between; all of those when it is left out.
    #[serde(default)]
    #[param(required = false, example = "Completed")]
    runtime_status: String,
    /// Ids that start with this: `team-docs:` for the files of an index.
    #[serde(default)]
    #[param(required = false, example = "team-docs:")]
    instance_id_prefix: String,
}

/// Removes the history of a file, or the record of a run, that has ended.
#[utoipa::path(
    delete,
    path = "/status/{instance}",
    tag = "status",
    params(("instance" = String, Path, description = "A run's id, or `INDEX:FILEID`")),
    responses((status = OK, description = "Done", body = Purged), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(in crate::http) async fn purge(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(instance): Path<String>,
) -> Result<Json<Purged>, ApiError> {
    let still = |what: &str| ApiError::conflict(format!("{what} goes on; terminate it first, or wait"));
    let purged = match api.instance(&caller, &instance).await? {
        Found::File(index, row) => {
            if !mapping::of_file(&row).has_ended() {
                return Err(still("the file"));
            }
            api.ledger.purge_files(&index, &[row.file_id]).await?
        }
        Found::Run(run) => {
            if !mapping::of_run(&run).has_ended() {
                return Err(still("the run"));
            }
            u64::from(api.ledger.purge_run(run.id).await?)
        }
    };
    count(&api, purged);
    Ok(Json(Purged {
        instances_deleted: purged,
    }))
}

/// Removes the history of files, and the records of runs, that have ended and match; at most a thousand at a time. While the
/// answer has `x-ms-continuation-token`, there is more: send it with the next request.
#[utoipa::path(
    delete,
    path = "/status",
    tag = "status",
    params(Old, ("x-ms-continuation-token" = Option<String>, Header, description = "From the answer before")),
    responses((status = OK, description = "Done, or a part of it", body = Purged), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(in crate::http) async fn purge_many(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Query(old): Query<Old>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let filter = Filter::new(
        &old.runtime_status,
        Some(&old.created_time_from),
        old.created_time_to.as_deref(),
        &old.instance_id_prefix,
    )?
    .ended();
    let scope = format!("purge {}", filter.scope());
    if filter.matches_nothing() {
        let detail = "only what has ended is purged: Completed, Failed, Canceled, Terminated";
        return Err(ApiError::bad_request(detail));
    }
    let begin = place(&headers, &scope)?;
    let (found, next) = page(&api, &caller, &filter, AT_ONCE, begin).await?;
    let mut files: BTreeMap<IndexId, Vec<FileId>> = BTreeMap::new();
    let mut purged = 0;
    for found in found {
        match found {
            Listed::Run(run) => purged += u64::from(api.ledger.purge_run(run.id).await?),
            Listed::File(index, row) => files.entry(index).or_default().push(row.file_id),
        }
    }
    for (index, files) in files {
        purged += api.ledger.purge_files(&index, &files).await?;
    }
    count(&api, purged);
    let answer = Json(Purged {
        instances_deleted: purged,
    });
    Ok((continuation(&scope, next.as_ref()), answer).into_response())
}

fn count(api: &Api, purged: u64) {
    api.metrics
        .interventions
        .with_label_values(&["any", "purge"])
        .inc_by(purged);
}
