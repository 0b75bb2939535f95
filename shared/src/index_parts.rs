//! What an index is put together from: source, collection, model, language. Both services open the same, and so does the
//! embedded mode.

mod models;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Mutex;

pub use self::models::Models;
use crate::blobs::folder::Folder;
use crate::blobs::source::Source;
use crate::blobs::{self, Blobs};
use crate::circuit::{Circuits, Dependency, guard};
use crate::embedder::Embedder;
use crate::embedder::batching::Batcher;
use crate::embedder::bm25::Bm25;
use crate::embedder::openai::OpenAiEmbedder;
use crate::index_settings::{IndexSettings, ModelSettings};
use crate::ledger::IndexRecord;
use crate::models::Models as NamedModels;
use crate::settings::SourceOptions;
use crate::shutdown::Tasks;
use crate::vectors::{Collections, Vectors};

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
    collections: Arc<dyn Collections>,
    sources: SourceOptions,
    models: Models,
    tasks: Tasks,
    left_out: Option<PathBuf>,
    circuits: Circuits,
    open_sources: Mutex<HashMap<Source, Arc<dyn Blobs>>>,
    /// By address, name, size, and whether they are shortened.
    open_models: Mutex<HashMap<ModelKey, Arc<dyn Embedder>>>,
}

/// What makes two models the same: address, name, dimensions, and whether it was asked for them.
type ModelKey = (String, String, usize, Option<u32>);

/// Why an index cannot be opened; the text says what to change.
pub type PartsError = Box<dyn std::error::Error + Send + Sync>;

impl PartsOpener {
    /// With the settings of this process. The tasks of models run under `tasks`; what is opened is behind `circuits`.
    #[must_use]
    pub fn new(
        collections: Arc<dyn Collections>,
        sources: SourceOptions,
        models: Models,
        tasks: Tasks,
        circuits: Circuits,
    ) -> Self {
        Self {
            collections,
            sources,
            models,
            tasks,
            left_out: None,
            circuits,
            open_sources: Mutex::default(),
            open_models: Mutex::default(),
        }
    }

    /// The same, with this folder left out of any source that it lies in: what the process writes itself is no document.
    #[must_use]
    pub fn leaving_out(mut self, folder: PathBuf) -> Self {
        self.left_out = Some(folder);
        self
    }

    /// Where the collections are.
    #[must_use]
    pub fn collections(&self) -> &Arc<dyn Collections> {
        &self.collections
    }

    /// The models of this process, for new indexes and generations.
    #[must_use]
    pub fn models(&self) -> &NamedModels {
        self.models.named()
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
        let generation = record.id.generation();
        let vectors = self.collections.open(&record.id, generation, size).await?;
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
        let blobs: Arc<dyn Blobs> = match (source, &self.left_out) {
            (Source::Folder(root), Some(folder)) => Arc::new(Folder::open(root)?.excluding(folder)),
            _ => {
                let none = std::collections::BTreeMap::new();
                blobs::objects::open(source, self.sources.get(source).unwrap_or(&none))?
            }
        };
        let blobs = guard::blobs(blobs, self.circuits.of(Dependency::source(source)));
        open.insert(source.clone(), Arc::clone(&blobs));
        Ok(blobs)
    }

    /// A model, opened once.
    async fn model(&self, wanted: &ModelSettings) -> Result<Arc<dyn Embedder>, PartsError> {
        let settings = self.models.settings(wanted)?;
        let key = (
            settings.base_url.clone(),
            settings.model.clone(),
            wanted.dimensions,
            wanted.shortened_to,
        );
        let mut open = self.open_models.lock().await;
        if let Some(embedder) = open.get(&key) {
            return Ok(Arc::clone(embedder));
        }
        let openai = OpenAiEmbedder::new(settings.clone())?.expecting(wanted.dimensions);
        let dependency = Dependency::embedder(&settings.model);
        let circuit = self.circuits.of(dependency.clone());
        let embedder = guard::embedder(Arc::new(openai), circuit);
        let batcher = Batcher::start(embedder, (&settings).into(), &self.tasks);
        self.circuits.show_embedder(&dependency, &batcher.counter());
        let embedder: Arc<dyn Embedder> = Arc::new(batcher);
        open.insert(key, Arc::clone(&embedder));
        Ok(embedder)
    }
}
