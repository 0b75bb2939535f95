//! `longshore up DIR`: the whole system in one process.
//!
//! Order matters: hold the data folder, open the ledger, begin to watch, take over what a killed process left, start the worker,
//! compare folder and ledger, serve. What changes during the first comparison is noticed by the watch.

mod foreground;
mod opening;

use std::sync::Arc;
use std::time::Duration;

use control_plane::dispatch::{DispatchSettings, Dispatcher};
use control_plane::duties::Duties;
use control_plane::http;
use control_plane::intake::folder::{FolderWatch, WatchSettings};
use control_plane::reconciler::Reconciler;
use control_plane::upkeep::sweep::{DEFAULT_POLICY, Sweeper};
use control_plane::upkeep::{Upkeep, UpkeepSettings, old_audit};
use index_processor::chunk::ChunkSettings;
use index_processor::conversion::Conversion;
use index_processor::indexes::Sole;
use index_processor::lease::{LeaseSettings, Leases};
use index_processor::pipeline::{Capacity, Pipeline, PipelineParts, PipelineSettings};
use index_processor::worker::{Worker, WorkerSettings};
use shared::blobs::source::Source;
use shared::ledger::SweepPolicy;
use shared::queue::Queue;
use shared::service::stop_on_signal;
use shared::settings::SourceOptions;
use shared::shutdown::Tasks;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::foreground::View;
use crate::args::{DataArgs, UpArgs};
use crate::data_dir::DataDir;
use crate::embedded::Embedded;
use crate::output::note;

/// Memory for files in work, in bytes.
const MEMORY_BYTES: u64 = 128 << 20;
/// Between sweeps of lapsed leases.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// Longest wait for tasks at the end.
const DRAIN: Duration = Duration::from_secs(15);

/// Runs until done (`--once`) or told to stop.
pub(crate) async fn run(data: &DataArgs, args: UpArgs) -> anyhow::Result<u8> {
    let root = opening::readable_folder(&args.dir)?;
    let chunk = args
        .chunk
        .settings(args.embedding.embedding_model.is_some())
        .map_err(anyhow::Error::msg)?;
    let conversion = args
        .convert
        .open(&SourceOptions::new())
        .map_err(anyhow::Error::msg)?;
    let listener = opening::listen(&args).await?;
    let folder = DataDir::create(&data.data_dir)?;
    let embedded = opening::open(folder, &root, &args).await?;
    let queue = args.backends.open_queue().await?;
    let conversion = Arc::new(conversion);
    let up = Up::assemble(embedded, queue, &args, chunk, conversion)?;
    up.run(listener, &args).await
}

/// A running system.
struct Up {
    embedded: Embedded,
    conversion: Arc<Conversion>,
    pipeline: Arc<Pipeline>,
    worker: Arc<Worker>,
    dispatcher: Dispatcher,
    reconciler: Arc<Reconciler>,
    sweeper: Sweeper,
    upkeep: Upkeep,
    metrics: Arc<index_processor::metrics::Metrics>,
    settled: Arc<Notify>,
}

impl Up {
    fn assemble(
        embedded: Embedded,
        queue: Arc<dyn Queue>,
        args: &UpArgs,
        chunk: ChunkSettings,
        conversion: Arc<Conversion>,
    ) -> anyhow::Result<Self> {
        let metrics = Arc::new(index_processor::metrics::Metrics::register(&embedded.registry)?);
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let pipeline = Arc::new(Pipeline::new(
            PipelineParts {
                blobs: Arc::clone(&embedded.blobs),
                vectors: Arc::clone(&embedded.vectors),
                embedder: embedded.embedder.clone(),
                bm25: Arc::clone(&embedded.bm25),
            },
            Arc::clone(&conversion),
            PipelineSettings {
                max_file_bytes: args.max_file_size << 20,
                inline_bytes: 0,
                chunk,
            },
            Arc::new(Capacity::new(cores, MEMORY_BYTES)),
            Arc::clone(&metrics),
        ));
        let owner = shared::service::replica_name("up");
        let stale_after = Duration::from_secs(args.stale_timeout * 60);
        let settled = Arc::new(Notify::new());
        let worker = Arc::new(Worker {
            ledger: Arc::clone(&embedded.ledger) as _,
            queue: Arc::clone(&queue),
            pipelines: Arc::new(Sole(Arc::clone(&pipeline))),
            leases: Arc::new(Leases::new(
                owner.clone(),
                Arc::clone(&embedded.ledger) as _,
                LeaseSettings::default(),
            )),
            owner,
            settings: WorkerSettings {
                slots: usize::from(args.slots),
                max_attempts: args.max_retries,
                stale_after,
                ..WorkerSettings::default()
            },
            clock: Arc::clone(&embedded.clock),
            settled: Arc::clone(&settled),
            nudge: Arc::clone(&embedded.nudge),
            metrics: Arc::clone(&metrics),
        });
        let duties = Arc::new(Duties::all());
        let dispatcher = Dispatcher {
            ledger: Arc::clone(&embedded.ledger) as _,
            queue,
            nudge: Arc::clone(&embedded.nudge),
            settings: DispatchSettings {
                queue_began_empty: !args.backends.has_queue(),
                ..DispatchSettings::default()
            },
            began: Instant::now(),
            duties: Arc::clone(&duties),
            metrics: Arc::clone(&embedded.metrics),
        };
        let reconciler = embedded.reconciler(pipeline.fingerprint());
        let sweeper = Sweeper {
            ledger: Arc::clone(&embedded.ledger) as _,
            every: SWEEP_EVERY,
            policy: SweepPolicy {
                stale_after,
                max_attempts: args.max_retries,
                ..DEFAULT_POLICY
            },
            nudge: Arc::clone(&embedded.nudge),
            duties: Arc::clone(&duties),
            metrics: Arc::clone(&embedded.metrics),
        };
        let upkeep = Upkeep {
            index: embedded.index.clone(),
            ledger: Arc::clone(&embedded.ledger),
            vectors: Arc::clone(&embedded.vectors),
            reconciler: Arc::clone(&reconciler),
            clock: Arc::clone(&embedded.clock),
            nudge: Arc::clone(&embedded.nudge),
            duties,
            metrics: Arc::clone(&embedded.metrics),
            settings: UpkeepSettings {
                reconcile_every: Duration::from_secs(args.reconcile_every),
                ..UpkeepSettings::default()
            },
        };
        Ok(Self {
            embedded,
            conversion,
            pipeline,
            worker,
            dispatcher,
            reconciler,
            sweeper,
            upkeep,
            metrics,
            settled,
        })
    }

