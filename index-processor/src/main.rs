//! The index processor as a process of its own: RabbitMQ in, Qdrant out, PostgreSQL in between.

use std::collections::BTreeSet;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use index_processor::indexes::{IndexPipelines, Recipe};
use index_processor::lease::{LeaseSettings, Leases};
use index_processor::meter::Meter;
use index_processor::metrics::Metrics;
use index_processor::pipeline::{Capacity, PipelineSettings};
use index_processor::settings::ProcessorSettings;
use index_processor::worker::{Worker, WorkerSettings};
use prometheus::Registry;
use shared::circuit::Circuits;
use shared::circuit::report::{self, Reporter};
use shared::clock::SystemClock;
use shared::index_parts::{Models, PartsOpener};
use shared::models::Models as NamedModels;
use shared::queue::Queue;
use shared::service::{self, health};
use shared::settings::Loaded;
use shared::shutdown::Tasks;
use shared::trace::metrics::TraceMetrics;
use shared::vectors::Collections;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// Longest wait for tasks at the end, after the worker has ended.
const LAST_TASKS: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    if let Some(ended) = convert::child::run_if_asked() {
        return ended;
    }
    service::run(
        |settings: &ProcessorSettings| (&settings.service, settings.listen),
        check,
        run,
    )
}

fn check(loaded: &Loaded<ProcessorSettings>) -> Result<(), String> {
    let settings = &loaded.args;
    settings
        .chunk
        .settings(settings.embedding.embedding_model.is_some())?;
    settings.convert.check()?;
    settings
        .queue
        .open(BTreeSet::new(), None)
        .map(drop)
        .map_err(|error| error.to_string())?;
    settings
        .vectors
        .open()
        .map(drop)
        .map_err(|error| error.to_string())?;
    settings.ledger.check().map_err(|error| error.to_string())
}

async fn run(loaded: Loaded<ProcessorSettings>, tasks: Tasks) -> Result<(), Box<dyn Error + Send + Sync>> {
    let Loaded {
        args: settings,
        sources,
        models: named,
        ..
    } = loaded;
    let registry = Registry::new();
    let metrics = Arc::new(Metrics::register(&registry)?);
    TraceMetrics::register(&registry)?;
    let ledger = settings.ledger.open().await?;
    let queue = settings
        .queue
        .open(settings.index.iter().cloned().collect(), settings.index.clone())?;
    queue.check().await?;
    let store = settings.vectors.open()?;
    let listener = TcpListener::bind(settings.listen).await?;
    tracing::info!("health and metrics on http://{}", listener.local_addr()?);

    let circuits = Circuits::new(settings.circuits.policy()).counted(&registry)?;
    service::show_limits(&circuits, &store);
    let mut conversion = settings.convert.open(&sources)?;
    conversion.circuits = Some(circuits.clone());
    let conversion = Arc::new(conversion);
    let owner = service::replica_name("index-processor");
    let embedding = settings.embedding.settings();
    let chunk = settings.chunk.settings(embedding.is_some())?;
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    // The model's tasks end after the last attempt, so they do not hear the first signal.
    let models = Tasks::new();
    let meter = Arc::new(Meter::new(Arc::clone(&ledger) as _));
    models.spawn(Arc::clone(&meter).run(models.stopping()));
    let collections = Arc::clone(&store) as Arc<dyn Collections>;
    let parts = PartsOpener::new(
        collections,
        sources,
        Models::Own(NamedModels::new(embedding, named)),
        models.clone(),
        circuits.clone(),
    );
    let pipelines = IndexPipelines::new(
        Arc::clone(&ledger) as _,
        Arc::new(parts),
        Recipe {
            conversion: Arc::clone(&conversion),
            settings: PipelineSettings {
                max_file_bytes: settings.work.max_file_size << 20,
                inline_bytes: 0,
                chunk,
            },
        },
        Arc::new(Capacity::new(cores, settings.work.memory << 20)),
        Arc::clone(&metrics),
        meter,
    );
    let lease = LeaseSettings::lasting(Duration::from_secs(settings.work.lease_seconds));
    let worker = Arc::new(Worker {
        ledger: Arc::clone(&ledger) as _,
        queue: Arc::clone(&queue) as Arc<dyn Queue>,
        pipelines: Arc::new(pipelines),
        leases: Arc::new(Leases::new(owner.clone(), Arc::clone(&ledger) as _, lease)),
        owner: owner.clone(),
        settings: WorkerSettings {
            slots: usize::from(settings.work.slots),
            max_attempts: settings.work.max_retries,
            stale_after: Duration::from_secs(settings.work.stale_timeout * 60),
            drain: Duration::from_secs(settings.drain_seconds),
            steps: settings.retry.policies(),
            ..WorkerSettings::default()
        },
        clock: Arc::new(SystemClock),
        settled: Arc::new(Notify::new()),
        nudge: Arc::new(Notify::new()),
        circuits: circuits.clone(),
        metrics,
    });
    let ready: health::Ready = {
        let (ledger, queue, store) = (Arc::clone(&ledger), Arc::clone(&queue), Arc::clone(&store));
        Arc::new(move || {
            let (ledger, queue, store) = (Arc::clone(&ledger), Arc::clone(&queue), Arc::clone(&store));
            Box::pin(async move { service::backends_answer(&*ledger, &queue, &store).await })
        })
    };
    let health = Tasks::new();
    let checks = service::backend_checks(&circuits, Arc::clone(&ledger) as _, &queue);
    health.spawn(checks.run(health.stopping()));
    let reporter = Reporter {
        process: owner.clone(),
        role: "index-processor".to_owned(),
    };
    health.spawn(report::run(
        circuits,
        Arc::clone(&ledger) as _,
        reporter,
        health.stopping(),
    ));
    health.spawn(service::logging::follow(
        Arc::clone(&ledger) as _,
        health.stopping(),
    ));
    health.spawn(health::serve(listener, ready, registry, health.stopping()));
    tracing::info!("{owner} takes up to {} files at a time", settings.work.slots);
    worker.run(tasks.stopping()).await;
    conversion.close().await;
    queue.close(LAST_TASKS).await;
    for ended in [&models, &health] {
        ended.drain(LAST_TASKS).await;
    }
    tracing::info!("{owner} has ended");
    Ok(())
}
