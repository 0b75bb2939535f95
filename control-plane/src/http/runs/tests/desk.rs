//! The routes over a ledger in memory, with a source in memory and workers by hand.

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body as HttpBody, to_bytes};
use axum::http::Request;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use prometheus::Registry;
use serde_json::Value;
use shared::blobs::objects::Objects;
use shared::blobs::source::Source;
use shared::clock::{Clock, ManualClock};
use shared::embedder::bm25::Bm25;
use shared::file_state::FileState;
use shared::ids::{ChunkHash, ClaimId, FileId, IndexId, PointId};
use shared::index_settings::IndexSettings;
use shared::ledger::sqlite::SqliteLedger;
use shared::ledger::{
    ClaimOutcome, ClaimRequest, Commit, CommitChange, ControlLedger, FileFilter, IndexRecord, Ledger, Version,
};
use shared::place::Place;
use shared::vectors::memory::MemoryVectors;
use shared::vectors::{Payload, Point, SparseVector};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::super::*;
use crate::duties::Duties;
use crate::http::run_events::RunWatch;
use crate::http::tests::api;
use crate::indexes::{Index, NewIndex, Opener};
use crate::metrics::Metrics;
use crate::reconciler::Reconciler;
use crate::search::{Search, SearchLimits};
use crate::upkeep::{Upkeep, UpkeepSettings};

/// Opens every index as this one.
pub(super) struct Served(Box<dyn Fn(&IndexRecord) -> Index + Send + Sync>);

#[async_trait]
impl Opener for Served {
    async fn open(&self, record: &IndexRecord) -> anyhow::Result<Index> {
        Ok(self.0(record))
    }

    async fn settle(&self, _wanted: &NewIndex) -> anyhow::Result<IndexSettings> {
        anyhow::bail!("nothing is made here")
    }

    async fn destroy(&self, _index: &IndexId) -> anyhow::Result<()> {
        Ok(())
    }
}

pub(super) struct Desk {
    pub(super) clock: Arc<ManualClock>,
    pub(super) store: Arc<InMemory>,
    pub(super) ledger: Arc<SqliteLedger>,
    pub(super) upkeep: Upkeep,
    pub(super) index: IndexId,
    pub(super) router: Router,
    pub(super) stop: CancellationToken,
}

