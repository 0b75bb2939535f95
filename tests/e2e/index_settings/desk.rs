//! A control plane and a worker in this process, over HTTP.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use async_trait::async_trait;
use control_plane::dispatch::{DispatchSettings, Dispatcher};
use control_plane::duties::Duties;
use control_plane::http::run_events::RunWatch;
use control_plane::http::{self, Api};
use control_plane::indexes::{Index, Indexes, NewIndex, Opener};
use control_plane::keeper::Keeper;
use control_plane::reconciler::Reconciler;
use control_plane::search::{Search, SearchLimits};
use control_plane::upkeep::{Upkeep, UpkeepSettings};
use index_processor::chunk::ChunkSettings;
use index_processor::indexes::Pipelines;
use index_processor::lease::{LeaseSettings, Leases};
use index_processor::pipeline::{Capacity, Pipeline, PipelineParts, PipelineSettings, Rules};
use index_processor::worker::{Worker, WorkerSettings};
use prometheus::Registry;
use reqwest::Method;
use serde_json::{Value, json};
use shared::blobs::folder::Folder;
use shared::circuit::report::Reporter;
use shared::circuit::{Circuits, Dependency};
use shared::clock::{Clock, SystemClock};
use shared::embedder::bm25::Bm25;
use shared::ids::IndexId;
use shared::index_settings::{ApprovalSettings, IndexSettings};
use shared::ledger::{ControlLedger, IndexRecord};
use shared::queue::memory::MemoryQueue;
use shared::retry::Failure;
use shared::shutdown::Tasks;
use shared::vectors::memory::MemoryVectors;
use tests::folder::Docs;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Notify};

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) etag: String,
    pub(crate) body: Value,
}

/// The index `docs`, made from a folder.
pub(crate) struct Desk {
    pub(crate) docs: Docs,
    url: String,
    http: reqwest::Client,
    tasks: Tasks,
}

/// What indexes are opened with.
struct Shop {
    docs: std::path::PathBuf,
    ledger: Arc<dyn ControlLedger>,
    vectors: Mutex<HashMap<IndexId, Arc<MemoryVectors>>>,
    nudge: Arc<Notify>,
    clock: Arc<dyn Clock>,
    duties: Arc<Duties>,
    planes: Arc<control_plane::metrics::Metrics>,
    workers: Arc<index_processor::metrics::Metrics>,
}

impl Shop {
    async fn vectors(&self, index: &IndexId) -> Arc<MemoryVectors> {
        let mut open = self.vectors.lock().await;
        Arc::clone(
            open.entry(index.clone())
                .or_insert_with(|| MemoryVectors::new(None)),
        )
    }
}

#[async_trait]
impl Opener for Shop {
    async fn open(&self, record: &IndexRecord) -> anyhow::Result<Index> {
        let settings = IndexSettings::of(record)?;
        let vectors = self.vectors(&record.id).await;
        let blobs = Arc::new(Folder::open(&self.docs)?);
        let reconciler = Arc::new(Reconciler {
            index: record.id.clone(),
            blobs: Arc::clone(&blobs) as _,
            ledger: Arc::clone(&self.ledger),
            pipeline: None,
            nudge: Arc::clone(&self.nudge),
            clock: Arc::clone(&self.clock),
            metrics: Arc::clone(&self.planes),
            turn: Mutex::new(()),
        });
        let upkeep = Upkeep {
            index: record.id.clone(),
            ledger: Arc::clone(&self.ledger),
            vectors: Arc::clone(&vectors) as _,
            reconciler: Arc::clone(&reconciler),
            clock: Arc::clone(&self.clock),
            nudge: Arc::clone(&self.nudge),
            duties: Arc::clone(&self.duties),
            metrics: Arc::clone(&self.planes),
            settings: UpkeepSettings {
                reconcile_first: true,
                operations_every: Duration::from_millis(50),
                ..UpkeepSettings::default()
            },
        };
        Ok(Index {
            record: record.clone(),
            blobs,
            search: Search {
                index: record.id.clone(),
                ledger: Arc::clone(&self.ledger) as _,
                vectors: Arc::clone(&vectors) as _,
                embedder: None,
                bm25: Arc::new(Bm25::new(&settings.language)?),
                metrics: Arc::clone(&self.planes),
                limits: SearchLimits::default(),
            },
            settings,
            vectors,
            reconciler: Some(reconciler),
            upkeep: Some(upkeep),
        })
    }

