//! The index processor as a process of its own: RabbitMQ in, Qdrant out, PostgreSQL in between.

use std::collections::BTreeSet;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use index_processor::indexes::FleetPipelines;
use index_processor::lease::{LeaseSettings, Leases};
use index_processor::metrics::Metrics;
use index_processor::pipeline::{Capacity, PipelineSettings};
use index_processor::settings::ProcessorSettings;
use index_processor::worker::{Worker, WorkerSettings};
use prometheus::Registry;
use shared::clock::SystemClock;
use shared::index_parts::PartsOpener;
use shared::models::Models;
use shared::queue::Queue;
use shared::service::{self, health};
use shared::settings::Loaded;
use shared::shutdown::Tasks;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// Longest wait for tasks at the end, after the worker has ended.
const LAST_TASKS: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    if let Some(ended) = convert::child::run_if_asked() {
        return ended;
    }
    service::run(|settings: &ProcessorSettings| &settings.service, check, run)
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
    let ledger = settings.ledger.open().await?;
    let queue = settings
        .queue
        .open(settings.index.iter().cloned().collect(), settings.index.clone())?;
    queue.check().await?;
    let store = settings.vectors.open()?;
    let listener = TcpListener::bind(settings.listen).await?;
    tracing::info!("health and metrics on http://{}", listener.local_addr()?);

    let conversion = Arc::new(settings.convert.open(&sources)?);
    let owner = service::replica_name("index-processor");
    let embedding = settings.embedding.settings();
    let chunk = settings.chunk.settings(embedding.is_some())?;
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    // The model's tasks end after the last attempt, so they do not hear the first signal.
    let models = Tasks::new();
    let pipelines = FleetPipelines::new(
        Arc::clone(&ledger) as _,
        PartsOpener::new(
            Arc::clone(&store),
            sources,
            Models::new(embedding, named),
            models.clone(),
        ),
        Arc::clone(&conversion),
        PipelineSettings {
            max_file_bytes: settings.work.max_file_size << 20,
            inline_bytes: 0,
            chunk,
        },
        Arc::new(Capacity::new(cores, settings.work.memory << 20)),
        Arc::clone(&metrics),
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
            ..WorkerSettings::default()
        },
        clock: Arc::new(SystemClock),
        settled: Arc::new(Notify::new()),
        nudge: Arc::new(Notify::new()),
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
