//! `GET /indexes/{index}/documents/{path}?from=…&max_bytes=…&etag=…`: what the index holds of a file, as text.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use shared::blob_path::BlobPath;
use utoipa::IntoParams;

use super::Api;
use super::errors::{ApiError, ErrorCode, Problem};
use super::extract::{Path, Query};
use crate::search::document::{DEFAULT_BYTES, Document, DocumentPart, MAX_BYTES};

/// Which part of a document.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Where in the file's Markdown to begin, in bytes: `next` of the part before, or the start of a hit's `range`.
    #[serde(default)]
    from: u64,
    /// Most bytes of text, 65,536 when it is left out.
    #[param(minimum = 1, maximum = 1_048_576)]
    max_bytes: Option<usize>,
    /// Only of this version; 409 when the file has another one by now.
    etag: Option<String>,
}

/// The live version of a file as text, with the headings and pages that its parts are from.
#[utoipa::path(
    get,
    path = "/indexes/{index}/documents/{*path}",
    tag = "search",
    params(("index" = String, Path, description = "The index", example = "team-docs"), ("path" = String, Path, description = "The file, as listed", example = "guides/intro.md"), Wanted),
    responses((status = OK, description = "The text, or this part of it", body = Document), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]))
)]
pub(super) async fn one(
    State(api): State<Arc<Api>>,
    Path((index, path)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Document>, ApiError> {
    let max_bytes = wanted.max_bytes.unwrap_or(DEFAULT_BYTES);
    if !(1..=MAX_BYTES).contains(&max_bytes) {
        return Err(ApiError::bad_request(format!(
            "max_bytes {max_bytes} is not between 1 and {MAX_BYTES}"
        )));
    }
    let path =
        BlobPath::new(path).map_err(|error| ApiError::new(ErrorCode::InvalidPath, error.to_string()))?;
    let index = api.index(&index).await?;
    let part = DocumentPart {
        from: wanted.from,
        max_bytes,
        etag: wanted.etag,
    };
    Ok(Json(index.search.document(&*api.ledger, &path, &part).await?))
}
