//! Repairs that run from time to time. Each takes no input, looks at what is there, and may be repeated at any moment; a
//! timer only wakes it.

pub mod compact;
pub mod old_rows;
pub mod scrub;
pub mod sweep;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use shared::clock::Clock;
use shared::ids::IndexId;
use shared::ledger::{Ledger, LedgerError, SweepPolicy};
use shared::shutdown::Tasks;
use shared::vectors::{Vectors, VectorsError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::reconciler::Reconciler;

/// Why a repair did not finish; the next one will try again.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The vector store failed.
    #[error(transparent)]
    Vectors(#[from] VectorsError),
}

/// How often each repair runs.
#[derive(Clone, Copy, Debug)]
pub struct UpkeepSettings {
    /// Between sweeps of lapsed leases.
    pub sweep_every: Duration,
    /// What a sweep takes away and what becomes of it.
    pub sweep: SweepPolicy,
    /// Between removals of dead claims that the ledger names.
    pub scrub_every: Duration,
    /// Between comparisons of all claims in the vector store with the ledger.
    pub full_scrub_every: Duration,
    /// A claim that nobody knows is removed when it is older than this.
    pub orphan_age: Duration,
    /// Between full comparisons of source and ledger.
    pub reconcile_every: Duration,
    /// Between removals of old history.
    pub prune_every: Duration,
    /// Between upkeeps of the vector store while files come in; a long backfill would slow down without it.
    pub compact_every: Duration,
    /// History entries kept per file.
    pub history_per_file: u32,
    /// Tombstones and their history are kept this long.
    pub tombstone_age: Duration,
}

impl Default for UpkeepSettings {
    fn default() -> Self {
        Self {
            sweep_every: Duration::from_secs(5),
            sweep: SweepPolicy {
                stale_after: Duration::from_secs(15 * 60),
                delay: Duration::from_secs(1),
                max_attempts: 5,
            },
            scrub_every: Duration::from_secs(30),
            full_scrub_every: Duration::from_secs(3600),
            orphan_age: Duration::from_secs(3600),
            reconcile_every: Duration::from_secs(300),
            prune_every: Duration::from_secs(3600),
            compact_every: Duration::from_secs(120),
            history_per_file: 100,
            tombstone_age: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

/// What the repairs of one index work on.
#[derive(Clone)]
pub struct Upkeep {
    /// The index.
    pub index: IndexId,
    /// Its rows.
    pub ledger: Arc<dyn Ledger>,
    /// Its points.
    pub vectors: Arc<dyn Vectors>,
    /// Compares its source.
    pub reconciler: Arc<Reconciler>,
    /// For the age of claims.
    pub clock: Arc<dyn Clock>,
    /// Wakes the dispatcher after a sweep.
    pub nudge: Arc<Notify>,
    /// What to count.
    pub metrics: Arc<Metrics>,
    /// How often.
    pub settings: UpkeepSettings,
}

impl Upkeep {
    /// Starts every repair.
    pub fn start(&self, tasks: &Tasks) {
        let every = self.settings;
        let this = self.clone();
        tasks.spawn(repeat("sweep", every.sweep_every, tasks.stopping(), move || {
            let this = this.clone();
            async move { this.sweep(this.settings.sweep).await.map(drop) }
        }));
        let this = self.clone();
        tasks.spawn(repeat("scrub", every.scrub_every, tasks.stopping(), move || {
            let this = this.clone();
            async move { this.scrub_dead().await.map(drop) }
        }));
        let this = self.clone();
        tasks.spawn(repeat(
            "full scrub",
            every.full_scrub_every,
            tasks.stopping(),
            move || {
                let this = this.clone();
                async move { this.scrub_orphans().await.map(drop) }
            },
        ));
        let this = self.clone();
        tasks.spawn(repeat("prune", every.prune_every, tasks.stopping(), move || {
            let this = this.clone();
            async move { this.prune().await.map(drop) }
        }));
        let reconciler = Arc::clone(&self.reconciler);
        tasks.spawn(repeat(
            "reconciliation",
            every.reconcile_every,
            tasks.stopping(),
            move || {
                let reconciler = Arc::clone(&reconciler);
                async move { reconciler.everything("reconcile").await.map(drop) }
            },
        ));
    }
}

/// Runs `job` after each `interval` until told to stop; a failure is logged and left to the next time.
async fn repeat<F, E>(
    name: &'static str,
    interval: Duration,
    stop: CancellationToken,
    mut job: impl FnMut() -> F + Send,
) where
    F: Future<Output = Result<(), E>> + Send,
    E: std::fmt::Display + Send,
{
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(interval) => {}
        }
        if let Err(error) = job().await {
            tracing::warn!(%error, "{name} failed, trying again later");
        }
    }
}
