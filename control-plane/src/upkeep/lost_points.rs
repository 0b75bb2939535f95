//! Compares ledger and vector store in both directions: points that nothing refers to go, points that are gone are made
//! again.

use std::collections::HashSet;

use shared::ids::ClaimId;
use shared::ledger::{Change, Comparison, LiveFile};
use shared::work_message::Lane;

use super::{Upkeep, UpkeepError};

use crate::traced;

/// Files looked at per page.
const PAGE: u32 = 1000;

impl Upkeep {
    /// Removes orphaned points, has lost ones made again, and notes how many there were of both.
    ///
    /// # Errors
    /// When the ledger or the vector store fails.
    pub async fn compare_vectors(&self) -> Result<(), UpkeepError> {
        let without_points = self.restore_lost().await? as u64;
        let orphaned_claims = self.scrub_orphans().await? as u64;
        let comparison = Comparison {
            without_points,
            orphaned_claims,
            ..self.reconciler.latest().await?
        };
        self.ledger.note_comparison(&self.index, &comparison).await?;
        Ok(())
    }

    /// Finds files whose live claim has no point in the store, as after the loss of a disk or an old backup, and has
    /// them made again; returns how many.
    async fn restore_lost(&self) -> Result<usize, UpkeepError> {
        // The ledger first: a claim that is live now had its points stored before. If the store does not list it below,
        // they are lost, or a newer version has replaced them; the ledger tells which.
        let mut live: Vec<LiveFile> = Vec::new();
        loop {
            let after = live.last().map(|file| file.file_id);
            let page = self.ledger.live_files(&self.index, after, PAGE).await?;
            let full = page.len() == PAGE as usize;
            live.extend(page);
            if !full {
                break;
            }
        }
        if live.is_empty() {
            return Ok(0);
        }
        let stored: HashSet<ClaimId> = self.vectors.claims().await?.into_iter().collect();
        live.retain(|file| !stored.contains(&file.claim_id));
        let mut lost = 0;
        for page in live.chunks(PAGE as usize) {
            let claims: Vec<ClaimId> = page.iter().map(|file| file.claim_id).collect();
            let still_live = self.ledger.claims_in_use(&self.index, &claims).await?;
            let gone: Vec<&LiveFile> = page
                .iter()
                .filter(|file| still_live.contains(&file.claim_id))
                .collect();
            if gone.is_empty() {
                continue;
            }
            let claims: Vec<ClaimId> = gone.iter().map(|file| file.claim_id).collect();
            let change = |file: &&LiveFile| Change::reported(file.path.clone(), "lost_points", Lane::Bulk);
            let changes: Vec<Change> = gone.iter().map(change).collect();
            // In this order: a crash in between leaves them to the next comparison.
            self.ledger.spoil(&self.index, &claims).await?;
            traced::enqueue(&*self.ledger, &self.index, &changes).await?;
            self.nudge.notify_one();
            lost += gone.len();
        }
        if lost > 0 {
            tracing::warn!(
                index.id = %self.index,
                "the points of {lost} files are missing from the vector store, they are made again"
            );
        }
        Ok(lost)
    }
}
