//! A version is committed while the store's answer is on its way, by a worker whose clock is behind.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use prometheus::Registry;
use shared::blob_path::BlobPath;
use shared::clock::ManualClock;
use shared::ids::{ChunkHash, ClaimId, PointId};
use shared::ledger::model::ModelLedger;
use shared::ledger::{Change, ClaimOutcome, ClaimRequest, Commit, CommitChange, CommitOutcome, Version};
use shared::vectors::conformance::point;
use shared::vectors::memory::MemoryVectors;
use shared::vectors::{Hit, Payload, Point, SearchRequest};
use shared::work_message::Lane;

use super::super::*;

const PATH: &str = "a.md";

fn index() -> IndexId {
    IndexId::from_free_text("conformance")
}

/// Changes the index after the first answer, before anybody has it.
struct Overtaken {
    store: Arc<MemoryVectors>,
    ledger: Arc<ModelLedger>,
    next: Mutex<Option<(ClaimId, &'static str)>>,
    searches: AtomicUsize,
}

impl Overtaken {
    /// Makes a version live.
    async fn publish(&self, claim_id: ClaimId, text: &str) {
        let path: BlobPath = PATH.parse().unwrap();
        let change = Change::new(path.clone(), "scan", Lane::Bulk);
        self.ledger.enqueue(&index(), &[change]).await.unwrap();
        let request = ClaimRequest {
            index: index(),
            file_id: FileId::of(&index(), &path),
            claim_id,
            owner: "worker".to_owned(),
            lease: std::time::Duration::from_secs(60),
        };
        let ClaimOutcome::Claimed(claim) = self.ledger.claim(&request).await.unwrap() else {
            panic!("not claimable");
        };
        self.store
            .upsert(vec![point(PATH, claim_id, 0, text, None)])
            .await
            .unwrap();
        let commit = Commit {
            hold: claim.hold.clone(),
            change: CommitChange::Replace(Version {
                etag: text.to_owned(),
                content_hash: text.to_owned(),
                pipeline: "p".to_owned(),
                size: 1,
                chunks: 1,
                missing: Vec::new(),
            }),
            detail: serde_json::json!({}),
            debounce: std::time::Duration::ZERO,
        };
        let CommitOutcome::Committed(committed) = self.ledger.commit(&commit).await.unwrap() else {
            panic!("lost");
        };
        if let Some(previous) = committed.prev_claim {
            self.store.delete_claims(&[previous]).await.unwrap();
            let debounce = std::time::Duration::ZERO;
            self.ledger.release(&claim.hold, debounce).await.unwrap();
        }
    }
}

#[async_trait]
impl Vectors for Overtaken {
    fn dense_size(&self) -> Option<usize> {
        None
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
        self.searches.fetch_add(1, Ordering::Relaxed);
        let hits = self.store.search(request).await;
        let next = self.next.lock().unwrap().take();
        if let Some((claim, text)) = next {
            self.publish(claim, text).await;
        }
        hits
    }
    async fn payloads(&self, ids: &[PointId]) -> Result<HashMap<PointId, Payload>, VectorsError> {
        self.store.payloads(ids).await
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

/// Versions that were made at these times by their workers' clocks, the second one while a search for "crane" runs.
async fn search(first: (i64, &'static str), second: Option<(i64, &'static str)>) -> (Vec<String>, usize) {
    let ledger = Arc::new(ModelLedger::new(Arc::new(ManualClock::at(1_000_000))));
    ledger
        .ensure_index(&index(), &serde_json::json!({}))
        .await
        .unwrap();
    let vectors = Arc::new(Overtaken {
        store: MemoryVectors::new(None),
        ledger: Arc::clone(&ledger),
        next: Mutex::new(None),
        searches: AtomicUsize::new(0),
    });
    vectors.publish(ClaimId::made_at(first.0), first.1).await;
    // An attempt that came to nothing.
    let dead = point(PATH, ClaimId::made_at(1), 0, "crane dead", None);
    vectors.upsert(vec![dead]).await.unwrap();
    *vectors.next.lock().unwrap() = second.map(|(made_at, text)| (ClaimId::made_at(made_at), text));
    let search = Search {
        index: index(),
        ledger,
        vectors: Arc::clone(&vectors) as _,
        embedder: None,
        bm25: Arc::new(Bm25::new("english").unwrap()),
        metrics: Arc::new(Metrics::register(&Registry::new()).unwrap()),
        limits: SearchLimits::default(),
    };
    let wanted = SearchQuery {
        query: "crane".to_owned(),
        ..SearchQuery::default()
    };
    let hits = search.search(&wanted).await.unwrap().hits;
    let texts = hits.into_iter().map(|hit| hit.text).collect();
    (texts, vectors.searches.load(Ordering::Relaxed))
}

#[tokio::test]
async fn a_version_committed_meanwhile_is_found_whatever_its_worker_takes_the_time_to_be() {
    for (old, new) in [(1_000, 2_000), (2_000, 1_000)] {
        let (texts, searches) = search((old, "crane old"), Some((new, "crane new"))).await;
        assert_eq!(
            (texts, searches),
            (vec!["crane new".to_owned()], 2),
            "{old} and {new}"
        );
    }
}

#[tokio::test]
async fn dead_points_cost_at_most_one_more_search() {
    assert_eq!(
        search((1_000, "crane"), None).await,
        (vec!["crane".to_owned()], 1)
    );
    assert_eq!(search((1_000, "anchor"), None).await, (Vec::new(), 2));
}
