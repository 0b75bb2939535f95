//! What workers do with files, and the sweep that takes over from dead ones.

use std::time::Duration;

use super::Tables;
use super::row::Row;
use crate::clock::UnixMillis;
use crate::file_state::{FileState, Step, transition};
use crate::ids::{ClaimId, RunId};
use crate::ledger::detail::AttemptCost;
use crate::ledger::{
    ClaimOutcome, ClaimRequest, Commit, CommitChange, CommitOutcome, Committed, Fail, Hold, IndexState,
    RunOutcome, SweepPolicy, Swept, detail, millis,
};
use crate::retry::{Failure, FailureClass};

/// The row that `hold` holds.
fn held<'a>(tables: &'a mut Tables, hold: &Hold) -> Option<&'a mut Row> {
    let row = tables.files.get_mut(&(hold.index.clone(), hold.file_id))?;
    (row.claim == Some(hold.claim_id) && row.fence == hold.fence).then_some(row)
}

/// How a claim is given up.
struct GiveUp<'a> {
    event: &'static str,
    failure: &'a Failure,
    delay: Duration,
    max_attempts: u32,
    etag: Option<&'a String>,
    standing: bool,
    words: serde_json::Value,
}

impl Tables {
    pub(super) fn claim(&mut self, now: UnixMillis, request: &ClaimRequest) -> ClaimOutcome {
        let index = self.indexes.get(&request.index);
        let active = index.is_some_and(|index| index.state == IndexState::Active);
        let revision = index.map_or(0, |index| index.revision);
        let held_back: Vec<RunId> = self.books.suspended().collect();
        let Some(row) = self.files.get_mut(&(request.index.clone(), request.file_id)) else {
            return ClaimOutcome::NotClaimable;
        };
        if row.claim == Some(request.claim_id) {
            return ClaimOutcome::Claimed(Box::new(row.claimed(&request.index, request.file_id, revision)));
        }
        let suspended = row.suspended.is_some() || row.open_run().is_some_and(|run| held_back.contains(&run));
        let due = row.not_before <= now && row.waits_for.is_none() && !suspended;
        let wanted = row.unapplied() || row.dirty;
        let used_before = row.last_claim == Some(request.claim_id)
            || row
                .history
                .iter()
                .any(|entry| entry.claim_id == Some(request.claim_id));
        let Ok(state) = transition(row.state, Step::Claim { dirty: row.dirty }) else {
            return ClaimOutcome::NotClaimable;
        };
        if !(active && due && wanted) || used_before {
            return ClaimOutcome::NotClaimable;
        }
        row.state = state;
        row.claim = Some(request.claim_id);
        row.owner = Some(request.owner.clone());
        row.fence += 1;
        row.claimed = row.desired;
        row.attempts += 1;
        row.lease_until = Some(now + millis(request.lease));
        row.started_at = Some(now);
        row.newer_at = None;
        let words = detail::claimed(&request.owner, row.attempts);
        row.record(now, "claimed", row.claimed, Some(request.claim_id), words);
        ClaimOutcome::Claimed(Box::new(row.claimed(&request.index, request.file_id, revision)))
    }

    pub(super) fn renew(&mut self, now: UnixMillis, owner: &str, lease: Duration) -> Vec<ClaimId> {
        let mine = self
            .files
            .values_mut()
            .filter(|row| row.owner.as_deref() == Some(owner));
        let mut renewed = Vec::new();
        for row in mine.filter(|row| row.lease_until.is_some_and(|until| until >= now)) {
            row.lease_until = Some(now + millis(lease));
            renewed.extend(row.claim);
        }
        renewed.sort_unstable();
        renewed
    }

