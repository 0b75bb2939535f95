//! Wires an embedded index by hand, in order: ledger, vectors, embedder, search. `up` adds what moves.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::bail;
use control_plane::http::Api;
use control_plane::indexes::{Index, Indexes};
use control_plane::reconcile::DeletionGuard;
use control_plane::reconciler::Reconciler;
use control_plane::search::Search;
use control_plane::upkeep::Upkeep;
use prometheus::Registry;
use shared::blobs::folder::Folder;
use shared::blobs::source::Source;
use shared::blobs::{self, Blobs};
use shared::clock::{Clock, SystemClock};
use shared::embedder::Embedder;
use shared::embedder::batching::Batcher;
use shared::embedder::bm25::Bm25;
use shared::embedder::openai::{EmbeddingSettings, OpenAiEmbedder};
use shared::ids::IndexId;
use shared::index_settings::IndexSettings;
use shared::ledger::{ControlLedger, IndexRecord, IndexState};
use shared::secret::Secret;
use shared::shutdown::Tasks;
use shared::vectors::Vectors;
use tokio::sync::{Mutex, Notify};

use crate::backends::BackendArgs;
use crate::data_dir::DataDir;

/// An index in a data folder, with everything that answers questions about it.
pub(crate) struct Embedded {
    pub(crate) index: IndexId,
    pub(crate) settings: IndexSettings,
    pub(crate) ledger: Arc<dyn ControlLedger>,
    pub(crate) vectors: Arc<dyn Vectors>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) embedder: Option<Arc<dyn Embedder>>,
    pub(crate) bm25: Arc<Bm25>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) registry: Registry,
    pub(crate) metrics: Arc<control_plane::metrics::Metrics>,
    /// Wakes the dispatcher.
    pub(crate) nudge: Arc<Notify>,
    /// The embedder's tasks.
    pub(crate) tasks: Tasks,
    pub(crate) data: DataDir,
}

/// The index of a data folder, as `longshore up` last ran it.
pub(crate) async fn reopen(data: DataDir) -> anyhow::Result<Embedded> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let backends = BackendArgs::from_environment()?;
    let ledger = backends.open_ledger(&data, &clock).await?;
    let mut indexes = ledger.indexes().await?;
    let Some(record) = indexes.pop() else {
        bail!("the data folder holds no index yet: run `longshore up DIR` first");
    };
    let settings = IndexSettings::of(&record)?;
    // The same variable that `up` takes the key from; only searches by meaning need it.
    let key = std::env::var_os("EMBEDDING_API_KEY").unwrap_or_default();
    let embedding = settings.embedding.as_ref().map(|model| EmbeddingSettings {
        azure_api_version: model.azure_api_version.clone(),
        api_key: Some(Secret::new(&key.to_string_lossy())).filter(|key| !key.is_empty()),
        ..EmbeddingSettings::new(&model.url, &model.model)
    });
    assemble(data, clock, ledger, &backends, record.id, settings, embedding).await
}

/// Puts the parts together.
pub(crate) async fn assemble(
    data: DataDir,
    clock: Arc<dyn Clock>,
    ledger: Arc<dyn ControlLedger>,
    backends: &BackendArgs,
    index: IndexId,
    settings: IndexSettings,
    embedding: Option<EmbeddingSettings>,
) -> anyhow::Result<Embedded> {
    let tasks = Tasks::new();
    let registry = Registry::new();
    let metrics = Arc::new(control_plane::metrics::Metrics::register(&registry)?);
    let dense_size = settings.embedding.as_ref().map(|model| model.dimensions);
    let vectors = backends.open_vectors(&data, &index, dense_size).await?;
    let embedder = embedding
        .map(|settings| batched(&settings, dense_size, &tasks))
        .transpose()?;
    let blobs = open_source(&settings.source, &data)?;
    Ok(Embedded {
        bm25: Arc::new(Bm25::new(&settings.language)?),
        index,
        settings,
        ledger,
        vectors,
        blobs,
        embedder,
        clock,
        registry,
        metrics,
        nudge: Arc::new(Notify::new()),
        tasks,
        data,
    })
}

fn batched(
    settings: &EmbeddingSettings,
    dimensions: Option<usize>,
    tasks: &Tasks,
) -> anyhow::Result<Arc<dyn Embedder>> {
    let openai = OpenAiEmbedder::new(settings.clone())?;
    let openai = Arc::new(match dimensions {
        Some(dimensions) => openai.expecting(dimensions),
        None => openai,
    });
    Ok(Arc::new(Batcher::start(openai, settings.into(), tasks)))
}

/// The source; of a folder, the data folder is left out when it lies inside.
fn open_source(source: &Source, data: &DataDir) -> anyhow::Result<Arc<dyn Blobs>> {
    match source {
        Source::Folder(root) => Ok(Arc::new(Folder::open(root)?.excluding(data.absolute()?))),
        other => Ok(blobs::objects::open(other, &BTreeMap::new())?),
    }
}

impl Embedded {
    /// Compares source and ledger with files made as `pipeline` says.
    pub(crate) fn reconciler(&self, pipeline: &str) -> Arc<Reconciler> {
        Arc::new(Reconciler {
            index: self.index.clone(),
            prefix: self.settings.prefix.clone(),
            blobs: Arc::clone(&self.blobs),
            ledger: Arc::clone(&self.ledger),
            pipeline: Some(pipeline.to_owned()),
            guard: DeletionGuard::default(),
            nudge: Arc::clone(&self.nudge),
            clock: Arc::clone(&self.clock),
            metrics: Arc::clone(&self.metrics),
            turn: Mutex::new(()),
        })
    }

    /// What the HTTP handlers work on; without upkeep, everything but comparing the folder.
    pub(crate) fn api(&self, upkeep: Option<&Upkeep>) -> anyhow::Result<Arc<Api>> {
        let record = IndexRecord {
            id: self.index.clone(),
            state: IndexState::Active,
            settings: serde_json::to_value(&self.settings)?,
            created_at: 0,
            comparison: None,
            role: shared::ledger::Role::Live,
        };
        let index = Index {
            record,
            settings: self.settings.clone(),
            blobs: Arc::clone(&self.blobs),
            vectors: Arc::clone(&self.vectors),
            search: Search {
                index: self.index.clone(),
                ledger: Arc::clone(&self.ledger) as _,
                vectors: Arc::clone(&self.vectors),
                embedder: self.embedder.clone(),
                bm25: Arc::clone(&self.bm25),
                metrics: Arc::clone(&self.metrics),
            },
            reconciler: upkeep.map(|upkeep| Arc::clone(&upkeep.reconciler)),
            upkeep: upkeep.cloned(),
        };
        Ok(Arc::new(Api {
            indexes: Arc::new(Indexes::sole(Arc::clone(&self.ledger), index)),
            ledger: Arc::clone(&self.ledger),
            nudge: Arc::clone(&self.nudge),
            clock: Arc::clone(&self.clock),
            registry: self.registry.clone(),
            metrics: Arc::clone(&self.metrics),
        }))
    }

    /// Closes the index, everything written.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        self.tasks.drain(std::time::Duration::from_secs(5)).await;
        self.vectors.close().await?;
        self.data.withdraw();
        Ok(())
    }
}
