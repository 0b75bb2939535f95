//! Promises 1 to 4 with everything in one process and a queue that loses, repeats and reorders: the parts are those that
//! run in production, the stores are doubles that can be looked into.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use control_plane::dispatch::{DispatchSettings, Dispatcher};
use control_plane::duties::Duties;
use control_plane::reconciler::Reconciler;
use control_plane::search::{Search, SearchLimits, SearchQuery};
use control_plane::upkeep::{Upkeep, UpkeepSettings};
use index_processor::chunk::ChunkSettings;
use index_processor::indexes::Sole;
use index_processor::lease::{LeaseSettings, Leases};
use index_processor::pipeline::{Capacity, Pipeline, PipelineParts, PipelineSettings, Rules};
use index_processor::worker::{Worker, WorkerSettings};
use prometheus::Registry;
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use shared::blobs::folder::Folder;
use shared::blobs::source::Source;
use shared::circuit::Circuits;
use shared::clock::{Clock, SystemClock};
use shared::embedder::bm25::Bm25;
use shared::ids::IndexId;
use shared::index_settings::{ApprovalSettings, IndexSettings, RetrySettings};
use shared::ledger::sqlite::SqliteLedger;
use shared::ledger::{ControlLedger, RunFilter};
use shared::queue::memory::{Faults, MemoryQueue};
use shared::shutdown::Tasks;
use shared::vectors::memory::MemoryVectors;
use shared::vectors::{SearchMode, Vectors};
use tests::folder::Docs;
use tests::random::seed;
use tokio::sync::{Mutex, Notify};

const FILES: usize = 30;
const WORKERS: usize = 3;

/// A small fleet in one process.
struct Fleet {
    index: IndexId,
    ledger: Arc<dyn ControlLedger>,
    vectors: Arc<MemoryVectors>,
    queue: Arc<MemoryQueue>,
    reconciler: Arc<Reconciler>,
    upkeep: Upkeep,
    search: Search,
    tasks: Tasks,
}

impl Fleet {
    async fn start(docs: &Docs, faults: Faults) -> anyhow::Result<Self> {
        let index = IndexId::new("lossy")?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ledger: Arc<dyn ControlLedger> = SqliteLedger::in_memory(&clock)?;
        let settings = IndexSettings {
            approval: ApprovalSettings {
                files: u64::MAX,
                share: 1.0,
                ..ApprovalSettings::default()
            },
            ..IndexSettings::new(Source::Folder(docs.path().to_path_buf()), "english")
        };
        ledger
            .ensure_index(&index, &serde_json::to_value(&settings)?)
            .await?;
        let process = PipelineSettings {
            max_file_bytes: 1 << 20,
            inline_bytes: 0,
            chunk: ChunkSettings::default(),
        };
        let vectors = MemoryVectors::new(None);
        let queue = Arc::new(MemoryQueue::with_faults(10_000, faults));
        let blobs = Arc::new(Folder::open(docs.path())?);
        let bm25 = Arc::new(Bm25::new("english")?);
        let registry = Registry::new();
        let metrics = Arc::new(control_plane::metrics::Metrics::register(&registry)?);
        let processed = Arc::new(index_processor::metrics::Metrics::register(&registry)?);
        let nudge = Arc::new(Notify::new());
        let tasks = Tasks::new();
        let pipeline = Arc::new(Pipeline::new(
            PipelineParts {
                rules: Rules::of(&settings, &process).map_err(anyhow::Error::msg)?,
                blobs: blobs.clone(),
                vectors: vectors.clone() as _,
                embedder: None,
                bm25: bm25.clone(),
                meter: None,
                needs: Vec::new(),
                retry: RetrySettings::default(),
            },
            Arc::default(),
            process,
            Arc::new(Capacity::new(2, 64 << 20)),
            processed.clone(),
        ));
        for number in 0..WORKERS {
            let owner = format!("worker-{number}");
            let worker = Arc::new(Worker {
                ledger: ledger.clone(),
                queue: queue.clone(),
                pipelines: Arc::new(Sole(pipeline.clone())),
                leases: Arc::new(Leases::new(
                    owner.clone(),
                    ledger.clone(),
                    LeaseSettings::default(),
                )),
                owner,
                settings: WorkerSettings {
                    slots: 4,
                    debounce: Duration::from_millis(10),
                    ..WorkerSettings::default()
                },
                clock: clock.clone(),
                settled: Arc::new(Notify::new()),
                nudge: nudge.clone(),
                circuits: Circuits::default(),
                metrics: processed.clone(),
            });
            tasks.spawn(worker.run(tasks.stopping()));
        }
        let duties = Arc::new(Duties::all());
        let dispatcher = Dispatcher {
            ledger: ledger.clone(),
            queue: queue.clone(),
            nudge: nudge.clone(),
            // Lost wake-ups are repeated soon, so that the test need not wait for them.
            settings: DispatchSettings {
                window: 20,
                rewake_after: Duration::from_millis(100),
                poll: Duration::from_millis(20),
                queue_began_empty: false,
            },
            began: tokio::time::Instant::now(),
            duties: duties.clone(),
            metrics: metrics.clone(),
        };
        tasks.spawn(dispatcher.run(tasks.stopping()));
        let reconciler = Arc::new(Reconciler {
            index: index.clone(),
            blobs: blobs.clone(),
            ledger: ledger.clone(),
            pipeline: Some(pipeline.fingerprint().to_owned()),
            nudge: nudge.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            turn: Mutex::new(()),
        });
        let upkeep = Upkeep {
            index: index.clone(),
            ledger: ledger.clone(),
            vectors: vectors.clone(),
            reconciler: reconciler.clone(),
            clock,
            nudge,
            duties,
            metrics: metrics.clone(),
            settings: UpkeepSettings {
                orphan_age: Duration::ZERO,
                ..UpkeepSettings::default()
            },
        };
        let search = Search {
            index: index.clone(),
            ledger: ledger.clone(),
            vectors: vectors.clone(),
            embedder: None,
            bm25,
            metrics,
            limits: SearchLimits::default(),
        };
        Ok(Self {
            index,
            ledger,
            vectors,
            queue,
            reconciler,
            upkeep,
            search,
            tasks,
        })
    }

