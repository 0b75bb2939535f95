//! `GET /indexes/{index}/search?q=…&mode=…&limit=…` and `POST` with the same as JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use shared::vectors::SearchMode;

use super::Api;
use super::errors::ApiError;
use crate::search::{SearchAnswer, SearchQuery};

/// The query string of a search.
#[derive(Deserialize)]
pub(super) struct UrlQuery {
    q: String,
    mode: Option<SearchMode>,
    limit: Option<usize>,
}

pub(super) async fn by_url(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
    query: Result<Query<UrlQuery>, QueryRejection>,
) -> Result<Json<SearchAnswer>, ApiError> {
    let index = api.index(&index).await?;
    let Query(query) = query.map_err(|error| ApiError::bad_request(error.body_text()))?;
    let wanted = SearchQuery {
        query: query.q,
        mode: query.mode,
        limit: query.limit.unwrap_or(10),
    };
    Ok(Json(index.search.search(&wanted).await?))
}

pub(super) async fn by_body(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
    body: Result<Json<SearchQuery>, JsonRejection>,
) -> Result<Json<SearchAnswer>, ApiError> {
    let index = api.index(&index).await?;
    let Json(wanted) = body.map_err(|error| ApiError::bad_request(error.body_text()))?;
    Ok(Json(index.search.search(&wanted).await?))
}
