//! `GET /indexes/{index}/files?state=…&prefix=…&partial=true&error_code=…&cursor=…&limit=…`,
//! `GET /indexes/{index}/files/{path}` and `GET /indexes/{index}/history/{path}?cursor=…&limit=…`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::blob_path::BlobPath;
use shared::circuit::report::FRESH;
use shared::file_state::FileState;
use shared::ids::{FileId, IndexId};
use shared::ledger::{FileFilter, FileRow, HistoryEntry};
use shared::trace::ids::VersionTrace;
use utoipa::{IntoParams, ToSchema};

use super::errors::{ApiError, ErrorCode, Problem};
use super::extract::{Path, Query};
use super::{Api, cursor};
use crate::dependencies::{WaitingFor, waiting_for};

/// Most files on a page.
const MAX_PAGE: u32 = 1000;
/// Files looked at for one page, when not all of them are on it.
const LOOKED_AT: usize = 5000;
/// Entries of a file's history that are shown.
const HISTORY_SHOWN: u32 = 100;

/// The query string of a listing.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// States, with commas between; all but DELETED when it is left out.
    #[serde(default)]
    #[param(example = "FAILED,SKIPPED")]
    state: String,
    /// Only paths that start with this.
    #[serde(default)]
    prefix: String,
    /// Only files that are indexed in part.
    #[serde(default)]
    partial: bool,
    /// Only files whose last error has this code. Then a page may be short, even empty, and have a `cursor` all the same.
    #[serde(default)]
    #[param(required = false, example = "too_large")]
    error_code: String,
    /// The `cursor` of the page before.
    cursor: Option<String>,
    /// Files on the page, 100 when it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// A page of files, in path order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FilePage {
    /// The files.
    pub files: Vec<FileRow>,
    /// Give it as `cursor` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A file with what happened to it, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileStatus {
    /// Its row.
    pub file: FileRow,
    /// What happened.
    pub history: Vec<HistoryEntry>,
    /// The trace of its version, to be looked up where traces are collected: 32 hexadecimal digits. What happened to other
    /// versions is in traces of their own.
    #[serde(default)]
    #[schema(example = "4bf92f3577b34da6a3ce929d0e0e4736")]
    pub trace_id: String,
    /// What the file waits for while it is PENDING: things that are down.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting_for: Vec<WaitingFor>,
}

