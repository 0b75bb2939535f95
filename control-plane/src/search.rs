//! Search that never shows a torn or outdated version.
//!
//! The store answers with points of any claim; a hit counts only if its claim is its file's live claim, looked up in the
//! ledger after the store answered. Two moments need care. Points that are no longer or not yet live take up places, so
//! more is fetched than asked for. And when a version was committed between the store's answer and the look-up, the
//! file would be missing from this answer although it never was without a version: then the store is asked once more.
//!
//! The order of the steps is what keeps the rest true to that: filter (`filter`), then live claims (`live`), then one hit
//! of each file, then diversity (`diversify`), then the page.

mod answer;
mod diversify;
pub mod document;
mod filter;
mod live;
mod query_cache;
mod request;
mod settings;
mod snippet;

use std::sync::Arc;
use std::time::Duration;

use shared::embedder::Embedder;
use shared::embedder::bm25::Bm25;
use shared::ids::{FileId, IndexId};
use shared::ledger::{Ledger, LedgerError};
use shared::retry::Failure;
use shared::vectors::{Query, SearchMode, Vectors, VectorsError};
use tokio::time::{Instant, timeout};

pub(crate) use self::answer::Span;
pub use self::answer::{Degraded, DegradedCode, SearchAnswer, SearchHit};
pub use self::filter::{Existence, MetadataTest, NumberRange, SearchFilter, TimeRange};
use self::live::Wanted;
use self::query_cache::Origin;
pub use self::query_cache::QueryCache;
use self::request::Checked;
pub use self::request::{
    DIVERSIFIED_FROM, Diversify, Lambda, MAX_DEPTH, MAX_LIMIT, MAX_QUERY_CHARS, SearchQuery,
};
pub use self::settings::{SearchLimits, SearchSettings};
pub use self::snippet::{Escape, Highlight};
use crate::metrics::Metrics;

/// Part of a search's time that the embedding of its query may take: the rest is for the search without it.
const EMBEDDING_SHARE: u32 = 3;

