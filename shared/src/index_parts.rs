//! What an index of the fleet is put together from: source, collection, model, language. Both services open the same.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::blobs::source::Source;
use crate::blobs::{self, Blobs};
use crate::embedder::Embedder;
use crate::embedder::batching::Batcher;
use crate::embedder::bm25::Bm25;
use crate::embedder::openai::OpenAiEmbedder;
use crate::index_settings::{IndexSettings, ModelSettings};
use crate::ledger::IndexRecord;
use crate::models::Models;
use crate::settings::SourceOptions;
use crate::shutdown::Tasks;
use crate::vectors::Vectors;
use crate::vectors::qdrant::QdrantStore;

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
}

/// Opens the parts of indexes; what several indexes share is opened once.
pub struct PartsOpener {
    store: Arc<QdrantStore>,
    sources: SourceOptions,
    models: Models,
    tasks: Tasks,
    open_sources: Mutex<HashMap<Source, Arc<dyn Blobs>>>,
    /// By address, name, size, and whether they are shortened.
    open_models: Mutex<HashMap<ModelKey, Arc<dyn Embedder>>>,
}

type ModelKey = (String, String, usize, Option<u32>);

/// Why an index cannot be opened; the text says what to change.
pub type PartsError = Box<dyn std::error::Error + Send + Sync>;

impl PartsOpener {
    /// With the settings of this process. The tasks of models run under `tasks`.
    #[must_use]
    pub fn new(
        store: Arc<QdrantStore>,
        sources: SourceOptions,
        models: impl Into<Models>,
        tasks: Tasks,
    ) -> Self {
        Self {
            store,
            sources,
            models: models.into(),
            tasks,
            open_sources: Mutex::default(),
            open_models: Mutex::default(),
        }
    }

    /// The vector store.
    #[must_use]
    pub fn store(&self) -> &Arc<QdrantStore> {
        &self.store
    }

    /// The models of this process.
    #[must_use]
    pub fn models(&self) -> &Models {
        &self.models
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
        let vectors = self.store.open(&record.id, record.id.generation(), size).await?;
        Ok(IndexParts {
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
        open.insert(source.clone(), Arc::clone(&blobs));
        Ok(blobs)
    }

    /// The model, if this process knows its address: keys are sent to no other.
    async fn model(&self, wanted: &ModelSettings) -> Result<Arc<dyn Embedder>, PartsError> {
        let Some(settings) = self.models.of_index(wanted) else {
            return Err(format!(
                "it was made with the model {} at {}, which neither EMBEDDING_BASE_URL and EMBEDDING_MODEL nor a table \
                 [models.NAME] of the settings file name here",
                wanted.model, wanted.url
            )
            .into());
        };
        let key = (
            wanted.url.clone(),
            wanted.model.clone(),
            wanted.dimensions,
            wanted.shortened_to,
        );
        let mut open = self.open_models.lock().await;
        if let Some(embedder) = open.get(&key) {
            return Ok(Arc::clone(embedder));
        }
        let openai = OpenAiEmbedder::new(settings.clone())?.expecting(wanted.dimensions);
        let batches = (&settings).into();
        let embedder: Arc<dyn Embedder> = Arc::new(Batcher::start(Arc::new(openai), batches, &self.tasks));
        open.insert(key, Arc::clone(&embedder));
        Ok(embedder)
    }
}