/// Files in path order.
#[utoipa::path(
    get,
    path = "/indexes/{index}/files",
    tag = "files",
    params(("index" = String, Path, description = "The index", example = "team-docs"), Wanted),
    responses((status = OK, description = "A page", body = FilePage), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<FilePage>, ApiError> {
    let index = api.record(&index).await?.id;
    let limit = checked(wanted.limit)?;
    if wanted.prefix.contains('\0') {
        return Err(ApiError::bad_request("prefix: no path has a NUL byte"));
    }
    let scope = format!(
        "files {index} {} {} {} {}",
        wanted.state, wanted.partial, wanted.error_code, wanted.prefix
    );
    let after = wanted
        .cursor
        .map(|cursor| cursor::open(&scope, &cursor))
        .transpose()?;
    let mut filter = FileFilter {
        states: states(&wanted.state)?,
        partial: wanted.partial,
        prefix: wanted.prefix,
        after,
    };
    if filter.states.is_empty() && !wanted.error_code.is_empty() {
        filter.states = WITH_ERRORS.to_vec();
    }
    let (files, more) = page(&api, &index, filter, &wanted.error_code, limit).await?;
    let cursor = more.map(|last| cursor::seal(&scope, &last));
    Ok(Json(FilePage { files, cursor }))
}

/// States whose rows may tell of an error.
const WITH_ERRORS: [FileState; 5] = [
    FileState::Pending,
    FileState::Processing,
    FileState::Publishing,
    FileState::Failed,
    FileState::Skipped,
];

/// Files that match, and the last path looked at when there may be more.
async fn page(
    api: &Api,
    index: &IndexId,
    mut filter: FileFilter,
    error_code: &str,
    limit: u32,
) -> Result<(Vec<FileRow>, Option<BlobPath>), ApiError> {
    let has_code = |file: &FileRow| {
        let code = file.last_error.as_ref().map(|failure| failure.code.as_str());
        error_code.is_empty() || code == Some(error_code)
    };
    let (mut found, mut looked_at) = (Vec::new(), 0);
    loop {
        let rows = api.ledger.files(index, &filter, limit).await?;
        let full = rows.len() == limit as usize;
        for row in rows {
            looked_at += 1;
            filter.after = Some(row.path.clone());
            if has_code(&row) {
                found.push(row);
            }
            if found.len() == limit as usize {
                return Ok((found, filter.after));
            }
        }
        if !full {
            return Ok((found, None));
        }
        if looked_at >= LOOKED_AT {
            return Ok((found, filter.after));
        }
    }
}

/// States from a comma-separated list.
fn states(list: &str) -> Result<Vec<FileState>, ApiError> {
    list.split(',')
        .filter(|name| !name.is_empty())
        .map(|name| {
            name.trim()
                .parse()
                .map_err(|error: shared::file_state::UnknownFileState| {
                    ApiError::bad_request(error.to_string())
                })
        })
        .collect()
}

/// A page of what happened to a file, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryPage {
    /// The file's row.
    pub file_id: FileId,
    /// What happened.
    pub history: Vec<HistoryEntry>,
    /// Give it as `cursor` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// The query string of a history.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryWanted {
    /// The `cursor` of the page before.
    cursor: Option<String>,
    /// Entries on the page, 100 when it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

fn checked(limit: Option<u32>) -> Result<u32, ApiError> {
    let limit = limit.unwrap_or(100);
    if (1..=MAX_PAGE).contains(&limit) {
        return Ok(limit);
    }
    let detail = format!("limit {limit} is not between 1 and {MAX_PAGE}");
    Err(ApiError::bad_request(detail))
}

/// What happened to a file, newest first.
#[utoipa::path(
    get,
    path = "/indexes/{index}/history/{*path}",
    tag = "files",
    params(("index" = String, Path, description = "The index", example = "team-docs"), ("path" = String, Path, description = "The file, as listed", example = "guides/intro.md"), HistoryWanted),
    responses((status = OK, description = "A page", body = HistoryPage), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(super) async fn history(
    State(api): State<Arc<Api>>,
    Path((index, path)): Path<(String, String)>,
    Query(wanted): Query<HistoryWanted>,
) -> Result<Json<HistoryPage>, ApiError> {
    let index = api.record(&index).await?.id;
    let limit = checked(wanted.limit)?;
    let file = api.known_file(&index, path).await?;
    let scope = format!("history {index} {}", file.path);
    let before = wanted
        .cursor
        .map(|cursor| cursor::open(&scope, &cursor))
        .transpose()?;
    let history = api
        .ledger
        .history_before(&index, file.file_id, before, limit)
        .await?;
    let full = history.len() == limit as usize;
    let last = history.last().filter(|entry| full && entry.n > 1);
    let cursor = last.map(|entry| cursor::seal(&scope, &entry.n));
    Ok(Json(HistoryPage {
        file_id: file.file_id,
        history,
        cursor,
    }))
}

impl Api {
    /// The row of a file that a URL names.
    pub(super) async fn known_file(&self, index: &IndexId, path: String) -> Result<FileRow, ApiError> {
        let path =
            BlobPath::new(path).map_err(|error| ApiError::new(ErrorCode::InvalidPath, error.to_string()))?;
        let file = self.ledger.file(index, FileId::of(index, &path)).await?;
        file.ok_or_else(|| {
            let detail = format!("the index has never seen a file {path}");
            ApiError::new(ErrorCode::FileNotFound, detail)
        })
    }
}

/// A file and what happened to it.
#[utoipa::path(
    get,
    path = "/indexes/{index}/files/{*path}",
    tag = "files",
    params(("index" = String, Path, description = "The index", example = "team-docs"), ("path" = String, Path, description = "The file, as listed", example = "guides/intro.md")),
    responses((status = OK, description = "The file", body = FileStatus), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(super) async fn one(
    State(api): State<Arc<Api>>,
    Path((index, path)): Path<(String, String)>,
) -> Result<Json<FileStatus>, ApiError> {
    let record = api.record(&index).await?;
    let file = api.known_file(&record.id, path).await?;
    let history = api
        .ledger
        .history(&record.id, file.file_id, HISTORY_SHOWN)
        .await?;
    let waiting_for = match file.state {
        FileState::Pending => waiting_for(&record, &api.ledger.dependencies(FRESH).await?),
        _ => Vec::new(),
    };
    let trace = VersionTrace::of(&record.id, file.file_id, file.desired_seq);
    Ok(Json(FileStatus {
        trace_id: trace.id(),
        file,
        history,
        waiting_for,
    }))
}
