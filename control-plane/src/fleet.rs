//! How the indexes of a fleet are opened, made and removed.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use async_trait::async_trait;
use shared::blob_path::BlobPath;
use shared::blobs::BlobError;
use shared::clock::Clock;
use shared::embedder::bm25::Bm25;
use shared::ids::IndexId;
use shared::index_parts::PartsOpener;
use shared::index_settings::{IndexSettings, ModelSettings};
use shared::ledger::{ControlLedger, IndexRecord};
use shared::models::WantedModel;
use tokio::sync::{Mutex, Notify};

use crate::duties::Duties;
use crate::indexes::{Index, NewIndex, Opener};
use crate::metrics::Metrics;
use crate::reconcile::DeletionGuard;
use crate::reconciler::Reconciler;
use crate::search::Search;
use crate::upkeep::{Upkeep, UpkeepSettings};

/// Longest wait for a model's answer when an index is made.
const PROBE: Duration = Duration::from_secs(20);

/// Opens indexes on PostgreSQL, Qdrant and cloud storage.
pub struct FleetOpener {
    /// Their parts.
    pub parts: PartsOpener,
    /// Their rows.
    pub ledger: Arc<dyn ControlLedger>,
    /// When removals wait for approval.
    pub guard: DeletionGuard,
    /// How often they are repaired.
    pub upkeep: UpkeepSettings,
    /// Which repairs are this replica's.
    pub duties: Arc<Duties>,
    /// Wakes the dispatcher.
    pub nudge: Arc<Notify>,
    /// For ages.
    pub clock: Arc<dyn Clock>,
    /// What to count.
    pub metrics: Arc<Metrics>,
}

#[async_trait]
impl Opener for FleetOpener {
    async fn open(&self, record: &IndexRecord) -> anyhow::Result<Index> {
        let parts = self.parts.open(record).await.map_err(anyhow::Error::from_boxed)?;
        let reconciler = Arc::new(Reconciler {
            index: record.id.clone(),
            prefix: parts.settings.prefix.clone(),
            blobs: Arc::clone(&parts.blobs),
            ledger: Arc::clone(&self.ledger),
            pipeline: None,
            guard: self.guard,
            nudge: Arc::clone(&self.nudge),
            clock: Arc::clone(&self.clock),
            metrics: Arc::clone(&self.metrics),
            turn: Mutex::new(()),
        });
        let upkeep = Upkeep {
            index: record.id.clone(),
            ledger: Arc::clone(&self.ledger),
            vectors: Arc::clone(&parts.vectors),
            reconciler: Arc::clone(&reconciler),
            clock: Arc::clone(&self.clock),
            nudge: Arc::clone(&self.nudge),
            duties: Arc::clone(&self.duties),
            metrics: Arc::clone(&self.metrics),
            settings: self.upkeep,
        };
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
            },
            vectors: parts.vectors,
            reconciler: Some(reconciler),
            upkeep: Some(upkeep),
        })
    }

    async fn settle(&self, wanted: &NewIndex) -> anyhow::Result<IndexSettings> {
        Bm25::new(&wanted.language)?;
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
        Ok(IndexSettings {
            prefix: wanted.prefix.clone(),
            embedding,
            ..IndexSettings::new(wanted.source.clone(), &wanted.language)
        })
    }

    async fn settle_model(&self, wanted: &WantedModel) -> anyhow::Result<ModelSettings> {
        let settled = tokio::time::timeout(PROBE, self.parts.models().settle(wanted));
        Ok(settled.await.context("the embedding model does not answer")??)
    }

    async fn publish(&self, live: &IndexId) -> anyhow::Result<()> {
        Ok(self.parts.store().swap_alias(live, live.generation()).await?)
    }

    async fn destroy(&self, index: &IndexId) -> anyhow::Result<()> {
        Ok(self
            .parts
            .store()
            .drop_generation(index, index.generation())
            .await?)
    }
}
