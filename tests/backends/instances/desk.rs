//! The control plane on a ledger of either kind, with a folder as the source and points in memory.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use control_plane::dispatch::{DispatchSettings, Dispatcher};
use control_plane::duties::Duties;
use control_plane::http::run_events::RunWatch;
use control_plane::http::{self, Api};
use control_plane::indexes::{Index, Indexes, NewIndex, Opener};
use control_plane::metrics::Metrics;
use control_plane::search::{Search, SearchLimits};
use prometheus::Registry;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use shared::blob_path::BlobPath;
use shared::blobs::folder::Folder;
use shared::blobs::source::Source;
use shared::circuit::Circuits;
use shared::circuit::report::Reporter;
use shared::clock::SystemClock;
use shared::embedder::bm25::Bm25;
use shared::ids::{ClaimId, FileId, IndexId, RunId};
use shared::index_settings::IndexSettings;
use shared::ledger::postgres::{PostgresLedger, PostgresSettings};
use shared::ledger::sqlite::SqliteLedger;
use shared::ledger::{
    Change, ClaimOutcome, ClaimRequest, Commit, CommitChange, CommitOutcome, ControlLedger, Hold,
    IndexRecord, NewRun, RunKind, RunPage, Version,
};
use shared::queue::memory::MemoryQueue;
use shared::secret::Secret;
use shared::vectors::Vectors;
use shared::vectors::conformance::point;
use shared::vectors::memory::MemoryVectors;
use shared::work_message::Lane;
use tests::folder::Docs;
use tests::postgres::Postgres;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Opens every index as this one.
struct Served(Box<dyn Fn(&IndexRecord) -> Index + Send + Sync>);

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

pub(crate) struct Desk {
    pub(crate) docs: Docs,
    pub(crate) ledger: Arc<dyn ControlLedger>,
    pub(crate) vectors: Arc<MemoryVectors>,
    pub(crate) queue: Arc<MemoryQueue>,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) index: IndexId,
    url: String,
    http: reqwest::Client,
    stop: CancellationToken,
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// An answer: status, body, continuation token.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    pub(crate) next: Option<String>,
}

impl Answer {
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }

    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) {
        assert_eq!(self.is(status)["code"], code);
    }
}

impl Desk {
    pub(crate) async fn on_sqlite() -> Self {
        Self::new(SqliteLedger::in_memory(&(Arc::new(SystemClock) as _)).unwrap()).await
    }

    pub(crate) async fn on_postgres(postgres: &Postgres, case: &str) -> Self {
        let url = postgres.database(case).unwrap();
        let settings = PostgresSettings::new(Secret::new(url.as_str()));
        Self::new(PostgresLedger::connect(&settings).await.unwrap()).await
    }

    async fn new(ledger: Arc<dyn ControlLedger>) -> Self {
        let docs = Docs::new().unwrap();
        let index = IndexId::from_free_text("conformance");
        let settings = IndexSettings::new(Source::Folder(docs.path().to_owned()), "english");
        ledger
            .ensure_index(&index, &serde_json::to_value(&settings).unwrap())
            .await
            .unwrap();
        let registry = Registry::new();
        let metrics = Arc::new(Metrics::register(&registry).unwrap());
        let vectors = MemoryVectors::new(None);
        let nudge = Arc::new(Notify::new());
        let stop = CancellationToken::new();
        let blobs = Arc::new(Folder::open(docs.path()).unwrap());
        let served = {
            let (vectors, metrics, ledger) =
                (Arc::clone(&vectors), Arc::clone(&metrics), Arc::clone(&ledger));
            Served(Box::new(move |record| Index {
                record: record.clone(),
                settings: settings.clone(),
                blobs: Arc::clone(&blobs) as _,
                vectors: Arc::clone(&vectors) as _,
                search: Search {
                    index: record.id.clone(),
                    ledger: Arc::clone(&ledger) as _,
                    vectors: Arc::clone(&vectors) as _,
                    embedder: None,
                    bm25: Arc::new(Bm25::new("english").unwrap()),
                    metrics: Arc::clone(&metrics),
                    limits: SearchLimits::default(),
                },
                reconciler: None,
                upkeep: None,
            }))
        };
        let api = Api {
            indexes: Arc::new(Indexes::new(Arc::clone(&ledger), Arc::new(served))),
            ledger: Arc::clone(&ledger),
            nudge: Arc::clone(&nudge),
            clock: Arc::new(SystemClock),
            circuits: Circuits::default(),
            reporter: Reporter {
                process: "desk".to_owned(),
                role: "desk".to_owned(),
            },
            registry,
            metrics: Arc::clone(&metrics),
            watch: Arc::new(RunWatch::new(Arc::clone(&ledger), stop.clone())),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        #[expect(clippy::disallowed_methods, reason = "the server ends with the test")]
        tokio::spawn(http::serve(
            listener,
            http::router(Arc::new(api)),
            None,
            stop.clone(),
        ));
        let queue = Arc::new(MemoryQueue::default());
        let dispatcher = Dispatcher {
            ledger: Arc::clone(&ledger),
            queue: Arc::clone(&queue) as _,
            nudge,
            settings: DispatchSettings::default(),
            began: Instant::now(),
            duties: Arc::new(Duties::all()),
            metrics,
        };
        Self {
            docs,
            ledger,
            vectors,
            queue,
            dispatcher,
            index,
            url,
            http: reqwest::Client::new(),
            stop,
        }
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, token: Option<&str>) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.header("x-ms-continuation-token", token);
        }
        let answer = request.send().await.unwrap();
        let next = answer.headers().get("x-ms-continuation-token");
        Answer {
            status: answer.status(),
            next: next.map(|next| next.to_str().unwrap().to_owned()),
            body: serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str) -> Answer {
        self.ask(Method::POST, path, None).await
    }

