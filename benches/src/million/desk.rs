//! The control plane's routes on a ledger, in this process; with a source that lists the files and no points.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request};
use control_plane::http::run_events::RunWatch;
use control_plane::http::{self, Api};
use control_plane::indexes::{Index, Indexes, NewIndex, Opener};
use control_plane::metrics::Metrics;
use control_plane::reconciler::Reconciler;
use control_plane::search::{Search, SearchLimits};
use prometheus::Registry;
use serde_json::Value;
use shared::blob_path::BlobPath;
use shared::blobs::source::Source;
use shared::blobs::{Blob, BlobError, BlobMeta, Blobs, Listed};
use shared::circuit::Circuits;
use shared::circuit::report::Reporter;
use shared::clock::SystemClock;
use shared::embedder::bm25::Bm25;
use shared::ids::IndexId;
use shared::index_settings::IndexSettings;
use shared::ledger::{ControlLedger, IndexRecord};
use shared::vectors::memory::MemoryVectors;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::filling::{kind_of, path_of, tag_of};
use super::lives::Kind;

/// The source: it has the files that it should have, as the index knows them.
struct Paper {
    files: usize,
}

#[async_trait]
impl Blobs for Paper {
    async fn head(&self, _path: &BlobPath) -> Result<BlobMeta, BlobError> {
        Err(BlobError::NotFound)
    }

    async fn read(&self, _path: &BlobPath, _etag: &str, _limit: u64) -> Result<Blob, BlobError> {
        Err(BlobError::NotFound)
    }

    async fn list(&self, _prefix: &str) -> Result<Vec<Listed>, BlobError> {
        let there = (0..self.files).filter(|n| !matches!(kind_of(*n), Kind::Deleted | Kind::Awaiting));
        let listed = there.map(|n| {
            let path =
                BlobPath::new(path_of(n)).map_err(|error| BlobError::Unavailable(error.to_string()))?;
            let meta = BlobMeta {
                path: path.clone(),
                etag: tag_of(n),
                identity: None,
                size: 10_000,
                modified: 0,
                content_type: None,
                metadata: BTreeMap::new(),
            };
            Ok(Listed { path, meta: Ok(meta) })
        });
        listed.collect()
    }
}

/// Opens every index as this one.
struct Served(Box<Open>);

type Open = dyn Fn(&IndexRecord) -> anyhow::Result<Index> + Send + Sync;

#[async_trait]
impl Opener for Served {
    async fn open(&self, record: &IndexRecord) -> anyhow::Result<Index> {
        self.0(record)
    }

    async fn settle(&self, _wanted: &NewIndex) -> anyhow::Result<IndexSettings> {
        anyhow::bail!("nothing is made here")
    }

    async fn destroy(&self, _index: &IndexId) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Settings of the index: nothing in them is used.
pub(crate) fn settings() -> IndexSettings {
    IndexSettings::new(Source::Folder("/nowhere".into()), "english")
}

/// A ledger behind the routes.
pub(crate) struct Desk {
    pub(crate) files: usize,
    pub(crate) index: IndexId,
    pub(crate) ledger: Arc<dyn ControlLedger>,
    router: Router,
}

/// What to ask.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// `x-ms-continuation-token`.
    pub(crate) token: Option<String>,
    pub(crate) body: Option<Value>,
}

impl Ask {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            token: None,
            body: None,
        }
    }

    pub(crate) fn post(path: impl Into<String>, body: Option<Value>) -> Self {
        Self {
            method: Method::POST,
            body,
            ..Self::get(path)
        }
    }
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) took: Duration,
    pub(crate) bytes: usize,
    /// Null when it is not JSON.
    pub(crate) body: Value,
    pub(crate) headers: HeaderMap,
}

impl Desk {
    pub(crate) fn new(ledger: Arc<dyn ControlLedger>, index: IndexId, files: usize) -> anyhow::Result<Self> {
        let registry = Registry::new();
        let metrics = Arc::new(Metrics::register(&registry)?);
        let vectors = MemoryVectors::new(None);
        let nudge = Arc::new(Notify::new());
        let blobs: Arc<dyn Blobs> = Arc::new(Paper { files });
        let bm25 = Arc::new(Bm25::new("english")?);
        let served = {
            let (metrics, ledger, nudge) = (Arc::clone(&metrics), Arc::clone(&ledger), Arc::clone(&nudge));
            Served(Box::new(move |record| {
                Ok(Index {
                    record: record.clone(),
                    settings: IndexSettings::of(record)?,
                    blobs: Arc::clone(&blobs),
                    vectors: Arc::clone(&vectors) as _,
                    search: Search {
                        index: record.id.clone(),
                        ledger: Arc::clone(&ledger) as _,
                        vectors: Arc::clone(&vectors) as _,
                        embedder: None,
                        bm25: Arc::clone(&bm25),
                        metrics: Arc::clone(&metrics),
                        limits: SearchLimits::default(),
                    },
                    reconciler: Some(Arc::new(Reconciler {
                        index: record.id.clone(),
                        blobs: Arc::clone(&blobs),
                        ledger: Arc::clone(&ledger),
                        pipeline: None,
                        nudge: Arc::clone(&nudge),
                        clock: Arc::new(SystemClock),
                        metrics: Arc::clone(&metrics),
                        turn: Mutex::new(()),
                    })),
                    upkeep: None,
                })
            }))
        };
        let watch = RunWatch::new(Arc::clone(&ledger), CancellationToken::new());
        let api = Api {
            indexes: Arc::new(Indexes::new(Arc::clone(&ledger), Arc::new(served))),
            ledger: Arc::clone(&ledger),
            nudge,
            clock: Arc::new(SystemClock),
            circuits: Circuits::default(),
            reporter: Reporter {
                process: "benchmark".to_owned(),
                role: "control-plane".to_owned(),
            },
            registry,
            metrics,
            watch: Arc::new(watch),
        };
        Ok(Self {
            files,
            index,
            ledger,
            router: http::router(Arc::new(api)),
        })
    }

    /// Asks, and reads the whole answer.
    pub(crate) async fn ask(&self, ask: &Ask) -> anyhow::Result<Answer> {
        let mut request = Request::builder().method(ask.method.clone()).uri(&ask.path);
        if let Some(token) = &ask.token {
            request = request.header("x-ms-continuation-token", token);
        }
        let body = match &ask.body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let request = request.body(body)?;
        let began = Instant::now();
        let answer = self.router.clone().oneshot(request).await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let bytes = to_bytes(answer.into_body(), usize::MAX).await?;
        let took = began.elapsed();
        ensure!(
            status.is_success(),
            "{ask:?}: {status} {}",
            String::from_utf8_lossy(&bytes)
        );
        Ok(Answer {
            took,
            bytes: bytes.len(),
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            headers,
        })
    }
}
