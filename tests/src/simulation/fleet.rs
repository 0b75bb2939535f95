//! The production parts and how they are put together: the only file of the simulation that makes them.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use control_plane::dispatch::{DispatchSettings, Dispatcher};
use control_plane::duties::Duties;
use control_plane::reconciler::Reconciler;
use control_plane::search::{QueryCache, Search, SearchLimits};
use control_plane::upkeep::sweep::Sweeper;
use control_plane::upkeep::{Upkeep, UpkeepSettings};
use index_processor::chunk::{ChunkSettings, Size, Strategy};
use index_processor::indexes::Sole;
use index_processor::lease::{LeaseSettings, Leases};
use index_processor::pipeline::{Capacity, Pipeline, PipelineParts, PipelineSettings, Rules};
use index_processor::worker::{Worker, WorkerSettings};
use prometheus::Registry;
use shared::blobs::source::Source as BlobSource;
use shared::circuit::Circuits;
use shared::clock::Clock;
use shared::embedder::Embedder;
use shared::embedder::bm25::Bm25;
use shared::ids::IndexId;
use shared::index_settings::{ApprovalSettings, IndexSettings, RetrySettings};
use shared::ledger::{ControlLedger, Ledger, SweepPolicy};
use shared::queue::Queue;
use shared::retry::{Jitter, RetryPolicy, StepPolicies, StepPolicy};
use shared::shutdown::Tasks;
use shared::vectors::Vectors;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use super::broker::{Broker, BrokerClient};
use super::bug::Bug;
use super::embedder::ModelClient;
use super::history::History;
use super::ledger::{LedgerClient, LedgerServer, Role};
use super::line::Line;
use super::plan::Faults;
use super::source::{Source, SourceClient};
use super::vectors::{VectorClient, VectorServer};
use super::world::World;

/// Characters of a chunk. Paragraphs of the simulated documents are longer than half of it, so each is a chunk.
const CHUNK: usize = 48;
const STALE_AFTER: Duration = Duration::from_secs(15 * 60);
const MAX_ATTEMPTS: u32 = 5;

/// The servers, and what the processes have in common.
pub(super) struct Fleet {
    pub(super) world: Arc<World>,
    pub(super) index: IndexId,
    pub(super) source: Arc<Source>,
    pub(super) history: Arc<History>,
    pub(super) ledger: Arc<LedgerServer>,
    pub(super) vectors: Arc<VectorServer>,
    pub(super) broker: Arc<Broker>,
    parts: &'static Parts,
}

/// What costs time to make and keeps nothing from run to run.
struct Parts {
    bm25: Arc<Bm25>,
    planes: Arc<control_plane::metrics::Metrics>,
    workers: Arc<index_processor::metrics::Metrics>,
}

static PARTS: OnceLock<Parts> = OnceLock::new();

fn parts() -> anyhow::Result<&'static Parts> {
    if let Some(parts) = PARTS.get() {
        return Ok(parts);
    }
    let registry = Registry::new();
    let parts = Parts {
        bm25: Arc::new(Bm25::new("english")?),
        planes: Arc::new(control_plane::metrics::Metrics::register(&registry)?),
        workers: Arc::new(index_processor::metrics::Metrics::register(&registry)?),
    };
    Ok(PARTS.get_or_init(|| parts))
}

impl Fleet {
    pub(super) async fn new(world: Arc<World>) -> anyhow::Result<Self> {
        let index = IndexId::new("docs")?;
        let source = Source::new(Arc::clone(&world));
        let history = History::new(Arc::clone(&world), Arc::clone(&source), index.clone());
        let ledger = LedgerServer::new(Arc::clone(&world), Arc::clone(&history), index.clone());
        let settings = serde_json::to_value(settings(world.plan.guarded))?;
        ledger.model.ensure_index(&index, &settings).await?;
        Ok(Self {
            vectors: VectorServer::new(Arc::clone(&world), Arc::clone(&history)),
            broker: Broker::new(Arc::clone(&world), Arc::clone(&history)),
            index,
            source,
            history,
            ledger,
            world,
            parts: parts()?,
        })
    }

    fn line(&self, who: &Arc<str>, server: &'static str, faults: Faults) -> Line {
        Line {
            world: Arc::clone(&self.world),
            who: Arc::clone(who),
            server,
            faults,
            latency: match server {
                "ledger" => 0..=3 * self.world.plan.pace,
                _ => self.world.plan.pace..=15 * self.world.plan.pace,
            },
        }
    }

