//! Vectors in memory, searched one by one: the double that tests use, with faults on demand.
//!
//! It keeps to the trait's promises but for durability, and computes what the real stores compute: cosine on
//! normalised vectors, BM25 with Qdrant's inverse document frequency, and reciprocal rank fusion.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::filter::Filter;
use super::{Hit, Payload, Point, Query, SearchRequest, SparseVector, Vectors, VectorsError, check, fusion};
use crate::ids::{ChunkHash, ClaimId, PointId};

#[cfg(test)]
mod tests;

/// A collection that lives as long as its process.
#[derive(Debug, Default)]
pub struct MemoryVectors {
    dense_size: Option<usize>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    points: BTreeMap<PointId, Point>,
    closed: bool,
    /// Calls yet to fail without effect.
    failing: usize,
    /// Writes yet to take effect and be answered with an error.
    lost_answers: usize,
    /// Keep upserts for [`MemoryVectors::deliver_late_duplicates`]?
    recording: bool,
    recorded: Vec<Vec<Point>>,
}

impl MemoryVectors {
    /// An empty collection with dense vectors of so many dimensions, or without any.
    #[must_use]
    pub fn new(dense_size: Option<usize>) -> Arc<Self> {
        Arc::new(Self {
            dense_size,
            ..Self::default()
        })
    }

    /// The next `calls` calls (but `close`) fail as if the store were unreachable, without effect.
    pub fn fail_next(&self, calls: usize) {
        self.state().failing = calls;
    }

    /// The next `writes` writes take effect, but their caller gets an error: the answer was lost.
    pub fn lose_next_answers(&self, writes: usize) {
        self.state().lost_answers = writes;
    }

    /// From now on remembers upserts, so that they can arrive once more.
    pub fn record_upserts(&self) {
        self.state().recording = true;
    }

    /// Every upsert since [`MemoryVectors::record_upserts`] takes effect again, as a request that lingered in a network
    /// would, whatever was deleted since.
    pub fn deliver_late_duplicates(&self) {
        let mut state = self.state();
        for points in std::mem::take(&mut state.recorded) {
            state.put(points);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Access for one call, unless it is to fail.
    fn call(&self) -> Result<MutexGuard<'_, State>, VectorsError> {
        let mut state = self.state();
        if state.closed {
            return Err(VectorsError::Unavailable("the vector store is closed".to_owned()));
        }
        if state.failing > 0 {
            state.failing -= 1;
            return Err(VectorsError::Unavailable("injected fault".to_owned()));
        }
        Ok(state)
    }
}

impl State {
    fn put(&mut self, points: Vec<Point>) {
        self.points
            .extend(points.into_iter().map(|point| (point.id, point)));
    }

    /// The end of a write that took effect.
    fn answer(&mut self) -> Result<(), VectorsError> {
        if self.lost_answers == 0 {
            return Ok(());
        }
        self.lost_answers -= 1;
        Err(VectorsError::Unavailable(
            "injected fault: the answer was lost".to_owned(),
        ))
    }

    fn by_cosine(&self, query: &[f32], filter: &Filter) -> Vec<(PointId, f32)> {
        let query = normalised(query);
        let score = |point: &Point| Some(dot(point.dense.as_deref()?, &query));
        self.ranked(filter, score)
    }

    fn by_terms(&self, query: &SparseVector, filter: &Filter) -> Vec<(PointId, f32)> {
        let weights: HashMap<u32, f32> = query
            .indices
            .iter()
            .zip(&query.values)
            .map(|(term, weight)| (*term, weight * self.inverse_document_frequency(*term)))
            .collect();
        let score = |point: &Point| {
            let terms = point.bm25.indices.iter().zip(&point.bm25.values);
            terms
                .filter_map(|(term, weight)| Some(weight * weights.get(term)?))
                .reduce(|a, b| a + b)
        };
        self.ranked(filter, score)
    }

    /// `ln(1 + (n - df + 0.5) / (df + 0.5))`, where `df` of `n` points have the term.
    fn inverse_document_frequency(&self, term: u32) -> f32 {
        let with_term = self
            .points
            .values()
            .filter(|point| point.bm25.indices.binary_search(&term).is_ok());
        let (n, df) = (count_as_f32(self.points.len()), count_as_f32(with_term.count()));
        ((n - df + 0.5) / (df + 0.5)).ln_1p()
    }

