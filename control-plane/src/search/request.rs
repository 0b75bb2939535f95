//! What can be asked of a search, and its limits.

use serde::{Deserialize, Serialize};
use shared::vectors::SearchMode;
use utoipa::ToSchema;

use super::SearchError;
use super::filter::{Narrowed, SearchFilter};
use super::snippet::Highlight;

/// Most hits that one search returns.
pub const MAX_LIMIT: usize = 100;
/// Last place in the ranking that can be asked for: offset and limit together.
pub const MAX_DEPTH: usize = 1_000;
/// The same for a diversified search, and the number of best hits that it chooses from.
pub const DIVERSIFIED_FROM: usize = 200;
/// Most characters of a query.
pub const MAX_QUERY_CHARS: usize = 4_000;

/// A search as asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchQuery {
    /// What to look for, at most 4,000 characters.
    #[schema(example = "how do I rotate a key")]
    pub query: String,
    /// How; by default `hybrid` where there is an embedding model, else `full_text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<SearchMode>,
    /// Most hits to return, 1 to 100.
    #[serde(default = "default_limit")]
    #[schema(minimum = 1, maximum = 100)]
    pub limit: usize,
    /// Hits to leave out from the start: `next_offset` of the page before. With `limit` at most 1,000, and at most 200 with
    /// `diversify`.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schema(maximum = 999)]
    pub offset: usize,
    /// Only hits with at least this score. What scores mean depends on the mode: cosines from -1 to 1 in `vector`, sums of
    /// term weights in `full_text`, sums of reciprocal ranks (at most 1) in `hybrid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_score: Option<f32>,
    /// Only the best hit of each file; `limit` and `offset` then count files.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub group_by_file: bool,
    /// Prefer hits that say something else than those before them. Needs dense vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diversify: Option<Diversify>,
    /// Only what all of these let pass.
    #[serde(default, skip_serializing_if = "SearchFilter::is_empty")]
    pub filter: SearchFilter,
    /// Give each hit's snippet with its matching words marked up, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highlight: Option<Highlight>,
}

impl Default for SearchQuery {
    fn default() -> Self {
        Self {
            query: String::new(),
            mode: None,
            limit: default_limit(),
            offset: 0,
            min_score: None,
            group_by_file: false,
            diversify: None,
            filter: SearchFilter::default(),
            highlight: None,
        }
    }
}

fn default_limit() -> usize {
    10
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// How much diversity: its share from 0 (none) to 1, or the paper's lambda, which is 1 less that share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Diversify {
    /// From 0 (relevance alone) to 1 (difference alone).
    Share(f32),
    /// From 1 (relevance alone) to 0 (difference alone).
    Lambda(Lambda),
}

/// Weight of relevance in maximal marginal relevance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Lambda {
    /// From 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub lambda: f32,
}

impl Diversify {
    fn lambda(self) -> Option<f32> {
        let lambda = match self {
            Self::Share(share) => 1.0 - share,
            Self::Lambda(Lambda { lambda }) => lambda,
        };
        // Not a number is in no range.
        (0.0..=1.0).contains(&lambda).then_some(lambda)
    }
}

/// A search that makes sense.
pub(super) struct Checked {
    /// Hits to leave out.
    pub(super) offset: usize,
    /// Hits to return.
    pub(super) limit: usize,
    pub(super) min_score: Option<f32>,
    pub(super) group_by_file: bool,
    /// Weight of relevance when the hits are diversified.
    pub(super) lambda: Option<f32>,
    pub(super) narrowed: Narrowed,
}

impl SearchQuery {
    /// Checks everything that does not depend on the index.
    pub(super) fn check(
        &self,
        files: impl Fn(&shared::blob_path::BlobPath) -> shared::ids::FileId,
    ) -> Result<Checked, SearchError> {
        let bad = |text: String| Err(SearchError::BadRequest(text));
        if self.query.trim().is_empty() {
            return bad("the query is empty: say what to look for".to_owned());
        }
        if self.query.chars().count() > MAX_QUERY_CHARS {
            return bad(format!("the query is longer than {MAX_QUERY_CHARS} characters"));
        }
        let limit = self.limit;
        if !(1..=MAX_LIMIT).contains(&limit) {
            return bad(format!("limit {limit} is not between 1 and {MAX_LIMIT}"));
        }
        let lambda = match self.diversify.map(Diversify::lambda) {
            Some(None) => return bad("diversify is not between 0 and 1".to_owned()),
            Some(lambda) => lambda,
            None => None,
        };
        let deepest = if lambda.is_some() {
            DIVERSIFIED_FROM
        } else {
            MAX_DEPTH
        };
        if self.offset.saturating_add(limit) > deepest {
            return bad(format!(
                "offset {} and limit {limit} reach beyond the first {deepest} hits: ask a narrower question, or filter",
                self.offset
            ));
        }
        if self.min_score.is_some_and(|score| !score.is_finite()) {
            return bad("min_score is not a number".to_owned());
        }
        if let Some(highlight) = &self.highlight {
            highlight.check().map_err(SearchError::BadRequest)?;
        }
        Ok(Checked {
            offset: self.offset,
            limit,
            min_score: self.min_score,
            group_by_file: self.group_by_file,
            lambda,
            narrowed: self.filter.narrow(files).map_err(SearchError::BadRequest)?,
        })
    }
}