    pub(super) fn ledger(&self, who: &Arc<str>, role: Role) -> Arc<dyn ControlLedger> {
        let faults = match role {
            Role::Searcher => self.world.plan.searching,
            Role::Worker | Role::Plane | Role::Intake => self.world.plan.ledger,
        };
        Arc::new(LedgerClient {
            line: self.line(who, "ledger", faults),
            server: Arc::clone(&self.ledger),
            vectors: Arc::clone(&self.vectors),
            history: Arc::clone(&self.history),
            role,
        })
    }

    fn vectors(&self, who: &Arc<str>, role: Role) -> Arc<dyn Vectors> {
        let faults = match role {
            Role::Searcher => self.world.plan.searching,
            Role::Worker | Role::Plane | Role::Intake => self.world.plan.vectors,
        };
        Arc::new(VectorClient {
            line: self.line(who, "vectors", faults),
            server: Arc::clone(&self.vectors),
            ledger: Arc::clone(&self.ledger),
            history: Arc::clone(&self.history),
            of_worker: role == Role::Worker,
        })
    }

    fn blobs(&self, who: &Arc<str>) -> Arc<SourceClient> {
        Arc::new(SourceClient {
            line: self.line(who, "source", self.world.plan.blobs),
            source: Arc::clone(&self.source),
        })
    }

    fn embedder(&self, who: &Arc<str>, role: Role) -> Arc<dyn Embedder> {
        Arc::new(ModelClient {
            line: self.line(who, "model", self.world.plan.embedder),
            history: Arc::clone(&self.history),
            paid: role == Role::Worker,
        })
    }

    fn queue(&self, who: &Arc<str>) -> Arc<dyn Queue> {
        Arc::new(BrokerClient {
            who: Arc::clone(who),
            broker: Arc::clone(&self.broker),
        })
    }

    fn pipeline(&self, who: &Arc<str>) -> anyhow::Result<Pipeline> {
        let settings = PipelineSettings {
            max_file_bytes: 1 << 16,
            inline_bytes: u64::MAX,
            chunk: ChunkSettings::new(Size::Characters(CHUNK), 0, Strategy::Recursive)?,
        };
        let own = self::settings(self.world.plan.guarded);
        Ok(Pipeline::new(
            PipelineParts {
                rules: Rules::of(&own, &settings).map_err(anyhow::Error::msg)?,
                blobs: self.blobs(who),
                vectors: self.vectors(who, Role::Worker),
                embedder: Some(self.embedder(who, Role::Worker)),
                bm25: Arc::clone(&self.parts.bm25),
                meter: None,
                needs: Vec::new(),
                retry: RetrySettings::default(),
            },
            Arc::default(),
            settings,
            Arc::new(Capacity::new(2, 1 << 20)),
            Arc::clone(&self.parts.workers),
        ))
    }

    /// A worker whose clock is wrong by `skew` milliseconds.
    pub(super) fn worker(&self, who: &Arc<str>, skew: i64) -> anyhow::Result<Arc<Worker>> {
        let ledger = self.ledger(who, Role::Worker);
        let lease = LeaseSettings {
            lease: Duration::from_secs(20),
            renew_every: Duration::from_secs(5),
            margin: Duration::from_secs(4),
        };
        let leases = Arc::new(Leases::new(who.to_string(), Arc::clone(&ledger) as _, lease));
        self.history.knows(who, &leases);
        Ok(Arc::new(Worker {
            queue: self.queue(who),
            pipelines: Arc::new(Sole(Arc::new(self.pipeline(who)?))),
            leases,
            ledger: ledger as _,
            owner: who.to_string(),
            settings: WorkerSettings {
                slots: self.world.plan.slots,
                retry: RetryPolicy {
                    initial: Duration::from_millis(500),
                    max: Duration::from_secs(8),
                    jitter: Jitter::None,
                    ..RetryPolicy::default()
                },
                steps: StepPolicies::all(&StepPolicy {
                    first: Duration::from_millis(500),
                    max: Duration::from_secs(8),
                    jitter: Jitter::None,
                    ..StepPolicy::default()
                }),
                max_attempts: MAX_ATTEMPTS,
                stale_after: STALE_AFTER,
                debounce: Duration::from_millis(200),
                drain: Duration::from_secs(5),
            },
            clock: Arc::new(self.world.clock(skew)),
            settled: Arc::new(Notify::new()),
            nudge: Arc::new(Notify::new()),
            circuits: Circuits::default(),
            metrics: Arc::clone(&self.parts.workers),
        }))
    }

