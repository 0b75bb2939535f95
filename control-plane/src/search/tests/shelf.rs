//! An index in memory, whose versions are made by hand, and a store that can be overtaken.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use prometheus::Registry;
use shared::blob_path::BlobPath;
use shared::clock::ManualClock;
use shared::embedder::{Embedded, Embedder};
use shared::ids::{ChunkHash, ClaimId, FileId, IndexId, PointId};
use shared::ledger::model::ModelLedger;
use shared::ledger::{
    Change, ClaimOutcome, ClaimRequest, Commit, CommitChange, CommitOutcome, Ledger, Version,
};
use shared::retry::Failure;
use shared::vectors::conformance::{DIMENSIONS, point};
use shared::vectors::memory::MemoryVectors;
use shared::vectors::{Hit, Payload, Point, SearchRequest, Vectors, VectorsError};
use shared::work_message::Lane;

use crate::metrics::Metrics;
use crate::search::{Search, SearchLimits};

/// What happens after the store has answered, before anybody has the answer.
pub(crate) type Between = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// An index.
pub(crate) struct Shelf {
    pub(crate) ledger: Arc<ModelLedger>,
    pub(crate) store: Arc<MemoryVectors>,
    pub(crate) model: Arc<Model>,
    dense_size: Option<usize>,
    between: Arc<Mutex<Option<Arc<Between>>>>,
}

/// Gives a text the vector that the conformance suite's points have.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) down: AtomicBool,
}

#[async_trait]
impl Embedder for Model {
    fn model(&self) -> &'static str {
        "test"
    }

    async fn embed(&self, texts: &[String]) -> Result<Embedded, Failure> {
        if self.down.load(Ordering::SeqCst) {
            return Err(Failure::throttled("embedder_unavailable", "nobody answers"));
        }
        let vector = |text: &String| {
            let point = point("x", ClaimId::made_at(1), 0, text, Some(DIMENSIONS));
            point.dense.unwrap_or_default()
        };
        Ok(Embedded {
            vectors: texts.iter().map(vector).collect(),
            tokens: 1,
        })
    }
}

pub(crate) fn index() -> IndexId {
    IndexId::from_free_text("conformance")
}

impl Shelf {
    pub(crate) async fn new(dense_size: Option<usize>) -> Arc<Self> {
        let ledger = Arc::new(ModelLedger::new(Arc::new(ManualClock::at(1_000_000))));
        ledger
            .ensure_index(&index(), &serde_json::json!({}))
            .await
            .unwrap();
        Arc::new(Self {
            ledger,
            store: MemoryVectors::new(dense_size),
            model: Arc::default(),
            dense_size,
            between: Arc::default(),
        })
    }

    /// Lets something happen after each answer of the store.
    pub(crate) fn between(&self, act: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static) {
        *self.between.lock().unwrap() = Some(Arc::new(Box::new(act)));
    }

    pub(crate) fn search(&self) -> Search {
        let language = shared::embedder::bm25::Bm25::new("english").unwrap();
        Search {
            index: index(),
            ledger: Arc::clone(&self.ledger) as _,
            vectors: Arc::new(Overtaken {
                store: Arc::clone(&self.store),
                between: Arc::clone(&self.between),
            }),
            embedder: self.dense_size.map(|_| Arc::clone(&self.model) as _),
            bm25: Arc::new(language),
            metrics: Arc::new(Metrics::register(&Registry::new()).unwrap()),
            limits: SearchLimits::default(),
        }
    }

    /// Points of an attempt, under its claim; nobody commits them.
    pub(crate) async fn write(
        &self,
        path: &str,
        claim: ClaimId,
        texts: &[&str],
        dress: impl Fn(&mut Payload),
    ) {
        let points = (0..).zip(texts).map(|(ordinal, text)| {
            let mut point = point(path, claim, ordinal, text, self.dense_size);
            point.payload.etag = claim.to_string();
            point.payload.start = u64::from(ordinal) * 1_000;
            point.payload.end = point.payload.start + text.len() as u64;
            dress(&mut point.payload);
            point
        });
        self.store.upsert(points.collect()).await.unwrap();
    }

