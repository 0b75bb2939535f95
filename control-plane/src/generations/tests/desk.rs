//! An index in memory whose generations tests begin, fill as a worker does, and search through the front door.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use prometheus::Registry;
use serde_json::{Value, json};
use shared::blob_path::BlobPath;
use shared::blobs::folder::Folder;
use shared::blobs::source::Source;
use shared::clock::{Clock, ManualClock};
use shared::embedder::bm25::Bm25;
use shared::ids::{ChunkHash, ClaimId, FileId, PointId};
use shared::index_settings::ModelSettings;
use shared::ledger::model::ModelLedger;
use shared::ledger::sqlite::SqliteLedger;
use shared::ledger::{
    Change, ClaimOutcome, ClaimRequest, Commit, CommitChange, Comparison, Fail, IndexState, Role, Version,
};
use shared::models::WantedModel;
use shared::place::Place;
use shared::retry::Failure;
use shared::vectors::memory::MemoryVectors;
use shared::vectors::{Hit, Payload, Point, SearchRequest, Vectors, VectorsError};
use shared::work_message::Lane;
use tower::ServiceExt;

use super::super::*;
use crate::http::Api;
use crate::http::tests::api;
use crate::indexes::{Index, NewIndex, Opener};
use crate::search::{Search, SearchLimits};

/// Indexes in memory, each with its collection.
pub(super) struct Here {
    pub(super) ledger: Arc<dyn ControlLedger>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) folder: tempfile::TempDir,
    pub(super) collections: Mutex<BTreeMap<IndexId, Arc<MemoryVectors>>>,
    pub(super) published: Mutex<Vec<IndexId>>,
    /// Runs once, when an index is searched.
    pub(super) meanwhile: Mutex<Option<Meanwhile>>,
}

type Meanwhile = Box<dyn FnOnce() -> futures::future::BoxFuture<'static, ()> + Send>;

impl Here {
    pub(super) fn collection(&self, index: &IndexId) -> Arc<MemoryVectors> {
        let mut all = self.collections.lock().unwrap();
        Arc::clone(
            all.entry(index.clone())
                .or_insert_with(|| MemoryVectors::new(None)),
        )
    }
}

/// A collection during whose search something may happen.
pub(super) struct Slow {
    pub(super) inner: Arc<MemoryVectors>,
    pub(super) here: std::sync::Weak<Here>,
}

#[async_trait]
impl Vectors for Slow {
    async fn upsert(&self, points: Vec<Point>) -> Result<(), VectorsError> {
        self.inner.upsert(points).await
    }
    async fn delete_claims(&self, claims: &[ClaimId]) -> Result<(), VectorsError> {
        self.inner.delete_claims(claims).await
    }
    async fn find_dense(&self, hashes: &[ChunkHash]) -> Result<HashMap<ChunkHash, Vec<f32>>, VectorsError> {
        self.inner.find_dense(hashes).await
    }
    fn dense_size(&self) -> Option<usize> {
        self.inner.dense_size()
    }
    async fn search(&self, request: SearchRequest) -> Result<Vec<Hit>, VectorsError> {
        let here = self.here.upgrade();
        let meanwhile = here.and_then(|here| here.meanwhile.lock().unwrap().take());
        if let Some(meanwhile) = meanwhile {
            meanwhile().await;
        }
        self.inner.search(request).await
    }
    async fn payloads(&self, ids: &[PointId]) -> Result<HashMap<PointId, Payload>, VectorsError> {
        self.inner.payloads(ids).await
    }
    async fn claims(&self) -> Result<Vec<ClaimId>, VectorsError> {
        self.inner.claims().await
    }
    async fn count_claim(&self, claim: ClaimId) -> Result<u64, VectorsError> {
        self.inner.count_claim(claim).await
    }
    async fn count(&self) -> Result<u64, VectorsError> {
        self.inner.count().await
    }
    async fn maintain(&self) -> Result<(), VectorsError> {
        self.inner.maintain().await
    }
    async fn close(&self) -> Result<(), VectorsError> {
        self.inner.close().await
    }
}

/// Shared, so that the collections can reach back.
pub(super) struct Shared(Arc<Here>);

#[async_trait]
impl Opener for Shared {
    async fn open(&self, record: &IndexRecord) -> anyhow::Result<Index> {
        let settings = IndexSettings::of(record)?;
        let vectors = Arc::new(Slow {
            inner: self.0.collection(&record.id),
            here: Arc::downgrade(&self.0),
        });
        Ok(Index {
            record: record.clone(),
            search: Search {
                index: record.id.clone(),
                ledger: Arc::clone(&self.0.ledger) as _,
                vectors: Arc::clone(&vectors) as _,
                embedder: None,
                bm25: Arc::new(Bm25::new(&settings.language)?),
                metrics: Arc::clone(&self.0.metrics),
                limits: SearchLimits::default(),
            },
            settings,
            blobs: Arc::new(Folder::open(self.0.folder.path())?),
            vectors,
            reconciler: None,
            upkeep: None,
        })
    }