    async fn settle(&self, wanted: &NewIndex) -> anyhow::Result<IndexSettings> {
        Ok(wanted.settings(None, &ApprovalSettings::default()))
    }

    async fn destroy(&self, index: &IndexId) -> anyhow::Result<()> {
        self.vectors.lock().await.remove(index);
        Ok(())
    }
}

/// Pipelines with the settings as they are at each file.
struct Fresh(Arc<Shop>);

#[async_trait]
impl Pipelines for Fresh {
    async fn of(&self, index: &IndexId, revision: u64) -> Result<Arc<Pipeline>, Failure> {
        let failed = |why: String| Failure::throttled("index_unusable", why);
        let shop = &self.0;
        let records = shop
            .ledger
            .indexes()
            .await
            .map_err(|error| failed(error.to_string()))?;
        let record = records
            .into_iter()
            .find(|record| record.id == *index)
            .filter(|record| record.revision >= revision)
            .ok_or_else(|| failed("the index is gone, or behind what the claim says".to_owned()))?;
        let settings = IndexSettings::of(&record).map_err(|error| failed(error.to_string()))?;
        let process = PipelineSettings {
            max_file_bytes: 1 << 14,
            inline_bytes: 0,
            chunk: ChunkSettings::default(),
        };
        Ok(Arc::new(Pipeline::new(
            PipelineParts {
                blobs: Arc::new(Folder::open(&shop.docs).map_err(|error| failed(error.to_string()))?),
                vectors: shop.vectors(index).await,
                embedder: None,
                bm25: Arc::new(Bm25::new(&settings.language).map_err(|error| failed(error.to_string()))?),
                rules: Rules::of(&settings, &process).map_err(failed)?,
                meter: None,
                needs: Vec::new(),
                retry: settings.retry,
            },
            Arc::default(),
            process,
            Arc::new(Capacity::new(2, 64 << 20)),
            Arc::clone(&shop.workers),
        )))
    }

    async fn needs(&self, _index: &IndexId) -> Arc<[Dependency]> {
        Arc::from([])
    }
}

