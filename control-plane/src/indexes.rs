//! The indexes of this process, each opened when it is first needed.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use shared::blobs::Blobs;
use shared::blobs::source::Source;
use shared::ids::IndexId;
use shared::index_settings::{
    ApprovalSettings, Budget, Chunking, FileRules, IndexSettings, Limits, ModelSettings, RetrySettings,
    Scope, english,
};
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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
    /// Which files of the source belong to it.
    #[serde(default)]
    pub files: FileRules,
    /// How much one file may take.
    #[serde(default)]
    pub limits: Limits,
    /// How documents are cut.
    #[serde(default)]
    pub chunking: Chunking,
    /// When removals wait for approval; as the service is set when it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalSettings>,
    /// What embedding may cost.
    #[serde(default)]
    pub budget: Budget,
    /// How failures are tried again.
    #[serde(default)]
    pub retry: RetrySettings,
}

impl NewIndex {
    /// Its settings, with what only the service knows.
    #[must_use]
    pub fn settings(&self, embedding: Option<ModelSettings>, approval: &ApprovalSettings) -> IndexSettings {
        IndexSettings {
            source: self.source.clone(),
            prefix: self.prefix.trim_matches('/').to_owned(),
            language: self.language.clone(),
            embedding,
            files: self.files.clone(),
            limits: self.limits.clone(),
            chunking: self.chunking.clone(),
            approval: self.approval.as_ref().unwrap_or(approval).clone(),
            budget: self.budget.clone(),
            retry: self.retry.clone(),
            unknown: serde_json::Map::new(),
        }
    }
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
    opener: Arc<dyn Opener>,
    open: Mutex<HashMap<IndexId, Arc<Index>>>,
    /// Compiled globs: events come in batches, and settings change seldom.
    scopes: std::sync::Mutex<HashMap<IndexId, Arc<Scope>>>,
}

impl Indexes {
    /// Indexes as the ledger lists them.
    #[must_use]
    pub fn new(ledger: Arc<dyn ControlLedger>, opener: Arc<dyn Opener>) -> Self {
        Self {
            ledger,
            opener,
            open: Mutex::default(),
            scopes: std::sync::Mutex::default(),
        }
    }

    /// Every index that is open now.
    pub async fn opened(&self) -> Vec<Arc<Index>> {
        self.open.lock().await.values().cloned().collect()
    }

    /// How indexes are made and removed.
    #[must_use]
    pub fn opener(&self) -> &dyn Opener {
        &*self.opener
    }

    /// Lets go of open indexes that are on their way out, or gone, according to these records.
    pub async fn let_go(&self, records: &[IndexRecord]) {
        let stays = |index: &Index| {
            records.iter().any(|record| {
                record.id == index.record.id
                    && record.created_at == index.record.created_at
                    && record.state != IndexState::Deleting
            })
        };
        self.open.lock().await.retain(|_, index| stays(index));
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
        if let Some(index) = kept.filter(|index| is_same(&index.record, record)) {
            return Ok(Arc::clone(index));
        }
        let index = self
            .opener
            .open(record)
            .await
            .map_err(|error| IndexError::Unusable(record.id.clone(), format!("{error:#}")))?;
        let index = Arc::new(index);
        open.insert(record.id.clone(), Arc::clone(&index));
        Ok(index)
    }
}

impl Indexes {
    /// Where the files of an index are, and which of them it covers.
    fn scope(&self, record: &IndexRecord) -> Result<(Source, Arc<Scope>), String> {
        let settings = IndexSettings::of(record).map_err(|error| error.to_string())?;
        let mut scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(scope) = scopes.get(&record.id)
            && scope.is_of(&settings.prefix, &settings.files)
        {
            return Ok((settings.source, Arc::clone(scope)));
        }
        let scope = Arc::new(Scope::of(&settings).map_err(|problems| problems.join("; "))?);
        scopes.insert(record.id.clone(), Arc::clone(&scope));
        Ok((settings.source, scope))
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
        let place = |record: IndexRecord| match self.scope(&record) {
            Ok((place, scope)) => Some(IndexPlace {
                index: record.id,
                place,
                scope,
                state: record.state,
            }),
            Err(error) => {
                tracing::warn!(index.id = %record.id, "{error}");
                None
            }
        };
        Ok(records.into_iter().filter_map(place).collect())
    }
}
