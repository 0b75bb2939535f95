//! Vectors on a Qdrant server, over gRPC: one collection for each generation of an index.
//!
//! - **Writes** return when the server has synced its log and applied them (`wait`), so they survive its death; how many
//!   replicas that means is the server's `write_consistency_factor`.
//! - **Load.** A process has a bounded number of requests under way, which halves when the server is slow or refuses and
//!   grows again ([`crate::limiter`]). Whoever waits for a place holds nothing but what it wants to write.
//! - **Hybrid search** asks for both rankings in one request and merges them here, so that ties are ordered as by the
//!   other backends.
//! - **A collection that vanishes** is data lost. It is reported with each call and not made again behind the ledger's
//!   back: the ledger would show files as indexed that no search finds. [`QdrantStore::open`] makes it (at the next
//!   start), and [`QdrantVectors::is_new`] tells that a full run is needed.

mod batches;
mod connection;
mod convert;
mod errors;
mod names;
mod schema;
mod settings;
mod store;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use qdrant_client::QdrantError;
use qdrant_client::qdrant::{CountPoints, QueryBatchPoints};

use self::connection::{Connection, Lane};
use self::convert::{Nearest, Target};
pub use self::settings::QdrantSettings;
pub use self::store::QdrantStore;
use super::filter::Filter;
use super::{Hit, Payload, Point, Query, SearchRequest, SparseVector, Vectors, VectorsError, check, fusion};
use crate::ids::{ChunkHash, ClaimId, PointId};

/// Requests of one `upsert` that are under way at once.
const UPSERTS_AT_ONCE: usize = 4;

/// Claims that one request deletes.
const CLAIMS_AT_ONCE: usize = 256;

/// Hashes that one request looks up.
const HASHES_AT_ONCE: usize = 256;

/// Points that one look-up by hash reads at most: with the largest vectors in use, some 6 MiB.
const PAGE: u16 = 512;

/// Claims that a listing asks for at first; more when there are more.
const CLAIMS_AT_FIRST: u64 = 16 * 1024;

/// A collection on a server.
pub struct QdrantVectors {
    connection: Arc<Connection>,
    collection: String,
    dense_size: Option<usize>,
    is_new: bool,
    closed: AtomicBool,
}

impl QdrantVectors {
    fn new(connection: Arc<Connection>, collection: String, dense_size: Option<usize>, is_new: bool) -> Self {
        Self {
            connection,
            collection,
            dense_size,
            is_new,
            closed: AtomicBool::new(false),
        }
    }

    /// Did opening make the collection? When the ledger has files as indexed, they are not in it: a full run is needed.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// The collection's name on the server.
    #[must_use]
    pub fn collection(&self) -> &str {
        &self.collection
    }

    fn check_open(&self) -> Result<(), VectorsError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(VectorsError::Unavailable("the vector store is closed".to_owned()));
        }
        Ok(())
    }

    fn target(&self) -> Target<'_> {
        Target {
            collection: &self.collection,
            timeout: self.connection.server_timeout(),
        }
    }

    async fn call<T>(
        &self,
        lane: Lane,
        request: impl Future<Output = Result<T, QdrantError>>,
    ) -> Result<T, VectorsError> {
        self.check_open()?;
        // Boxed, because the client's futures are large.
        let request = Box::pin(request);
        Ok(self.connection.call(lane, &self.collection, request).await?)
    }

    async fn upsert_batch(&self, points: Vec<Point>) -> Result<(), VectorsError> {
        let request = convert::upsert(self.target(), points)?;
        let client = &self.connection.client;
        self.call(Lane::Write, async {
            let response = client.upsert_points(request).await?;
            errors::completed(&response)
        })
        .await
    }

    async fn delete_batch(&self, claims: &[ClaimId]) -> Result<(), VectorsError> {
        let request = convert::delete(self.target(), claims);
        let client = &self.connection.client;
        self.call(Lane::Write, async {
            let response = client.delete_points(request).await?;
            errors::completed(&response)
        })
        .await
    }

    /// Looks hashes up in rounds: a round whose page fills up with copies of few texts leaves the others to the next.
    async fn find_some(
        &self,
        mut wanted: Vec<ChunkHash>,
    ) -> Result<HashMap<ChunkHash, Vec<f32>>, VectorsError> {
        let mut found = HashMap::new();
        while !wanted.is_empty() {
            let request = convert::vectors_of(self.target(), &wanted, PAGE.into());
            let page = self
                .call(Lane::Read, self.connection.client.scroll(request))
                .await?;
            let before = found.len();
            found.extend(page.result.into_iter().filter_map(convert::hash_and_vector));
            // A round without news would repeat for ever.
            if page.next_page_offset.is_none() || found.len() == before {
                break;
            }
            wanted.retain(|hash| !found.contains_key(hash));
        }
        Ok(found)
    }

    async fn count_where(&self, filter: Option<qdrant_client::qdrant::Filter>) -> Result<u64, VectorsError> {
        let request = CountPoints {
            collection_name: self.collection.clone(),
            filter,
            exact: Some(true),
            timeout: Some(self.target().timeout),
            ..CountPoints::default()
        };
        let response = self
            .call(Lane::Read, self.connection.client.count(request))
            .await?;
        Ok(response.result.map_or(0, |result| result.count))
    }

    async fn nearest(&self, nearest: Nearest, wanted: Wanted) -> Result<Vec<Hit>, VectorsError> {
        let Wanted {
            filter,
            window,
            with_dense,
        } = wanted;
        let request = convert::search(self.target(), nearest, convert::filter(&filter), window, true);
        let request = convert::with_vectors(request, with_dense);
        let points = self
            .call(Lane::Read, self.connection.client.query(request))
            .await?
            .result;
        points.into_iter().map(convert::hit).collect()
    }

    async fn hybrid(
        &self,
        dense: Vec<f32>,
        terms: SparseVector,
        wanted: Wanted,
    ) -> Result<Vec<Hit>, VectorsError> {
        let Wanted {
            filter,
            window: (offset, limit),
            with_dense,
        } = wanted;
        let depth = fusion::candidates(offset.saturating_add(limit));
        let filter = convert::filter(&filter);
        let mut sides = vec![Nearest::Dense(dense)];
        if !terms.indices.is_empty() {
            sides.push(Nearest::Terms(terms));
        }
        let request = QueryBatchPoints {
            collection_name: self.collection.clone(),
            query_points: sides
                .into_iter()
                .map(|side| convert::search(self.target(), side, filter.clone(), (0, depth), false))
                .collect(),
            timeout: Some(self.target().timeout),
            ..QueryBatchPoints::default()
        };
        let client = &self.connection.client;
        let rankings = self.call(Lane::Read, client.query_batch(request)).await?.result;
        let rankings = rankings.into_iter().map(|ranking| convert::ids(ranking.result));
        let rankings = rankings.collect::<Result<Vec<_>, _>>()?;
        let page: Vec<_> = fusion::fuse(rankings)
            .into_iter()
            .skip(offset)
            .take(limit)
            .collect();
        if page.is_empty() {
            return Ok(Vec::new());
        }
        let ids = page.iter().map(|(id, _)| *id);
        let request = convert::points(self.target(), ids, with_dense);
        let points = self.call(Lane::Read, client.get_points(request)).await?.result;
        convert::with_payloads(page, points)
    }
}

