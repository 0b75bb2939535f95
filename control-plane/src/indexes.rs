//! The indexes of this process, each opened when it is first needed.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use shared::blobs::Blobs;
use shared::blobs::source::Source;
use shared::ids::IndexId;
use shared::index_settings::{IndexSettings, ModelSettings};
use shared::ledger::{ControlLedger, IndexRecord, IndexState, LedgerError, Role};
use shared::models::WantedModel;
use shared::vectors::Vectors;
use tokio::sync::Mutex;

use crate::intake::accept::IndexPlaces;
use crate::intake::router::IndexPlace;
use crate::reconciler::Reconciler;
use crate::search::Search;
use crate::upkeep::Upkeep;

/// An index with everything that answers for it.
pub struct Index {
    /// Its record, as it was when the index was opened.
    pub record: IndexRecord,
    /// What it is made from and with.
    pub settings: IndexSettings,
    /// Its source.
    pub blobs: Arc<dyn Blobs>,
    /// Its points.
    pub vectors: Arc<dyn Vectors>,
    /// Its search.
    pub search: Search,
    /// Compares it with its source; absent where no worker would take up what is found.
    pub reconciler: Option<Arc<Reconciler>>,
    /// Its repairs; absent as well.
    pub upkeep: Option<Upkeep>,
}

/// An index to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIndex {
    /// Its name.
    pub name: IndexId,
    /// Where its documents are.
    pub source: Source,
    /// The folder inside the source that it covers; empty for all of it.
    #[serde(default)]
    pub prefix: String,
    /// Language of the full-text search.
    #[serde(default = "english")]
    pub language: String,
    /// `false`: no dense vectors, whatever model the service has.
    #[serde(default = "yes")]
    pub embedding: bool,
}

fn english() -> String {
    "english".to_owned()
}

fn yes() -> bool {
    true
}

/// Why an index cannot be used now.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// There is none of this name.
    #[error("there is no index {0}; {1}")]
    Unknown(IndexId, String),
    /// It is on its way out.
    #[error("index {0} is being deleted")]
    Deleting(IndexId),
    /// Something that it needs cannot be opened.
    #[error("index {0} cannot be opened: {1}")]
    Unusable(IndexId, String),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Knows how an index is opened, made and removed outside the ledger. Each generation is an index here.
#[async_trait]
pub trait Opener: Send + Sync + 'static {
    /// Opens source, vector store and model.
    async fn open(&self, record: &IndexRecord) -> anyhow::Result<Index>;

    /// Checks a new index and settles what it leaves open. The error says what to change.
    async fn settle(&self, wanted: &NewIndex) -> anyhow::Result<IndexSettings>;

    /// The model of an index's settings; asks the model. The error says what to change.
    async fn settle_model(&self, _wanted: &WantedModel) -> anyhow::Result<ModelSettings> {
        anyhow::bail!("this process has no embedding models")
    }

    /// Lets whoever reads the vector store by the index's name read this generation from now on.
    async fn publish(&self, _live: &IndexId) -> anyhow::Result<()> {
        Ok(())
    }

    /// Removes the points of an index, all of them but those of other generations; they may be gone already.
    async fn destroy(&self, index: &IndexId) -> anyhow::Result<()>;
}

/// Opens indexes and keeps them open.
pub struct Indexes {
    ledger: Arc<dyn ControlLedger>,
    opener: Option<Arc<dyn Opener>>,
    open: Mutex<HashMap<IndexId, Arc<Index>>>,
}

impl Indexes {
    /// Indexes as the ledger lists them.
    #[must_use]
    pub fn new(ledger: Arc<dyn ControlLedger>, opener: Arc<dyn Opener>) -> Self {
        Self {
            ledger,
            opener: Some(opener),
            open: Mutex::default(),
        }
    }

    /// One index, and no way to make others.
    #[must_use]
    pub fn sole(ledger: Arc<dyn ControlLedger>, index: Index) -> Self {
        let open = HashMap::from([(index.record.id.clone(), Arc::new(index))]);
        Self {
            ledger,
            opener: None,
            open: Mutex::new(open),
        }
    }

    /// Every index that is open now.
    pub async fn opened(&self) -> Vec<Arc<Index>> {
        self.open.lock().await.values().cloned().collect()
    }

    /// How indexes are made and removed, where that is possible.
    #[must_use]
    pub fn opener(&self) -> Option<&Arc<dyn Opener>> {
        self.opener.as_ref()
    }

