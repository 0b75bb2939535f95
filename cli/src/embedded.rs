//! Wires the indexes of a data folder by hand, in order: ledger, vectors, models, search. `up` adds what moves.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::bail;
use control_plane::http::Api;
use control_plane::http::run_events::RunWatch;
use control_plane::indexes::Indexes;
use control_plane::opener::{IndexOpener, Repairs};
use control_plane::search::SearchLimits;
use prometheus::Registry;
use shared::circuit::report::Reporter;
use shared::circuit::{BreakerPolicy, Circuits};
use shared::clock::{Clock, SystemClock};
use shared::ids::IndexId;
use shared::index_parts::{Models, PartsOpener};
use shared::index_settings::ApprovalSettings;
use shared::ledger::{ControlLedger, IndexRecord};
use shared::models::Models as NamedModels;
use shared::secret::Secret;
use shared::settings::SourceOptions;
use shared::shutdown::Tasks;
use shared::trace::metrics::TraceMetrics;
use tokio::sync::Notify;

use crate::backends::{self, BackendArgs};
use crate::data_dir::DataDir;

/// The indexes in a data folder, with everything that answers questions about them.
pub(crate) struct Embedded {
    /// The one that this is about: of the folder that `up` was given, or the main one.
    pub(crate) index: IndexId,
    pub(crate) ledger: Arc<dyn ControlLedger>,
    /// What indexes are opened from, for searches and for work alike: a folder of points can be open once.
    pub(crate) parts: Arc<PartsOpener>,
    /// What is down.
    pub(crate) circuits: Circuits,
    /// Who says so.
    pub(crate) reporter: Reporter,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) registry: Registry,
    pub(crate) metrics: Arc<control_plane::metrics::Metrics>,
    /// Wakes the dispatcher.
    pub(crate) nudge: Arc<Notify>,
    /// The models' tasks.
    pub(crate) tasks: Tasks,
    pub(crate) data: DataDir,
}

/// The indexes of a data folder, as `longshore up` last ran them.
pub(crate) async fn reopen(data: DataDir) -> anyhow::Result<Embedded> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let backends = BackendArgs::from_environment()?;
    let ledger = backends.open_ledger(&data, &clock).await?;
    let records = ledger.indexes().await?;
    let Some(main) = main_index(&data, &records)? else {
        bail!("the data folder holds no index yet: run `longshore up DIR` first");
    };
    // The same variable that `up` takes the key from; only searches by meaning need it.
    let key = std::env::var_os("EMBEDDING_API_KEY").unwrap_or_default();
    let models = Models::AsMade {
        key: Some(Secret::new(&key.to_string_lossy())).filter(|key| !key.is_empty()),
        own: NamedModels::from(backends::model_of_environment()),
    };
    let breakers = BreakerPolicy::default();
    assemble(
        data,
        clock,
        ledger,
        &backends,
        main.clone(),
        &main,
        models,
        breakers,
    )
}

/// The main index: as written down, or the only one that there is.
pub(crate) fn main_index(data: &DataDir, records: &[IndexRecord]) -> anyhow::Result<Option<IndexId>> {
    let names: BTreeSet<&str> = records.iter().map(|record| record.id.base_str()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    match (data.main_index(), &*names) {
        (Some(main), _) => Ok(Some(main)),
        (None, []) => Ok(None),
        (None, [sole]) => Ok(Some(IndexId::new(*sole)?)),
        (None, names) => {
            bail!(
                "the data folder {} has lost the name of its main index: write the one of {} that was made first into the \
                 file main-index there",
                data.path().display(),
                names.join(", ")
            )
        }
    }
}

/// Puts the parts together.
#[expect(clippy::too_many_arguments, reason = "each part is made elsewhere")]
pub(crate) fn assemble(
    data: DataDir,
    clock: Arc<dyn Clock>,
    ledger: Arc<dyn ControlLedger>,
    backends: &BackendArgs,
    index: IndexId,
    main: &IndexId,
    models: Models,
    breakers: BreakerPolicy,
) -> anyhow::Result<Embedded> {
    let tasks = Tasks::new();
    let registry = Registry::new();
    TraceMetrics::register(&registry)?;
    let metrics = Arc::new(control_plane::metrics::Metrics::register(&registry)?);
    let circuits = Circuits::new(breakers).counted(&registry)?;
    let collections = backends.open_collections(&data, main)?;
    let parts = PartsOpener::new(
        collections,
        SourceOptions::new(),
        models,
        tasks.clone(),
        circuits.clone(),
    )
    .leaving_out(data.absolute()?);
    Ok(Embedded {
        index,
        ledger,
        parts: Arc::new(parts),
        circuits,
        reporter: Reporter {
            process: shared::service::replica_name("up"),
            role: "up".to_owned(),
        },
        clock,
        registry,
        metrics,
        nudge: Arc::new(Notify::new()),
        tasks,
        data,
    })
}

impl Embedded {
    /// The indexes, each opened when it is needed; without repairs, everything but comparing them with their sources.
    pub(crate) fn indexes(&self, repairs: Option<Repairs>) -> Arc<Indexes> {
        let opener = IndexOpener {
            parts: Arc::clone(&self.parts),
            ledger: Arc::clone(&self.ledger),
            approval: ApprovalSettings::default(),
            search: SearchLimits::default(),
            repairs,
            nudge: Arc::clone(&self.nudge),
            clock: Arc::clone(&self.clock),
            metrics: Arc::clone(&self.metrics),
        };
        Arc::new(Indexes::new(Arc::clone(&self.ledger), Arc::new(opener)))
    }

    /// What the HTTP handlers work on. The end of `tasks` is the end of what is being followed.
    pub(crate) fn api(&self, indexes: Arc<Indexes>, tasks: &Tasks) -> Arc<Api> {
        Arc::new(Api {
            indexes,
            ledger: Arc::clone(&self.ledger),
            nudge: Arc::clone(&self.nudge),
            clock: Arc::clone(&self.clock),
            circuits: self.circuits.clone(),
            reporter: self.reporter.clone(),
            registry: self.registry.clone(),
            metrics: Arc::clone(&self.metrics),
            watch: Arc::new(RunWatch::new(Arc::clone(&self.ledger), tasks.stopping())),
        })
    }

    /// Closes the indexes, everything written.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        self.tasks.drain(std::time::Duration::from_secs(5)).await;
        self.parts.collections().close().await?;
        self.data.withdraw();
        Ok(())
    }
}
