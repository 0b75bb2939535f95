//! What a ledger with a planted bug believes that the model does not.

use std::collections::{BTreeMap, BTreeSet};

use shared::file_state::FileState;
use shared::ids::{ClaimId, FileId};
use shared::ledger::{Claim, ClaimRequest, FileRow, Hold, Version};

#[derive(Default)]
pub(super) struct Planted {
    /// Versions that are shown although their commit was refused.
    pub(super) shown: BTreeMap<FileId, (ClaimId, Version)>,
    /// Files that count as done although something newer is wanted.
    pub(super) done: BTreeSet<FileId>,
    /// Claims that were swept.
    pub(super) swept: BTreeSet<ClaimId>,
}

impl Planted {
    /// The row as the bug makes it.
    pub(super) fn apply(&self, row: &mut FileRow) {
        if let Some((claim, version)) = self.shown.get(&row.file_id) {
            row.live_claim = Some(*claim);
            row.version = Some(version.clone());
        }
        if self.done.contains(&row.file_id) {
            row.state = match row.live_claim {
                Some(_) => FileState::Indexed,
                None => FileState::Deleted,
            };
        }
    }
}

/// A claim on a row that another one holds.
pub(super) fn second_claim(row: &FileRow, request: &ClaimRequest) -> Claim {
    Claim {
        hold: Hold {
            index: request.index.clone(),
            file_id: request.file_id,
            claim_id: request.claim_id,
            fence: row.fence,
        },
        path: row.path.clone(),
        seq: row.claimed_seq,
        attempts: row.attempts,
        failure_count: row.failure_count,
        dirty: row.state == FileState::Publishing,
        live_claim: row.live_claim,
        prev_claim: row.prev_claim,
        version: row.version.clone(),
        renamed_from: None,
        enqueued_at: row.enqueued_at,
        run: row.run,
        again: false,
        revision: 1,
        last_error: row.last_error.clone(),
        failed_etag: None,
    }
}
