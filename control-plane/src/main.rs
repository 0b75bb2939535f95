//! The control plane as a process of its own: events in, RabbitMQ out, PostgreSQL and Qdrant beside.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use control_plane::approvals::ApprovalDesk;
use control_plane::dispatch::{DispatchSettings, Dispatcher};
use control_plane::duties::Duties;
use control_plane::generations::Generations;
use control_plane::http::run_events::RunWatch;
use control_plane::http::{self, Api};
use control_plane::indexes::Indexes;
use control_plane::intake::accept::Intake;
use control_plane::intake::{dead_letters, feed};
use control_plane::keeper::{Keeper, NOTICE};
use control_plane::metrics::Metrics;
use control_plane::opener::{IndexOpener, Repairs};
use control_plane::search::SearchLimits;
use control_plane::settings::ControlPlaneSettings;
use control_plane::upkeep::sweep::{DEFAULT_POLICY, Sweeper};
use control_plane::upkeep::{UpkeepSettings, old_audit};
use prometheus::Registry;
use shared::circuit::report::{self, Reporter};
use shared::circuit::{Circuits, Dependency};
use shared::clock::{Clock, SystemClock};
use shared::index_parts::{Models, PartsOpener};
use shared::index_settings::ApprovalSettings;
use shared::ledger::{ControlLedger, SweepPolicy};
use shared::models::Models as NamedModels;
use shared::queue::rabbit::FeedSettings;
use shared::service;
use shared::settings::Loaded;
use shared::shutdown::Tasks;
use shared::trace::metrics::TraceMetrics;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Longest wait for tasks at the end.
const DRAIN: Duration = Duration::from_secs(15);

fn main() -> ExitCode {
    service::run(
        |settings: &ControlPlaneSettings| (&settings.service, settings.listen),
        check,
        run,
    )
}

fn check(loaded: &Loaded<ControlPlaneSettings>) -> Result<(), String> {
    let settings = &loaded.args;
    let dedicated = settings.dispatch.dedicated_indexes.iter().cloned().collect();
    settings
        .queue
        .open(dedicated, None)
        .map(drop)
        .map_err(|error| error.to_string())?;
    settings
        .vectors
        .open()
        .map(drop)
        .map_err(|error| error.to_string())?;
    settings.ledger.check().map_err(|error| error.to_string())?;
    settings
        .approvals
        .webhook(Arc::new(SystemClock))
        .map(drop)
        .map_err(|error| error.to_string())?;
    settings.http.check()?;
    if !(0.0..=1.0).contains(&settings.upkeep.deletion_guard_share) {
        return Err("--deletion-guard-share is a share from 0 to 1".to_owned());
    }
    Ok(())
}