impl Desk {
    pub(super) async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(1_750_000_000_000));
        let dyn_clock = Arc::clone(&clock) as Arc<dyn Clock>;
        let ledger = SqliteLedger::in_memory(&dyn_clock).unwrap();
        let store = Arc::new(InMemory::new());
        let blobs = Arc::new(Objects::new(Arc::clone(&store) as _));
        let index = IndexId::new("docs").unwrap();
        let settings: IndexSettings = serde_json::from_value(serde_json::json!({
            "source": Source::Folder("/nowhere".into()), "language": "english", "embedding": null
        }))
        .unwrap();
        ledger
            .ensure_index(&index, &serde_json::to_value(&settings).unwrap())
            .await
            .unwrap();
        let control: Arc<dyn ControlLedger> = Arc::clone(&ledger) as _;
        let registry = Registry::new();
        let metrics = Arc::new(Metrics::register(&registry).unwrap());
        let nudge = Arc::new(Notify::new());
        let vectors = MemoryVectors::new(None);
        let reconciler = Arc::new(Reconciler {
            index: index.clone(),
            blobs: Arc::clone(&blobs) as _,
            ledger: Arc::clone(&control),
            pipeline: None,
            nudge: Arc::clone(&nudge),
            clock: Arc::clone(&dyn_clock),
            metrics: Arc::clone(&metrics),
            turn: Mutex::new(()),
        });
        let upkeep = Upkeep {
            index: index.clone(),
            ledger: Arc::clone(&control),
            vectors: Arc::clone(&vectors) as _,
            reconciler: Arc::clone(&reconciler),
            clock: Arc::clone(&dyn_clock),
            nudge: Arc::clone(&nudge),
            duties: Arc::new(Duties::all()),
            metrics: Arc::clone(&metrics),
            settings: UpkeepSettings::default(),
        };
        let opened = {
            let (upkeep, metrics, ledger) = (upkeep.clone(), Arc::clone(&metrics), Arc::clone(&ledger));
            Served(Box::new(move |record| Index {
                record: record.clone(),
                settings: settings.clone(),
                blobs: Arc::clone(&blobs) as _,
                vectors: Arc::clone(&upkeep.vectors),
                search: Search {
                    index: record.id.clone(),
                    ledger: Arc::clone(&ledger) as _,
                    vectors: Arc::clone(&upkeep.vectors),
                    embedder: None,
                    bm25: Arc::new(Bm25::new("english").unwrap()),
                    metrics: Arc::clone(&metrics),
                    limits: SearchLimits::default(),
                },
                reconciler: Some(Arc::clone(&upkeep.reconciler)),
                upkeep: Some(upkeep.clone()),
            }))
        };
        let stop = CancellationToken::new();
        let api = Api {
            nudge,
            registry,
            metrics,
            watch: Arc::new(RunWatch::new(Arc::clone(&control), stop.clone())),
            ..api(control, Arc::new(opened), dyn_clock)
        };
        Self {
            clock,
            store,
            ledger,
            upkeep,
            index,
            router: crate::http::router(Arc::new(api)),
            stop,
        }
    }

    pub(super) async fn put(&self, names: impl IntoIterator<Item = String>) {
        for name in names {
            self.store
                .put(&name.as_str().into(), "text".into())
                .await
                .unwrap();
        }
    }

    pub(super) async fn send(&self, method: &str, path: &str) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path);
        let request = request.body(HttpBody::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// Starts a run; its URL.
    pub(super) async fn start(&self, query: &str) -> String {
        let path = format!("/indexes/docs/run{query}");
        let request = Request::post(path).body(HttpBody::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), 202);
        response.headers()["location"].to_str().unwrap().to_owned()
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send("GET", path).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    pub(super) async fn claim(&self, name: &str) -> Option<shared::ledger::Claim> {
        let request = ClaimRequest {
            index: self.index.clone(),
            file_id: FileId::of(&self.index, &BlobPath::new(name).unwrap()),
            claim_id: ClaimId::generate(),
            owner: "worker".to_owned(),
            lease: Duration::from_secs(600),
        };
        match self.ledger.claim(&request).await.unwrap() {
            ClaimOutcome::Claimed(claim) => Some(*claim),
            ClaimOutcome::NotClaimable => None,
        }
    }

    /// Makes a file as its blob is.
    pub(super) async fn make(&self, claim: &shared::ledger::Claim) {
        let etag = self.upkeep.reconciler.blobs.head(&claim.path).await.unwrap().etag;
        let point = Point {
            id: PointId::of(claim.hold.claim_id, 0),
            payload: Payload {
                file_id: claim.hold.file_id,
                claim: claim.hold.claim_id,
                path: claim.path.clone(),
                ordinal: 0,
                chunk_hash: ChunkHash::of("text"),
                heading_path: Vec::new(),
                text: "text".to_owned(),
                start: 0,
                end: 4,
                place: Place::default(),
                converter: String::new(),
                mime: "text/plain".to_owned(),
                etag: etag.clone(),
                modified: None,
                metadata: std::collections::BTreeMap::new(),
            },
            dense: None,
            bm25: SparseVector::default(),
        };
        self.upkeep.vectors.upsert(vec![point]).await.unwrap();
        let version = Version {
            etag,
            content_hash: "h".to_owned(),
            pipeline: "p".to_owned(),
            size: 4,
            chunks: 1,
            missing: Vec::new(),
        };
        let commit = Commit {
            hold: claim.hold.clone(),
            change: CommitChange::Replace(version),
            detail: serde_json::json!({ "tokens": 7, "embedded": 1, "reused": 2 }),
            debounce: Duration::ZERO,
        };
        self.ledger.commit(&commit).await.unwrap();
        self.ledger.release(&claim.hold, Duration::ZERO).await.unwrap();
    }

    /// Makes every pending file, as its blob is.
    pub(super) async fn work(&self) -> usize {
        let filter = FileFilter {
            states: vec![FileState::Pending],
            ..FileFilter::default()
        };
        let pending = self.ledger.files(&self.index, &filter, 10_000).await.unwrap();
        for file in &pending {
            let claim = self.claim(file.path.as_str()).await.unwrap();
            self.make(&claim).await;
        }
        pending.len()
    }

    pub(super) async fn pass(&self) {
        self.upkeep.carry_out_runs().await.unwrap();
    }
}

pub(super) fn numbers(run: &Value) -> [u64; 3] {
    ["total", "done"]
        .map(|name| run[name].as_u64().unwrap())
        .into_iter()
        .chain([run["counts"]["indexed"].as_u64().unwrap()])
        .collect::<Vec<_>>()
        .try_into()
        .unwrap()
}
