//! Repairs that run from time to time. Each takes no input, looks at what is there, and may be repeated at any moment; a
//! timer only wakes it.

pub mod compact;
pub mod lost_points;
pub mod old_audit;
pub mod old_rows;
pub mod scrub;
pub mod sweep;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use shared::clock::Clock;
use shared::ids::IndexId;
use shared::ledger::{ControlLedger, LedgerError};
use shared::shutdown::Tasks;
use shared::vectors::{Vectors, VectorsError};
use tokio::sync::Notify;

use crate::duties::Duties;
use crate::metrics::Metrics;
use crate::operations::Operations;
use crate::reconciler::{ReconcileError, Reconciler};

/// Why a repair did not finish; the next one will try again.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The vector store failed.
    #[error(transparent)]
    Vectors(#[from] VectorsError),
    /// Source and ledger could not be compared.
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
}

/// How often each repair runs.
#[derive(Clone, Copy, Debug)]
pub struct UpkeepSettings {
    /// Between removals of dead claims that the ledger names.
    pub scrub_every: Duration,
    /// Between comparisons of all claims in the vector store with the ledger.
    pub full_scrub_every: Duration,
    /// A claim that nobody knows is removed when it is older than this.
    pub orphan_age: Duration,
    /// Between full comparisons of source and ledger.
    pub reconcile_every: Duration,
    /// Between looks for directory events.
    pub operations_every: Duration,
    /// Between looks whether the last comparison found work that is done since: then it is repeated, so that the
    /// completeness of the index does not stay behind until the next one.
    pub recheck_every: Duration,
    /// Compare source and ledger at once when the repairs begin.
    pub reconcile_first: bool,
    /// Between removals of old history.
    pub prune_every: Duration,
    /// Between upkeeps of the vector store while files come in; a long backfill would slow down without it.
    pub compact_every: Duration,
    /// History entries kept per file.
    pub history_per_file: u32,
    /// Tombstones and their history are kept this long.
    pub tombstone_age: Duration,
    /// Between looks for runs to carry out, to finish, or to close.
    pub runs_every: Duration,
    /// Runs are kept this long after they were over.
    pub run_age: Duration,
}

impl Default for UpkeepSettings {
    fn default() -> Self {
        Self {
            scrub_every: Duration::from_secs(30),
            full_scrub_every: Duration::from_secs(3600),
            orphan_age: Duration::from_secs(3600),
            reconcile_every: Duration::from_secs(300),
            operations_every: Duration::from_secs(1),
            recheck_every: Duration::from_secs(30),
            reconcile_first: false,
            prune_every: Duration::from_secs(3600),
            compact_every: Duration::from_secs(120),
            history_per_file: 100,
            tombstone_age: Duration::from_secs(30 * 24 * 3600),
            runs_every: Duration::from_millis(500),
            run_age: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

/// What the repairs of one index work on.
#[derive(Clone)]
pub struct Upkeep {
    /// The index.
    pub index: IndexId,
    /// Its rows.
    pub ledger: Arc<dyn ControlLedger>,
    /// Its points.
    pub vectors: Arc<dyn Vectors>,
    /// Compares its source.
    pub reconciler: Arc<Reconciler>,
    /// For the age of claims.
    pub clock: Arc<dyn Clock>,
    /// Wakes the dispatcher.
    pub nudge: Arc<Notify>,
    /// Which repairs are this replica's.
    pub duties: Arc<Duties>,
    /// What to count.
    pub metrics: Arc<Metrics>,
    /// How often.
    pub settings: UpkeepSettings,
}

/// A duty is held for at least so long.
const SHORTEST_LEASE: Duration = Duration::from_secs(15);

/// One repair.
type Job = for<'a> fn(&'a Upkeep) -> BoxFuture<'a, Result<(), UpkeepError>>;

impl Upkeep {
    /// Starts every repair of the index.
    pub fn start(&self, tasks: &Tasks) {
        let every = self.settings;
        self.repeat(tasks, "scrub", every.scrub_every, |this| {
            Box::pin(async move { this.scrub_dead().await.map(drop) })
        });
        self.repeat(tasks, "full scrub", every.full_scrub_every, |this| {
            Box::pin(async move { this.compare_vectors().await })
        });
        self.repeat(tasks, "prune", every.prune_every, |this| {
            Box::pin(async move {
                this.prune().await?;
                this.prune_runs().await.map(drop)
            })
        });
        self.repeat(tasks, "runs", every.runs_every, |this| {
            Box::pin(this.carry_out_runs())
        });
        self.repeat(tasks, "operations", every.operations_every, |this| {
            Box::pin(async move { Ok(this.operations().pass().await.map(drop)?) })
        });
        self.repeat(tasks, "recheck", every.recheck_every, |this| {
            Box::pin(this.recheck())
        });
        let first = if every.reconcile_first {
            Duration::ZERO
        } else {
            every.reconcile_every
        };
        self.repeat_from(tasks, "reconciliation", first, every.reconcile_every, |this| {
            Box::pin(async move { Ok(this.reconciler.everything("reconcile").await.map(drop)?) })
        });
    }

    /// Compares again when what the last comparison asked for is done.
    async fn recheck(&self) -> Result<(), UpkeepError> {
        let latest = self.reconciler.latest().await?;
        let asked = latest.missing + latest.changed + latest.orphaned;
        if asked > 0 && self.ledger.stats(&self.index).await?.backlog == 0 {
            self.reconciler.everything("reconcile").await?;
        }
        Ok(())
    }

    fn operations(&self) -> Operations {
        Operations {
            index: self.index.clone(),
            ledger: Arc::clone(&self.ledger),
            reconciler: Arc::clone(&self.reconciler),
            nudge: Arc::clone(&self.nudge),
        }
    }

    fn repeat(&self, tasks: &Tasks, name: &'static str, interval: Duration, job: Job) {
        self.repeat_from(tasks, name, interval, interval, job);
    }

    /// Runs `job` after `first` and then after each `interval`, when it is this replica's, until told to stop; a failure is
    /// logged and left to the next time.
    fn repeat_from(&self, tasks: &Tasks, name: &'static str, first: Duration, interval: Duration, job: Job) {
        let (this, stop) = (self.clone(), tasks.stopping());
        let duty = format!("{name}:{}", self.index);
        // Longer than the interval, so that the same replica goes on with it.
        let lease = interval.mul_f64(1.5).max(SHORTEST_LEASE);
        tasks.spawn(async move {
            let mut wait = first;
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(wait) => {}
                }
                wait = interval;
                if this.duties.hold(&duty, lease).await
                    && let Err(error) = job(&this).await
                {
                    tracing::warn!(%error, index.id = %this.index, "{name} failed, trying again later");
                }
            }
        });
    }
}