    fn ranked(&self, filter: &Filter, score: impl Fn(&Point) -> Option<f32>) -> Vec<(PointId, f32)> {
        let mut ranked: Vec<_> = self
            .points
            .values()
            .filter(|point| filter.admits(&point.payload))
            .filter_map(|point| Some((point.id, score(point)?)))
            .collect();
        fusion::sort(&mut ranked);
        ranked
    }

    fn fused(&self, dense: &[f32], terms: &SparseVector, request: &SearchRequest) -> Vec<(PointId, f32)> {
        let depth = fusion::candidates(request.offset.saturating_add(request.limit));
        let rankings = [
            self.by_cosine(dense, &request.filter),
            self.by_terms(terms, &request.filter),
        ];
        fusion::fuse(rankings.map(|ranking| ranking.into_iter().take(depth).map(|(id, _)| id)))
    }
}

#[async_trait]
impl Vectors for MemoryVectors {
    fn dense_size(&self) -> Option<usize> {
        self.dense_size
    }

    async fn upsert(&self, mut points: Vec<Point>) -> Result<(), VectorsError> {
        let mut state = self.call()?;
        check::points(&points, self.dense_size)?;
        for vector in points.iter_mut().filter_map(|point| point.dense.as_mut()) {
            *vector = normalised(vector);
        }
        if state.recording {
            state.recorded.push(points.clone());
        }
        state.put(points);
        state.answer()
    }

    async fn delete_claims(&self, claims: &[ClaimId]) -> Result<(), VectorsError> {
        let mut state = self.call()?;
        state
            .points
            .retain(|_, point| !claims.contains(&point.payload.claim));
        state.answer()
    }

    async fn find_dense(&self, hashes: &[ChunkHash]) -> Result<HashMap<ChunkHash, Vec<f32>>, VectorsError> {
        let state = self.call()?;
        let wanted = state
            .points
            .values()
            .filter(|point| hashes.contains(&point.payload.chunk_hash));
        Ok(wanted
            .filter_map(|point| Some((point.payload.chunk_hash, point.dense.clone()?)))
            .collect())
    }

    async fn search(&self, request: SearchRequest) -> Result<Vec<Hit>, VectorsError> {
        let state = self.call()?;
        check::query(&request.query, self.dense_size)?;
        let ranked = match &request.query {
            Query::Vector(vector) => state.by_cosine(vector, &request.filter),
            Query::FullText(terms) => state.by_terms(terms, &request.filter),
            Query::Hybrid(vector, terms) => state.fused(vector, terms, &request),
        };
        let page = ranked.into_iter().skip(request.offset).take(request.limit);
        Ok(page
            .filter_map(|(id, score)| {
                state.points.get(&id).map(|point| Hit {
                    id,
                    score,
                    payload: point.payload.clone(),
                    dense: point.dense.clone().filter(|_| request.with_dense),
                })
            })
            .collect())
    }

    async fn payloads(&self, ids: &[PointId]) -> Result<HashMap<PointId, Payload>, VectorsError> {
        let state = self.call()?;
        let found = ids.iter().filter_map(|id| state.points.get(id));
        Ok(found.map(|point| (point.id, point.payload.clone())).collect())
    }

    async fn claims(&self) -> Result<Vec<ClaimId>, VectorsError> {
        let state = self.call()?;
        let mut claims: Vec<_> = state.points.values().map(|point| point.payload.claim).collect();
        claims.sort_unstable();
        claims.dedup();
        Ok(claims)
    }

    async fn count_claim(&self, claim: ClaimId) -> Result<u64, VectorsError> {
        let state = self.call()?;
        let points = state.points.values();
        Ok(points.filter(|point| point.payload.claim == claim).count() as u64)
    }

    async fn count(&self) -> Result<u64, VectorsError> {
        Ok(self.call()?.points.len() as u64)
    }

    async fn maintain(&self) -> Result<(), VectorsError> {
        self.call().map(drop)
    }

    async fn close(&self) -> Result<(), VectorsError> {
        self.state().closed = true;
        Ok(())
    }
}

/// The vector at length 1; one of length 0 stays as it is.
fn normalised(vector: &[f32]) -> Vec<f32> {
    let length = dot(vector, vector).sqrt();
    if length == 0.0 {
        vector.to_vec()
    } else {
        vector.iter().map(|value| value / length).collect()
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a test double never holds so many points that it would show"
)]
fn count_as_f32(count: usize) -> f32 {
    count as f32
}
