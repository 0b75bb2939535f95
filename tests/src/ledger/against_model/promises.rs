//! What must hold of every row, and of every step from one state of it to the next.

use shared::file_state::FileState;
use shared::ledger::FileRow;

use super::ops::Op;

/// Promises about two states of one row.
pub(super) fn check_step(op: &Op, before: &FileRow, after: &FileRow) {
    assert!(after.fence >= before.fence, "a fence went back");
    assert!(
        after.applied_seq >= before.applied_seq,
        "an older change replaced a newer one"
    );
    if after.live_claim != before.live_claim {
        assert!(
            matches!(op, Op::Commit { .. }),
            "search changed without a commit: {op:?}"
        );
    }
    if before.prev_claim.is_some() && after.prev_claim != before.prev_claim {
        assert!(
            matches!(op, Op::Release { .. }),
            "old points are forgotten: {op:?}"
        );
    }
    if after.fence > before.fence {
        assert!(
            before.claim_id.is_none() && after.fence == before.fence + 1,
            "taken from its holder"
        );
    }
}

/// Promises about one row.
pub(super) fn check_row(row: &FileRow) {
    let forgotten = matches!(
        row.state,
        FileState::Indexed | FileState::Skipped | FileState::Deleted
    );
    assert!(
        row.desired_seq == row.applied_seq || !forgotten,
        "an accepted change is forgotten: {row:?}"
    );
    assert_eq!(row.claim_id.is_some(), row.state.is_running(), "{row:?}");
    assert_eq!(row.lease_until.is_some(), row.state.is_running(), "{row:?}");
    assert!(
        row.live_claim.is_none() || row.prev_claim != row.live_claim,
        "live points wait for removal: {row:?}"
    );
}
