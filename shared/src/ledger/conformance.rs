//! What every ledger must do, as tests that run against any of them.
//!
//! A backend whose time can be set passes a manual clock; one that uses the database's clock passes an `advance` that
//! sleeps. The times to advance are short for that reason, and leases that must not run out meanwhile are long.

mod absences;
mod approvals;
mod breakers;
mod catalog;
mod control;
mod failures;
mod index_settings;
mod instances;
mod keys;
mod life;
mod load;
mod logging;
mod renames;
mod runs;
mod upkeep;
mod usage;
mod wakes;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use super::{
    Change, Claim, ClaimOutcome, ClaimRequest, Commit, CommitChange, CommitOutcome, Committed, ControlLedger,
    Fail, FileRow, Hold, LedgerError, Version,
};
use crate::blob_path::BlobPath;
use crate::clock::ManualClock;
use crate::file_state::FileState;
use crate::ids::{ClaimId, FileId, IndexId};
use crate::retry::Failure;
use crate::work_message::Lane;

/// An empty ledger, and a way to let its time pass.
pub struct Fixture {
    /// The ledger; nothing is in it.
    pub ledger: Arc<dyn ControlLedger>,
    /// Lets at least this much of the ledger's time pass.
    pub advance: Box<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>,
}

impl Fixture {
    /// For a ledger that goes by `clock`.
    #[must_use]
    pub fn with_manual_clock(ledger: Arc<dyn ControlLedger>, clock: Arc<ManualClock>) -> Self {
        let advance = move |by| -> BoxFuture<'static, ()> {
            clock.advance(by);
            Box::pin(std::future::ready(()))
        };
        Self {
            ledger,
            advance: Box::new(advance),
        }
    }
}

type Checked = Result<(), LedgerError>;

/// Runs every check, each on a ledger of its own.
///
/// # Panics
/// When the ledger breaks a promise; the message names the check.
pub async fn run<M, F>(make: M)
where
    M: Fn() -> F,
    F: Future<Output = Fixture>,
{
    /// Calls each check with a new ledger and names it when it fails.
    macro_rules! check {
        ($($module:ident: $($name:ident),+;)+) => {$($(
            let desk = Desk::new(make().await).await;
            if let Err(error) = $module::$name(&desk).await {
                panic!("conformance check {} failed: {error}", stringify!($name));
            }
        )+)+};
    }
    check! {
        life: one_file_from_change_to_index, changes_while_running_are_done_afterwards, claims_are_refused,
            a_claim_can_be_repeated, a_claim_id_is_good_for_one_hold, a_commit_can_be_repeated,
            commits_change_what_is_live, missing_parts_are_shown_and_found, holds_must_match,
            unknown_indexes_are_refused;
        absences: files_that_rest_are_known, an_absence_is_told_once_until_the_blob_is_seen,
            an_absence_that_was_approved_is_not_asked_about_again;
        approvals: held_removals_wait_for_a_decision, one_of_two_decisions_counts, a_decision_has_a_ceiling,
            what_came_later_is_asked_again, nothing_is_asked_about_what_is_gone, a_timer_waits, nothing_held_is_withdrawn, the_webhook_is_told_each_state;
        wakes: a_burst_is_one_piece_of_work, debounce_delays_but_not_for_ever, due_is_fair_and_bounded,
            wake_ups_of_claimed_files_are_not_stamped;
        failures: failures_are_classed, something_newer_gets_fresh_attempts, a_failed_clean_up_is_finished_first,
            a_skipped_file_keeps_its_reason, leases_run_out, long_attempts_are_swept, failed_files_are_retried,
            failed_content_is_remembered, unchanged_failures_are_not_charged;
        renames: the_old_path_follows_the_new_one, a_failed_new_path_lets_the_old_one_go, renames_back_and_forth_end;
        upkeep: dead_claims_are_listed_once_they_are_useless, claims_in_use_are_known,
            files_are_paged_in_path_order, paths_are_compared_by_bytes, history_tells_the_whole_story, old_rows_are_pruned, stats_add_up;
        control: duties_have_one_owner, indexes_go_for_good, an_index_with_work_under_way_is_not_erased,
            operations_are_kept_until_done, a_page_is_recorded_once, the_backlog_is_counted_by_lane,
            lost_points_are_made_again, comparisons_are_kept, dead_letters_are_kept;
        runs: a_run_is_complete_when_each_of_its_files_is, outcomes_and_costs_add_up, one_carries_a_run_out_at_a_time,
            reported_changes_are_a_batch, a_cancelled_run_gives_back_what_only_it_wanted, a_change_outlives_a_cancelled_run,
            runs_are_listed_and_pruned, pending_files_can_be_woken, made_again_though_the_same;
        instances: a_terminated_attempt_is_fenced, what_is_committed_is_not_terminated, a_terminated_file_lets_others_go,
            suspended_files_wait, a_suspended_attempt_goes_on, suspended_rename_partners_wait,
            files_of_a_suspended_run_wait, another_run_takes_a_file_out, a_run_is_rewound,
            a_terminated_file_leaves_its_run, a_suspension_holds_what_the_run_waits_for,
            a_cancelled_run_holds_nothing_back, histories_are_paged, history_is_purged, runs_are_purged;
        usage: a_budget_is_not_overspent, usage_adds_up, files_that_wait_for_a_budget_are_woken;
        index_settings: one_of_two_changes_of_settings_wins, what_follows_a_change_is_kept_with_it,
            a_claim_names_the_settings_that_it_must_know;
        breakers: reports_replace_those_before, reports_of_the_dead_age;
        keys: keys_open_until_they_are_revoked, keys_expire_and_say_when_they_were_used,
            a_rotated_key_has_two_secrets_for_a_while, one_replica_makes_the_first_key, the_audit_log_is_paged_and_forgotten;
        catalog: a_generation_is_built_beside_the_live_one, a_build_takes_over_when_nothing_is_lost,
            what_stands_in_the_way_is_named, a_build_is_rolled_back, a_swap_is_undone, a_retired_generation_goes_in_time,
            the_whole_family_is_paused_and_goes, progress_is_kept, one_of_many_decides_on_a_family;
        logging: the_latest_filter_counts_until_it_is_reset, a_filter_ends_by_itself;
        load: one_of_two_claimers_wins, many_callers_at_once;
    }
}

