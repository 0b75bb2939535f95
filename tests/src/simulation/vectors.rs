//! The vector store: one server that everybody shares, and a client for each process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use shared::ids::{ChunkHash, ClaimId, FileId, PointId};
use shared::vectors::memory::MemoryVectors;
use shared::vectors::{Hit, Payload, Point, SearchRequest, Vectors, VectorsError};

use super::bug::Bug;
use super::history::History;
use super::ledger::LedgerServer;
use super::line::Line;
use super::world::World;

/// Dimensions of the dense vectors.
pub(super) const DIMENSIONS: usize = 4;

pub(super) struct VectorServer {
    world: Arc<World>,
    history: Arc<History>,
    pub(super) memory: Arc<MemoryVectors>,
}

impl VectorServer {
    pub(super) fn new(world: Arc<World>, history: Arc<History>) -> Arc<Self> {
        Arc::new(Self {
            world,
            history,
            memory: MemoryVectors::new(Some(DIMENSIONS)),
        })
    }

    pub(super) async fn upsert(&self, who: &str, mut points: Vec<Point>) -> Result<(), VectorsError> {
        if self.world.has(Bug::PointIdsReused) {
            for point in &mut points {
                let file = ClaimId(point.payload.file_id.0);
                point.id = PointId::of(file, point.payload.ordinal);
            }
        }
        self.memory.upsert(points.clone()).await?;
        if let Some(point) = points.first() {
            let (path, count) = (&point.payload.path, points.len());
            let label = self.history.label(point.payload.claim);
            self.world
                .note(who, format_args!("stores {count} points of {path} {label}"));
        }
        self.history.upserted(&points);
        Ok(())
    }

    pub(super) async fn delete(&self, claims: &[ClaimId]) -> Result<(), VectorsError> {
        self.memory.delete_claims(claims).await?;
        self.history.deleted(claims);
        Ok(())
    }
}

/// The store as one process sees it.
pub(super) struct VectorClient {
    pub(super) line: Line,
    pub(super) server: Arc<VectorServer>,
    pub(super) ledger: Arc<LedgerServer>,
    pub(super) history: Arc<History>,
    /// Does a worker use it?
    pub(super) of_worker: bool,
}

impl VectorClient {
    fn has(&self, bug: Bug) -> bool {
        self.of_worker && self.line.world.has(bug)
    }

    /// What "everything of the file but mine" is, as of now.
    async fn all_but_mine(&self, claims: &[ClaimId]) -> Option<(FileId, ClaimId)> {
        let file = self.history.owner(*claims.first()?)?;
        let live = self.ledger.live_claims(&[file]).await.ok()?;
        Some((file, *live.get(&file)?))
    }
}

#[async_trait]
impl Vectors for VectorClient {
    fn dense_size(&self) -> Option<usize> {
        Some(DIMENSIONS)
    }

    async fn upsert(&self, points: Vec<Point>) -> Result<(), VectorsError> {
        let (server, who) = (Arc::clone(&self.server), Arc::clone(&self.line.who));
        let request = move || {
            let (server, who, points) = (Arc::clone(&server), Arc::clone(&who), points.clone());
            async move { server.upsert(&who, points).await }
        };
        if self.has(Bug::UpsertNotAwaited) {
            let soon = self.line.world.dice.skewed(2_000);
            self.line.straggle(Duration::from_millis(soon), request);
            return Ok(());
        }
        self.line.call("upsert", request).await
    }

    async fn delete_claims(&self, claims: &[ClaimId]) -> Result<(), VectorsError> {
        let (server, who) = (Arc::clone(&self.server), Arc::clone(&self.line.who));
        let others = if self.has(Bug::DeletesAllButMine) {
            self.all_but_mine(claims).await
        } else {
            None
        };
        let claims = claims.to_vec();
        self.line
            .call("delete", move || {
                let (server, who, mut claims) = (Arc::clone(&server), Arc::clone(&who), claims.clone());
                async move {
                    if let Some((file, mine)) = others {
                        claims = server.history.claims_of(file);
                        claims.retain(|claim| *claim != mine);
                    }
                    let mut labels: Vec<_> =
                        claims.iter().map(|claim| server.history.label(*claim)).collect();
                    labels.sort();
                    server
                        .world
                        .note(&who, format_args!("deletes the points of {}", labels.join(" ")));
                    server.delete(&claims).await
                }
            })
            .await
    }

    async fn find_dense(&self, hashes: &[ChunkHash]) -> Result<HashMap<ChunkHash, Vec<f32>>, VectorsError> {
        let (server, who) = (Arc::clone(&self.server), Arc::clone(&self.line.who));
        let wanted = hashes.to_vec();
        let mut found = self
            .line
            .call("find_dense", move || {
                let (server, who, wanted) = (Arc::clone(&server), Arc::clone(&who), wanted.clone());
                async move {
                    let found = server.memory.find_dense(&wanted).await?;
                    let missing = wanted.iter().filter(|hash| !found.contains_key(hash));
                    server.history.missed(&who, missing.copied());
                    Ok::<_, VectorsError>(found)
                }
            })
            .await?;
        if self.has(Bug::EmbedsAgain) {
            found.clear();
        }
        Ok(found)
    }

    async fn search(&self, request: SearchRequest) -> Result<Vec<Hit>, VectorsError> {
        let memory = Arc::clone(&self.server.memory);
        self.line
            .call("search", move || {
                let (memory, request) = (Arc::clone(&memory), request.clone());
                async move { memory.search(request).await }
            })
            .await
    }

    async fn payloads(&self, ids: &[PointId]) -> Result<HashMap<PointId, Payload>, VectorsError> {
        let memory = Arc::clone(&self.server.memory);
        let ids = ids.to_vec();
        self.line
            .call("payloads", move || {
                let (memory, ids) = (Arc::clone(&memory), ids.clone());
                async move { memory.payloads(&ids).await }
            })
            .await
    }

    async fn claims(&self) -> Result<Vec<ClaimId>, VectorsError> {
        let memory = Arc::clone(&self.server.memory);
        self.line
            .call("claims", move || {
                let memory = Arc::clone(&memory);
                async move { memory.claims().await }
            })
            .await
    }

    async fn count_claim(&self, claim: ClaimId) -> Result<u64, VectorsError> {
        self.server.memory.count_claim(claim).await
    }

    async fn count(&self) -> Result<u64, VectorsError> {
        self.server.memory.count().await
    }

    async fn maintain(&self) -> Result<(), VectorsError> {
        Ok(())
    }

    async fn close(&self) -> Result<(), VectorsError> {
        Ok(())
    }
}
