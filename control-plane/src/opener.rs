//! How indexes are opened, made and removed, in a fleet and in the embedded mode.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use async_trait::async_trait;
use shared::blob_path::BlobPath;
use shared::blobs::BlobError;
use shared::clock::Clock;
use shared::ids::IndexId;
use shared::index_parts::{IndexParts, PartsOpener};
use shared::index_settings::{ApprovalSettings, IndexSettings, ModelSettings};
use shared::ledger::{ControlLedger, IndexRecord};
use shared::models::WantedModel;
use tokio::sync::{Mutex, Notify};

use crate::duties::Duties;
use crate::indexes::{Index, NewIndex, Opener};
use crate::metrics::Metrics;
use crate::reconciler::Reconciler;
use crate::search::{Search, SearchLimits};
use crate::upkeep::{Upkeep, UpkeepSettings};

/// Longest wait for a model's answer when an index is made.
const PROBE: Duration = Duration::from_secs(20);

/// Fingerprint of what the files of an index are made with.
pub type Fingerprint = dyn Fn(&IndexParts) -> Result<String, String> + Send + Sync;

/// Opens indexes from their parts.
pub struct IndexOpener {
    /// Their parts.
    pub parts: Arc<PartsOpener>,
    /// Their rows.
    pub ledger: Arc<dyn ControlLedger>,
    /// When removals wait for approval in new indexes that do not say.
    pub approval: ApprovalSettings,
    /// How they are repaired; `None` where no worker would take up what repairs find.
    pub repairs: Option<Repairs>,
    /// Wakes the dispatcher.
    pub nudge: Arc<Notify>,
    /// For ages.
    pub clock: Arc<dyn Clock>,
    /// What to count.
    pub metrics: Arc<Metrics>,
    /// How long searches may take, and what they remember.
    pub search: SearchLimits,
}

/// How indexes are kept true to their sources.
pub struct Repairs {
    /// How often they are repaired.
    pub every: UpkeepSettings,
    /// Which repairs are this replica's.
    pub duties: Arc<Duties>,
    /// What files are made with, where the processors are in this process; others keep that to themselves.
    pub fingerprint: Option<Box<Fingerprint>>,
}

impl IndexOpener {
    fn upkeep(&self, record: &IndexRecord, parts: &IndexParts, repairs: &Repairs) -> anyhow::Result<Upkeep> {
        let pipeline = repairs.fingerprint.as_ref().map(|fingerprint| fingerprint(parts));
        let reconciler = Arc::new(Reconciler {
            index: record.id.clone(),
            blobs: Arc::clone(&parts.blobs),
            ledger: Arc::clone(&self.ledger),
            pipeline: pipeline.transpose().map_err(anyhow::Error::msg)?,
            nudge: Arc::clone(&self.nudge),
            clock: Arc::clone(&self.clock),
            metrics: Arc::clone(&self.metrics),
            turn: Mutex::new(()),
        });
        Ok(Upkeep {
            index: record.id.clone(),
            ledger: Arc::clone(&self.ledger),
            vectors: Arc::clone(&parts.vectors),
            reconciler,
            clock: Arc::clone(&self.clock),
            nudge: Arc::clone(&self.nudge),
            duties: Arc::clone(&repairs.duties),
            metrics: Arc::clone(&self.metrics),
            settings: repairs.every,
        })
    }
}

#[async_trait]
impl Opener for IndexOpener {
    async fn open(&self, record: &IndexRecord) -> anyhow::Result<Index> {
        let parts = self.parts.open(record).await.map_err(anyhow::Error::from_boxed)?;
        let upkeep = self
            .repairs
            .as_ref()
            .map(|repairs| self.upkeep(record, &parts, repairs))
            .transpose()?;
        let limits = self.search.of(parts.settings.embedding.as_ref());
        Ok(Index {
            record: record.clone(),
            settings: parts.settings,
            blobs: parts.blobs,
            search: Search {
                index: record.id.clone(),
                ledger: Arc::clone(&self.ledger) as _,
                vectors: Arc::clone(&parts.vectors),
                embedder: parts.embedder,
                bm25: parts.bm25,
                metrics: Arc::clone(&self.metrics),
                limits,
            },
            vectors: parts.vectors,
            reconciler: upkeep.as_ref().map(|upkeep| Arc::clone(&upkeep.reconciler)),
            upkeep,
        })
    }

    async fn settle(&self, wanted: &NewIndex) -> anyhow::Result<IndexSettings> {
        let source = self
            .parts
            .source(&wanted.source)
            .await
            .map_err(anyhow::Error::from_boxed)?;
        // Any name will do: what counts is that the source answers.
        let probe = BlobPath::new("longshore-probe")?;
        if let Err(error @ (BlobError::Unavailable(_) | BlobError::Denied(_))) = source.head(&probe).await {
            bail!("the source {} cannot be used: {error}", wanted.source);
        }
        let embedding = if wanted.embedding && self.parts.models().own().is_some() {
            Some(self.settle_model(&WantedModel::default()).await?)
        } else {
            None
        };
        Ok(wanted.settings(embedding, &self.approval))
    }

    async fn settle_model(&self, wanted: &WantedModel) -> anyhow::Result<ModelSettings> {
        let settled = tokio::time::timeout(PROBE, self.parts.models().settle(wanted));
        Ok(settled.await.context("the embedding model does not answer")??)
    }

    async fn publish(&self, live: &IndexId) -> anyhow::Result<()> {
        Ok(self.parts.collections().publish(live, live.generation()).await?)
    }

    async fn destroy(&self, index: &IndexId) -> anyhow::Result<()> {
        Ok(self.parts.collections().remove(index, index.generation()).await?)
    }
}