    /// Every record.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn records(&self) -> Result<Vec<IndexRecord>, LedgerError> {
        self.ledger.indexes().await
    }

    /// The record of an index, as it is now: a name stands for its live generation, `NAME~N` for that one.
    ///
    /// # Errors
    /// When there is none, or the ledger fails.
    pub async fn record(&self, id: &IndexId) -> Result<IndexRecord, IndexError> {
        if id.generation() > 1 {
            return self.generation(id).await;
        }
        self.find(id, |record| {
            record.role == Role::Live && record.id.base_str() == id.as_str()
        })
        .await
    }

    /// The record of exactly this generation, whatever its role.
    ///
    /// # Errors
    /// When there is none, or the ledger fails.
    pub async fn generation(&self, id: &IndexId) -> Result<IndexRecord, IndexError> {
        self.find(id, |record| record.id == *id).await
    }

    async fn find(&self, id: &IndexId, is: impl Fn(&IndexRecord) -> bool) -> Result<IndexRecord, IndexError> {
        let mut records = self.records().await?;
        match records.iter().position(is) {
            Some(at) => Ok(records.swap_remove(at)),
            None => Err(IndexError::Unknown(id.clone(), known(&records))),
        }
    }

    /// Is the generation of this record still there, and not on its way out?
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn is_kept(&self, record: &IndexRecord) -> Result<bool, LedgerError> {
        let records = self.records().await?;
        Ok(records.iter().any(|now| {
            now.id == record.id && now.created_at == record.created_at && now.state != IndexState::Deleting
        }))
    }

    /// Lets go of indexes that are not among these, or are on their way out.
    pub async fn keep_open(&self, records: &[IndexRecord]) {
        let stays = |id: &IndexId| {
            let is = |record: &IndexRecord| record.id == *id && record.state != IndexState::Deleting;
            records.iter().any(is)
        };
        if self.opener.is_some() {
            self.open.lock().await.retain(|id, _| stays(id));
        }
    }

    /// An index, opened if it was not.
    ///
    /// # Errors
    /// See [`IndexError`].
    pub async fn get(&self, id: &IndexId) -> Result<Arc<Index>, IndexError> {
        let record = self.record(id).await?;
        self.of_record(&record).await
    }

    /// The index of a record, opened if it was not.
    ///
    /// # Errors
    /// See [`IndexError`].
    pub async fn of_record(&self, record: &IndexRecord) -> Result<Arc<Index>, IndexError> {
        if record.state == IndexState::Deleting {
            self.open.lock().await.remove(&record.id);
            return Err(IndexError::Deleting(record.id.clone()));
        }
        // Held while opening: two requests for the same index open it once.
        let mut open = self.open.lock().await;
        let kept = open.get(&record.id);
        let Some(opener) = &self.opener else {
            return kept
                .cloned()
                .ok_or_else(|| IndexError::Unknown(record.id.clone(), known(&[])));
        };
        if let Some(index) = kept.filter(|index| is_same(&index.record, record)) {
            return Ok(Arc::clone(index));
        }
        let index = opener
            .open(record)
            .await
            .map_err(|error| IndexError::Unusable(record.id.clone(), format!("{error:#}")))?;
        let index = Arc::new(index);
        open.insert(record.id.clone(), Arc::clone(&index));
        Ok(index)
    }
}

/// Which indexes there are, the first few by name.
fn known(records: &[IndexRecord]) -> String {
    const NAMED: usize = 10;
    if records.is_empty() {
        return "there is none yet: make one with POST /indexes".to_owned();
    }
    let live = || records.iter().filter(|record| record.role == Role::Live);
    let names: Vec<&str> = live().take(NAMED).map(|record| record.id.base_str()).collect();
    let more = if live().count() > NAMED { ", …" } else { "" };
    format!("there are: {}{more}", names.join(", "))
}

/// An index that was deleted and made again under its name is another one.
fn is_same(one: &IndexRecord, other: &IndexRecord) -> bool {
    one.created_at == other.created_at && one.settings == other.settings
}

#[async_trait]
impl IndexPlaces for Indexes {
    async fn index_places(&self) -> Result<Vec<IndexPlace>, LedgerError> {
        let records = self.records().await?;
        let place = |record: IndexRecord| match IndexSettings::of(&record) {
            Ok(settings) => Some(IndexPlace {
                index: record.id,
                place: settings.source,
                prefix: settings.prefix,
                state: record.state,
            }),
            Err(error) => {
                tracing::warn!("{error}");
                None
            }
        };
        Ok(records.into_iter().filter_map(place).collect())
    }
}
