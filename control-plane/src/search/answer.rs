//! What a search answers.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use shared::blob_path::BlobPath;
use shared::clock::UnixMillis;
use shared::embedder::bm25::Bm25;
use shared::place::Place;
use shared::vectors::{Hit, SearchMode};
use utoipa::ToSchema;

use super::request::SearchQuery;
use super::snippet::snippet;

/// A chunk of a live version that matches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SearchHit {
    /// The blob.
    pub path: BlobPath,
    /// Headings above the chunk, outermost first.
    pub heading_path: Vec<String>,
    /// Greater is better; comparable within one answer only. Hits are ordered by it unless they are diversified.
    pub score: f32,
    /// The part of the chunk around the first matching words.
    pub snippet: String,
    /// Matching words in the snippet, as byte ranges.
    #[schema(value_type = Vec<Span>)]
    pub highlights: Vec<Range<usize>>,
    /// The snippet with its matching words marked up, when that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marked: Option<String>,
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
    /// When that version was written, in Unix milliseconds, where the source tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<UnixMillis>,
    /// What the blob's owner noted with it, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// A range of bytes, for the description of the interface.
#[derive(ToSchema)]
#[expect(dead_code, reason = "stands for `Range` in the OpenAPI document")]
pub(crate) struct Span {
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
    /// Give it as `offset` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_offset: Option<usize>,
    /// In what way the answer is less than was asked for; empty when it is not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub degraded: Vec<Degraded>,
}

/// A way in which an answer is less than was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Degraded {
    /// Which.
    pub code: DegradedCode,
    /// What happened, and what to do.
    pub detail: String,
}

/// The ways in which an answer may be less than was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DegradedCode {
    /// The query could not be embedded; a hybrid search went on as full_text.
    EmbedderUnavailable,
    /// So many of the best points do not count that the search stopped before it had all hits.
    Incomplete,
}

/// A hit as it is shown.
pub(super) fn present(hit: Hit, wanted: &SearchQuery, bm25: &Bm25) -> SearchHit {
    let payload = hit.payload;
    let matches = bm25.matches(&payload.text, &wanted.query);
    let (snippet, highlights) = snippet(&payload.text, &matches);
    let highlight = wanted.highlight.as_ref();
    SearchHit {
        path: payload.path,
        heading_path: payload.heading_path,
        score: hit.score,
        marked: highlight.map(|highlight| highlight.mark(&snippet, &highlights)),
        snippet,
        highlights,
        text: payload.text,
        ordinal: payload.ordinal,
        range: payload.start..payload.end,
        place: payload.place,
        mime: payload.mime,
        converter: payload.converter,
        etag: payload.etag,
        modified_at: payload.modified,
        metadata: payload.metadata,
    }
}
