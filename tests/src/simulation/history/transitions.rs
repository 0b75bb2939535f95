//! What a statement may do to a row. Pure.

use shared::clock::UnixMillis;
use shared::file_state::FileState;
use shared::ledger::{ClaimOutcome, FileRow, Hold};

use super::Statement;

/// The number of the promise, and how it was broken.
type Broken = (u8, String);

fn broken(promise: u8, what: impl Into<String>) -> Result<(), Broken> {
    Err((promise, what.into()))
}

/// Checks one statement's effect on one row.
pub(super) fn check(
    now: UnixMillis,
    before: Option<&FileRow>,
    after: Option<&FileRow>,
    statement: &Statement<'_>,
) -> Result<(), Broken> {
    let Some(after) = after else {
        return match (before, statement) {
            (Some(before), Statement::Prune) if before.state == FileState::Deleted => Ok(()),
            (None, _) => Ok(()),
            _ => broken(3, "its row vanished"),
        };
    };
    stands_alone(after)?;
    let Some(before) = before else {
        return match statement {
            Statement::Enqueue => Ok(()),
            _ => broken(3, "a row appeared out of nothing"),
        };
    };
    growing(before, after, statement)?;
    holding(now, before, after, statement)?;
    showing(before, after, statement)
}

/// What every row must be by itself.
fn stands_alone(row: &FileRow) -> Result<(), Broken> {
    let state = row.state;
    let settled = matches!(
        state,
        FileState::Indexed | FileState::Skipped | FileState::Deleted
    );
    if settled && row.desired_seq > row.applied_seq {
        let (wanted, applied) = (row.desired_seq, row.applied_seq);
        return broken(
            3,
            format!("it is {state} with change {wanted} wanted and {applied} applied"),
        );
    }
    if state == FileState::Failed && row.last_error.is_none() {
        return broken(3, "it is FAILED without a reason");
    }
    if state.is_running() != row.claim_id.is_some() {
        return broken(
            1,
            format!("it is {state} with the claim {}", row.claim_id.is_some()),
        );
    }
    if state == FileState::Indexed && row.live_claim.is_none() {
        return broken(2, "it is INDEXED with nothing to show");
    }
    if matches!(state, FileState::Skipped | FileState::Deleted) && row.live_claim.is_some() {
        return broken(2, format!("it is {state} and shown"));
    }
    if row.applied_seq > row.desired_seq || row.claimed_seq > row.desired_seq {
        return broken(1, "more was done than was wanted");
    }
    Ok(())
}

/// What never goes backwards.
fn growing(before: &FileRow, after: &FileRow, statement: &Statement<'_>) -> Result<(), Broken> {
    if after.fence < before.fence {
        return broken(1, "its fence went backwards");
    }
    if after.applied_seq < before.applied_seq {
        return broken(1, "an older change replaced a newer one");
    }
    if after.desired_seq < before.desired_seq {
        return broken(3, "a change was forgotten");
    }
    match statement {
        Statement::Enqueue if after.desired_seq == before.desired_seq => {
            broken(3, "a change was not recorded")
        }
        Statement::Enqueue => Ok(()),
        _ if after.desired_seq != before.desired_seq => broken(1, "a change appeared out of nothing"),
        _ => Ok(()),
    }
}

/// Who holds the file.
fn holding(
    now: UnixMillis,
    before: &FileRow,
    after: &FileRow,
    statement: &Statement<'_>,
) -> Result<(), Broken> {
    if let Statement::Claim(request, ClaimOutcome::Claimed(claim)) = statement {
        let hold = &claim.hold;
        if hold.claim_id != request.claim_id || !holds(hold, after) {
            return broken(1, "a claim was granted to one who does not hold the file");
        }
    }
    match (before.claim_id, after.claim_id) {
        (before, after) if before == after => Ok(()),
        (None, None) => Ok(()),
        (Some(_), Some(_)) => broken(1, "it was claimed while another attempt held it"),
        (None, Some(_)) if before.suspended.is_some() => broken(1, "it was claimed although it is suspended"),
        (None, Some(claim)) => match statement {
            Statement::Claim(request, _) if request.claim_id == claim && after.fence == before.fence + 1 => {
                Ok(())
            }
            _ => broken(1, "it was claimed without a claim"),
        },
        (Some(_), None) => match statement {
            Statement::Commit(commit, _) if holds(&commit.hold, before) => Ok(()),
            Statement::Release(hold) if holds(hold, before) => Ok(()),
            Statement::Fail(fail) if holds(&fail.hold, before) => Ok(()),
            Statement::Terminate if before.state == FileState::Processing => Ok(()),
            Statement::Sweep if before.lease_until.is_none_or(|until| until < now) => Ok(()),
            Statement::Sweep => broken(1, "it was taken from a worker whose lease has not run out"),
            _ => broken(1, "its claim ended without anybody ending it"),
        },
    }
}

/// What search shows.
fn showing(before: &FileRow, after: &FileRow, statement: &Statement<'_>) -> Result<(), Broken> {
    match statement {
        Statement::Commit(commit, _) => {
            let rightful = holds(&commit.hold, before) && before.state == FileState::Processing;
            if !rightful && after != before {
                return broken(1, "a commit of one who does not hold the file took effect");
            }
            let own = after.live_claim == Some(commit.hold.claim_id);
            if after.live_claim != before.live_claim && after.live_claim.is_some() && !own {
                return broken(1, "a commit showed the points of another claim");
            }
            if rightful && after.applied_seq != before.claimed_seq && after != before {
                return broken(1, "a commit applied another change than was claimed");
            }
            Ok(())
        }
        Statement::Decide if after.live_claim == before.live_claim => Ok(()),
        _ if after.live_claim != before.live_claim => broken(1, "what is shown changed without a commit"),
        _ if after.applied_seq != before.applied_seq => broken(1, "a change was applied without a commit"),
        Statement::Release(hold) if !holds(hold, before) && after != before => {
            broken(1, "a release of one who does not hold the file took effect")
        }
        Statement::Fail(fail) if !holds(&fail.hold, before) && after != before => {
            broken(1, "a failure of one who does not hold the file took effect")
        }
        _ => Ok(()),
    }
}

fn holds(hold: &Hold, row: &FileRow) -> bool {
    row.claim_id == Some(hold.claim_id) && row.fence == hold.fence
}
