//! Vectors in a folder of this machine, by Qdrant Edge: Qdrant's engine as a library.
//!
//! Edge leaves three things to its caller, and this module adds them:
//!
//! - **Durability.** Edge keeps a write-ahead log but neither syncs nor replays it, and an update is on disk only after a
//!   flush of everything. One thread therefore owns all writes and commits them in groups (`writer`) to a
//!   journal that is applied when the collection is opened (`journal`).
//! - **Bounded cost.** Edge's log is dead weight that grows without end, so it is emptied now and then (`wal`); a
//!   point costs more the larger its segment is, so there are several (`segments`).
//! - **Survival.** Edge panics where a flush fails. A panic or failure closes the shard and opens it again from what is on
//!   disk, as after a crash; the calls concerned fail and can be repeated (`shard`).
//!
//! Searches run beside the writes on tokio's blocking threads. One process at a time can open a folder.

mod config;
mod convert;
mod folders;
mod journal;
mod lazy;
mod segments;
mod shard;
mod wal;
mod writer;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use qdrant_edge::{EdgeShard, OperationResult};

use self::config::Limits;
pub use self::folders::EdgeFolders;
use self::journal::Change;
use self::shard::Shard;
use self::writer::{Command, Update, Writer};
use super::{Hit, Payload, Point, Query, SearchRequest, Vectors, VectorsError, check, fusion};
use crate::ids::{ChunkHash, ClaimId, PointId};

/// A collection in a folder.
pub struct EdgeVectors {
    dense_size: Option<usize>,
    shard: Arc<Shard>,
    writer: Writer,
}

impl EdgeVectors {
    /// Opens the collection in `dir`, or makes one, whose dense vectors have `dense_size` dimensions.
    ///
    /// Blocks for some milliseconds per 10,000 points. Close the collection before it is opened again.
    ///
    /// # Errors
    /// [`VectorsError::Mismatch`] when the collection's dense vectors are of another size, and
    /// [`VectorsError::Unavailable`] when the folder cannot be used or another process has it open.
    pub fn open(dir: impl Into<PathBuf>, dense_size: Option<usize>) -> Result<Arc<Self>, VectorsError> {
        Self::open_with(dir.into(), dense_size, Limits::default())
    }

    fn open_with(dir: PathBuf, dense_size: Option<usize>, limits: Limits) -> Result<Arc<Self>, VectorsError> {
        let shard = Arc::new(Shard::open(dir, dense_size, limits)?);
        let writer = Writer::start(Arc::clone(&shard))?;
        Ok(Arc::new(Self {
            dense_size,
            shard,
            writer,
        }))
    }

    /// Reads what the trait does not offer, such as a scroll, on a thread that may block. Writes would not be durable.
    ///
    /// # Errors
    /// [`VectorsError::Refused`] when the engine refuses the request, [`VectorsError::Unavailable`] when it fails or is
    /// closed.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&EdgeShard) -> OperationResult<T> + Send + 'static,
    ) -> Result<T, VectorsError> {
        let shard = Arc::clone(&self.shard);
        tokio::task::spawn_blocking(move || shard.with(read))
            .await
            .unwrap_or_else(|error| {
                Err(VectorsError::Unavailable(format!(
                    "the search broke off: {error}"
                )))
            })
    }

    async fn count_where(&self, filter: Option<qdrant_edge::Filter>) -> Result<u64, VectorsError> {
        let request = qdrant_edge::CountRequest { filter, exact: true };
        self.read(move |edge| edge.count(request))
            .await
            .map(|count| count as u64)
    }
}

#[async_trait]
impl Vectors for EdgeVectors {
    fn dense_size(&self) -> Option<usize> {
        self.dense_size
    }

    async fn upsert(&self, points: Vec<Point>) -> Result<(), VectorsError> {
        check::points(&points, self.dense_size)?;
        if points.is_empty() {
            return self.shard.check_open();
        }
        let update = Update::new(Change::Upsert(points))?;
        self.writer.send(|reply| Command::Update(update, reply)).await
    }

    async fn delete_claims(&self, claims: &[ClaimId]) -> Result<(), VectorsError> {
        if claims.is_empty() {
            return self.shard.check_open();
        }
        let update = Update::new(Change::Delete(claims.to_vec()))?;
        self.writer.send(|reply| Command::Update(update, reply)).await
    }

    async fn find_dense(&self, hashes: &[ChunkHash]) -> Result<HashMap<ChunkHash, Vec<f32>>, VectorsError> {
        if hashes.is_empty() || self.dense_size.is_none() {
            self.shard.check_open()?;
            return Ok(HashMap::new());
        }
        let hashes = hashes.to_vec();
        self.read(move |edge| find_dense(edge, hashes)).await
    }

