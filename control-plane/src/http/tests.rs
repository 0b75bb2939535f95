//! The routes, with everything that they have.

use std::sync::Arc;

use async_trait::async_trait;
use prometheus::Registry;
use serde_json::Value;
use shared::circuit::Circuits;
use shared::circuit::report::Reporter;
use shared::clock::{Clock, SystemClock};
use shared::ids::IndexId;
use shared::index_settings::IndexSettings;
use shared::ledger::model::ModelLedger;
use shared::ledger::{ControlLedger, IndexRecord};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

use super::*;
use crate::indexes::{Index, NewIndex, Opener};

/// Opens nothing.
struct NoOpener;

#[async_trait]
impl Opener for NoOpener {
    async fn open(&self, _record: &IndexRecord) -> anyhow::Result<Index> {
        anyhow::bail!("nothing is opened here")
    }

    async fn settle(&self, _wanted: &NewIndex) -> anyhow::Result<IndexSettings> {
        anyhow::bail!("nothing is made here")
    }

    async fn destroy(&self, _index: &IndexId) -> anyhow::Result<()> {
        Ok(())
    }
}

/// What handlers work on in a test: these indexes and nothing that runs beside them. A test that has some part of it already
/// puts it in the place of the one made here.
pub(crate) fn api(ledger: Arc<dyn ControlLedger>, opener: Arc<dyn Opener>, clock: Arc<dyn Clock>) -> Api {
    let registry = Registry::new();
    let metrics = Arc::new(Metrics::register(&registry).unwrap());
    Api {
        indexes: Arc::new(Indexes::new(Arc::clone(&ledger), opener)),
        watch: Arc::new(RunWatch::new(Arc::clone(&ledger), CancellationToken::new())),
        ledger,
        nudge: Arc::new(Notify::new()),
        clock,
        circuits: Circuits::default(),
        reporter: Reporter {
            process: "desk".to_owned(),
            role: "desk".to_owned(),
        },
        registry,
        metrics,
    }
}

/// The routes on a ledger, and that ledger.
pub(super) fn routes() -> (OpenApiRouter, Arc<dyn ControlLedger>, Arc<Metrics>) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ledger: Arc<dyn ControlLedger> = Arc::new(ModelLedger::new(Arc::clone(&clock)));
    let api = api(Arc::clone(&ledger), Arc::new(NoOpener), clock);
    let metrics = Arc::clone(&api.metrics);
    let intake = Intake {
        ledger: Arc::clone(&ledger),
        indexes: Arc::clone(&api.indexes) as _,
        nudge: Arc::clone(&api.nudge),
        metrics: Arc::clone(&metrics),
    };
    (all(Arc::new(api), Some(intake)), ledger, metrics)
}

/// The document as it is served.
pub(super) fn document() -> Value {
    let (_, document) = routes().0.split_for_parts();
    let served = openapi::Document::finish(openapi::described(&document));
    serde_json::from_slice(served.text()).unwrap()
}
