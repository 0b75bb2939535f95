//! `GET /indexes/{index}/search?q=…&mode=…&limit=…` and `POST` with the same as JSON.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use shared::vectors::SearchMode;
use tokio::time::Instant;
use utoipa::IntoParams;

use super::Api;
use super::errors::{ApiError, Problem};
use super::extract::{Body, Path, Query};
use crate::keeper::NOTICE;
use crate::search::{SearchAnswer, SearchQuery};

/// A generation that was dropped is there for at least so long.
const SURELY_THERE: Duration = NOTICE.saturating_sub(Duration::from_secs(5));
/// Searches that are made again because their generation was dropped.
const MOST_REPEATS: u32 = 2;

/// The query string of a search.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UrlQuery {
    /// What to look for.
    #[param(example = "how do I rotate a key")]
    q: String,
    /// How; by default `hybrid` where there is an embedding model, else `full_text`.
    mode: Option<SearchMode>,
    /// Most hits, 10 when it is left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
}

/// Searches, with the query in the address.
#[utoipa::path(
    get,
    path = "/indexes/{index}/search",
    tag = "search",
    params(("index" = String, Path, description = "The index", example = "team-docs"), UrlQuery),
    responses((status = OK, description = "Best first", body = SearchAnswer), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]))
)]
pub(super) async fn by_url(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
    Query(query): Query<UrlQuery>,
) -> Result<Json<SearchAnswer>, ApiError> {
    let wanted = SearchQuery {
        query: query.q,
        mode: query.mode,
        limit: query.limit.unwrap_or(10),
    };
    Ok(Json(api.search(&index, &wanted).await?))
}

/// Searches.
#[utoipa::path(
    post,
    path = "/indexes/{index}/search",
    tag = "search",
    params(("index" = String, Path, description = "The index", example = "team-docs")),
    request_body = SearchQuery,
    responses((status = OK, description = "Best first", body = SearchAnswer), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]))
)]
pub(super) async fn by_body(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
    Body(wanted): Body<SearchQuery>,
) -> Result<Json<SearchAnswer>, ApiError> {
    Ok(Json(api.search(&index, &wanted).await?))
}

impl Api {
    /// Searches the generation that is live when the search begins, and no other: one that is replaced meanwhile stays
    /// whole, and one that is dropped does so for a while. A search that took longer than that is made again.
    async fn search(&self, name: &str, wanted: &SearchQuery) -> Result<SearchAnswer, ApiError> {
        let mut repeats = 0;
        loop {
            let began = Instant::now();
            let index = self.index(name).await?;
            let answer = index.search.search(wanted).await;
            if began.elapsed() < SURELY_THERE || repeats == MOST_REPEATS {
                return Ok(answer?);
            }
            if self.indexes.is_kept(&index.record).await? {
                return Ok(answer?);
            }
            repeats += 1;
        }
    }
}