    pub(crate) fn path(path: &str) -> BlobPath {
        BlobPath::new(path).unwrap()
    }

    pub(crate) fn file(&self, path: &str) -> FileId {
        FileId::of(&self.index, &Self::path(path))
    }

    /// The instance id of a file.
    pub(crate) fn id(&self, path: &str) -> String {
        format!("{}:{}", self.index, self.file(path))
    }

    pub(crate) async fn report(&self, paths: &[&str], run: Option<RunId>) {
        let change = |path: &&str| Change {
            run,
            ..Change::new(Self::path(path), "event", Lane::Fast)
        };
        let changes: Vec<_> = paths.iter().map(change).collect();
        self.ledger.enqueue(&self.index, &changes).await.unwrap();
    }

    pub(crate) async fn run_with(&self, paths: &[&str]) -> RunId {
        let run = NewRun {
            id: RunId::generate(),
            index: self.index.clone(),
            kind: RunKind::Full,
            asked_by: "somebody".to_owned(),
            path: None,
            lease: Duration::ZERO,
        };
        self.ledger.open_run(&run).await.unwrap();
        let change = |path: &&str| Change::new(Self::path(path), "event", Lane::Fast);
        let page = RunPage {
            changes: paths.iter().map(change).collect(),
            ..RunPage::default()
        };
        let recorded = self.ledger.advance_run(&run.work(), &page, Duration::ZERO).await;
        assert!(recorded.unwrap().is_some());
        run.id
    }

    pub(crate) async fn claim(&self, path: &str) -> Option<Hold> {
        let request = ClaimRequest {
            index: self.index.clone(),
            file_id: self.file(path),
            claim_id: ClaimId::generate(),
            owner: "worker".to_owned(),
            lease: Duration::from_secs(60),
        };
        match self.ledger.claim(&request).await.unwrap() {
            ClaimOutcome::Claimed(claim) => Some(claim.hold),
            ClaimOutcome::NotClaimable => None,
        }
    }

    pub(crate) async fn commit(&self, hold: &Hold, etag: &str, chunks: u32) -> CommitOutcome {
        let commit = Commit {
            hold: hold.clone(),
            change: CommitChange::Replace(Version {
                etag: etag.to_owned(),
                content_hash: "hash".to_owned(),
                pipeline: "pipeline".to_owned(),
                size: 10,
                chunks,
                missing: Vec::new(),
            }),
            detail: serde_json::json!({ "converter": "text", "chunks": chunks }),
            debounce: Duration::ZERO,
        };
        self.ledger.commit(&commit).await.unwrap()
    }

    /// Indexes a file with one chunk, from the folder when it is there.
    pub(crate) async fn index_file(&self, path: &str, text: &str) {
        let hold = self.claim(path).await.unwrap();
        let chunk = point(path, hold.claim_id, 0, text, None);
        self.vectors.upsert(vec![chunk]).await.unwrap();
        let etag = self.tag(path).await;
        let CommitOutcome::Committed(committed) = self.commit(&hold, &etag, 1).await else {
            panic!("lost");
        };
        if committed.released.is_none() {
            self.ledger.release(&hold, Duration::ZERO).await.unwrap();
        }
    }

    async fn tag(&self, path: &str) -> String {
        use shared::blobs::Blobs as _;
        let blobs = Folder::open(self.docs.path()).unwrap();
        let meta = blobs.head(&Self::path(path)).await;
        meta.map_or_else(|_| "gone".to_owned(), |meta| meta.etag)
    }
}
