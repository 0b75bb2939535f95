//! Planted bugs must be noticed: a check that cannot fail proves nothing.

use anyhow::{bail, ensure};
use tests::simulation::{Bug, run};

/// Fleets that a planted bug may survive. The rarest needs some hundreds: it takes a claim that is swept while its worker still commits.
const MOST: u64 = 3000;

/// The bug breaks a promise in a fleet that keeps it without the bug.
#[expect(clippy::print_stdout, reason = "says how many fleets it takes")]
fn is_noticed(bug: Bug) -> anyhow::Result<()> {
    for seed in 0..MOST {
        if let Some(violation) = run(seed, Some(bug))?.violation {
            println!("{bug:?} is noticed in fleet {}: {violation}", seed + 1);
            let without = run(seed, None)?.violation;
            ensure!(without.is_none(), "this is no merit of the bug: {without:?}");
            return Ok(());
        }
    }
    bail!("{bug:?} was not noticed in {MOST} fleets")
}

macro_rules! planted {
    ($($name:ident $bug:ident)*) => {
        $(
            #[test]
            fn $name() -> anyhow::Result<()> {
                is_noticed(Bug::$bug)
            }
        )*

        /// Those with a test.
        const TESTED: &[Bug] = &[$(Bug::$bug),*];
    };
}

planted! {
    commit_ignores_fence CommitIgnoresFence
    sweep_leaves_claim SweepLeavesClaim
    sweep_ignores_lease SweepIgnoresLease
    claim_takes_over ClaimTakesOver
    claim_granted_twice ClaimGrantedTwice
    release_forgets_newer ReleaseForgetsNewer
    enqueue_lost_while_running EnqueueLostWhileRunning
    rename_removes_first RenameRemovesFirst
    lost_commit_is_undone LostCommitIsUndone
    deletes_all_but_mine DeletesAllButMine
    point_ids_reused PointIdsReused
    upsert_not_awaited UpsertNotAwaited
    search_shows_uncommitted SearchShowsUncommitted
    scrub_ignores_running ScrubIgnoresRunning
    stamped_unconfirmed StampedUnconfirmed
    acked_before_claim AckedBeforeClaim
    read_ignores_tag ReadIgnoresTag
    embeds_again EmbedsAgain
}

#[test]
fn no_bug_is_left_out() {
    assert_eq!(TESTED, Bug::ALL);
}
