//! A collection that is opened when it is first needed: a pass that finds nothing to do never pays for it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use shared::ids::{ChunkHash, ClaimId, PointId};
use shared::vectors::edge::EdgeVectors;
use shared::vectors::{Hit, Payload, Point, SearchRequest, Vectors, VectorsError};
use tokio::sync::OnceCell;

/// Qdrant Edge in a folder, opened on first use.
pub(crate) struct LazyVectors {
    folder: PathBuf,
    dense_size: Option<usize>,
    opened: OnceCell<Arc<EdgeVectors>>,
}

impl LazyVectors {
    pub(crate) fn new(folder: PathBuf, dense_size: Option<usize>) -> Self {
        Self {
            folder,
            dense_size,
            opened: OnceCell::new(),
        }
    }

    async fn edge(&self) -> Result<&Arc<EdgeVectors>, VectorsError> {
        self.opened
            .get_or_try_init(|| async {
                let (folder, dense_size) = (self.folder.clone(), self.dense_size);
                tokio::task::spawn_blocking(move || EdgeVectors::open(folder, dense_size))
                    .await
                    .map_err(|panic| VectorsError::Unavailable(format!("opening it panicked: {panic}")))?
            })
            .await
    }
}

#[async_trait]
impl Vectors for LazyVectors {
    fn dense_size(&self) -> Option<usize> {
        self.dense_size
    }

    async fn upsert(&self, points: Vec<Point>) -> Result<(), VectorsError> {
        self.edge().await?.upsert(points).await
    }

    async fn delete_claims(&self, claims: &[ClaimId]) -> Result<(), VectorsError> {
        self.edge().await?.delete_claims(claims).await
    }

    async fn find_dense(&self, hashes: &[ChunkHash]) -> Result<HashMap<ChunkHash, Vec<f32>>, VectorsError> {
        self.edge().await?.find_dense(hashes).await
    }

    async fn search(&self, request: SearchRequest) -> Result<Vec<Hit>, VectorsError> {
        self.edge().await?.search(request).await
    }

    async fn payloads(&self, ids: &[PointId]) -> Result<HashMap<PointId, Payload>, VectorsError> {
        self.edge().await?.payloads(ids).await
    }

    async fn claims(&self) -> Result<Vec<ClaimId>, VectorsError> {
        self.edge().await?.claims().await
    }

    async fn count(&self) -> Result<u64, VectorsError> {
        self.edge().await?.count().await
    }

    async fn maintain(&self) -> Result<(), VectorsError> {
        self.edge().await?.maintain().await
    }

    async fn close(&self) -> Result<(), VectorsError> {
        match self.opened.get() {
            Some(edge) => edge.close().await,
            None => Ok(()),
        }
    }
}