    pub(super) fn commit(&mut self, now: UnixMillis, commit: &Commit) -> CommitOutcome {
        let hold = &commit.hold;
        let Some(row) = self.files.get_mut(&(hold.index.clone(), hold.file_id)) else {
            return CommitOutcome::Lost;
        };
        if row.committed_claim == Some(hold.claim_id) && row.fence == hold.fence {
            let prev_claim = row.prev;
            return match row.claim {
                Some(_) => CommitOutcome::Committed(Committed {
                    prev_claim,
                    released: None,
                }),
                None if row.dirty => CommitOutcome::Lost,
                None => CommitOutcome::Committed(Committed {
                    prev_claim,
                    released: Some(row.state),
                }),
            };
        }
        let Some(row) = held(self, hold) else {
            return CommitOutcome::Lost;
        };
        let Ok(state) = transition(row.state, Step::Commit) else {
            return CommitOutcome::Lost;
        };
        if matches!(commit.change, CommitChange::Keep(_)) && row.live.is_none() {
            return CommitOutcome::Lost;
        }
        row.state = state;
        row.applied = row.claimed;
        row.dirty = true;
        row.committed_claim = row.claim;
        row.outcome = Some(commit.change.outcome());
        row.attempts = 0;
        row.skip_error = None;
        match &commit.change {
            CommitChange::Keep(_) => {}
            CommitChange::Replace(_) => row.prev = row.live.replace(hold.claim_id),
            CommitChange::Remove => row.prev = row.live.take(),
            CommitChange::Skip(_, failure) => {
                row.prev = row.live.take();
                row.skip_error = Some(failure.clone());
            }
        }
        row.version = match &commit.change {
            CommitChange::Replace(version) | CommitChange::Keep(version) | CommitChange::Skip(version, _) => {
                Some(version.clone())
            }
            CommitChange::Remove => None,
        };
        row.last_error = row.skip_error.clone();
        row.seen_etag = row.version.as_ref().map(|version| version.etag.clone());
        row.enqueued_at = row.newer_at.take().unwrap_or(row.enqueued_at);
        if row.desired == row.claimed {
            row.renamed_from = None;
        }
        row.back_to = None;
        row.record(
            now,
            "committed",
            row.applied,
            Some(hold.claim_id),
            commit.detail.clone(),
        );
        let prev_claim = row.prev;
        let usage = AttemptCost::of(&commit.detail);
        let released = if prev_claim.is_none() {
            let kept = matches!(commit.change, CommitChange::Keep(_));
            self.release_with(now, hold, commit.debounce, kept, usage)
        } else {
            let run = row.run.filter(|_| row.run_open);
            if let Some(run) = run {
                self.books.spent(now, run, usage);
            }
            None
        };
        CommitOutcome::Committed(Committed { prev_claim, released })
    }

    pub(super) fn release(&mut self, now: UnixMillis, hold: &Hold, debounce: Duration) -> Option<FileState> {
        self.release_with(now, hold, debounce, false, AttemptCost::default())
    }

    fn release_with(
        &mut self,
        now: UnixMillis,
        hold: &Hold,
        debounce: Duration,
        kept: bool,
        usage: AttemptCost,
    ) -> Option<FileState> {
        let row = held(self, hold)?;
        let (outcome, newer_wanted) = (row.outcome?, row.unapplied());
        row.state = transition(
            row.state,
            Step::Release {
                outcome,
                newer_wanted,
            },
        )
        .ok()?;
        if newer_wanted {
            row.not_before = now + millis(debounce);
        }
        row.woken_at = 0;
        row.attempts = 0;
        row.last_error = row.skip_error.clone();
        row.dirty = false;
        row.prev = None;
        row.let_claim_go();
        row.record(
            now,
            "released",
            row.applied,
            Some(hold.claim_id),
            detail::nothing(),
        );
        let (state, run) = (row.state, row.run.filter(|_| row.run_open));
        let outcome = match state {
            FileState::Indexed if kept => Some(RunOutcome::Unchanged),
            FileState::Indexed => Some(RunOutcome::Indexed),
            FileState::Skipped => Some(RunOutcome::Skipped),
            FileState::Deleted => Some(RunOutcome::Deleted),
            _ => None,
        };
        row.run_open &= outcome.is_none();
        match (run, outcome) {
            (Some(run), Some(outcome)) => self.books.left(now, run, outcome, "", usage),
            (Some(run), None) => self.books.spent(now, run, usage),
            (None, _) => {}
        }
        self.settled(now, &hold.index, hold.file_id, state);
        Some(state)
    }