/// One index of a new ledger, with the calls that checks make most.
struct Desk {
    ledger: Arc<dyn ControlLedger>,
    advance: Box<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>,
    index: IndexId,
}

const LEASE: Duration = Duration::from_secs(60);
const NONE: Duration = Duration::ZERO;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// # Panics
/// When the name is not legal; checks use literals.
fn index_id(name: &str) -> IndexId {
    IndexId::new(name).expect("a literal index name is legal")
}

/// # Panics
/// When the path is not legal; checks use literals.
fn path(path: &str) -> BlobPath {
    BlobPath::new(path).expect("a literal path is legal")
}

fn change(at: &str) -> Change {
    Change::new(path(at), "event", Lane::Fast)
}

fn version(etag: &str) -> Version {
    Version {
        etag: etag.to_owned(),
        content_hash: format!("hash of {etag}"),
        pipeline: "pipeline-1".to_owned(),
        size: 100,
        chunks: 5,
        missing: Vec::new(),
    }
}

fn replace(etag: &str) -> CommitChange {
    CommitChange::Replace(version(etag))
}

impl Desk {
    async fn new(fixture: Fixture) -> Self {
        let desk = Self {
            ledger: fixture.ledger,
            advance: fixture.advance,
            index: index_id("docs"),
        };
        let made = desk
            .ledger
            .ensure_index(&desk.index, &serde_json::json!({ "source": "folder" }))
            .await;
        made.expect("an index can be made");
        desk
    }

    async fn advance(&self, by: Duration) {
        (self.advance)(by).await;
    }

    fn id(&self, at: &str) -> FileId {
        FileId::of(&self.index, &path(at))
    }

    async fn enqueue(&self, changes: &[Change]) -> Result<Vec<FileState>, LedgerError> {
        Ok(self
            .ledger
            .enqueue(&self.index, changes)
            .await?
            .into_iter()
            .map(|enqueued| enqueued.state)
            .collect())
    }

    fn request(&self, at: &str) -> ClaimRequest {
        ClaimRequest {
            index: self.index.clone(),
            file_id: self.id(at),
            claim_id: ClaimId::generate(),
            owner: "worker-1".to_owned(),
            lease: LEASE,
        }
    }

    async fn try_claim(&self, at: &str) -> Result<Option<Claim>, LedgerError> {
        Ok(match self.ledger.claim(&self.request(at)).await? {
            ClaimOutcome::Claimed(claim) => Some(*claim),
            ClaimOutcome::NotClaimable => None,
        })
    }

    #[track_caller]
    fn claim(&self, at: &'static str) -> impl Future<Output = Result<Claim, LedgerError>> {
        let caller = std::panic::Location::caller();
        async move {
            let claim = self.try_claim(at).await?;
            Ok(claim.unwrap_or_else(|| panic!("{at} is not claimable, {caller}")))
        }
    }

    async fn try_commit(&self, hold: &Hold, change: CommitChange) -> Result<CommitOutcome, LedgerError> {
        let detail = serde_json::json!({ "embed_seconds": 0.5 });
        self.ledger
            .commit(&Commit {
                hold: hold.clone(),
                change,
                detail,
                debounce: NONE,
            })
            .await
    }

    #[track_caller]
    fn commit(
        &self,
        hold: &Hold,
        change: CommitChange,
    ) -> impl Future<Output = Result<Committed, LedgerError>> {
        let caller = std::panic::Location::caller();
        async move {
            match self.try_commit(hold, change).await? {
                CommitOutcome::Committed(committed) => Ok(committed),
                CommitOutcome::Lost => panic!("the commit is lost, {caller}"),
            }
        }
    }

    /// Takes a due file through a whole attempt.
    #[track_caller]
    fn apply(
        &self,
        at: &'static str,
        change: CommitChange,
    ) -> impl Future<Output = Result<ClaimId, LedgerError>> {
        let caller = std::panic::Location::caller();
        async move {
            let claim = self.try_claim(at).await?;
            let hold = claim
                .unwrap_or_else(|| panic!("{at} is not claimable, {caller}"))
                .hold;
            if self.commit(&hold, change).await?.released.is_none() {
                self.ledger.release(&hold, NONE).await?;
            }
            Ok(hold.claim_id)
        }
    }

    fn failing(&self, hold: &Hold, failure: Failure) -> Fail {
        Fail {
            hold: hold.clone(),
            failure,
            delay: NONE,
            max_attempts: 2,
            etag: Some("bad".to_owned()),
            standing: false,
        }
    }

    async fn row(&self, at: &str) -> Result<FileRow, LedgerError> {
        let row = self.ledger.file(&self.index, self.id(at)).await?;
        Ok(row.unwrap_or_else(|| panic!("{at} has no row")))
    }

    async fn state(&self, at: &str) -> Result<FileState, LedgerError> {
        Ok(self.row(at).await?.state)
    }

    async fn due(&self) -> Result<Vec<String>, LedgerError> {
        let due = self.ledger.due(1000, LEASE).await?;
        Ok(due.into_iter().map(|due| due.path.to_string()).collect())
    }
}
