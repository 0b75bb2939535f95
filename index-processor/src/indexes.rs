//! Which pipeline a file of an index goes through.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use shared::circuit::Dependency;
use shared::ids::IndexId;
use shared::index_parts::PartsOpener;
use shared::ledger::{IndexRecord, IndexState, Ledger};
use shared::retry::Failure;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::conversion::Conversion;
use crate::metrics::Metrics;
use crate::pipeline::{Capacity, Pipeline, PipelineParts, PipelineSettings};

/// How old the list of indexes may be. The control plane removes an index only some time after it marked it as going, so that
/// this much is harmless.
const LIST_AGE: Duration = Duration::from_secs(4);

/// The pipelines of a worker.
#[async_trait]
pub trait Pipelines: Send + Sync + 'static {
    /// The pipeline of an index. A failure says why there is none now; the file is tried again.
    async fn of(&self, index: &IndexId) -> Result<Arc<Pipeline>, Failure>;

    /// What the files of an index need on their way, as far as that is known: nothing before the index is opened.
    async fn needs(&self, index: &IndexId) -> Arc<[Dependency]>;
}

/// One pipeline for whatever comes: the embedded mode has one index.
pub struct Sole(pub Arc<Pipeline>);

#[async_trait]
impl Pipelines for Sole {
    async fn of(&self, _index: &IndexId) -> Result<Arc<Pipeline>, Failure> {
        Ok(Arc::clone(&self.0))
    }

    async fn needs(&self, _index: &IndexId) -> Arc<[Dependency]> {
        Arc::clone(self.0.needs())
    }
}

/// The pipelines of a fleet's indexes, each opened when its first file comes.
pub struct FleetPipelines {
    ledger: Arc<dyn Ledger>,
    parts: PartsOpener,
    conversion: Arc<Conversion>,
    settings: PipelineSettings,
    capacity: Arc<Capacity>,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    listed: Option<Instant>,
    records: HashMap<IndexId, IndexRecord>,
    /// With the record that it was opened for.
    open: HashMap<IndexId, (IndexRecord, Arc<Pipeline>)>,
}

impl FleetPipelines {
    /// Pipelines that share the capacity of this process.
    #[must_use]
    pub fn new(
        ledger: Arc<dyn Ledger>,
        parts: PartsOpener,
        conversion: Arc<Conversion>,
        settings: PipelineSettings,
        capacity: Arc<Capacity>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            ledger,
            parts,
            conversion,
            settings,
            capacity,
            metrics,
            state: Mutex::default(),
        }
    }
}

#[async_trait]
impl Pipelines for FleetPipelines {
    async fn of(&self, index: &IndexId) -> Result<Arc<Pipeline>, Failure> {
        // Held while opening: the first files of an index open it once.
        let mut state = self.state.lock().await;
        let known = state.records.contains_key(index);
        if !known || state.listed.is_none_or(|at| at.elapsed() > LIST_AGE) {
            let records = self
                .ledger
                .indexes()
                .await
                .map_err(|error| Failure::throttled("ledger_unavailable", error.to_string()))?;
            state.records = records
                .into_iter()
                .map(|record| (record.id.clone(), record))
                .collect();
            state.listed = Some(Instant::now());
        }
        let unusable = |why: String| Failure::throttled("index_unusable", why);
        let record = state
            .records
            .get(index)
            .filter(|record| record.state != IndexState::Deleting)
            .cloned()
            .ok_or_else(|| unusable(format!("index {index} is gone")))?;
        if let Some((made_for, pipeline)) = state.open.get(index)
            && made_for.created_at == record.created_at
            && made_for.settings == record.settings
        {
            return Ok(Arc::clone(pipeline));
        }
        let parts = self
            .parts
            .open(&record)
            .await
            .map_err(|error| unusable(format!("index {index} cannot be opened: {error}")))?;
        let pipeline = Arc::new(Pipeline::new(
            PipelineParts {
                blobs: parts.blobs,
                vectors: parts.vectors,
                embedder: parts.embedder,
                bm25: parts.bm25,
                needs: parts.needs,
                retry: parts.settings.retry,
            },
            Arc::clone(&self.conversion),
            self.settings.clone(),
            Arc::clone(&self.capacity),
            Arc::clone(&self.metrics),
        ));
        state.open.insert(index.clone(), (record, Arc::clone(&pipeline)));
        Ok(pipeline)
    }

    async fn needs(&self, index: &IndexId) -> Arc<[Dependency]> {
        let state = self.state.lock().await;
        let open = state.open.get(index);
        open.map_or_else(|| Arc::from([]), |(_, pipeline)| Arc::clone(pipeline.needs()))
    }
}
