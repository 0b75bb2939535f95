//! `GET /indexes/{index}/files?state=…&prefix=…&partial=true&cursor=…&limit=…` and `GET /indexes/{index}/files/{path}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::blob_path::BlobPath;
use shared::circuit::report::FRESH;
use shared::file_state::FileState;
use shared::ids::FileId;
use shared::ledger::{FileFilter, FileRow, HistoryEntry};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::errors::{ApiError, ErrorCode, Problem};
use super::extract::{Path, Query};
use crate::dependencies::{WaitingFor, waiting_for};

/// Most files on a page.
const MAX_PAGE: u32 = 1000;
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
    let limit = wanted.limit.unwrap_or(100);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(ApiError::bad_request(format!(
            "limit {limit} is not between 1 and {MAX_PAGE}"
        )));
    }
    let after = wanted
        .cursor
        .map(BlobPath::new)
        .transpose()
        .map_err(|error| ApiError::bad_request(format!("cursor: {error}")))?;
    let filter = FileFilter {
        states: states(&wanted.state)?,
        partial: wanted.partial,
        prefix: wanted.prefix,
        after,
    };
    let files = api.ledger.files(&index, &filter, limit).await?;
    let full = files.len() == limit as usize;
    let cursor = files
        .last()
        .filter(|_| full)
        .map(|file| file.path.as_str().to_owned());
    Ok(Json(FilePage { files, cursor }))
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
    let index = record.id.clone();
    let path =
        BlobPath::new(path).map_err(|error| ApiError::new(ErrorCode::InvalidPath, error.to_string()))?;
    let id = FileId::of(&index, &path);
    let file = api.ledger.file(&index, id).await?.ok_or_else(|| {
        let detail = format!("the index has never seen a file {path}");
        ApiError::new(ErrorCode::FileNotFound, detail)
    })?;
    let history = api.ledger.history(&index, id, HISTORY_SHOWN).await?;
    let waiting_for = match file.state {
        FileState::Pending => waiting_for(&record, &api.ledger.dependencies(FRESH).await?),
        _ => Vec::new(),
    };
    Ok(Json(FileStatus {
        file,
        history,
        waiting_for,
    }))
}
