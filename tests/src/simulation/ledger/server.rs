//! The model ledger with the checker beside it, and with the planted bugs that a ledger can have.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::blob_path::BlobPath;
use shared::clock::Clock;
use shared::file_state::FileState;
use shared::ids::{ClaimId, FileId, IndexId};
use shared::ledger::model::ModelLedger;
use shared::ledger::{
    ApprovalFilter, ApprovalState, Approvals, Change, ClaimOutcome, ClaimRequest, Commit, CommitChange,
    CommitOutcome, Committed, DueFile, Enqueued, Fail, FailOutcome, FileFilter, FileRow, Hold,
    InstancesLedger, Ledger, LedgerError, ReleaseOutcome, Resolution, RunLedger, RunPage, RunWork,
    SweepPolicy, Swept, TERMINATED, Terminate,
};
use shared::retry::Failure;
use shared::work_message::WorkMessage;

use super::planted::{Planted, second_claim};
use crate::simulation::bug::Bug;
use crate::simulation::history::{History, Statement};
use crate::simulation::world::{SimClock, World};

type Answer<T> = Result<T, LedgerError>;

pub(in super::super) struct LedgerServer {
    pub(in super::super) model: ModelLedger,
    index: IndexId,
    clock: SimClock,
    world: Arc<World>,
    history: Arc<History>,
    planted: Mutex<Planted>,
}

impl LedgerServer {
    pub(in super::super) fn new(world: Arc<World>, history: Arc<History>, index: IndexId) -> Arc<Self> {
        let clock = world.clock(0);
        Arc::new(Self {
            model: ModelLedger::new(Arc::new(clock)),
            index,
            clock,
            world,
            history,
            planted: Mutex::default(),
        })
    }

    fn planted(&self) -> MutexGuard<'_, Planted> {
        self.planted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn row(&self, file: FileId) -> Answer<Option<FileRow>> {
        let mut row = self.model.file(&self.index, file).await?;
        if let Some(row) = &mut row {
            self.planted().apply(row);
        }
        Ok(row)
    }

    /// Every row, tombstones too.
    async fn rows(&self) -> Answer<Vec<FileRow>> {
        let filter = FileFilter {
            states: FileState::ALL.to_vec(),
            ..FileFilter::default()
        };
        let mut rows = self.model.files(&self.index, &filter, u32::MAX).await?;
        let planted = self.planted();
        rows.iter_mut().for_each(|row| planted.apply(row));
        Ok(rows)
    }

    async fn observe(&self, file: FileId, before: Option<&FileRow>, statement: Statement<'_>) -> Answer<()> {
        let after = self.row(file).await?;
        self.history
            .observe(self.clock.now(), before, after.as_ref(), &statement);
        Ok(())
    }

    /// Compares all rows with what they were.
    async fn observe_all(&self, before: &[FileRow], statement: Statement<'_>) -> Answer<()> {
        for before in before {
            let after = self.row(before.file_id).await?;
            if after.as_ref() != Some(before) {
                self.history
                    .observe(self.clock.now(), Some(before), after.as_ref(), &statement);
            }
        }
        Ok(())
    }

    pub(super) async fn enqueue(&self, who: &str, changes: &[Change]) -> Answer<Vec<Enqueued>> {
        self.history.reported(changes);
        let mut answers = Vec::new();
        for change in changes {
            answers.push(self.enqueue_one(who, change).await?);
        }
        Ok(answers)
    }