/// Why a search failed.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The request makes no sense; the text says what to change.
    #[error("{0}")]
    BadRequest(String),
    /// It took longer than it may.
    #[error(
        "the search took longer than {} s: narrow it with a filter, or raise SEARCH_TIMEOUT_SECONDS",
        .0.as_secs()
    )]
    TimedOut(Duration),
    /// The query could not be embedded.
    #[error("the query could not be embedded: {0}")]
    Embedder(#[from] Failure),
    /// The vector store failed.
    #[error(transparent)]
    Vectors(#[from] VectorsError),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Searches one index.
pub struct Search {
    /// The index.
    pub index: IndexId,
    /// Which claims are live.
    pub ledger: Arc<dyn Ledger>,
    /// The points.
    pub vectors: Arc<dyn Vectors>,
    /// For the vector modes.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// For terms and highlights.
    pub bm25: Arc<Bm25>,
    /// What to count.
    pub metrics: Arc<Metrics>,
    /// How long it may take, and what it remembers.
    pub limits: SearchLimits,
}

impl Search {
    /// The best chunks of live versions.
    ///
    /// # Errors
    /// See [`SearchError`].
    pub async fn search(&self, wanted: &SearchQuery) -> Result<SearchAnswer, SearchError> {
        let started = Instant::now();
        // Boxed, because it is large and its caller's future is, too.
        let search = Box::pin(self.search_unbounded(wanted));
        let outcome = timeout(self.limits.timeout, search)
            .await
            .unwrap_or(Err(SearchError::TimedOut(self.limits.timeout)));
        self.metrics
            .search_seconds
            .observe(started.elapsed().as_secs_f64());
        self.metrics.searches.with_label_values(&[label(&outcome)]).inc();
        outcome
    }

    async fn search_unbounded(&self, wanted: &SearchQuery) -> Result<SearchAnswer, SearchError> {
        let checked = wanted.check(|path| FileId::of(&self.index, path))?;
        let mode = self.mode(wanted.mode)?;
        if checked.lambda.is_some() && self.vectors.dense_size().is_none() {
            let text = "diversify compares dense vectors, and this index has none: leave it out";
            return Err(SearchError::BadRequest(text.to_owned()));
        }
        let mut degraded = Vec::new();
        let (mode, query) = self.query(mode, &wanted.query, &mut degraded).await?;

        let end = checked.offset + checked.limit;
        let found = self
            .live_hits(&Wanted {
                query: &query,
                narrowed: &checked.narrowed,
                min_score: checked.min_score,
                group_by_file: checked.group_by_file,
                with_dense: checked.lambda.is_some(),
                count: match checked.lambda {
                    // The same for every page, or pages would overlap.
                    Some(_) => DIVERSIFIED_FROM,
                    // One more tells whether there is a next page.
                    None => end + 1,
                },
            })
            .await?;
        if !found.complete {
            degraded.push(Degraded {
                code: DegradedCode::Incomplete,
                detail: "there may be more hits: most of the best points are of files that the filter leaves out, or of \
                         versions that are no longer live; filter by folder or type, or try again later"
                    .to_owned(),
            });
        }
        let hits = match checked.lambda {
            Some(lambda) => diversify::order(found.hits, mode == SearchMode::Vector, lambda, end + 1),
            None => found.hits,
        };
        let next_offset = next_offset(&checked, hits.len());
        let page = hits.into_iter().skip(checked.offset).take(checked.limit);
        Ok(SearchAnswer {
            mode,
            hits: page.map(|hit| answer::present(hit, wanted, &self.bm25)).collect(),
            next_offset,
            degraded,
        })
    }

    fn mode(&self, wanted: Option<SearchMode>) -> Result<SearchMode, SearchError> {
        match (wanted, &self.embedder) {
            (Some(SearchMode::Vector | SearchMode::Hybrid), None) => Err(SearchError::BadRequest(
                "this index has no embedding model, so only the mode full_text is possible: start longshore with \
                 --embedding-base-url and --embedding-model for vectors"
                    .to_owned(),
            )),
            (Some(mode), _) => Ok(mode),
            (None, Some(_)) => Ok(SearchMode::Hybrid),
            (None, None) => Ok(SearchMode::FullText),
        }
    }

    /// The query in the store's terms. A hybrid search whose query cannot be embedded goes on by its words, and says so.
    async fn query(
        &self,
        mode: SearchMode,
        text: &str,
        degraded: &mut Vec<Degraded>,
    ) -> Result<(SearchMode, Query), SearchError> {
        let words = || Query::FullText(self.bm25.query(text));
        let embedder = match (&self.embedder, mode) {
            (Some(embedder), SearchMode::Vector | SearchMode::Hybrid) => embedder,
            (_, SearchMode::FullText) | (None, _) => return Ok((SearchMode::FullText, words())),
        };
        match (self.embed(&**embedder, text).await, mode) {
            (Ok(vector), SearchMode::Hybrid) => {
                Ok((mode, Query::Hybrid(vector.to_vec(), self.bm25.query(text))))
            }
            (Ok(vector), _) => Ok((mode, Query::Vector(vector.to_vec()))),
            (Err(failure), SearchMode::Hybrid) => {
                degraded.push(Degraded {
                    code: DegradedCode::EmbedderUnavailable,
                    detail: format!("the query could not be embedded, so only its words count: {failure}"),
                });
                Ok((SearchMode::FullText, words()))
            }
            (Err(failure), _) => Err(failure.into()),
        }
    }

    async fn embed(&self, embedder: &dyn Embedder, text: &str) -> Result<Arc<[f32]>, Failure> {
        let dimensions = self.vectors.dense_size().unwrap_or_default();
        let patience = self.limits.timeout / EMBEDDING_SHARE;
        let vector = self.limits.cache.vector(embedder, dimensions, text);
        let outcome = timeout(patience, vector).await.unwrap_or_else(|_| {
            let text = format!("the model did not answer within {:.1} s", patience.as_secs_f64());
            Err(Failure::throttled("embedder_slow", text))
        });
        let label = match &outcome {
            Ok((_, Origin::Kept)) => "kept",
            Ok((_, Origin::Embedded)) => "embedded",
            Err(_) => "failed",
        };
        self.metrics.query_embeddings.with_label_values(&[label]).inc();
        outcome.map(|(vector, _)| vector)
    }
}

/// Where the next page begins, when the hits go on beyond this one and can be asked for.
fn next_offset(checked: &Checked, hits: usize) -> Option<usize> {
    let end = checked.offset + checked.limit;
    let deepest = if checked.lambda.is_some() {
        DIVERSIFIED_FROM
    } else {
        MAX_DEPTH
    };
    (hits > end && end + checked.limit <= deepest).then_some(end)
}

/// How a search ended, for the metric.
fn label(outcome: &Result<SearchAnswer, SearchError>) -> &'static str {
    match outcome {
        Ok(answer) if answer.degraded.is_empty() => "ok",
        Ok(_) => "degraded",
        Err(SearchError::BadRequest(_)) => "refused",
        Err(SearchError::TimedOut(_)) => "timed_out",
        Err(SearchError::Embedder(_) | SearchError::Vectors(_) | SearchError::Ledger(_)) => "failed",
    }
}

#[cfg(test)]
pub(crate) mod tests;