/// What a search may return, and how much of it.
struct Wanted {
    filter: Filter,
    /// Hits to leave out from the start, and most to return.
    window: (usize, usize),
    with_dense: bool,
}

#[async_trait]
impl Vectors for QdrantVectors {
    fn dense_size(&self) -> Option<usize> {
        self.dense_size
    }

    async fn upsert(&self, points: Vec<Point>) -> Result<(), VectorsError> {
        self.check_open()?;
        check::points(&points, self.dense_size)?;
        stream::iter(batches::split(points))
            .map(|batch| self.upsert_batch(batch))
            .buffer_unordered(UPSERTS_AT_ONCE)
            .try_collect()
            .await
    }

    async fn delete_claims(&self, claims: &[ClaimId]) -> Result<(), VectorsError> {
        self.check_open()?;
        for some in claims.chunks(CLAIMS_AT_ONCE) {
            self.delete_batch(some).await?;
        }
        Ok(())
    }

    async fn find_dense(&self, hashes: &[ChunkHash]) -> Result<HashMap<ChunkHash, Vec<f32>>, VectorsError> {
        self.check_open()?;
        let mut found = HashMap::new();
        if self.dense_size.is_some() {
            for some in hashes.chunks(HASHES_AT_ONCE) {
                found.extend(self.find_some(some.to_vec()).await?);
            }
        }
        Ok(found)
    }

    async fn search(&self, request: SearchRequest) -> Result<Vec<Hit>, VectorsError> {
        self.check_open()?;
        check::query(&request.query, self.dense_size)?;
        if request.limit == 0 || request.filter.is_impossible() {
            return Ok(Vec::new());
        }
        let wanted = Wanted {
            filter: request.filter,
            window: (request.offset, request.limit),
            // The engine refuses to return vectors that the collection does not have.
            with_dense: request.with_dense && self.dense_size.is_some(),
        };
        match request.query {
            Query::Vector(vector) => self.nearest(Nearest::Dense(vector), wanted).await,
            Query::FullText(terms) if terms.indices.is_empty() => Ok(Vec::new()),
            Query::FullText(terms) => self.nearest(Nearest::Terms(terms), wanted).await,
            Query::Hybrid(vector, terms) => self.hybrid(vector, terms, wanted).await,
        }
    }

    async fn payloads(&self, ids: &[PointId]) -> Result<HashMap<PointId, Payload>, VectorsError> {
        self.check_open()?;
        let mut found = HashMap::new();
        for some in ids.chunks(PAGE.into()) {
            let request = convert::points(self.target(), some.iter().copied(), false);
            let client = &self.connection.client;
            let points = self.call(Lane::Read, client.get_points(request)).await?.result;
            found.extend(convert::payloads(points)?);
        }
        Ok(found)
    }

    async fn claims(&self) -> Result<Vec<ClaimId>, VectorsError> {
        let mut limit = CLAIMS_AT_FIRST;
        loop {
            let request = convert::claims(self.target(), limit);
            let hits = self
                .call(Lane::Read, self.connection.client.facet(request))
                .await?
                .hits;
            // A full list may have been cut off; there is no asking for the rest alone.
            if (hits.len() as u64) < limit {
                return hits.into_iter().map(convert::claim).collect();
            }
            limit = limit.saturating_mul(8);
        }
    }

    async fn count_claim(&self, claim: ClaimId) -> Result<u64, VectorsError> {
        self.count_where(Some(convert::of_claim(claim))).await
    }

    async fn count(&self) -> Result<u64, VectorsError> {
        self.count_where(None).await
    }

    /// The server looks after itself.
    async fn maintain(&self) -> Result<(), VectorsError> {
        self.check_open()
    }

    /// Closes this handle; what it wrote is durable already.
    async fn close(&self) -> Result<(), VectorsError> {
        self.closed.store(true, Ordering::Release);
        Ok(())
    }
}