    async fn settle(&self, wanted: &NewIndex) -> anyhow::Result<IndexSettings> {
        Ok(IndexSettings::new(wanted.source.clone(), &wanted.language))
    }

    async fn settle_model(&self, wanted: &WantedModel) -> anyhow::Result<ModelSettings> {
        anyhow::ensure!(wanted.name == "default", "there is no model {:?}", wanted.name);
        Ok(ModelSettings {
            url: "http://model/v1".to_owned(),
            model: wanted.model.clone().unwrap_or_else(|| "small".to_owned()),
            dimensions: 8,
            azure_api_version: None,
            shortened_to: wanted.dimensions,
        })
    }

    async fn publish(&self, live: &IndexId) -> anyhow::Result<()> {
        self.0.published.lock().unwrap().push(live.clone());
        Ok(())
    }

    async fn destroy(&self, index: &IndexId) -> anyhow::Result<()> {
        self.0.collections.lock().unwrap().remove(index);
        Ok(())
    }
}

pub(super) struct Desk {
    pub(super) here: Arc<Here>,
    pub(super) ledger: Arc<dyn ControlLedger>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) indexes: Arc<Indexes>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) router: Router,
    pub(super) later: HashMap<IndexId, Instant>,
}

pub(super) const DOCS: &str = "docs";

pub(super) fn id(name: &str) -> IndexId {
    IndexId::new(name).unwrap()
}

impl Desk {
    pub(super) async fn new(on_model: bool) -> Self {
        let clock = Arc::new(ManualClock::at(1_000_000));
        let as_clock = Arc::clone(&clock) as Arc<dyn Clock>;
        let ledger: Arc<dyn ControlLedger> = if on_model {
            Arc::new(ModelLedger::new(as_clock))
        } else {
            SqliteLedger::in_memory(&as_clock).unwrap()
        };
        let registry = Registry::new();
        let metrics = Arc::new(Metrics::register(&registry).unwrap());
        let here = Arc::new(Here {
            ledger: Arc::clone(&ledger),
            metrics: Arc::clone(&metrics),
            folder: tempfile::tempdir().unwrap(),
            collections: Mutex::default(),
            published: Mutex::default(),
            meanwhile: Mutex::default(),
        });
        let opener = Arc::new(Shared(Arc::clone(&here)));
        let api = Api {
            registry,
            metrics: Arc::clone(&metrics),
            ..api(Arc::clone(&ledger), opener, Arc::clone(&clock) as _)
        };
        let indexes = Arc::clone(&api.indexes);
        let router = crate::http::router(Arc::new(api));
        let source = Source::Folder(here.folder.path().to_owned());
        let settings = serde_json::to_value(IndexSettings::new(source, "english")).unwrap();
        ledger.ensure_index(&id(DOCS), &settings).await.unwrap();
        Self {
            here,
            ledger,
            clock,
            indexes,
            metrics,
            router,
            later: HashMap::new(),
        }
    }