async fn run(loaded: Loaded<ControlPlaneSettings>, tasks: Tasks) -> Result<(), Box<dyn Error + Send + Sync>> {
    let Loaded {
        args: settings,
        sources,
        models: named,
        ..
    } = loaded;
    let registry = Registry::new();
    let metrics = Arc::new(Metrics::register(&registry)?);
    TraceMetrics::register(&registry)?;
    let ledger: Arc<dyn ControlLedger> = settings.ledger.open().await?;
    let dedicated = settings.dispatch.dedicated_indexes.iter().cloned().collect();
    let queue = settings.queue.open(dedicated, None)?;
    queue.check().await?;
    let store = settings.vectors.open()?;
    let listener = TcpListener::bind(settings.listen).await?;
    let address = listener.local_addr()?;
    let tls = settings.http.tls().await?;
    let events_key = Some(settings.events.events_key.clone()).filter(|key| !key.is_empty());
    let guard = settings.http.guard(
        address,
        None,
        events_key,
        Arc::clone(&ledger),
        Arc::clone(&metrics),
    );
    let guard = guard.await?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!("listening on {scheme}://{address}");

    let owner = service::replica_name("control-plane");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let nudge = Arc::new(Notify::new());
    let duties = Arc::new(Duties::shared(Arc::clone(&ledger), owner.clone()));
    // Whoever searches would rather wait for an answer than be refused one, so these only watch.
    let circuits = Circuits::watching().counted(&registry)?;
    service::show_limits(&circuits, &store);
    let checks = {
        let store = Arc::clone(&store);
        let ask = move || {
            let store = Arc::clone(&store);
            async move { store.check().await.map(drop).map_err(|error| error.to_string()) }
        };
        service::backend_checks(&circuits, Arc::clone(&ledger) as _, &queue).and(
            &circuits,
            Dependency::vectors(),
            ask,
        )
    };
    let reporter = Reporter {
        process: owner,
        role: "control-plane".to_owned(),
    };
    let every = Duration::from_secs(settings.upkeep.reconcile_seconds);
    let models = Models::Own(NamedModels::new(settings.embedding.settings(), named));
    let parts = PartsOpener::new(
        Arc::clone(&store) as _,
        sources,
        models,
        tasks.clone(),
        circuits.clone(),
    );
    let opener = IndexOpener {
        search: SearchLimits::new(&settings.search),
        parts: Arc::new(parts),
        ledger: Arc::clone(&ledger),
        approval: ApprovalSettings {
            files: settings.upkeep.deletion_guard_files,
            share: settings.upkeep.deletion_guard_share,
            ..ApprovalSettings::default()
        },
        repairs: Some(Repairs {
            every: UpkeepSettings {
                reconcile_every: every,
                reconcile_first: true,
                recheck_every: (every / 10).max(Duration::from_secs(2)),
                full_scrub_every: every,
                orphan_age: Duration::from_secs(settings.upkeep.orphan_age_seconds),
                ..UpkeepSettings::default()
            },
            duties: Arc::clone(&duties),
            fingerprint: None,
        }),
        nudge: Arc::clone(&nudge),
        clock: Arc::clone(&clock),
        metrics: Arc::clone(&metrics),
    };
    let indexes = Arc::new(Indexes::new(Arc::clone(&ledger), Arc::new(opener)));
    let dispatcher = Dispatcher {
        ledger: Arc::clone(&ledger) as _,
        queue: Arc::clone(&queue) as _,
        nudge: Arc::clone(&nudge),
        settings: DispatchSettings {
            window: settings.dispatch.dispatch_window,
            rewake_after: Duration::from_secs(settings.dispatch.rewake_seconds),
            ..DispatchSettings::default()
        },
        began: Instant::now(),
        duties: Arc::clone(&duties),
        metrics: Arc::clone(&metrics),
    };
    let sweeper = Sweeper {
        ledger: Arc::clone(&ledger) as _,
        every: Duration::from_secs(settings.upkeep.sweep_seconds),
        policy: SweepPolicy {
            stale_after: Duration::from_secs(settings.upkeep.stale_timeout * 60),
            max_attempts: settings.upkeep.max_retries,
            ..DEFAULT_POLICY
        },
        nudge: Arc::clone(&nudge),
        duties: Arc::clone(&duties),
        metrics: Arc::clone(&metrics),
    };
    let keeper = Keeper {
        indexes: Arc::clone(&indexes),
        ledger: Arc::clone(&ledger),
        duties: Arc::clone(&duties),
        notice: NOTICE,
        beside: None,
    };
    let approvals = ApprovalDesk {
        ledger: Arc::clone(&ledger),
        duties: Arc::clone(&duties),
        nudge: Arc::clone(&nudge),
        webhook: settings.approvals.webhook(Arc::clone(&clock))?,
        metrics: Arc::clone(&metrics),
    };
    let generations = Generations {
        indexes: Arc::clone(&indexes),
        ledger: Arc::clone(&ledger),
        duties: Arc::clone(&duties),
        nudge: Arc::clone(&nudge),
        settings: settings.generations.settings(),
        metrics: Arc::clone(&metrics),
    };
    let intake = Intake {
        ledger: Arc::clone(&ledger),
        indexes: Arc::clone(&indexes) as _,
        nudge: Arc::clone(&nudge),
        metrics: Arc::clone(&metrics),
    };
    if let Some(queue) = &settings.events.events_amqp_queue {
        let own = &settings.events.events_amqp_url;
        let url = if own.is_empty() {
            &settings.queue.amqp_url
        } else {
            own
        };
        let feed = FeedSettings::new(url.clone(), queue);
        tasks.spawn(feed::run(feed, intake.clone(), tasks.stopping()));
    }
    let api = Arc::new(Api {
        indexes,
        ledger: Arc::clone(&ledger),
        nudge,
        clock,
        circuits: circuits.clone(),
        reporter: reporter.clone(),
        registry,
        metrics: Arc::clone(&metrics),
        watch: Arc::new(RunWatch::new(Arc::clone(&ledger), tasks.stopping())),
    });
    let routes = http::guarded(api, Some(intake), guard);
    tasks.spawn(http::serve(listener, routes, tls, tasks.stopping()));
    tasks.spawn(checks.run(tasks.stopping()));
    tasks.spawn(report::run(
        circuits,
        Arc::clone(&ledger) as _,
        reporter,
        tasks.stopping(),
    ));
    tasks.spawn(service::logging::follow(
        Arc::clone(&ledger) as _,
        tasks.stopping(),
    ));
    tasks.spawn(old_audit::run(
        Arc::clone(&ledger),
        settings.http.audit_kept(),
        tasks.stopping(),
    ));
    tasks.spawn(dispatcher.run(tasks.stopping()));
    tasks.spawn(sweeper.run(tasks.stopping()));
    tasks.spawn(keeper.run(tasks.stopping()));
    tasks.spawn(approvals.run(tasks.stopping()));
    tasks.spawn(generations.run(tasks.stopping()));
    tasks.spawn(dead_letters::run(
        Arc::clone(&queue),
        ledger,
        metrics,
        tasks.stopping(),
    ));
    tasks.stopping().cancelled().await;
    if !tasks.drain(DRAIN).await {
        tracing::warn!("some tasks did not end in time");
    }
    duties.give_back().await;
    queue.close(DRAIN).await;
    Ok(())
}
