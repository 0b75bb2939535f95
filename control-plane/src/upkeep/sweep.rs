//! Takes claims away from workers that died or froze.

use shared::ledger::{SweepPolicy, Swept};

use super::{Upkeep, UpkeepError};

/// Claims taken away per statement.
const SWEEP_BATCH: u32 = 500;

impl Upkeep {
    /// Sweeps until nothing is left that the policy wants; returns how many claims were taken away.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn sweep(&self, policy: SweepPolicy) -> Result<usize, UpkeepError> {
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
        file.id = %swept.file_id,
        claim.id = %swept.claim_id,
        "took {} from {}, which did not renew its lease; it is {} now",
        swept.path, swept.owner, swept.state,
    );
}
