//! `GET /indexes/{index}/files?state=…&prefix=…&partial=true&cursor=…&limit=…` and `GET /indexes/{index}/files/{path}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use shared::blob_path::BlobPath;
use shared::file_state::FileState;
use shared::ids::FileId;
use shared::ledger::{FileFilter, FileRow, HistoryEntry};

use super::Api;
use super::errors::ApiError;

/// Most files on a page.
const MAX_PAGE: u32 = 1000;
/// Entries of a file's history that are shown.
const HISTORY_SHOWN: u32 = 100;

/// The query string of a listing.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    state: String,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    partial: bool,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// A page of files, in path order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePage {
    /// The files.
    pub files: Vec<FileRow>,
    /// Give it as `cursor` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A file with what happened to it, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStatus {
    /// Its row.
    pub file: FileRow,
    /// What happened.
    pub history: Vec<HistoryEntry>,
}

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<FilePage>, ApiError> {
    let index = api.record(&index).await?.id;
    let Query(wanted) = wanted.map_err(|error| ApiError::bad_request(error.body_text()))?;
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

pub(super) async fn one(
    State(api): State<Arc<Api>>,
    Path((index, path)): Path<(String, String)>,
) -> Result<Json<FileStatus>, ApiError> {
    let index = api.record(&index).await?.id;
    let path = BlobPath::new(path).map_err(|error| ApiError::bad_request(error.to_string()))?;
    let id = FileId::of(&index, &path);
    let file = api
        .ledger
        .file(&index, id)
        .await?
        .ok_or_else(|| ApiError::not_found(format!("the index has never seen a file {path}")))?;
    let history = api.ledger.history(&index, id, HISTORY_SHOWN).await?;
    Ok(Json(FileStatus { file, history }))
}
