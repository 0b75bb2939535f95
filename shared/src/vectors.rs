//! The vector store: points by claim.
//!
//! Points are written under ids that no other attempt uses and removed only by claim, so a late or repeated request of a
//! dead attempt can neither damage nor remove a live version. Which claim is live is the ledger's business: search
//! here returns hits of any claim, and the caller keeps those that are live ([`crate::ledger::Ledger::live_claims`]).

mod check;
pub mod conformance;
pub mod edge;
pub mod filter;
pub mod fusion;
pub mod memory;
pub mod qdrant;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use self::filter::Filter;
use crate::blob_path::BlobPath;
use crate::clock::UnixMillis;
use crate::ids::{ChunkHash, ClaimId, FileId, IndexId, PointId};
use crate::place::Place;

/// Why a vector store call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VectorsError {
    /// The store is unreachable, overloaded or out of space; whether the call took effect is unknown. Repeating it is
    /// safe.
    #[error("vector store unavailable: {0}")]
    Unavailable(String),
    /// The store holds vectors of another shape than the index wants.
    #[error(
        "the vector store holds {found}, the index wants {wanted}: start with the settings that the index was made with, \
         or make a new index"
    )]
    Mismatch {
        /// What is stored.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// The request makes no sense to the store; repeating it will not help.
    #[error("vector store refused the request: {0}")]
    Refused(String),
}

/// A sparse vector: ascending indices, one value each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SparseVector {
    /// Dimensions that are not zero.
    pub indices: Vec<u32>,
    /// Their values.
    pub values: Vec<f32>,
}

/// What is stored of a chunk beside its vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Payload {
    /// The file.
    pub file_id: FileId,
    /// The attempt that wrote the point.
    pub claim: ClaimId,
    /// The blob.
    pub path: BlobPath,
    /// The chunk's place in the file, from 0.
    pub ordinal: u32,
    /// Identity of the embedded text.
    pub chunk_hash: ChunkHash,
    /// Headings above the chunk, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heading_path: Vec<String>,
    /// The chunk.
    pub text: String,
    /// Where the chunk starts in the file's Markdown, in bytes.
    pub start: u64,
    /// Where it ends, in bytes, exclusive.
    pub end: u64,
    /// The page, slide, sheet or attachment that it is in.
    #[serde(flatten)]
    pub place: Place,
    /// The blob's type.
    pub mime: String,
    /// What made the Markdown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub converter: String,
    /// The blob's version tag.
    pub etag: String,
    /// When the blob was last written, where its source tells; unknown in points of earlier builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<UnixMillis>,
    /// What the blob's owner noted with it, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// A chunk with its vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// [`PointId::of`] the claim and ordinal.
    pub id: PointId,
    /// What is stored beside the vectors.
    pub payload: Payload,
    /// Dense vector, when the index has an embedding model. Normalised by the store (cosine).
    pub dense: Option<Vec<f32>>,
    /// Term weights; the store applies the inverse document frequency.
    pub bm25: SparseVector,
}

/// How to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SearchMode {
    /// Nearest dense vectors.
    Vector,
    /// BM25 over terms.
    FullText,
    /// Both, merged by reciprocal rank fusion.
    Hybrid,
}

/// A query in the store's terms.
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    /// Nearest dense vectors by cosine.
    Vector(Vec<f32>),
    /// BM25.
    FullText(SparseVector),
    /// Both, merged by reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).
    Hybrid(Vec<f32>, SparseVector),
}

/// What to return.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchRequest {
    /// What to look for.
    pub query: Query,
    /// Most hits to return.
    pub limit: usize,
    /// Hits to leave out from the start.
    pub offset: usize,
    /// Only these points. A store may return others too ([`filter`] says when), so ask [`Filter::admits`] of each hit.
    pub filter: Filter,
    /// With their dense vectors?
    pub with_dense: bool,
}

/// A point that matches.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The point.
    pub id: PointId,
    /// Greater is better; comparable within one answer only.
    pub score: f32,
    /// What is stored beside the vectors.
    pub payload: Payload,
    /// The dense vector, normalised, when it was asked for and there is one.
    pub dense: Option<Vec<f32>>,
}

/// One collection: the points of one index and embedding generation.
#[async_trait]
pub trait Vectors: Send + Sync + 'static {
    /// Dimensions of the dense vectors; `None` when the collection has none.
    fn dense_size(&self) -> Option<usize>;

    /// Writes points. When this returns `Ok`, they are found by searches and survive the death of process and machine.
    /// After an error some, all or none may be there. Writing the same points again is harmless.
    async fn upsert(&self, points: Vec<Point>) -> Result<(), VectorsError>;

    /// Removes every point of the given claims. Claims without points are fine.
    async fn delete_claims(&self, claims: &[ClaimId]) -> Result<(), VectorsError>;

    /// Dense vectors stored under any claim, live or dead, for these chunk hashes. Hashes that are not found are left out.
    async fn find_dense(&self, hashes: &[ChunkHash]) -> Result<HashMap<ChunkHash, Vec<f32>>, VectorsError>;

    /// The best points, best first. A point matches FullText only if it shares a term with the query.
    async fn search(&self, request: SearchRequest) -> Result<Vec<Hit>, VectorsError>;

    /// What is stored with these points; those that are not there are left out.
    async fn payloads(&self, ids: &[PointId]) -> Result<HashMap<PointId, Payload>, VectorsError>;

    /// Every distinct claim that has points, for the scrub.
    async fn claims(&self) -> Result<Vec<ClaimId>, VectorsError>;

    /// Points of one claim.
    async fn count_claim(&self, claim: ClaimId) -> Result<u64, VectorsError>;

    /// Points in the collection.
    async fn count(&self) -> Result<u64, VectorsError>;

    /// Upkeep that the backend wants from time to time (merging, indexing); may take seconds. Searches go on.
    async fn maintain(&self) -> Result<(), VectorsError>;

    /// Makes everything durable and closes the collection; later calls fail. Idempotent.
    async fn close(&self) -> Result<(), VectorsError>;
}

/// Where collections come from: a server, or folders of this machine.
#[async_trait]
pub trait Collections: Send + Sync + 'static {
    /// Opens the collection of a generation of an index, making it when it is not there. Opening it again, before or after,
    /// is fine.
    ///
    /// # Errors
    /// [`VectorsError::Mismatch`] when it holds dense vectors of another size, [`VectorsError::Unavailable`] when the store
    /// cannot be used.
    async fn open(
        &self,
        index: &IndexId,
        generation: u32,
        dense_size: Option<usize>,
    ) -> Result<Arc<dyn Vectors>, VectorsError>;

    /// Removes the collection of one generation of an index; one that is gone is fine. Whoever still has it open gets errors
    /// from it.
    ///
    /// # Errors
    /// [`VectorsError::Unavailable`] when the store cannot be used; the next call goes on from there.
    async fn remove(&self, index: &IndexId, generation: u32) -> Result<(), VectorsError>;

    /// Lets whoever reads the store by the index's name read this generation from now on; nothing to do where nobody can.
    ///
    /// # Errors
    /// [`VectorsError::Unavailable`] when the store cannot be used.
    async fn publish(&self, _index: &IndexId, _generation: u32) -> Result<(), VectorsError> {
        Ok(())
    }

    /// Closes whatever is open, everything written. Idempotent.
    ///
    /// # Errors
    /// When something that was written may not be durable.
    async fn close(&self) -> Result<(), VectorsError>;
}
