//! Which pipeline a file of an index goes through.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use shared::circuit::Dependency;
use shared::ids::IndexId;
use shared::index_parts::{IndexParts, PartsOpener};
use shared::ledger::{IndexRecord, IndexState, Ledger};
use shared::retry::Failure;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::conversion::Conversion;
use crate::meter::{IndexMeter, Meter};
use crate::metrics::Metrics;
use crate::pipeline::{self, Capacity, Pipeline, PipelineParts, PipelineSettings, Rules};

/// How old the list of indexes may be. The control plane removes an index only some time after it marked it as going, so that
/// this much is harmless.
pub const LIST_AGE: Duration = Duration::from_secs(4);

/// The pipelines of a worker.
#[async_trait]
pub trait Pipelines: Send + Sync + 'static {
    /// The pipeline of an index, made with its settings at this revision or a later one. A failure says why there is none
    /// now; the file is tried again.
    async fn of(&self, index: &IndexId, revision: u64) -> Result<Arc<Pipeline>, Failure>;

    /// What the files of an index need on their way, as far as that is known: nothing before the index is opened.
    async fn needs(&self, index: &IndexId) -> Arc<[Dependency]>;
}

/// One pipeline for whatever comes, for tests that have one index.
pub struct Sole(pub Arc<Pipeline>);

#[async_trait]
impl Pipelines for Sole {
    async fn of(&self, _index: &IndexId, _revision: u64) -> Result<Arc<Pipeline>, Failure> {
        Ok(Arc::clone(&self.0))
    }

    async fn needs(&self, _index: &IndexId) -> Arc<[Dependency]> {
        Arc::clone(self.0.needs())
    }
}

/// What the pipelines of all indexes have in common.
#[derive(Clone)]
pub struct Recipe {
    /// How files become Markdown.
    pub conversion: Arc<Conversion>,
    /// How Markdown becomes points, unless an index says otherwise.
    pub settings: PipelineSettings,
}

impl Recipe {
    /// Fingerprint of what the files of an index are made with.
    ///
    /// # Errors
    /// When its settings cannot be used.
    pub fn fingerprint(&self, parts: &IndexParts) -> Result<String, String> {
        let rules = Rules::of(&parts.settings, &self.settings)?;
        Ok(pipeline::fingerprint(
            &self.settings,
            &self.conversion,
            &rules.stamp,
        ))
    }

    fn pipeline(
        &self,
        parts: IndexParts,
        capacity: &Arc<Capacity>,
        metrics: &Arc<Metrics>,
        meter: IndexMeter,
    ) -> Result<Pipeline, String> {
        let rules = Rules::of(&parts.settings, &self.settings)?;
        Ok(Pipeline::new(
            PipelineParts {
                rules,
                blobs: parts.blobs,
                vectors: parts.vectors,
                embedder: parts.embedder,
                bm25: parts.bm25,
                meter: Some(meter),
                needs: parts.needs,
                retry: parts.settings.retry,
            },
            Arc::clone(&self.conversion),
            self.settings.clone(),
            Arc::clone(capacity),
            Arc::clone(metrics),
        ))
    }
}

/// The pipelines of the indexes that the ledger lists, each opened when its first file comes.
pub struct IndexPipelines {
    ledger: Arc<dyn Ledger>,
    parts: Arc<PartsOpener>,
    recipe: Recipe,
    capacity: Arc<Capacity>,
    metrics: Arc<Metrics>,
    meter: Arc<Meter>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    listed: Option<Instant>,
    records: HashMap<IndexId, IndexRecord>,
    /// With the record that it was opened for.
    open: HashMap<IndexId, (IndexRecord, Arc<Pipeline>)>,
}

impl State {
    /// Takes a new list, and lets go of pipelines whose index is on its way out or gone.
    fn take(&mut self, records: Vec<IndexRecord>) {
        self.records = records
            .into_iter()
            .map(|record| (record.id.clone(), record))
            .collect();
        self.listed = Some(Instant::now());
        let stays = |id: &IndexId| {
            self.records
                .get(id)
                .is_some_and(|record| record.state != IndexState::Deleting)
        };
        self.open.retain(|id, _| stays(id));
    }
}

impl IndexPipelines {
    /// Pipelines that share the capacity of this process.
    #[must_use]
    pub fn new(
        ledger: Arc<dyn Ledger>,
        parts: Arc<PartsOpener>,
        recipe: Recipe,
        capacity: Arc<Capacity>,
        metrics: Arc<Metrics>,
        meter: Arc<Meter>,
    ) -> Self {
        Self {
            ledger,
            parts,
            recipe,
            capacity,
            metrics,
            meter,
            state: Mutex::default(),
        }
    }
}

#[async_trait]
impl Pipelines for IndexPipelines {
    async fn of(&self, index: &IndexId, revision: u64) -> Result<Arc<Pipeline>, Failure> {
        // Held while opening: the first files of an index open it once.
        let mut state = self.state.lock().await;
        // A full run right after a change of settings must not be worked off with those before it.
        let known = state
            .records
            .get(index)
            .is_some_and(|record| record.revision >= revision);
        if !known || state.listed.is_none_or(|at| at.elapsed() > LIST_AGE) {
            let records = self
                .ledger
                .indexes()
                .await
                .map_err(|error| Failure::throttled("ledger_unavailable", error.to_string()))?;
            state.take(records);
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
        let meter = IndexMeter {
            meter: Arc::clone(&self.meter),
            // Its generations share what it may spend.
            index: index.base(),
            tokens_per_day: parts.settings.budget.tokens_per_day,
        };
        let pipeline = self
            .recipe
            .pipeline(parts, &self.capacity, &self.metrics, meter)
            .map_err(|error| unusable(format!("the settings of index {index} cannot be used: {error}")))?;
        let pipeline = Arc::new(pipeline);
        state.open.insert(index.clone(), (record, Arc::clone(&pipeline)));
        Ok(pipeline)
    }

    async fn needs(&self, index: &IndexId) -> Arc<[Dependency]> {
        let state = self.state.lock().await;
        let open = state.open.get(index);
        open.map_or_else(|| Arc::from([]), |(_, pipeline)| Arc::clone(pipeline.needs()))
    }
}
