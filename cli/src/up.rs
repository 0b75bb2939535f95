//! `longshore up DIR`: the whole system in one process.
//!
//! Order matters: hold the data folder, open the ledger, begin to watch, take over what a killed process left, start the worker,
//! compare sources and ledger, serve. What changes during the first comparison is noticed by the watch.

mod foreground;
mod opening;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use control_plane::approvals::ApprovalDesk;
use control_plane::dispatch::{DispatchSettings, Dispatcher};
use control_plane::duties::Duties;
use control_plane::generations::{GenerationSettings, Generations};
use control_plane::http::{self, Api};
use control_plane::indexes::Indexes;
use control_plane::intake::accept::Intake;
use control_plane::keeper::Keeper;
use control_plane::opener::Repairs;
use control_plane::upkeep::sweep::{DEFAULT_POLICY, Sweeper};
use control_plane::upkeep::{UpkeepSettings, old_audit};
use index_processor::chunk::ChunkSettings;
use index_processor::conversion::Conversion;
use index_processor::indexes::{IndexPipelines, LIST_AGE, Recipe};
use index_processor::lease::{LeaseSettings, Leases};
use index_processor::meter::Meter;
use index_processor::pipeline::{Capacity, PipelineSettings};
use index_processor::worker::{Worker, WorkerSettings};
use shared::circuit::report;
use shared::ledger::{Role, SweepPolicy};
use shared::queue::Queue;
use shared::service::{logging, stop_on_signal};
use shared::settings::SourceOptions;
use shared::shutdown::Tasks;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::Instant;
use tower::ServiceExt;

use self::foreground::View;
use crate::args::{GlobalArgs, UpArgs};
use crate::data_dir::DataDir;
use crate::embedded::Embedded;
use crate::exit::Exit;
use crate::output::{line, note};

/// Memory for files in work, in bytes.
const MEMORY_BYTES: u64 = 128 << 20;
/// Between sweeps of lapsed leases.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// Longest wait for tasks at the end.
const DRAIN: Duration = Duration::from_secs(15);

/// Runs until done (`--once`) or told to stop.
pub(crate) async fn run(global: &GlobalArgs, args: UpArgs) -> anyhow::Result<Exit> {
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
    let folder = DataDir::create(&global.data_dir)?;
    let embedded = opening::open(folder, &root, &args).await?;
    let queue = args.backends.open_queue().await?;
    let mut conversion = conversion;
    conversion.circuits = Some(embedded.circuits.clone());
    let recipe = recipe(conversion, chunk, &args);
    let up = Up::assemble(embedded, queue, &args, recipe)?;
    up.run(listener, &args, global.json).await
}

fn recipe(conversion: Conversion, chunk: ChunkSettings, args: &UpArgs) -> Recipe {
    Recipe {
        conversion: Arc::new(conversion),
        settings: PipelineSettings {
            max_file_bytes: args.max_file_size << 20,
            inline_bytes: 0,
            chunk,
        },
    }
}

/// How the indexes are kept true; this process does all of it.
fn repairs(recipe: Recipe, duties: Arc<Duties>, args: &UpArgs) -> Repairs {
    Repairs {
        every: UpkeepSettings {
            reconcile_every: Duration::from_secs(args.reconcile_every),
            // Of indexes that are made while it runs; those that are there are compared in the foreground.
            reconcile_first: true,
            ..UpkeepSettings::default()
        },
        duties,
        fingerprint: Some(Box::new(move |parts| recipe.fingerprint(parts))),
    }
}

/// A running system.
struct Up {
    embedded: Embedded,
    indexes: Arc<Indexes>,
    conversion: Arc<Conversion>,
    worker: Arc<Worker>,
    dispatcher: Dispatcher,
    sweeper: Sweeper,
    keeper: Keeper,
    approvals: ApprovalDesk,
    generations: Generations,
    metrics: Arc<index_processor::metrics::Metrics>,
    settled: Arc<Notify>,
}