    async fn caught_up(&self) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + tests::wait::PATIENCE;
        while self.ledger.stats(&self.index).await?.backlog > 0 {
            ensure!(
                tokio::time::Instant::now() < deadline,
                "the backlog does not drain"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Which revision of each document a search shows; an error when one shows two.
    async fn shown(&self, query: &str) -> anyhow::Result<BTreeMap<String, String>> {
        let wanted = SearchQuery {
            query: query.to_owned(),
            mode: Some(SearchMode::FullText),
            limit: 100,
            ..SearchQuery::default()
        };
        let mut shown: BTreeMap<String, (String, String)> = BTreeMap::new();
        for hit in self.search.search(&wanted).await?.hits {
            let version = (hit.etag.clone(), hit.text.clone());
            let path = hit.path.as_str().to_owned();
            if let Some((etag, _)) = shown.insert(path.clone(), version) {
                ensure!(etag == hit.etag, "{path} is shown in two versions");
            }
        }
        Ok(shown.into_iter().map(|(path, (_, text))| (path, text)).collect())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_loses_repeats_and_reorders_costs_time_only() -> anyhow::Result<()> {
    let seed = seed();
    let mut random = SmallRng::seed_from_u64(seed);
    let docs = Docs::with_files(FILES, 2)?;
    let faults = Faults {
        seed,
        lose: 0.3,
        repeat: 0.2,
        reorder: 0.3,
        unconfirmed: 0.2,
    };
    let fleet = Fleet::start(&docs, faults).await?;
    fleet.reconciler.everything("scan").await?;
    fleet.caught_up().await?;

    let mut revisions = vec![0; FILES];
    let mut gone: Vec<usize> = Vec::new();
    for round in 1..=15 {
        for _ in 0..4 {
            let number = random.random_range(0..FILES);
            if gone.contains(&number) {
                continue;
            }
            if random.random_bool(0.15) {
                docs.remove(&Docs::name(number))?;
                gone.push(number);
            } else {
                docs.write(&Docs::name(number), Docs::text(number, 2, round))?;
                revisions[number] = round;
            }
        }
        if round == 8 {
            fleet.queue.purge();
        }
        fleet.reconciler.everything("scan").await?;
        // While versions change, each document that still exists is shown, and in one version only.
        let number = random.random_range(0..FILES);
        let shown = fleet.shown(&format!("word{number}")).await?;
        if !gone.contains(&number) {
            ensure!(
                shown.contains_key(&Docs::name(number)),
                "document {number} is not shown in round {round}"
            );
        }
    }
    fleet.reconciler.everything("scan").await?;
    fleet.caught_up().await?;

    for (number, revision) in revisions.iter().enumerate() {
        let shown = fleet.shown(&format!("word{number}")).await?;
        let text = shown.get(&Docs::name(number));
        if gone.contains(&number) {
            ensure!(text.is_none(), "document {number} is gone and still shown");
        } else {
            let text = text.with_context(|| format!("document {number} is not shown"))?;
            let wanted = format!("topic{number}x0r{revision}");
            let all = docs_text(&docs, number)?;
            ensure!(
                all.contains(&wanted) && !text.is_empty(),
                "document {number} shows {text:?}"
            );
            let newest = fleet.shown(&wanted).await?;
            ensure!(newest.contains_key(&Docs::name(number)), "{wanted} is not found");
        }
    }
    fleet.upkeep.scrub_dead().await?;
    fleet.upkeep.scrub_orphans().await?;
    let stats = fleet.ledger.stats(&fleet.index).await?;
    ensure!(
        fleet.vectors.count().await? == stats.chunks,
        "points are left behind"
    );
    while !fleet.ledger.open_runs(&fleet.index).await?.is_empty() {
        // The batch of what was reported is closed, and complete a moment later.
        fleet.upkeep.carry_out_runs().await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for run in fleet.ledger.runs(&fleet.index, &RunFilter::default(), 50).await? {
        ensure!(run.completed_at.is_some(), "a run is never complete: {run:?}");
        ensure!(run.done == run.total, "not each file left its run once: {run:?}");
    }
    ensure!(
        fleet.tasks.drain(Duration::from_secs(10)).await,
        "tasks did not end"
    );
    Ok(())
}

fn docs_text(docs: &Docs, number: usize) -> anyhow::Result<String> {
    Ok(std::fs::read_to_string(docs.file(&Docs::name(number)))?)
}