impl Desk {
    pub(crate) async fn start(ledger: Arc<dyn ControlLedger>, docs: Docs) -> anyhow::Result<Self> {
        let registry = Registry::new();
        let shop = Arc::new(Shop {
            docs: docs.path().to_path_buf(),
            ledger: Arc::clone(&ledger),
            vectors: Mutex::default(),
            nudge: Arc::new(Notify::new()),
            clock: Arc::new(SystemClock),
            duties: Arc::new(Duties::all()),
            planes: Arc::new(control_plane::metrics::Metrics::register(&registry)?),
            workers: Arc::new(index_processor::metrics::Metrics::register(&registry)?),
        });
        let tasks = Tasks::new();
        let circuits = Circuits::default();
        let queue = Arc::new(MemoryQueue::new(1000));
        let worker = Arc::new(Worker {
            ledger: Arc::clone(&ledger) as _,
            queue: Arc::clone(&queue) as _,
            pipelines: Arc::new(Fresh(Arc::clone(&shop))),
            leases: Arc::new(Leases::new(
                "worker".to_owned(),
                Arc::clone(&ledger) as _,
                LeaseSettings::default(),
            )),
            owner: "worker".to_owned(),
            settings: WorkerSettings {
                slots: 4,
                debounce: Duration::from_millis(10),
                ..WorkerSettings::default()
            },
            clock: Arc::clone(&shop.clock),
            settled: Arc::new(Notify::new()),
            nudge: Arc::clone(&shop.nudge),
            circuits: circuits.clone(),
            metrics: Arc::clone(&shop.workers),
        });
        let dispatcher = Dispatcher {
            ledger: Arc::clone(&ledger) as _,
            queue,
            nudge: Arc::clone(&shop.nudge),
            settings: DispatchSettings {
                poll: Duration::from_millis(50),
                ..DispatchSettings::default()
            },
            began: tokio::time::Instant::now(),
            duties: Arc::clone(&shop.duties),
            metrics: Arc::clone(&shop.planes),
        };
        let indexes = Arc::new(Indexes::new(Arc::clone(&ledger), Arc::clone(&shop) as _));
        let keeper = Keeper {
            indexes: Arc::clone(&indexes),
            ledger: Arc::clone(&ledger),
            duties: Arc::clone(&shop.duties),
            notice: Duration::from_secs(1),
            beside: None,
        };
        let api = Arc::new(Api {
            indexes,
            watch: Arc::new(RunWatch::new(Arc::clone(&ledger), tasks.stopping())),
            ledger,
            nudge: Arc::clone(&shop.nudge),
            clock: Arc::clone(&shop.clock),
            circuits,
            reporter: Reporter {
                process: "desk".to_owned(),
                role: "desk".to_owned(),
            },
            registry,
            metrics: Arc::clone(&shop.planes),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        tasks.spawn(http::serve(listener, http::router(api), None, tasks.stopping()));
        tasks.spawn(worker.run(tasks.stopping()));
        tasks.spawn(dispatcher.run(tasks.stopping()));
        tasks.spawn(keeper.run(tasks.stopping()));
        Ok(Self {
            docs,
            url,
            http: reqwest::Client::builder()
                .no_proxy()
                .pool_max_idle_per_host(0)
                .build()?,
            tasks,
        })
    }

    pub(crate) async fn stop(self) {
        self.tasks.drain(Duration::from_secs(10)).await;
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> anyhow::Result<Answer> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await?;
        let etag = answer.headers().get("etag").and_then(|etag| etag.to_str().ok());
        Ok(Answer {
            status: answer.status().as_u16(),
            etag: etag.unwrap_or_default().to_owned(),
            body: serde_json::from_str(&answer.text().await?).unwrap_or_default(),
        })
    }

    /// A change of settings, as it stands.
    pub(crate) async fn send(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        content_type: &str,
        body: &str,
    ) -> anyhow::Result<Answer> {
        let headers = [headers, &[("content-type", content_type)]].concat();
        self.ask(Method::PATCH, path, &headers, body.to_owned()).await
    }

    pub(crate) async fn patch(&self, patch: Value) -> anyhow::Result<Answer> {
        self.send(
            "/indexes/docs",
            &[],
            "application/merge-patch+json",
            &patch.to_string(),
        )
        .await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> anyhow::Result<Answer> {
        let headers = [("content-type", "application/json")];
        self.ask(Method::POST, path, &headers, body.to_string()).await
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.ask(Method::GET, path, &[], String::new()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<Answer> {
        self.ask(Method::DELETE, path, &[], String::new()).await
    }

    /// Makes the index with some settings.
    pub(crate) async fn make(&self, settings: Value) -> anyhow::Result<Answer> {
        let mut wanted =
            json!({ "name": "docs", "source": format!("file://{}", self.docs.path().display()) });
        if let (Some(wanted), Some(settings)) = (wanted.as_object_mut(), settings.as_object()) {
            wanted.extend(settings.clone());
        }
        self.post("/indexes", wanted).await
    }

    pub(crate) async fn index(&self) -> anyhow::Result<Value> {
        Ok(self.get("/indexes/docs").await?.body)
    }

    pub(crate) async fn chunks(&self) -> anyhow::Result<u64> {
        self.index().await?["stats"]["chunks"]
            .as_u64()
            .context("no count of chunks")
    }

    pub(crate) async fn run(&self, query: &str) -> anyhow::Result<()> {
        let answer = self
            .post(&format!("/indexes/docs/run?{query}"), json!({}))
            .await?;
        ensure!(answer.status == 202, "{answer:?}");
        Ok(())
    }

    /// Is a word found?
    pub(crate) async fn finds(&self, word: &str) -> anyhow::Result<bool> {
        let answer = self
            .get(&format!("/indexes/docs/search?mode=full_text&q={word}"))
            .await?;
        let hits = answer.body["hits"].as_array().context("no hits")?;
        Ok(hits.iter().any(|hit| hit["text"].to_string().contains(word)))
    }

    /// Waits until nothing is left to do and the files are in these states; a change may still have to be compared, so that
    /// another picture is waited out. Files that were removed long ago may stay as DELETED.
    pub(crate) async fn settled(&self, wanted: Value) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + tests::wait::PATIENCE;
        loop {
            let mut stats = self.index().await?["stats"].take();
            if wanted.get("DELETED").is_none()
                && let Some(states) = stats["by_state"].as_object_mut()
            {
                states.remove("DELETED");
            }
            if stats["backlog"] == 0 && stats["by_state"] == wanted {
                return Ok(());
            }
            ensure!(
                tokio::time::Instant::now() < deadline,
                "waited in vain for {wanted}: {stats}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