    /// Runs a replica of the control plane until told to stop.
    pub(super) async fn plane(&self, who: &Arc<str>, stop: CancellationToken) -> anyhow::Result<()> {
        let nudge = Arc::new(Notify::new());
        let sweeper = Sweeper {
            ledger: self.ledger(who, Role::Plane) as _,
            every: Duration::from_secs(5),
            policy: SweepPolicy {
                stale_after: STALE_AFTER,
                delay: Duration::from_secs(1),
                max_attempts: MAX_ATTEMPTS,
            },
            nudge: Arc::clone(&nudge),
            duties: Arc::new(Duties::all()),
            metrics: Arc::clone(&self.parts.planes),
        };
        let dispatcher = Dispatcher {
            ledger: self.ledger(who, Role::Plane) as _,
            queue: self.queue(who),
            nudge: Arc::clone(&nudge),
            settings: DispatchSettings {
                window: 100,
                rewake_after: Duration::from_secs(20),
                poll: Duration::from_secs(1),
                queue_began_empty: false,
            },
            began: tokio::time::Instant::now(),
            duties: Arc::new(Duties::all()),
            metrics: Arc::clone(&self.parts.planes),
        };
        let upkeep = self.upkeep(who, nudge)?;
        let tasks = Tasks::new();
        upkeep.start(&tasks);
        tasks.spawn(sweeper.run(tasks.stopping()));
        tasks.spawn(dispatcher.run(tasks.stopping()));
        stop.cancelled().await;
        tasks.drain(Duration::from_secs(60)).await;
        Ok(())
    }

    pub(super) fn upkeep(&self, who: &Arc<str>, nudge: Arc<Notify>) -> anyhow::Result<Upkeep> {
        let ledger = self.ledger(who, Role::Plane);
        let clock: Arc<dyn Clock> = Arc::new(self.world.clock(0));
        let plan = &self.world.plan;
        let reconciler = Reconciler {
            index: self.index.clone(),
            blobs: self.blobs(who),
            ledger: Arc::clone(&ledger),
            pipeline: Some(self.pipeline(who)?.fingerprint().to_owned()),
            nudge: Arc::clone(&nudge),
            clock: Arc::clone(&clock),
            metrics: Arc::clone(&self.parts.planes),
            turn: Mutex::new(()),
        };
        Ok(Upkeep {
            index: self.index.clone(),
            vectors: self.vectors(who, Role::Plane),
            ledger,
            reconciler: Arc::new(reconciler),
            clock,
            nudge,
            duties: Arc::new(Duties::all()),
            metrics: Arc::clone(&self.parts.planes),
            settings: UpkeepSettings {
                // There are no directory events here.
                operations_every: STALE_AFTER,
                // The comparisons of the plan are the only ones.
                recheck_every: STALE_AFTER,
                scrub_every: Duration::from_secs(10),
                full_scrub_every: Duration::from_secs(12),
                orphan_age: if self.world.has(Bug::ScrubIgnoresRunning) {
                    Duration::ZERO
                } else {
                    ORPHAN_AGE
                },
                reconcile_every: Duration::from_secs(20),
                prune_every: if plan.pruned {
                    Duration::from_secs(20)
                } else {
                    STALE_AFTER
                },
                tombstone_age: if plan.pruned {
                    Duration::from_secs(10)
                } else {
                    STALE_AFTER
                },
                history_per_file: if plan.pruned { 2 } else { 100 },
                ..UpkeepSettings::default()
            },
        })
    }

    pub(super) fn search(&self, who: &Arc<str>) -> Search {
        Search {
            index: self.index.clone(),
            ledger: self.ledger(who, Role::Searcher),
            vectors: self.vectors(who, Role::Searcher),
            embedder: Some(self.embedder(who, Role::Searcher)),
            bm25: Arc::clone(&self.parts.bm25),
            metrics: Arc::clone(&self.parts.planes),
            // Without a memory of queries, whose clock is not the simulation's, and so that each search meets the model.
            limits: SearchLimits {
                cache: QueryCache::default(),
                ..SearchLimits::default()
            },
        }
    }
}

/// The settings of the index.
fn settings(guarded: bool) -> IndexSettings {
    let approval = if guarded {
        ApprovalSettings {
            files: 0,
            share: 0.3,
            ..ApprovalSettings::default()
        }
    } else {
        ApprovalSettings {
            files: u64::MAX,
            share: 1.0,
            ..ApprovalSettings::default()
        }
    };
    IndexSettings {
        approval,
        ..IndexSettings::new(BlobSource::Folder("/docs".into()), "english")
    }
}

/// Points of claims that nobody knows are kept this long.
pub(super) const ORPHAN_AGE: Duration = Duration::from_secs(60);
