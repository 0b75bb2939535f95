//! Hits of live claims, as many as are wanted.

use std::collections::{HashMap, HashSet};

use shared::ids::{ClaimId, FileId};
use shared::vectors::{Hit, Query, SearchRequest};
use tokio::time::Instant;

use super::filter::Narrowed;
use super::{Search, SearchError};

/// Most points that are fetched at a time: beyond it the answer says that it is incomplete.
const MAX_FETCHED: usize = 50_000;
/// Times that the store is asked again because a version changed meanwhile.
const MAX_REPEATS: usize = 3;

/// Which hits are looked for.
pub(super) struct Wanted<'a> {
    pub(super) query: &'a Query,
    pub(super) narrowed: &'a Narrowed,
    /// Only hits with at least this score.
    pub(super) min_score: Option<f32>,
    /// Only the best of each file.
    pub(super) group_by_file: bool,
    pub(super) with_dense: bool,
    /// How many.
    pub(super) count: usize,
}

impl Wanted<'_> {
    /// Does a hit belong into the answer, if its claim is live?
    fn matches(&self, hit: &Hit) -> bool {
        self.is_good_enough(hit) && self.narrowed.admits(&hit.payload)
    }

    fn is_good_enough(&self, hit: &Hit) -> bool {
        self.min_score.is_none_or(|least| hit.score >= least)
    }
}

/// The hits, best first.
pub(super) struct Found {
    /// At most as many as were wanted.
    pub(super) hits: Vec<Hit>,
    /// Are there no others, as far as the wanted number goes?
    pub(super) complete: bool,
}

impl Search {
    /// First what the filter lets pass, then what is live, then one of each file: a rule that came later would take places
    /// from hits that the earlier ones let pass.
    pub(super) async fn live_hits(&self, wanted: &Wanted<'_>) -> Result<Found, SearchError> {
        let mut fetch = wanted.count.saturating_mul(2).saturating_add(10);
        let mut repeats = 0;
        // Live claims that were not found by a search which began after they were live: they do not match.
        let mut unmatched = HashMap::new();
        loop {
            let hits = self.fetch(wanted, fetch).await?;
            let worst = hits.last();
            let exhausted = hits.len() < fetch || worst.is_some_and(|hit| !wanted.is_good_enough(hit));
            let hits: Vec<Hit> = hits.into_iter().filter(|hit| wanted.matches(hit)).collect();
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
            if wanted.group_by_file {
                let mut files = HashSet::new();
                kept.retain(|hit| files.insert(hit.payload.file_id));
            }
            let enough = kept.len() >= wanted.count;
            if enough || exhausted || fetch >= MAX_FETCHED {
                kept.truncate(wanted.count);
                return Ok(Found {
                    hits: kept,
                    complete: enough || exhausted,
                });
            }
            fetch = fetch.saturating_mul(4).min(MAX_FETCHED);
        }
    }

    async fn fetch(&self, wanted: &Wanted<'_>, limit: usize) -> Result<Vec<Hit>, SearchError> {
        let started = Instant::now();
        let request = SearchRequest {
            query: wanted.query.clone(),
            limit,
            offset: 0,
            filter: wanted.narrowed.stored.clone(),
            with_dense: wanted.with_dense,
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
}

fn is_live(hit: &Hit, live: &HashMap<FileId, ClaimId>) -> bool {
    live.get(&hit.payload.file_id) == Some(&hit.payload.claim)
}

/// Files that were found, but not under their live claim. Either that claim was committed after the store answered, or its
/// points do not match and those of a dead or unfinished attempt do. Which of the two, the claims do not tell: their
/// times are those of the workers that made them, and no two clocks agree. So the store is asked once more, and a claim
/// that was live before and is missing again does not match.
pub(super) fn live_but_not_found(hits: &[Hit], live: &HashMap<FileId, ClaimId>) -> HashMap<FileId, ClaimId> {
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
