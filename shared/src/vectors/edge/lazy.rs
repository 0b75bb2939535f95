//! A collection that is opened when it is first needed: a pass that finds nothing to do never pays for it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::RwLock;

use super::EdgeVectors;
use crate::ids::{ChunkHash, ClaimId, PointId};
use crate::vectors::{Hit, Payload, Point, SearchRequest, Vectors, VectorsError};

/// Qdrant Edge in a folder, opened on first use. Closed once, it stays so, even if it was never opened: its folder may be
/// gone, and must not be made again by a late request.
pub(super) struct LazyVectors {
    folder: PathBuf,
    dense_size: Option<usize>,
    state: RwLock<State>,
}

enum State {
    Unused,
    Open(Arc<EdgeVectors>),
    Closed,
}

impl LazyVectors {
    pub(super) fn new(folder: PathBuf, dense_size: Option<usize>) -> Self {
        Self {
            folder,
            dense_size,
            state: RwLock::new(State::Unused),
        }
    }

    async fn edge(&self) -> Result<Arc<EdgeVectors>, VectorsError> {
        if let State::Open(edge) = &*self.state.read().await {
            return Ok(Arc::clone(edge));
        }
        let mut state = self.state.write().await;
        match &*state {
            State::Open(edge) => return Ok(Arc::clone(edge)),
            State::Closed => {
                return Err(VectorsError::Unavailable("the vector store is closed".to_owned()));
            }
            State::Unused => {}
        }
        let (folder, dense_size) = (self.folder.clone(), self.dense_size);
        let opened = tokio::task::spawn_blocking(move || EdgeVectors::open(folder, dense_size)).await;
        let edge =
            opened.map_err(|panic| VectorsError::Unavailable(format!("opening it panicked: {panic}")))??;
        *state = State::Open(Arc::clone(&edge));
        Ok(edge)
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

    async fn count_claim(&self, claim: ClaimId) -> Result<u64, VectorsError> {
        self.edge().await?.count_claim(claim).await
    }

    async fn count(&self) -> Result<u64, VectorsError> {
        self.edge().await?.count().await
    }

    async fn maintain(&self) -> Result<(), VectorsError> {
        self.edge().await?.maintain().await
    }

    async fn close(&self) -> Result<(), VectorsError> {
        match std::mem::replace(&mut *self.state.write().await, State::Closed) {
            State::Open(edge) => edge.close().await,
            State::Unused | State::Closed => Ok(()),
        }
    }
}
