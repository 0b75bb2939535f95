//! Breakers in front of embedder, vector store and source.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Circuit, Verdict};
use crate::blob_path::BlobPath;
use crate::blobs::{Blob, BlobError, BlobMeta, Blobs, Listed};
use crate::embedder::{Embedded, Embedder, codes};
use crate::ids::{ChunkHash, ClaimId, PointId};
use crate::retry::{Failure, FailureClass};
use crate::vectors::{Hit, Payload, Point, SearchRequest, Vectors, VectorsError};

/// An embedder behind a breaker. Put it beneath the [`Batcher`](crate::embedder::batching::Batcher), where one call is one
/// request.
#[must_use]
pub fn embedder(inner: Arc<dyn Embedder>, circuit: Circuit) -> Arc<dyn Embedder> {
    Arc::new(GuardedEmbedder { inner, circuit })
}

/// A vector store behind a breaker.
#[must_use]
pub fn vectors(inner: Arc<dyn Vectors>, circuit: Circuit) -> Arc<dyn Vectors> {
    Arc::new(GuardedVectors { inner, circuit })
}

/// A source behind a breaker.
#[must_use]
pub fn blobs(inner: Arc<dyn Blobs>, circuit: Circuit) -> Arc<dyn Blobs> {
    Arc::new(GuardedBlobs { inner, circuit })
}

struct GuardedEmbedder {
    inner: Arc<dyn Embedder>,
    circuit: Circuit,
}

/// A text that is refused was read, a service that asks to slow down is there, and an odd reply may be the text's fault: it is
/// charged to the file, which ends, while a circuit would be open for everybody. A key, a model or an account that does
/// not work makes the service as useless as one that is down.
fn embedding(failure: &Failure) -> Verdict {
    let answered = failure.class != FailureClass::Throttled
        || [codes::THROTTLED, codes::STOPPED].contains(&failure.code.as_str());
    if answered {
        Verdict::Answered
    } else {
        Verdict::Failed(failure.message.clone())
    }
}

#[async_trait]
impl Embedder for GuardedEmbedder {
    fn model(&self) -> &str {
        self.inner.model()
    }

    async fn embed(&self, texts: &[String]) -> Result<Embedded, Failure> {
        if texts.is_empty() {
            return self.inner.embed(texts).await;
        }
        self.circuit
            .call(self.inner.embed(texts), embedding, super::Refused::failure)
            .await
    }
}

struct GuardedVectors {
    inner: Arc<dyn Vectors>,
    circuit: Circuit,
}

fn storing(error: &VectorsError) -> Verdict {
    match error {
        VectorsError::Unavailable(why) => Verdict::Failed(why.clone()),
        VectorsError::Mismatch { .. } | VectorsError::Refused(_) => Verdict::Answered,
    }
}

impl GuardedVectors {
    async fn call<T>(
        &self,
        request: impl Future<Output = Result<T, VectorsError>>,
    ) -> Result<T, VectorsError> {
        let refused = |why: &super::Refused| VectorsError::Unavailable(why.to_string());
        self.circuit.call(request, storing, refused).await
    }
}

#[async_trait]
impl Vectors for GuardedVectors {
    fn dense_size(&self) -> Option<usize> {
        self.inner.dense_size()
    }

    async fn upsert(&self, points: Vec<Point>) -> Result<(), VectorsError> {
        self.call(self.inner.upsert(points)).await
    }

    async fn delete_claims(&self, claims: &[ClaimId]) -> Result<(), VectorsError> {
        self.call(self.inner.delete_claims(claims)).await
    }

    async fn find_dense(&self, hashes: &[ChunkHash]) -> Result<HashMap<ChunkHash, Vec<f32>>, VectorsError> {
        self.call(self.inner.find_dense(hashes)).await
    }

    async fn search(&self, request: SearchRequest) -> Result<Vec<Hit>, VectorsError> {
        self.call(self.inner.search(request)).await
    }

    async fn payloads(&self, ids: &[PointId]) -> Result<HashMap<PointId, Payload>, VectorsError> {
        self.call(self.inner.payloads(ids)).await
    }

    async fn claims(&self) -> Result<Vec<ClaimId>, VectorsError> {
        self.call(self.inner.claims()).await
    }

    async fn count_claim(&self, claim: ClaimId) -> Result<u64, VectorsError> {
        self.call(self.inner.count_claim(claim)).await
    }

    async fn count(&self) -> Result<u64, VectorsError> {
        self.call(self.inner.count()).await
    }

    async fn maintain(&self) -> Result<(), VectorsError> {
        self.call(self.inner.maintain()).await
    }

    async fn close(&self) -> Result<(), VectorsError> {
        self.inner.close().await
    }
}

struct GuardedBlobs {
    inner: Arc<dyn Blobs>,
    circuit: Circuit,
}

fn reading(error: &BlobError) -> Verdict {
    match error {
        BlobError::Unavailable(why) => Verdict::Failed(why.clone()),
        BlobError::NotFound
        | BlobError::Changed
        | BlobError::TooLarge { .. }
        | BlobError::Denied(_)
        | BlobError::NotABlob { .. } => Verdict::Answered,
    }
}

impl GuardedBlobs {
    async fn call<T>(&self, request: impl Future<Output = Result<T, BlobError>>) -> Result<T, BlobError> {
        let refused = |why: &super::Refused| BlobError::Unavailable(why.to_string());
        self.circuit.call(request, reading, refused).await
    }
}

#[async_trait]
impl Blobs for GuardedBlobs {
    async fn head(&self, path: &BlobPath) -> Result<BlobMeta, BlobError> {
        self.call(self.inner.head(path)).await
    }

    async fn read(&self, path: &BlobPath, etag: &str, limit: u64) -> Result<Blob, BlobError> {
        self.call(self.inner.read(path, etag, limit)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, BlobError> {
        self.call(self.inner.list(prefix)).await
    }
}
