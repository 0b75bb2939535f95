//! What an index of the fleet is put together from: source, collection, model, language. Both services open the same.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::blobs::source::Source;
use crate::blobs::{self, Blobs};
use crate::circuit::{Circuits, Dependency, guard};
use crate::embedder::Embedder;
use crate::embedder::batching::Batcher;
use crate::embedder::bm25::Bm25;
use crate::embedder::openai::{EmbeddingSettings, OpenAiEmbedder};
use crate::index_settings::{IndexSettings, ModelSettings};
use crate::ledger::IndexRecord;
use crate::settings::SourceOptions;
use crate::shutdown::Tasks;
use crate::vectors::Vectors;
use crate::vectors::qdrant::QdrantStore;

/// The generation of an index's collection. Another model will make another one.
const GENERATION: u32 = 1;

/// An index's parts.
pub struct IndexParts {
    /// What it is made from and with.
    pub settings: IndexSettings,
    /// Its source.
    pub blobs: Arc<dyn Blobs>,
    /// Its points.
    pub vectors: Arc<dyn Vectors>,
    /// Its model.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// Its terms.
    pub bm25: Arc<Bm25>,
    /// What all of this depends on.
    pub needs: Vec<Dependency>,
}

/// Opens the parts of indexes; what several indexes share is opened once.
pub struct PartsOpener {
    store: Arc<QdrantStore>,
    sources: SourceOptions,
    embedding: Option<EmbeddingSettings>,
    tasks: Tasks,
    circuits: Circuits,
    open_sources: Mutex<HashMap<Source, Arc<dyn Blobs>>>,
    open_models: Mutex<HashMap<usize, Arc<dyn Embedder>>>,
}

/// Why an index cannot be opened; the text says what to change.
pub type PartsError = Box<dyn std::error::Error + Send + Sync>;

impl PartsOpener {
    /// With the settings of this process. The tasks of models run under `tasks`; what is opened is behind `circuits`.
    #[must_use]
    pub fn new(
        store: Arc<QdrantStore>,
        sources: SourceOptions,
        embedding: Option<EmbeddingSettings>,
        tasks: Tasks,
        circuits: Circuits,
    ) -> Self {
        Self {
            store,
            sources,
            embedding,
            tasks,
            circuits,
            open_sources: Mutex::default(),
            open_models: Mutex::default(),
        }
    }

    /// The vector store.
    #[must_use]
    pub fn store(&self) -> &Arc<QdrantStore> {
        &self.store
    }

    /// The model of this process.
    #[must_use]
    pub fn embedding(&self) -> Option<&EmbeddingSettings> {
        self.embedding.as_ref()
    }

    /// Opens the parts of an index.
    ///
    /// # Errors
    /// When its settings, source, collection or model cannot be used from here.
    pub async fn open(&self, record: &IndexRecord) -> Result<IndexParts, PartsError> {
        let settings = IndexSettings::of(record)?;
        let bm25 = Arc::new(Bm25::new(&settings.language)?);
        let blobs = self.source(&settings.source).await?;
        let embedder = match &settings.embedding {
            Some(model) => Some(self.model(model).await?),
            None => None,
        };
        let size = settings.embedding.as_ref().map(|model| model.dimensions);
        let vectors = self.store.open(&record.id, GENERATION, size).await?;
        let vectors = guard::vectors(vectors, self.circuits.of(Dependency::vectors()));
        Ok(IndexParts {
            needs: Dependency::of_index(&settings),
            settings,
            blobs,
            vectors,
            embedder,
            bm25,
        })
    }

    /// A source, opened once.
    ///
    /// # Errors
    /// When a setting of it is missing or wrong.
    pub async fn source(&self, source: &Source) -> Result<Arc<dyn Blobs>, PartsError> {
        let mut open = self.open_sources.lock().await;
        if let Some(blobs) = open.get(source) {
            return Ok(Arc::clone(blobs));
        }
        let none = std::collections::BTreeMap::new();
        let blobs = blobs::objects::open(source, self.sources.get(source).unwrap_or(&none))?;
        let blobs = guard::blobs(blobs, self.circuits.of(Dependency::source(source)));
        open.insert(source.clone(), Arc::clone(&blobs));
        Ok(blobs)
    }

    /// The model, if it is the one that this process is set up for: keys are sent to no other address.
    async fn model(&self, wanted: &ModelSettings) -> Result<Arc<dyn Embedder>, PartsError> {
        let same = |own: &&EmbeddingSettings| own.base_url == wanted.url && own.model == wanted.model;
        let Some(own) = self.embedding.as_ref().filter(same) else {
            return Err(format!(
                "it was made with the model {} at {}, which is not what EMBEDDING_MODEL and EMBEDDING_BASE_URL say here",
                wanted.model, wanted.url
            )
            .into());
        };
        let mut open = self.open_models.lock().await;
        if let Some(embedder) = open.get(&wanted.dimensions) {
            return Ok(Arc::clone(embedder));
        }
        let openai = OpenAiEmbedder::new(own.clone())?.expecting(wanted.dimensions);
        let circuit = self.circuits.of(Dependency::embedder(&own.model));
        let embedder = guard::embedder(Arc::new(openai), circuit);
        let embedder: Arc<dyn Embedder> = Arc::new(Batcher::start(embedder, own.into(), &self.tasks));
        open.insert(wanted.dimensions, Arc::clone(&embedder));
        Ok(embedder)
    }
}