    async fn run(self, listener: Option<TcpListener>, args: &UpArgs) -> anyhow::Result<u8> {
        let tasks = Tasks::new();
        stop_on_signal(&tasks, || note("stopping; again to stop at once"));
        let watch = if args.once { None } else { self.watch() };
        if !args.backends.has_ledger() {
            // The data folder is ours alone, so whoever held files here before is dead. On a server leases have to run out.
            let all = SweepPolicy {
                stale_after: Duration::ZERO,
                delay: Duration::ZERO,
                ..self.sweeper.policy
            };
            self.sweeper.sweep(all).await?;
        }

        let Self {
            embedded,
            conversion,
            worker,
            dispatcher,
            reconciler,
            sweeper,
            upkeep,
            metrics,
            settled,
            pipeline,
        } = self;
        let worker = tasks.spawn(worker.run(tasks.stopping()));
        tasks.spawn(dispatcher.run(tasks.stopping()));
        tasks.spawn(sweeper.run(tasks.stopping()));
        upkeep.start(&tasks);
        let url = match listener {
            Some(listener) => Some(serve(listener, &embedded, &upkeep, args, &tasks).await?),
            None => None,
        };
        embedded.data.announce(url.clone())?;
        if let Some(url) = &url {
            note(&format!(
                "index {} · {url}/indexes/{}/search?q=…",
                embedded.index, embedded.index
            ));
        }
        let view = View {
            embedded: &embedded,
            reconciler: &reconciler,
            metrics: &metrics,
            settled: &settled,
        };
        let code = if args.once {
            view.once(&tasks, Duration::from_secs(args.patience)).await
        } else {
            if let Some(watch) = watch {
                tasks.spawn(watch.run(
                    Arc::clone(&reconciler),
                    WatchSettings::default(),
                    tasks.stopping(),
                ));
            }
            view.follow(&tasks, &upkeep).await
        };
        if !tasks.drain(DRAIN).await {
            tracing::warn!("some tasks did not end in time");
        }
        drop(worker);
        drop(pipeline);
        conversion.close().await;
        let closed = embedded.close().await;
        let code = code?;
        closed?;
        Ok(code)
    }

    /// Begins to watch the folder; without a watch changes are found by comparing from time to time.
    fn watch(&self) -> Option<FolderWatch> {
        let Source::Folder(folder) = &self.embedded.settings.source else {
            return None;
        };
        match FolderWatch::begin(folder) {
            Ok(watch) => Some(watch),
            Err(error) => {
                note(&format!(
                    "the folder cannot be watched ({error}); changes are found every {} s instead. \
                     On Linux, raise fs.inotify.max_user_watches",
                    self.upkeep.settings.reconcile_every.as_secs()
                ));
                None
            }
        }
    }
}

/// Begins to serve; returns where.
async fn serve(
    listener: TcpListener,
    embedded: &Embedded,
    upkeep: &Upkeep,
    args: &UpArgs,
    tasks: &Tasks,
) -> anyhow::Result<String> {
    let address = listener.local_addr()?;
    let (ledger, metrics) = (Arc::clone(&embedded.ledger), Arc::clone(&embedded.metrics));
    let tls = args.http.tls().await?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let file = embedded.data.admin_key();
    let guard = args
        .http
        .guard(address, Some(&file), None, Arc::clone(&ledger), metrics);
    let guard = guard.await?;
    let api = embedded.api(Some(upkeep))?;
    let routes = http::guarded(api, None, guard);
    tasks.spawn(http::serve(listener, routes, tls, tasks.stopping()));
    tasks.spawn(old_audit::run(ledger, args.http.audit_kept(), tasks.stopping()));
    Ok(format!("{scheme}://{address}"))
}