    async fn enqueue_one(&self, who: &str, change: &Change) -> Answer<Enqueued> {
        let file = FileId::of(&self.index, &change.path);
        let before = self.row(file).await?;
        if let Some(row) = &before
            && self.world.has(Bug::EnqueueLostWhileRunning)
            && row.state.is_running()
        {
            return Ok(Enqueued {
                file_id: file,
                seq: row.desired_seq + 1,
                state: row.state,
            });
        }
        let old = change
            .renamed_from
            .as_ref()
            .map(|old| FileId::of(&self.index, old));
        let old = old.filter(|old| *old != file);
        let old_before = match old {
            Some(old) => self.row(old).await?,
            None => None,
        };
        let mut answer = Vec::new();
        if let Some(from) = change.renamed_from.as_ref()
            && self.world.has(Bug::RenameRemovesFirst)
        {
            let removal = Change::new(from.clone(), change.reason, change.lane);
            self.model.enqueue(&self.index, &[removal]).await?;
            let plain = Change {
                renamed_from: None,
                ..change.clone()
            };
            answer.extend(self.model.enqueue(&self.index, &[plain]).await?);
        } else {
            answer.extend(
                self.model
                    .enqueue(&self.index, std::slice::from_ref(change))
                    .await?,
            );
        }
        self.planted().done.remove(&file);
        self.observe(file, before.as_ref(), Statement::Enqueue).await?;
        if let Some(old) = old {
            self.planted().done.remove(&old);
            self.observe(old, old_before.as_ref(), Statement::Enqueue).await?;
        }
        let Some(answer) = answer.into_iter().next() else {
            return Err(LedgerError::Corrupt("no answer".to_owned()));
        };
        let moved = if old.is_some() { " by a rename" } else { "" };
        self.world.note(
            who,
            format_args!(
                "enqueues {}{moved} as {}: {}",
                change.path, answer.seq, answer.state
            ),
        );
        Ok(answer)
    }

    /// A page of a run. Nobody here tries files again by a run.
    pub(super) async fn advance_run(
        &self,
        work: &RunWork,
        page: &RunPage,
        lease: Duration,
    ) -> Answer<Option<RunWork>> {
        let mut before = BTreeMap::new();
        for change in &page.changes {
            for path in std::iter::once(&change.path).chain(&change.renamed_from) {
                let file = FileId::of(&self.index, path);
                before.insert(file, self.row(file).await?);
            }
        }
        let after = self.model.advance_run(work, page, lease).await?;
        if after.is_some() {
            self.history.reported(&page.changes);
            for (file, before) in before {
                self.planted().done.remove(&file);
                self.observe(file, before.as_ref(), Statement::Enqueue).await?;
            }
        }
        Ok(after)
    }

    pub(super) async fn due(&self, window: u32, rewake_after: Duration) -> Answer<Vec<DueFile>> {
        let mut due = self.model.due(window, rewake_after).await?;
        let planted = self.planted();
        due.retain(|file| !planted.done.contains(&file.file_id));
        Ok(due)
    }

    pub(super) async fn mark_woken(&self, woken: &[WorkMessage]) -> Answer<()> {
        self.history.stamped(woken);
        self.model.mark_woken(woken).await
    }

    pub(super) async fn claim(&self, who: &Arc<str>, request: &ClaimRequest) -> Answer<ClaimOutcome> {
        let before = self.row(request.file_id).await?;
        self.history.asked(who, request.file_id);
        let mut outcome = if self.planted().done.contains(&request.file_id) {
            ClaimOutcome::NotClaimable
        } else {
            self.model.claim(request).await?
        };
        if let (ClaimOutcome::NotClaimable, Some(row)) = (&outcome, &before)
            && row.state == FileState::Processing
            && row.claim_id != Some(request.claim_id)
        {
            if self.world.has(Bug::ClaimGrantedTwice) {
                outcome = ClaimOutcome::Claimed(Box::new(second_claim(row, request)));
            } else if self.world.has(Bug::ClaimTakesOver) {
                self.model.fail(&taken(row, &self.index)).await?;
                outcome = self.model.claim(request).await?;
            }
        }
        self.observe(
            request.file_id,
            before.as_ref(),
            Statement::Claim(request, &outcome),
        )
        .await?;
        if let ClaimOutcome::Claimed(claim) = &outcome {
            let label = self.history.label(request.claim_id);
            let Hold { fence, .. } = claim.hold;
            self.world.note(
                who,
                format_args!("claims {} as {label}, fence {fence}", claim.path),
            );
        }
        Ok(outcome)
    }

