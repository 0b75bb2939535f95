//! Search that never shows a torn or outdated version.
//!
//! The store answers with points of any claim; a hit counts only if its claim is its file's live claim, looked up in the
//! ledger after the store answered. Two moments need care. Points that are no longer or not yet live take up places, so
//! more is fetched than asked for. And when a version was committed between the store's answer and the look-up, the
//! file would be missing from this answer although it never was without a version: then the store is asked once more.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shared::blob_path::BlobPath;
use shared::embedder::Embedder;
use shared::embedder::bm25::Bm25;
use shared::ids::{ClaimId, FileId, IndexId};
use shared::ledger::{Ledger, LedgerError};
use shared::place::Place;
use shared::retry::Failure;
use shared::vectors::{Hit, Query, SearchMode, SearchRequest, Vectors, VectorsError};
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::metrics::Metrics;

/// Most hits that one search returns.
pub const MAX_LIMIT: usize = 100;
/// Most characters of a query.
pub const MAX_QUERY_CHARS: usize = 4_000;
/// Rounds of fetching more when too many hits are not live.
const MAX_ROUNDS: usize = 8;
/// Times that the store is asked again because a version changed meanwhile.
const MAX_REPEATS: usize = 3;
/// Characters of a snippet.
const SNIPPET_CHARS: usize = 320;

/// A search as asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchQuery {
    /// What to look for.
    pub query: String,
    /// How; by default `hybrid` where there is an embedding model, else `full_text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<SearchMode>,
    /// Most hits to return, 1 to 100.
    #[serde(default = "default_limit")]
    pub limit: usize,
}

fn default_limit() -> usize {
    10
}

/// A chunk of a live version that matches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SearchHit {
    /// The blob.
    pub path: BlobPath,
    /// Headings above the chunk, outermost first.
    pub heading_path: Vec<String>,
    /// Greater is better; comparable within one answer only.
    pub score: f32,
    /// The part of the chunk around the first matching words.
    pub snippet: String,
    /// Matching words in the snippet, as byte ranges.
    #[schema(value_type = Vec<Span>)]
    pub highlights: Vec<Range<usize>>,
    /// The whole chunk.
    pub text: String,
    /// The chunk's place in the file, from 0.
    pub ordinal: u32,
    /// Where the chunk is in the file's Markdown, in bytes.
    #[schema(value_type = Span)]
    pub range: Range<u64>,
    /// The page, slide, sheet or attachment that it is in, where there are such.
    #[serde(flatten)]
    pub place: Place,
    /// The blob's type.
    pub mime: String,
    /// What made the Markdown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub converter: String,
    /// The version that the hit belongs to.
    pub etag: String,
    /// What the blob's owner noted with it, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// A range of bytes, for the description of the interface.
#[derive(ToSchema)]
#[expect(dead_code, reason = "stands for `Range` in the OpenAPI document")]
struct Span {
    /// The first byte.
    start: u64,
    /// The byte after the last.
    end: u64,
}

/// The answer to a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SearchAnswer {
    /// How it was searched.
    pub mode: SearchMode,
    /// Best first.
    pub hits: Vec<SearchHit>,
}

/// Why a search failed.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The request makes no sense; the text says what to change.
    #[error("{0}")]
    BadRequest(String),
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
}

impl Search {
    /// The best chunks of live versions.
    ///
    /// # Errors
    /// See [`SearchError`].
    pub async fn search(&self, wanted: &SearchQuery) -> Result<SearchAnswer, SearchError> {
        let started = Instant::now();
        let mode = self.mode(wanted)?;
        let query = self.query(mode, &wanted.query).await?;
        let hits = self.live_hits(&query, wanted.limit).await?;
        let hits = hits
            .into_iter()
            .map(|hit| self.present(hit, &wanted.query))
            .collect();
        self.metrics
            .search_seconds
            .observe(started.elapsed().as_secs_f64());
        Ok(SearchAnswer { mode, hits })
    }

    fn mode(&self, wanted: &SearchQuery) -> Result<SearchMode, SearchError> {
        let bad = |text: String| Err(SearchError::BadRequest(text));
        if wanted.query.trim().is_empty() {
            return bad("the query is empty: say what to look for".to_owned());
        }
        if wanted.query.chars().count() > MAX_QUERY_CHARS {
            return bad(format!("the query is longer than {MAX_QUERY_CHARS} characters"));
        }
        if !(1..=MAX_LIMIT).contains(&wanted.limit) {
            return bad(format!("limit {} is not between 1 and {MAX_LIMIT}", wanted.limit));
        }
        match (wanted.mode, &self.embedder) {
            (Some(SearchMode::Vector | SearchMode::Hybrid), None) => bad(
                "this index has no embedding model, so only the mode full_text is possible: start longshore with \
                 --embedding-base-url and --embedding-model for vectors"
                    .to_owned(),
            ),
            (Some(mode), _) => Ok(mode),
            (None, Some(_)) => Ok(SearchMode::Hybrid),
            (None, None) => Ok(SearchMode::FullText),
        }
    }

    async fn query(&self, mode: SearchMode, text: &str) -> Result<Query, SearchError> {
        let dense = match (&self.embedder, mode) {
            (Some(embedder), SearchMode::Vector | SearchMode::Hybrid) => embedder
                .embed(&[text.to_owned()])
                .await?
                .vectors
                .pop()
                .unwrap_or_default(),
            (_, SearchMode::FullText) | (None, _) => Vec::new(),
        };
        Ok(match mode {
            SearchMode::Vector => Query::Vector(dense),
            SearchMode::FullText => Query::FullText(self.bm25.query(text)),
            SearchMode::Hybrid => Query::Hybrid(dense, self.bm25.query(text)),
        })
    }