    /// What `fail` and `sweep` share; the caller knows that the claim is the row's.
    fn give_up(&mut self, now: UnixMillis, hold: &Hold, how: &GiveUp<'_>) -> Option<FileState> {
        let row = held(self, hold)?;
        let newer_wanted = row.desired > row.claimed;
        let spent = match how.failure.class {
            _ if how.standing => true,
            FailureClass::Permanent => true,
            FailureClass::Transient => row.attempts >= how.max_attempts,
            FailureClass::Throttled => false,
        };
        row.state = transition(row.state, Step::Fail { spent, newer_wanted }).ok()?;
        if how.standing || how.failure.class == FailureClass::Throttled {
            row.attempts = row.attempts.saturating_sub(1);
        } else {
            row.failure_count += 1;
        }
        if newer_wanted {
            row.attempts = 0;
        }
        let permanent = how.failure.class == FailureClass::Permanent && !how.standing;
        let overtaken = newer_wanted && permanent && how.etag.is_some() && !row.asked;
        if row.state == FileState::Failed || overtaken {
            row.seen_etag = how.etag.cloned().or(row.seen_etag.take());
            row.failed = Some(row.claimed);
        }
        if how.etag.is_some() {
            row.gone_seq = None;
        }
        row.not_before = now + millis(how.delay);
        row.woken_at = 0;
        row.newer_at = None;
        row.last_error = Some(how.failure.clone());
        row.let_claim_go();
        row.record(
            now,
            how.event,
            row.claimed,
            Some(hold.claim_id),
            how.words.clone(),
        );
        let (state, may_have_points) = (row.state, row.live != Some(hold.claim_id));
        let left = row.run.filter(|_| row.run_open && state == FileState::Failed);
        row.run_open &= state != FileState::Failed;
        if let Some(run) = left {
            let code = &how.failure.code;
            self.books
                .left(now, run, RunOutcome::Failed, code, AttemptCost::default());
        }
        if may_have_points {
            self.dead_claims
                .insert((hold.index.clone(), hold.claim_id), (hold.file_id, now));
        }
        self.settled(now, &hold.index, hold.file_id, state);
        Some(state)
    }

    pub(super) fn fail(&mut self, now: UnixMillis, fail: &Fail) -> Option<FileState> {
        let how = GiveUp {
            event: "failed",
            failure: &fail.failure,
            delay: fail.delay,
            max_attempts: fail.max_attempts,
            etag: fail.etag.as_ref(),
            standing: fail.standing,
            words: detail::failed(fail),
        };
        self.give_up(now, &fail.hold, &how)
    }

    pub(super) fn sweep(&mut self, now: UnixMillis, policy: &SweepPolicy, limit: u32) -> Vec<Swept> {
        let overdue = |row: &Row| {
            row.lease_until.is_some_and(|until| until < now)
                || row
                    .started_at
                    .is_some_and(|started| started < now - millis(policy.stale_after))
        };
        let mut lost: Vec<_> = self.files.iter().filter(|(_, row)| overdue(row)).collect();
        lost.sort_by_key(|((index, _), row)| (row.lease_until, index.clone(), row.path.clone()));
        lost.truncate(limit as usize);
        let lost: Vec<_> = lost
            .into_iter()
            // What is given up needs no settings.
            .map(|((index, file), row)| row.claimed(index, *file, 0))
            .collect();
        let mut swept = Vec::new();
        for claim in lost {
            let Some(owner) = held(self, &claim.hold).and_then(|row| row.owner.clone()) else {
                continue;
            };
            let failure = detail::lease_lost(policy);
            let words = detail::swept(&owner, &failure);
            let (delay, max_attempts) = (policy.delay, policy.max_attempts);
            let how = GiveUp {
                event: "swept",
                failure: &failure,
                delay,
                max_attempts,
                etag: None,
                standing: false,
                words,
            };
            let Some(state) = self.give_up(now, &claim.hold, &how) else {
                continue;
            };
            let Hold {
                index,
                file_id,
                claim_id,
                ..
            } = claim.hold;
            swept.push(Swept {
                file_id,
                index,
                path: claim.path,
                claim_id,
                owner,
                state,
            });
        }
        swept.sort_by(|a, b| (&a.index, &a.path).cmp(&(&b.index, &b.path)));
        swept
    }
}