    pub(super) async fn commit(&self, who: &str, commit: &Commit) -> Answer<CommitOutcome> {
        let (file, claim) = (commit.hold.file_id, commit.hold.claim_id);
        let before = self.row(file).await?;
        let mut outcome = self.model.commit(commit).await?;
        let held_by_another = before.as_ref().is_some_and(|row| row.claim_id.is_some());
        let ignored = if held_by_another {
            self.world.has(Bug::CommitIgnoresFence)
        } else {
            self.world.has(Bug::SweepLeavesClaim) && self.planted().swept.contains(&claim)
        };
        if let CommitOutcome::Committed(committed) = &mut outcome {
            self.planted().shown.remove(&file);
            committed.released = self.forgets_newer(file, committed.released).await?;
        } else if let (CommitChange::Replace(version), true) = (&commit.change, ignored) {
            self.planted().shown.insert(file, (claim, version.clone()));
            outcome = CommitOutcome::Committed(Committed {
                prev_claim: None,
                released: Some(FileState::Indexed),
            });
        }
        self.observe(file, before.as_ref(), Statement::Commit(commit, &outcome))
            .await?;
        let what = match &commit.change {
            CommitChange::Replace(version) => format!("version {}", version.etag),
            CommitChange::Keep(version) => format!("unchanged {}", version.etag),
            CommitChange::Remove => "nothing".to_owned(),
            CommitChange::Skip(..) => "skipped".to_owned(),
        };
        let ended = match &outcome {
            CommitOutcome::Lost => "lost",
            CommitOutcome::Committed(Committed { released: None, .. }) => "done",
            CommitOutcome::Committed(_) => "done and released",
        };
        self.tell(
            who,
            &commit.hold,
            before.as_ref(),
            format_args!("commits {what}: {ended}"),
        );
        Ok(outcome)
    }

    pub(super) async fn release(&self, who: &str, hold: &Hold, debounce: Duration) -> Answer<ReleaseOutcome> {
        let before = self.row(hold.file_id).await?;
        let mut outcome = self.model.release(hold, debounce).await?;
        if let ReleaseOutcome::Released(state) = &mut outcome {
            *state = self
                .forgets_newer(hold.file_id, Some(*state))
                .await?
                .unwrap_or(*state);
        }
        self.observe(hold.file_id, before.as_ref(), Statement::Release(hold))
            .await?;
        self.tell(who, hold, before.as_ref(), format_args!("releases: {outcome:?}"));
        Ok(outcome)
    }

    pub(super) async fn fail(&self, who: &str, fail: &Fail) -> Answer<FailOutcome> {
        let before = self.row(fail.hold.file_id).await?;
        let outcome = self.model.fail(fail).await?;
        self.observe(fail.hold.file_id, before.as_ref(), Statement::Fail(fail))
            .await?;
        let code = &fail.failure.code;
        self.tell(
            who,
            &fail.hold,
            before.as_ref(),
            format_args!("fails with {code}: {outcome:?}"),
        );
        Ok(outcome)
    }

    pub(super) async fn sweep(&self, who: &str, policy: &SweepPolicy, limit: u32) -> Answer<Vec<Swept>> {
        let before = self.rows().await?;
        let mut used = *policy;
        if self.world.has(Bug::SweepIgnoresLease) {
            used.stale_after = Duration::ZERO;
        }
        let swept = self.model.sweep(&used, limit).await?;
        self.planted()
            .swept
            .extend(swept.iter().map(|swept| swept.claim_id));
        self.observe_all(&before, Statement::Sweep).await?;
        self.history
            .look_for_strays(self.clock.now(), &self.rows().await?);
        for swept in &swept {
            let (path, label, state) = (&swept.path, self.history.label(swept.claim_id), swept.state);
            self.world
                .note(who, format_args!("sweeps {path} of {label}: {state}"));
        }
        Ok(swept)
    }

    pub(super) async fn retry_failed(&self, path: Option<&BlobPath>) -> Answer<u64> {
        let before = self.rows().await?;
        let retried = self.model.retry_failed(&self.index, path, None).await?;
        self.observe_all(&before, Statement::Retry).await?;
        Ok(retried)
    }

    pub(in super::super) async fn decide(&self, approve: bool) -> Answer<u64> {
        let before = self.rows().await?;
        self.model.open_approvals().await?;
        let filter = ApprovalFilter {
            state: Some(ApprovalState::Waiting),
            ..ApprovalFilter::default()
        };
        let mut decided = 0;
        for waiting in self.model.approvals(&filter, 1).await? {
            let resolution = Resolution {
                remove: approve,
                ceiling: None,
                by: "operator".to_owned(),
                note: None,
                after: Duration::ZERO,
            };
            self.model
                .resolve_approval(&self.index, waiting.number, &resolution)
                .await?;
            while let Some(done) = self.model.carry_out(&self.index, waiting.number, 100).await? {
                decided = done.passed;
            }
        }
        self.observe_all(&before, Statement::Decide).await?;
        if decided > 0 {
            self.world.note(
                "operator",
                format_args!("decides on {decided} removals: {approve}"),
            );
        }
        Ok(decided)
    }