    /// Makes a version live and removes the points of the one before.
    pub(crate) async fn publish(&self, path: &str, texts: &[&str], dress: impl Fn(&mut Payload)) -> ClaimId {
        let claim = ClaimId::generate();
        let chunks = u32::try_from(texts.len()).unwrap();
        let written = self.write(path, claim, texts, dress);
        if let Some(previous) = make_live(&self.ledger, path, claim, chunks, written).await {
            self.store.delete_claims(&[previous]).await.unwrap();
        }
        claim
    }
}

/// Takes a version through the ledger, whose points are written meanwhile. Returns the claim that was live before.
pub(crate) async fn make_live(
    ledger: &ModelLedger,
    path: &str,
    claim_id: ClaimId,
    chunks: u32,
    written: impl Future<Output = ()>,
) -> Option<ClaimId> {
    let file: BlobPath = path.parse().unwrap();
    let change = Change::new(file.clone(), "scan", Lane::Bulk);
    ledger.enqueue(&index(), &[change]).await.unwrap();
    let request = ClaimRequest {
        index: index(),
        file_id: FileId::of(&index(), &file),
        claim_id,
        owner: "worker".to_owned(),
        lease: Duration::from_secs(60),
    };
    let ClaimOutcome::Claimed(claim) = ledger.claim(&request).await.unwrap() else {
        panic!("not claimable");
    };
    written.await;
    let commit = Commit {
        hold: claim.hold.clone(),
        change: CommitChange::Replace(Version {
            etag: claim_id.to_string(),
            content_hash: claim_id.to_string(),
            pipeline: "p".to_owned(),
            size: 1,
            chunks,
            missing: Vec::new(),
        }),
        detail: serde_json::json!({}),
        debounce: Duration::ZERO,
    };
    let CommitOutcome::Committed(committed) = ledger.commit(&commit).await.unwrap() else {
        panic!("lost");
    };
    if committed.prev_claim.is_some() {
        ledger.release(&claim.hold, Duration::ZERO).await.unwrap();
    }
    committed.prev_claim
}

/// A store whose answers are old when they arrive.
struct Overtaken {
    store: Arc<MemoryVectors>,
    between: Arc<Mutex<Option<Arc<Between>>>>,
}

impl Overtaken {
    async fn happen(&self) {
        let between = self.between.lock().unwrap().clone();
        if let Some(act) = between {
            act().await;
        }
    }
}

#[async_trait]
impl Vectors for Overtaken {
    fn dense_size(&self) -> Option<usize> {
        self.store.dense_size()
    }
    async fn upsert(&self, points: Vec<Point>) -> Result<(), VectorsError> {
        self.store.upsert(points).await
    }
    async fn delete_claims(&self, claims: &[ClaimId]) -> Result<(), VectorsError> {
        self.store.delete_claims(claims).await
    }
    async fn find_dense(&self, hashes: &[ChunkHash]) -> Result<HashMap<ChunkHash, Vec<f32>>, VectorsError> {
        self.store.find_dense(hashes).await
    }
    async fn search(&self, request: SearchRequest) -> Result<Vec<Hit>, VectorsError> {
        let hits = self.store.search(request).await;
        self.happen().await;
        hits
    }
    async fn payloads(&self, ids: &[PointId]) -> Result<HashMap<PointId, Payload>, VectorsError> {
        let found = self.store.payloads(ids).await;
        self.happen().await;
        found
    }
    async fn claims(&self) -> Result<Vec<ClaimId>, VectorsError> {
        self.store.claims().await
    }
    async fn count_claim(&self, claim: ClaimId) -> Result<u64, VectorsError> {
        self.store.count_claim(claim).await
    }
    async fn count(&self) -> Result<u64, VectorsError> {
        self.store.count().await
    }
    async fn maintain(&self) -> Result<(), VectorsError> {
        self.store.maintain().await
    }
    async fn close(&self) -> Result<(), VectorsError> {
        self.store.close().await
    }
}
