//! Takes claims away from workers that died or froze, of every index.

use std::sync::Arc;
use std::time::Duration;

use shared::ledger::{Ledger, LedgerError, SweepPolicy, Swept};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::duties::Duties;
use crate::metrics::Metrics;

/// Claims taken away per statement.
const SWEEP_BATCH: u32 = 500;
/// How long the duty is held without renewal.
const LEASE: Duration = Duration::from_secs(15);

/// What a sweep takes away, unless told otherwise.
pub const DEFAULT_POLICY: SweepPolicy = SweepPolicy {
    stale_after: Duration::from_secs(15 * 60),
    delay: Duration::from_secs(1),
    max_attempts: 5,
};

/// The loop over lapsed leases.
#[derive(Clone)]
pub struct Sweeper {
    /// Where claims are.
    pub ledger: Arc<dyn Ledger>,
    /// Time between sweeps.
    pub every: Duration,
    /// What a sweep takes away and what becomes of it.
    pub policy: SweepPolicy,
    /// Wakes the dispatcher.
    pub nudge: Arc<Notify>,
    /// Is the sweep this replica's?
    pub duties: Arc<Duties>,
    /// What to count.
    pub metrics: Arc<Metrics>,
}

impl Sweeper {
    /// Works until told to stop; a failure is logged and left to the next time.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.every) => {}
            }
            if self.duties.hold("sweep", LEASE).await
                && let Err(error) = self.sweep(self.policy).await
            {
                tracing::warn!(%error, "sweep failed, trying again later");
            }
        }
    }

    /// Sweeps until nothing is left that the policy wants; returns how many claims were taken away.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn sweep(&self, policy: SweepPolicy) -> Result<usize, LedgerError> {
        let mut total = 0;
        loop {
            let swept = self.ledger.sweep(&policy, SWEEP_BATCH).await?;
            swept.iter().for_each(report);
            total += swept.len();
            if swept.len() < SWEEP_BATCH as usize {
                break;
            }
        }
        if total > 0 {
            self.metrics.swept.inc_by(total as u64);
            self.nudge.notify_one();
        }
        Ok(total)
    }
}

fn report(swept: &Swept) {
    tracing::info!(
        index.id = %swept.index,
        file.id = %swept.file_id,
        claim.id = %swept.claim_id,
        "took {} from {}, which did not renew its lease; it is {} now",
        swept.path, swept.owner, swept.state,
    );
}