    async fn live_hits(&self, query: &Query, limit: usize) -> Result<Vec<Hit>, SearchError> {
        let mut fetch = limit * 2 + 10;
        let mut repeats = 0;
        // Live claims that were not found by a search which began after they were live: they do not match.
        let mut unmatched = HashMap::new();
        for _ in 0..MAX_ROUNDS {
            let hits = self.fetch(query, fetch).await?;
            let exhausted = hits.len() < fetch;
            let live = self.live_claims(&hits).await?;
            let missing = live_but_not_found(&hits, &live);
            let superseded = missing
                .iter()
                .any(|(file, claim)| unmatched.get(file) != Some(claim));
            unmatched.extend(missing);
            if superseded && repeats < MAX_REPEATS {
                repeats += 1;
                continue;
            }
            let found = hits.len();
            let mut kept: Vec<Hit> = hits.into_iter().filter(|hit| is_live(hit, &live)).collect();
            self.metrics.stale_hits.inc_by((found - kept.len()) as u64);
            if kept.len() >= limit || exhausted {
                kept.truncate(limit);
                return Ok(kept);
            }
            fetch *= 4;
        }
        // More than half a million hits that are not live: the scrub has work to do. Show what there is.
        let hits = self.fetch(query, fetch).await?;
        let live = self.live_claims(&hits).await?;
        Ok(hits
            .into_iter()
            .filter(|hit| is_live(hit, &live))
            .take(limit)
            .collect())
    }

    async fn fetch(&self, query: &Query, limit: usize) -> Result<Vec<Hit>, SearchError> {
        let started = Instant::now();
        let request = SearchRequest {
            query: query.clone(),
            limit,
            offset: 0,
            file: None,
        };
        let hits = self.vectors.search(request).await?;
        self.metrics
            .vector_query_seconds
            .observe(started.elapsed().as_secs_f64());
        Ok(hits)
    }

    async fn live_claims(&self, hits: &[Hit]) -> Result<HashMap<FileId, ClaimId>, SearchError> {
        let mut files: Vec<FileId> = hits.iter().map(|hit| hit.payload.file_id).collect();
        files.sort_unstable();
        files.dedup();
        Ok(self.ledger.live_claims(&self.index, &files).await?)
    }

    fn present(&self, hit: Hit, query: &str) -> SearchHit {
        let payload = hit.payload;
        let matches = self.bm25.matches(&payload.text, query);
        let (snippet, highlights) = snippet(&payload.text, &matches);
        SearchHit {
            path: payload.path,
            heading_path: payload.heading_path,
            score: hit.score,
            snippet,
            highlights,
            text: payload.text,
            ordinal: payload.ordinal,
            range: payload.start..payload.end,
            place: payload.place,
            mime: payload.mime,
            converter: payload.converter,
            etag: payload.etag,
            metadata: payload.metadata,
        }
    }
}

fn is_live(hit: &Hit, live: &HashMap<FileId, ClaimId>) -> bool {
    live.get(&hit.payload.file_id) == Some(&hit.payload.claim)
}

/// Files that were found, but not under their live claim. Either that claim was committed after the store answered, or its
/// points do not match and those of a dead or unfinished attempt do. Which of the two, the claims do not tell: their
/// times are those of the workers that made them, and no two clocks agree. So the store is asked once more, and a claim
/// that was live before and is missing again does not match.
fn live_but_not_found(hits: &[Hit], live: &HashMap<FileId, ClaimId>) -> HashMap<FileId, ClaimId> {
    let mut missing: HashMap<FileId, ClaimId> = hits
        .iter()
        .filter_map(|hit| live.get_key_value(&hit.payload.file_id))
        .map(|(file, claim)| (*file, *claim))
        .collect();
    for hit in hits.iter().filter(|hit| is_live(hit, live)) {
        missing.remove(&hit.payload.file_id);
    }
    missing
}

/// The part of a text around its first matches, on one line, with the matches' places in it.
fn snippet(text: &str, matches: &[Range<usize>]) -> (String, Vec<Range<usize>>) {
    let first = matches.first().map_or(0, |range| range.start);
    // Some words before the first match give it sense.
    let start = match text[..first].char_indices().rev().nth(SNIPPET_CHARS / 4) {
        None => 0,
        Some((reach, _)) => text[reach..first]
            .find(' ')
            .map_or(first, |blank| reach + blank + 1),
    };
    let end = text[start..]
        .char_indices()
        .nth(SNIPPET_CHARS)
        .map_or(text.len(), |(at, _)| start + at);

    let mut out = String::with_capacity(end - start + 8);
    if start > 0 {
        out.push('…');
    }
    let mut highlights: Vec<Range<usize>> = Vec::new();
    let mut inside = matches
        .iter()
        .filter(|range| range.start >= start && range.end <= end)
        .peekable();
    let mut blank = true;
    for (at, c) in text[start..end].char_indices().map(|(at, c)| (start + at, c)) {
        while inside.peek().is_some_and(|range| range.end <= at) {
            inside.next();
        }
        let at_match = inside.peek().is_some_and(|range| range.contains(&at));
        if c.is_whitespace() || c.is_control() {
            if !blank {
                out.push(' ');
            }
            blank = true;
            continue;
        }
        blank = false;
        let place = out.len();
        out.push(c);
        if at_match {
            match highlights.last_mut() {
                Some(last) if inside.peek().is_some_and(|range| range.start != at) => last.end = out.len(),
                _ => highlights.push(place..out.len()),
            }
        }
    }
    if end < text.len() {
        out.push('…');
    }
    (out.trim_end().to_owned(), highlights)
}

#[cfg(test)]
mod tests;
