//! Removes points that no search may show any more.
//!
//! Dead claims that the ledger names go as soon as their file has settled: until then their vectors are the checkpoint
//! from which the next attempt takes what was already paid for. Claims that nobody knows (a restored backup, a write
//! that arrived after its claim was forgotten) go when they are old.

use shared::ids::ClaimId;

use super::{Upkeep, UpkeepError};

/// Claims removed per round.
const SCRUB_BATCH: u32 = 200;

impl Upkeep {
    /// Removes the points of dead claims that the ledger names; returns how many claims.
    ///
    /// # Errors
    /// When the ledger or the vector store fails; what was not removed stays named.
    pub async fn scrub_dead(&self) -> Result<usize, UpkeepError> {
        let mut total = 0;
        loop {
            let dead = self
                .ledger
                .dead_claims(&self.index, self.settings.orphan_age, SCRUB_BATCH)
                .await?;
            if dead.is_empty() {
                return Ok(total);
            }
            let claims: Vec<ClaimId> = dead.iter().map(|dead| dead.claim_id).collect();
            self.vectors.delete_claims(&claims).await?;
            self.ledger.forget_dead_claims(&self.index, &claims).await?;
            self.metrics.scrubbed.inc_by(claims.len() as u64);
            total += claims.len();
        }
    }

    /// Compares every claim in the vector store with the ledger and removes those that are neither live nor running and
    /// old; returns how many claims.
    ///
    /// # Errors
    /// When the ledger or the vector store fails.
    pub async fn scrub_orphans(&self) -> Result<usize, UpkeepError> {
        let age = i64::try_from(self.settings.orphan_age.as_millis()).unwrap_or(i64::MAX);
        let made_before = self.clock.now().saturating_sub(age);
        let stored = self.vectors.claims().await?;
        let mut total = 0;
        for claims in stored.chunks(SCRUB_BATCH as usize) {
            let in_use = self.ledger.claims_in_use(&self.index, claims).await?;
            let orphans: Vec<ClaimId> = claims
                .iter()
                .filter(|claim| !in_use.contains(claim))
                .filter(|claim| claim.made_at_millis().is_none_or(|made| made <= made_before))
                .copied()
                .collect();
            if !orphans.is_empty() {
                self.vectors.delete_claims(&orphans).await?;
                tracing::info!(index.id = %self.index, "removed the points of {} orphaned claims", orphans.len());
                total += orphans.len();
            }
        }
        self.metrics.scrubbed.inc_by(total as u64);
        Ok(total)
    }
}
