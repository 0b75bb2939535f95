//! `GET /indexes/{index}/search?q=…&mode=…&limit=…` and `POST` with the same, and more, as JSON.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use shared::blob_path::BlobPath;
use shared::clock::UnixMillis;
use shared::vectors::SearchMode;
use tokio::time::Instant;
use utoipa::IntoParams;

use super::Api;
use super::errors::{ApiError, Problem};
use super::extract::{Body, Path, Query};
use crate::search::{Diversify, Highlight, SearchAnswer, SearchFilter, SearchQuery, TimeRange};

/// A generation that was dropped is there for at least so long: less than any keeper gives notice.
const SURELY_THERE: Duration = Duration::from_secs(4);
/// Searches that are made again because their generation was dropped.
const MOST_REPEATS: u32 = 2;

/// The query string of a search. Filters on metadata, pages, slides and sheets, and lists, are for `POST`.
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
    /// Hits to leave out from the start.
    #[param(maximum = 999)]
    offset: Option<usize>,
    /// Only hits with at least this score.
    min_score: Option<f32>,
    /// Only the best hit of each file.
    #[serde(default)]
    group_by_file: bool,
    /// Share of diversity, from 0 to 1.
    #[param(minimum = 0, maximum = 1)]
    diversify: Option<f32>,
    /// With marked-up snippets.
    #[serde(default)]
    highlight: bool,
    /// Only this file.
    path: Option<BlobPath>,
    /// Only paths that start with this.
    #[param(example = "guides/")]
    prefix: Option<String>,
    /// Only paths that match this glob.
    #[param(example = "**/*.pdf")]
    glob: Option<String>,
    /// Only this type; `text/*` for all of a kind.
    #[serde(rename = "type")]
    of_type: Option<String>,
    /// Only what this converter made.
    converter: Option<String>,
    /// Only blobs written at or after this moment, in Unix milliseconds.
    modified_from: Option<UnixMillis>,
    /// Only blobs written before this moment, in Unix milliseconds.
    modified_before: Option<UnixMillis>,
}

impl From<UrlQuery> for SearchQuery {
    fn from(url: UrlQuery) -> Self {
        let modified = TimeRange {
            from: url.modified_from,
            before: url.modified_before,
        };
        let default = Self::default();
        Self {
            query: url.q,
            mode: url.mode,
            limit: url.limit.unwrap_or(default.limit),
            offset: url.offset.unwrap_or(0),
            min_score: url.min_score,
            group_by_file: url.group_by_file,
            diversify: url.diversify.map(Diversify::Share),
            filter: SearchFilter {
                paths: url.path.into_iter().collect(),
                prefixes: url.prefix.into_iter().collect(),
                globs: url.glob.into_iter().collect(),
                types: url.of_type.into_iter().collect(),
                converters: url.converter.into_iter().collect(),
                modified_at: (modified.from.is_some() || modified.before.is_some()).then_some(modified),
                ..SearchFilter::default()
            },
            highlight: url.highlight.then(Highlight::default),
        }
    }
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
    Ok(Json(api.search(&index, &query.into()).await?))
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

#[cfg(test)]
pub(super) mod tests;