    async fn search(&self, mut request: SearchRequest) -> Result<Vec<Hit>, VectorsError> {
        check::query(&request.query, self.dense_size)?;
        // The engine refuses to return vectors that the collection does not have.
        request.with_dense &= self.dense_size.is_some();
        if request.limit == 0 || request.filter.is_impossible() {
            self.shard.check_open()?;
            return Ok(Vec::new());
        }
        self.read(move |edge| search(edge, request)).await?
    }

    async fn payloads(&self, ids: &[PointId]) -> Result<HashMap<PointId, Payload>, VectorsError> {
        if ids.is_empty() {
            self.shard.check_open()?;
            return Ok(HashMap::new());
        }
        let ids: Vec<_> = ids.iter().map(|id| qdrant_edge::PointId::Uuid(id.0)).collect();
        let records = self
            .read(move |edge| edge.retrieve(&ids, Some(true.into()), None))
            .await?;
        convert::payloads(records)
    }

    async fn claims(&self) -> Result<Vec<ClaimId>, VectorsError> {
        let facets = self.read(|edge| edge.facet(convert::all_claims())).await?;
        facets
            .hits
            .into_iter()
            .map(|hit| convert::claim(hit.value))
            .collect()
    }

    async fn count_claim(&self, claim: ClaimId) -> Result<u64, VectorsError> {
        self.count_where(Some(convert::of_claim(claim))).await
    }

    async fn count(&self) -> Result<u64, VectorsError> {
        self.count_where(None).await
    }

    async fn maintain(&self) -> Result<(), VectorsError> {
        self.writer.send(Command::Maintain).await
    }

    async fn close(&self) -> Result<(), VectorsError> {
        if self.shard.check_open().is_err() {
            return Ok(());
        }
        match self.writer.send(Command::Close).await {
            // Somebody else's close came first.
            Err(_) if self.shard.check_open().is_err() => Ok(()),
            answer => answer,
        }
    }
}

/// Looks hashes up in rounds: a round whose page fills up with copies of few texts leaves the others to the next.
fn find_dense(edge: &EdgeShard, mut wanted: Vec<ChunkHash>) -> OperationResult<HashMap<ChunkHash, Vec<f32>>> {
    let mut found = HashMap::new();
    while !wanted.is_empty() {
        let page = convert::vectors_of(&wanted);
        let limit = page.limit;
        let (records, _) = edge.scroll(page)?;
        let full = Some(records.len()) == limit;
        let before = found.len();
        found.extend(records.into_iter().filter_map(convert::hash_and_vector));
        // A round without news would repeat for ever.
        if !full || found.len() == before {
            break;
        }
        wanted.retain(|hash| !found.contains_key(hash));
    }
    Ok(found)
}

fn search(edge: &EdgeShard, request: SearchRequest) -> OperationResult<Result<Vec<Hit>, VectorsError>> {
    let SearchRequest {
        query,
        limit,
        offset,
        filter,
        with_dense,
    } = request;
    let filter = convert::filter(&filter);
    match query {
        Query::Vector(vector) => {
            let request = convert::search(convert::nearest(vector), filter, (offset, limit), with_dense);
            Ok(edge.search(request)?.into_iter().map(convert::hit).collect())
        }
        Query::FullText(terms) if terms.indices.is_empty() => Ok(Ok(Vec::new())),
        Query::FullText(terms) => {
            let request = convert::search(convert::matching(terms), filter, (offset, limit), with_dense);
            Ok(edge.search(request)?.into_iter().map(convert::hit).collect())
        }
        Query::Hybrid(vector, terms) => {
            let depth = fusion::candidates(offset.saturating_add(limit));
            let by_vector = edge.search(convert::rank(convert::nearest(vector), filter.clone(), depth))?;
            let by_terms = if terms.indices.is_empty() {
                Vec::new()
            } else {
                edge.search(convert::rank(convert::matching(terms), filter, depth))?
            };
            let rankings = [by_vector, by_terms].map(|points: Vec<_>| {
                points
                    .into_iter()
                    .filter_map(|point| convert::point_id(&point.id))
            });
            let page: Vec<_> = fusion::fuse(rankings)
                .into_iter()
                .skip(offset)
                .take(limit)
                .collect();
            let ids: Vec<_> = page
                .iter()
                .map(|(id, _)| qdrant_edge::PointId::Uuid(id.0))
                .collect();
            let records = edge.retrieve(&ids, Some(true.into()), convert::dense_too(with_dense))?;
            Ok(convert::with_payloads(page, records))
        }
    }
}