    pub(super) async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        ask(&self.router, method, path, body).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.ask("POST", path, Some(body)).await
    }

    /// The duty, once; with a fresh memory when `restarted`.
    pub(super) async fn pass(&mut self, restarted: bool) {
        if restarted {
            self.later.clear();
        }
        let duty = Generations {
            indexes: Arc::clone(&self.indexes),
            ledger: Arc::clone(&self.ledger),
            duties: Arc::new(Duties::all()),
            nudge: Arc::new(Notify::new()),
            settings: GenerationSettings::default(),
            metrics: Arc::clone(&self.metrics),
        };
        duty.pass(&mut self.later).await.unwrap();
    }

    /// Records a change of a file and makes it, as a worker does.
    pub(super) async fn make(&self, index: &IndexId, path: &str, etag: &str) {
        self.change(index, path).await;
        self.work(index, path, etag).await;
    }

    pub(super) async fn change(&self, index: &IndexId, path: &str) {
        let change = Change::new(BlobPath::new(path).unwrap(), "event", Lane::Fast);
        self.ledger.enqueue(index, &[change]).await.unwrap();
    }

    pub(super) async fn work(&self, index: &IndexId, path: &str, etag: &str) {
        let path = BlobPath::new(path).unwrap();
        let request = ClaimRequest {
            index: index.clone(),
            file_id: FileId::of(index, &path),
            claim_id: ClaimId::generate(),
            owner: "worker".to_owned(),
            lease: Duration::from_secs(60),
        };
        let ClaimOutcome::Claimed(claim) = self.ledger.claim(&request).await.unwrap() else {
            panic!("{path} of {index} cannot be claimed")
        };
        let text = format!("crane made in generation {} from {etag}", index.generation());
        let point = Point {
            id: PointId::of(request.claim_id, 0),
            dense: None,
            bm25: Bm25::new("english").unwrap().document(&text),
            payload: Payload {
                file_id: request.file_id,
                claim: request.claim_id,
                path,
                ordinal: 0,
                chunk_hash: ChunkHash::of(&text),
                heading_path: Vec::new(),
                start: 0,
                end: text.len() as u64,
                text,
                place: Place::default(),
                converter: String::new(),
                mime: "text/plain".to_owned(),
                modified: None,
                etag: etag.to_owned(),
                metadata: BTreeMap::new(),
            },
        };
        self.here.collection(index).upsert(vec![point]).await.unwrap();
        let version = Version {
            etag: etag.to_owned(),
            content_hash: etag.to_owned(),
            pipeline: "p".to_owned(),
            size: 1,
            chunks: 1,
            missing: Vec::new(),
        };
        let commit = Commit {
            hold: claim.hold.clone(),
            change: CommitChange::Replace(version),
            detail: json!({}),
            debounce: Duration::ZERO,
        };
        self.ledger.commit(&commit).await.unwrap();
        self.ledger.release(&claim.hold, Duration::ZERO).await.unwrap();
    }

    pub(super) async fn fail(&self, index: &IndexId, path: &str, failure: Failure) {
        let request = ClaimRequest {
            index: index.clone(),
            file_id: FileId::of(index, &BlobPath::new(path).unwrap()),
            claim_id: ClaimId::generate(),
            owner: "worker".to_owned(),
            lease: Duration::from_secs(60),
        };
        let ClaimOutcome::Claimed(claim) = self.ledger.claim(&request).await.unwrap() else {
            panic!("{path} of {index} cannot be claimed")
        };
        let fail = Fail {
            hold: claim.hold,
            failure,
            delay: Duration::ZERO,
            max_attempts: 2,
            etag: None,
            standing: false,
        };
        self.ledger.fail(&fail).await.unwrap();
    }

    pub(super) async fn compared(&self, index: &IndexId) {
        let comparison = Comparison::default();
        self.ledger.note_comparison(index, &comparison).await.unwrap();
    }

    pub(super) async fn begin(&self, model: &str) -> (u16, Value) {
        let body = json!({ "embedding": { "model": model } });
        self.post("/indexes/docs/generations", body).await
    }

    /// Generation and version of each file that a search finds.
    pub(super) async fn found(&self) -> BTreeMap<String, (u32, String)> {
        found(&self.router).await
    }

    /// The states of the generations by number.
    pub(super) async fn states(&self) -> BTreeMap<u64, String> {
        let (status, list) = self.ask("GET", "/indexes/docs/generations", None).await;
        assert_eq!(status, 200, "{list}");
        let state = |one: &Value| {
            let state = one["state"].as_str().unwrap().to_owned();
            (one["number"].as_u64().unwrap(), state)
        };
        list["generations"]
            .as_array()
            .unwrap()
            .iter()
            .map(state)
            .collect()
    }

    pub(super) async fn role(&self, index: &str) -> (Role, IndexState) {
        let record = self.indexes.generation(&id(index)).await.unwrap();
        (record.role, record.state)
    }
}

pub(super) async fn ask(router: &Router, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json");
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let answer = router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    let bytes = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

pub(super) async fn found(router: &Router) -> BTreeMap<String, (u32, String)> {
    let (status, answer) = ask(router, "GET", "/indexes/docs/search?q=crane&limit=100", None).await;
    assert_eq!(status, 200, "{answer}");
    let hit = |hit: &Value| {
        let words: Vec<&str> = hit["text"].as_str().unwrap().split(' ').collect();
        let path = hit["path"].as_str().unwrap().to_owned();
        (path, (words[4].parse().unwrap(), words[6].to_owned()))
    };
    answer["hits"].as_array().unwrap().iter().map(hit).collect()
}

pub(super) fn all(generation: u32, etag: &str) -> BTreeMap<String, (u32, String)> {
    let one = |path: &str| (path.to_owned(), (generation, etag.to_owned()));
    ["a.md", "b.md"].map(one).into()
}

pub(super) fn states<const N: usize>(states: [(u64, &str); N]) -> BTreeMap<u64, String> {
    states.map(|(number, state)| (number, state.to_owned())).into()
}
