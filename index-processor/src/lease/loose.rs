//! Claims that the ledger may hold for this worker although nobody here works on them.

use std::collections::{HashSet, VecDeque};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use shared::ids::ClaimId;
use shared::ledger::{ClaimOutcome, ClaimRequest, Fail, FailOutcome, LedgerError};
use shared::retry::Failure;

use super::Leases;

/// Loose claims that are remembered; older ones are left to the sweep of stale files.
const REMEMBERED: usize = 1000;

/// The oldest first.
pub(super) type Loose = VecDeque<ClaimRequest>;

impl Leases {
    /// Notes a claim that was asked for and is not worked on, and may all the same be, or come to be, in the ledger.
    pub fn loosen(&self, request: ClaimRequest) {
        let mut loose = self.loose();
        loose.push_back(request);
        if loose.len() > REMEMBERED {
            loose.pop_front();
        }
    }

    /// Gives back the loose claims among those that were just renewed.
    pub(super) async fn give_back(&self, renewed: &HashSet<ClaimId>) {
        let found: Vec<ClaimRequest> = {
            let loose = self.loose();
            let found = loose.iter().filter(|request| renewed.contains(&request.claim_id));
            found.cloned().collect()
        };
        for request in found {
            match tokio::time::timeout(self.settings.margin, self.give_back_one(&request)).await {
                Ok(Ok(())) => self.loose().retain(|loose| loose.claim_id != request.claim_id),
                Ok(Err(error)) => {
                    tracing::warn!(%error, index.id = %request.index, file.id = %request.file_id, claim.id = %request.claim_id, "a claim that nobody works on was not given back, trying again");
                }
                Err(_elapsed) => {
                    tracing::warn!(index.id = %request.index, file.id = %request.file_id, claim.id = %request.claim_id, "the ledger did not take a claim back in time, trying again");
                }
            }
        }
    }

    async fn give_back_one(&self, request: &ClaimRequest) -> Result<(), LedgerError> {
        // Asked under the same id, the ledger tells what is held, and takes nothing anew.
        let ClaimOutcome::Claimed(claim) = self.ledger.claim(request).await? else {
            return Ok(());
        };
        let fail = Fail {
            hold: claim.hold,
            failure: Failure::throttled("claim_unknown", "the worker did not learn that it held the file"),
            delay: Duration::ZERO,
            // A throttled failure is never final.
            max_attempts: u32::MAX,
            etag: None,
            standing: false,
        };
        if let FailOutcome::Given(state) = self.ledger.fail(&fail).await? {
            tracing::warn!(index.id = %request.index, file.id = %request.file_id, claim.id = %request.claim_id, "gave {} back, which nobody worked on; it is {state} now", claim.path);
        }
        Ok(())
    }

    fn loose(&self) -> MutexGuard<'_, Loose> {
        self.loose.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