impl Up {
    fn assemble(
        embedded: Embedded,
        queue: Arc<dyn Queue>,
        args: &UpArgs,
        recipe: Recipe,
    ) -> anyhow::Result<Self> {
        let metrics = Arc::new(index_processor::metrics::Metrics::register(&embedded.registry)?);
        let meter = Arc::new(Meter::new(Arc::clone(&embedded.ledger) as _));
        embedded
            .tasks
            .spawn(Arc::clone(&meter).run(embedded.tasks.stopping()));
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let pipelines = IndexPipelines::new(
            Arc::clone(&embedded.ledger) as _,
            Arc::clone(&embedded.parts),
            recipe.clone(),
            Arc::new(Capacity::new(cores, MEMORY_BYTES)),
            Arc::clone(&metrics),
            meter,
        );
        let owner = embedded.reporter.process.clone();
        let stale_after = Duration::from_secs(args.stale_timeout * 60);
        let settled = Arc::new(Notify::new());
        let worker = Arc::new(Worker {
            ledger: Arc::clone(&embedded.ledger) as _,
            queue: Arc::clone(&queue),
            pipelines: Arc::new(pipelines),
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
                steps: args.retry.policies(),
                ..WorkerSettings::default()
            },
            clock: Arc::clone(&embedded.clock),
            settled: Arc::clone(&settled),
            nudge: Arc::clone(&embedded.nudge),
            circuits: embedded.circuits.clone(),
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
        let conversion = Arc::clone(&recipe.conversion);
        let indexes = embedded.indexes(Some(repairs(recipe, Arc::clone(&duties), args)));
        let keeper = Keeper {
            indexes: Arc::clone(&indexes),
            ledger: Arc::clone(&embedded.ledger),
            duties: Arc::clone(&duties),
            // Nobody but the pipelines of this process needs notice.
            notice: LIST_AGE + Duration::from_secs(1),
            beside: (!args.once).then(|| Box::new(watch::begin) as _),
        };
        let generations = Generations {
            indexes: Arc::clone(&indexes),
            ledger: Arc::clone(&embedded.ledger),
            duties: Arc::clone(&duties),
            nudge: Arc::clone(&embedded.nudge),
            settings: GenerationSettings::default(),
            metrics: Arc::clone(&embedded.metrics),
        };
        let approvals = ApprovalDesk {
            ledger: Arc::clone(&embedded.ledger),
            duties,
            nudge: Arc::clone(&embedded.nudge),
            webhook: None,
            metrics: Arc::clone(&embedded.metrics),
        };
        Ok(Self {
            embedded,
            indexes,
            conversion,
            worker,
            dispatcher,
            sweeper,
            keeper,
            approvals,
            generations,
            metrics,
            settled,
        })
    }

    async fn run(self, listener: Option<TcpListener>, args: &UpArgs, json: bool) -> anyhow::Result<Exit> {
        opening::check_usable(&self.indexes, &self.embedded.index).await?;
        let tasks = Tasks::new();
        stop_on_signal(&tasks, || note("stopping; again to stop at once"));
        // The data folder is ours alone, so whoever worked here before is dead. On a server leases have to run out.
        let alone = !args.backends.has_ledger();
        let keeping = self.keeper.take_up(alone).await?;
        if alone {
            let all = SweepPolicy {
                stale_after: Duration::ZERO,
                delay: Duration::ZERO,
                ..self.sweeper.policy
            };
            self.sweeper.sweep(all).await?;
        }

        let worker = tasks.spawn(self.worker.run(tasks.stopping()));
        tasks.spawn(self.dispatcher.run(tasks.stopping()));
        tasks.spawn(self.sweeper.run(tasks.stopping()));
        tasks.spawn(self.approvals.run(tasks.stopping()));
        tasks.spawn(self.generations.run(tasks.stopping()));
        tasks.spawn(keeping.run(tasks.stopping()));
        let embedded = self.embedded;
        tasks.spawn(report::run(
            embedded.circuits.clone(),
            Arc::clone(&embedded.ledger) as _,
            embedded.reporter.clone(),
            tasks.stopping(),
        ));
        tasks.spawn(logging::follow(
            Arc::clone(&embedded.ledger) as _,
            tasks.stopping(),
        ));
        let url = match listener {
            Some(listener) => Some(serve(listener, &embedded, &self.indexes, args, &tasks).await?),
            None => None,
        };
        embedded.data.announce(url.clone(), &embedded.index)?;
        if let Some(url) = &url {
            let records = self.indexes.records().await?;
            for record in records.iter().filter(|record| record.role == Role::Live) {
                note(&format!(
                    "index {0} · {url}/indexes/{0}/search?q=…",
                    record.id.base()
                ));
            }
        }
        let view = View {
            embedded: &embedded,
            indexes: &self.indexes,
            metrics: &self.metrics,
            settled: &self.settled,
        };
        let code = if args.once {
            let exit = view.once(&tasks, Duration::from_secs(args.patience)).await;
            if json && exit.is_ok() {
                print_indexes(embedded.api(Arc::clone(&self.indexes), &tasks)).await?;
            }
            exit
        } else {
            view.follow(&tasks).await
        };
        if !tasks.drain(DRAIN).await {
            tracing::warn!("some tasks did not end in time");
        }
        drop(worker);
        self.conversion.close().await;
        let closed = embedded.close().await;
        let code = code?;
        closed?;
        Ok(code)
    }
}

/// Prints the indexes for programs, as the API shows them.
async fn print_indexes(api: Arc<Api>) -> anyhow::Result<()> {
    let request = Request::get("/indexes").body(Body::empty())?;
    let answer = http::router(api).oneshot(request).await?;
    let bytes = to_bytes(answer.into_body(), usize::MAX).await?;
    line(&String::from_utf8_lossy(&bytes));
    Ok(())
}

/// Begins to serve the same routes as a control plane; returns where.
async fn serve(
    listener: TcpListener,
    embedded: &Embedded,
    indexes: &Arc<Indexes>,
    args: &UpArgs,
    tasks: &Tasks,
) -> anyhow::Result<String> {
    let address = listener.local_addr()?;
    let (ledger, metrics) = (Arc::clone(&embedded.ledger), Arc::clone(&embedded.metrics));
    let tls = args.http.tls().await?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let file = embedded.data.admin_key();
    let events_key = (!args.events_key.is_empty()).then(|| args.events_key.clone());
    let guard = args
        .http
        .guard(address, Some(&file), events_key, Arc::clone(&ledger), metrics);
    let guard = guard.await?;
    let intake = Intake {
        ledger: Arc::clone(&ledger),
        indexes: Arc::clone(indexes) as _,
        nudge: Arc::clone(&embedded.nudge),
        metrics: Arc::clone(&embedded.metrics),
    };
    let routes = http::guarded(embedded.api(Arc::clone(indexes), tasks), Some(intake), guard);
    tasks.spawn(http::serve(listener, routes, tls, tasks.stopping()));
    tasks.spawn(old_audit::run(ledger, args.http.audit_kept(), tasks.stopping()));
    Ok(format!("{scheme}://{address}"))
}
