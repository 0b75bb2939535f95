//! `GET /indexes/{index}/why?path=…&query=…`: why is this document not found?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use shared::blob_path::BlobPath;
use utoipa::IntoParams;

use super::Api;
use super::errors::{ApiError, Problem};
use super::extract::{Path, Query};
use crate::search::MAX_QUERY_CHARS;
use crate::why::{Why, WhyAnswer};

/// The query string of the question.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// The document, relative to the source.
    #[param(example = "guides/intro.md")]
    path: String,
    /// Also look at which place the document ranks for this query.
    #[param(example = "how do I rotate a key")]
    query: Option<String>,
}

/// Walks from the source over ledger, conversion, chunks and vectors to the search, and says where a document stops. What
/// does not answer is a verdict and no error.
#[utoipa::path(
    get,
    path = "/indexes/{index}/why",
    tag = "files",
    params(("index" = String, Path, description = "The index", example = "team-docs"), Asked),
    responses((status = OK, description = "Where it stops, if it does", body = WhyAnswer), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(super) async fn why(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<WhyAnswer>, ApiError> {
    let record = api.record(&index).await?;
    let path = BlobPath::new(asked.path).map_err(|error| ApiError::bad_request(format!("path: {error}")))?;
    if let Some(query) = &asked.query
        && (query.trim().is_empty() || query.chars().count() > MAX_QUERY_CHARS)
    {
        let detail = format!("query: send 1 to {MAX_QUERY_CHARS} characters, or leave it out");
        return Err(ApiError::bad_request(detail));
    }
    let why = Why {
        index: api
            .indexes
            .of_record(&record)
            .await
            .map_err(|error| error.to_string()),
        record,
        ledger: Arc::clone(&api.ledger),
        now: api.clock.now(),
    };
    Ok(Json(why.answer(path, asked.query.as_deref()).await))
}