    /// Somebody ends what goes on with a file.
    pub(in super::super) async fn terminate(&self, path: &BlobPath) -> Answer<()> {
        let before = self.rows().await?;
        let terminate = Terminate {
            index: self.index.clone(),
            file_id: FileId::of(&self.index, path),
            failure: Failure::permanent(TERMINATED, "somebody ended it"),
            etag: None,
        };
        if self.model.terminate(&terminate).await? {
            self.world.note("operator", format_args!("terminates {path}"));
        }
        self.observe_all(&before, Statement::Terminate).await
    }

    /// Somebody keeps a file from being worked on.
    pub(in super::super) async fn suspend(&self, path: &BlobPath) -> Answer<()> {
        let before = self.rows().await?;
        let file = FileId::of(&self.index, path);
        if self.model.suspend_file(&self.index, file, "").await?.is_some() {
            self.world.note("operator", format_args!("suspends {path}"));
        }
        self.observe_all(&before, Statement::Suspend).await
    }

    /// Somebody lets a file go on.
    pub(in super::super) async fn resume(&self, path: &BlobPath) -> Answer<()> {
        let before = self.rows().await?;
        let file = FileId::of(&self.index, path);
        if self.model.resume_file(&self.index, file, "").await?.is_some() {
            self.world.note("operator", format_args!("resumes {path}"));
        }
        self.observe_all(&before, Statement::Resume).await
    }

    /// Whatever is suspended is resumed, and what was terminated is tried again.
    pub(in super::super) async fn let_all_go_on(&self) -> Answer<()> {
        for row in self.rows().await? {
            if row.suspended.is_some() {
                self.resume(&row.path).await?;
            }
            if row.last_error.is_some_and(|error| error.code == TERMINATED) {
                self.retry_failed(Some(&row.path)).await?;
            }
        }
        Ok(())
    }

    /// Files that somebody decided to keep although the source does not have them.
    pub(in super::super) async fn kept(&self) -> Answer<Vec<BlobPath>> {
        let rows = self.rows().await?.into_iter();
        Ok(rows.filter(|row| row.kept).map(|row| row.path).collect())
    }

    pub(super) async fn prune(&self, keep: u32, older_than: Duration) -> Answer<u64> {
        let before = self.rows().await?;
        let gone = self.model.prune(&self.index, keep, older_than).await?;
        self.observe_all(&before, Statement::Prune).await?;
        Ok(gone)
    }

    pub(in super::super) async fn live_claims(&self, files: &[FileId]) -> Answer<HashMap<FileId, ClaimId>> {
        let mut live = self.model.live_claims(&self.index, files).await?;
        for (file, (claim, _)) in &self.planted().shown {
            if files.contains(file) {
                live.insert(*file, *claim);
            }
        }
        Ok(live)
    }

    /// With the bug planted, a file that something newer is wanted of counts as done.
    async fn forgets_newer(&self, file: FileId, released: Option<FileState>) -> Answer<Option<FileState>> {
        if released == Some(FileState::Pending) && self.world.has(Bug::ReleaseForgetsNewer) {
            self.planted().done.insert(file);
            return Ok(self.row(file).await?.map(|row| row.state));
        }
        Ok(released)
    }

    fn tell(&self, who: &str, hold: &Hold, row: Option<&FileRow>, what: std::fmt::Arguments<'_>) {
        let label = self.history.label(hold.claim_id);
        let path = row.map_or("?", |row| row.path.as_str());
        self.world.note(who, format_args!("{path} {label} {what}"));
    }
}

/// The end of the claim that holds a row, as the bug brings it about.
fn taken(row: &FileRow, index: &IndexId) -> Fail {
    Fail {
        hold: Hold {
            index: index.clone(),
            file_id: row.file_id,
            claim_id: row.claim_id.unwrap_or(ClaimId::made_at(0)),
            fence: row.fence,
        },
        failure: Failure::throttled("taken", "taken over"),
        delay: Duration::ZERO,
        max_attempts: 5,
        etag: None,
        standing: false,
    }
}
