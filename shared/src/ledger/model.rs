//! The protocol once more, as plain Rust over maps: what the SQL is held against, and a ledger for simulations.
//!
//! Nothing here is shared with the SQL but the pure decisions ([`transition`](crate::file_state::transition), the order of
//! wake-ups, the words of the history). A test drives random interleavings against both and compares every answer and
//! every row.

mod row;
mod upkeep;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use self::row::Row;
use super::{
    Change, ClaimOutcome, ClaimRequest, Commit, CommitChange, CommitOutcome, Committed, DeadClaim, DueFile,
    Enqueued, Fail, FailOutcome, FileFilter, FileRow, HistoryEntry, Hold, IndexRecord, IndexStats, KnownFile,
    Ledger, LedgerError, ReleaseOutcome, RunKind, RunRecord, SweepPolicy, Swept, detail, millis,
};
use crate::blob_path::BlobPath;
use crate::clock::{Clock, UnixMillis};
use crate::file_state::{FileState, Step, transition};
use crate::ids::{ClaimId, FileId, IndexId, RunId};
use crate::retry::{Failure, FailureClass};
use crate::work_message::WorkMessage;

/// A ledger in maps, behind one lock. Nothing survives the process.
pub struct ModelLedger {
    clock: Arc<dyn Clock>,
    tables: Mutex<Tables>,
}

/// Everything that is stored.
#[derive(Default)]
struct Tables {
    indexes: BTreeMap<IndexId, IndexRecord>,
    files: BTreeMap<(IndexId, FileId), Row>,
    runs: BTreeMap<RunId, RunRecord>,
    dead_claims: BTreeMap<(IndexId, ClaimId), (FileId, UnixMillis)>,
}

impl ModelLedger {
    /// An empty ledger.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            tables: Mutex::default(),
        }
    }

    /// The tables, and the time now.
    fn enter(&self) -> (MutexGuard<'_, Tables>, UnixMillis) {
        (
            self.tables.lock().unwrap_or_else(PoisonError::into_inner),
            self.clock.now(),
        )
    }
}

/// The row that `hold` holds.
fn held<'a>(tables: &'a mut Tables, hold: &Hold) -> Option<&'a mut Row> {
    let row = tables.files.get_mut(&(hold.index.clone(), hold.file_id))?;
    (row.claim == Some(hold.claim_id) && row.fence == hold.fence).then_some(row)
}

impl Tables {
    fn enqueue(&mut self, now: UnixMillis, index: &IndexId, changes: &[Change]) -> Vec<Enqueued> {
        let mut answer = Vec::new();
        for change in changes {
            let old = change.renamed_from.as_ref().filter(|old| **old != change.path);
            let new_id = FileId::of(index, &change.path);
            let words = detail::enqueued(change, None);
            let row = self.enqueue_one(now, index, change, &change.path, change.hold, words);
            row.waits_for = None;
            row.renamed_from = old.map(|old| FileId::of(index, old)).or(row.renamed_from);
            answer.push(Enqueued {
                file_id: new_id,
                seq: row.desired,
                state: row.state,
            });
            if let Some(old) = old {
                let words = detail::enqueued(change, Some(&change.path));
                self.enqueue_one(now, index, change, old, false, words).waits_for = Some(new_id);
            }
        }
        answer
    }

    fn enqueue_one(
        &mut self,
        now: UnixMillis,
        index: &IndexId,
        change: &Change,
        path: &BlobPath,
        hold: bool,
        words: serde_json::Value,
    ) -> &mut Row {
        let key = (index.clone(), FileId::of(index, path));
        let row = self
            .files
            .entry(key)
            .or_insert_with(|| Row::new(path.clone(), change.lane, now));
        let debounce = millis(change.debounce);
        let impatient =
            row.state == FileState::Pending && row.unapplied() && row.enqueued_at + 10 * debounce <= now;
        row.not_before = if impatient { now } else { now + debounce };
        if !row.unapplied() || row.state == FileState::Failed {
            row.enqueued_at = now;
        }
        let working = row.state == FileState::Pending || row.state.is_running();
        row.lane = if working {
            row.lane.min(change.lane)
        } else {
            change.lane
        };
        if row.state.is_running() {
            row.newer_at = row.newer_at.or(Some(now));
        } else {
            row.attempts = 0;
        }
        row.woken_at = 0;
        row.desired += 1;
        row.state = transition(row.state, Step::Enqueue { hold }).unwrap_or(row.state);
        row.record(now, "enqueued", row.desired, None, words);
        row.join(change.run, &mut self.runs);
        row
    }

    fn claim(&mut self, now: UnixMillis, request: &ClaimRequest) -> ClaimOutcome {
        let active = self.indexes.get(&request.index).is_some_and(|index| index.active);
        let Some(row) = self.files.get_mut(&(request.index.clone(), request.file_id)) else {
            return ClaimOutcome::NotClaimable;
        };
        if row.claim == Some(request.claim_id) {
            return ClaimOutcome::Claimed(Box::new(row.claimed(&request.index, request.file_id)));
        }
        let due = row.not_before <= now && row.waits_for.is_none();
        let wanted = row.unapplied() || row.dirty;
        let used_before = row.last_claim == Some(request.claim_id);
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
        ClaimOutcome::Claimed(Box::new(row.claimed(&request.index, request.file_id)))
    }

    fn renew(&mut self, now: UnixMillis, owner: &str, lease: Duration) -> Vec<ClaimId> {
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

    fn commit(&mut self, now: UnixMillis, commit: &Commit) -> CommitOutcome {
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
        row.record(
            now,
            "committed",
            row.applied,
            Some(hold.claim_id),
            commit.detail.clone(),
        );
        let prev_claim = row.prev;
        let released = if prev_claim.is_none() {
            self.release(now, hold, commit.debounce)
        } else {
            None
        };
        CommitOutcome::Committed(Committed { prev_claim, released })
    }

    fn release(&mut self, now: UnixMillis, hold: &Hold, debounce: Duration) -> Option<FileState> {
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
        let state = row.state;
        self.settled(now, &hold.index, hold.file_id, state);
        Some(state)
    }

    /// What `fail` and `sweep` share; the caller knows that the claim is the row's.
    fn give_up(&mut self, now: UnixMillis, hold: &Hold, how: &GiveUp<'_>) -> Option<FileState> {
        let row = held(self, hold)?;
        let newer_wanted = row.desired > row.claimed;
        let spent = match how.failure.class {
            FailureClass::Permanent => true,
            FailureClass::Transient => row.attempts >= how.max_attempts,
            FailureClass::Throttled => false,
        };
        row.state = transition(row.state, Step::Fail { spent, newer_wanted }).ok()?;
        if how.failure.class == FailureClass::Throttled {
            row.attempts = row.attempts.saturating_sub(1);
        } else {
            row.failure_count += 1;
        }
        if newer_wanted {
            row.attempts = 0;
        }
        if row.state == FileState::Failed && how.etag.is_some() {
            row.seen_etag = how.etag.cloned();
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
        if may_have_points {
            self.dead_claims
                .insert((hold.index.clone(), hold.claim_id), (hold.file_id, now));
        }
        self.settled(now, &hold.index, hold.file_id, state);
        Some(state)
    }

    fn fail(&mut self, now: UnixMillis, fail: &Fail) -> Option<FileState> {
        let how = GiveUp {
            event: "failed",
            failure: &fail.failure,
            delay: fail.delay,
            max_attempts: fail.max_attempts,
            etag: fail.etag.as_ref(),
            words: detail::failed(&fail.failure),
        };
        self.give_up(now, &fail.hold, &how)
    }

    fn sweep(&mut self, now: UnixMillis, policy: &SweepPolicy, limit: u32) -> Vec<Swept> {
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
            .map(|((index, file), row)| row.claimed(index, *file))
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

    /// A file has settled: those that waited for it are due.
    fn settled(&mut self, now: UnixMillis, index: &IndexId, file: FileId, state: FileState) {
        let waiting = self
            .files
            .iter_mut()
            .filter(|((of, _), row)| of == index && row.waits_for == Some(file));
        for (_, row) in waiting.filter(|_| state.is_settled()) {
            row.waits_for = None;
            row.woken_at = 0;
            row.updated_at = now;
        }
    }

    fn retry_failed(
        &mut self,
        now: UnixMillis,
        index: &IndexId,
        file: Option<FileId>,
        run: Option<RunId>,
    ) -> u64 {
        let mut retried = 0;
        for ((of, id), row) in &mut self.files {
            if of != index || file.is_some_and(|file| file != *id) {
                continue;
            }
            let Ok(state) = transition(row.state, Step::Retry) else {
                continue;
            };
            row.state = state;
            row.attempts = 0;
            row.woken_at = 0;
            row.not_before = now;
            row.enqueued_at = now;
            row.record(now, "retried", row.desired, None, detail::nothing());
            row.join(run, &mut self.runs);
            retried += 1;
        }
        retried
    }

    fn decide(&mut self, now: UnixMillis, index: &IndexId, approved: bool) -> u64 {
        let mut decided = Vec::new();
        for ((_, id), row) in self.files.iter_mut().filter(|((of, _), _)| of == index) {
            let current = row.outcome.unwrap_or(crate::file_state::Outcome::Deleted);
            let Ok(state) = transition(
                row.state,
                Step::Decide {
                    approved,
                    current,
                    dirty: row.dirty,
                },
            ) else {
                continue;
            };
            row.state = state;
            if !approved {
                row.applied = row.desired;
                row.last_error = row.skip_error.clone();
            }
            row.attempts = 0;
            row.woken_at = 0;
            row.not_before = now;
            let event = if approved { "approved" } else { "rejected" };
            row.record(now, event, row.desired, None, detail::nothing());
            decided.push((*id, state));
        }
        for (file, state) in &decided {
            self.settled(now, index, *file, *state);
        }
        decided.len() as u64
    }
}

/// How a claim is given up.
struct GiveUp<'a> {
    event: &'static str,
    failure: &'a Failure,
    delay: Duration,
    max_attempts: u32,
    etag: Option<&'a String>,
    words: serde_json::Value,
}

#[async_trait]
impl Ledger for ModelLedger {
    async fn ensure_index(
        &self,
        index: &IndexId,
        settings: &serde_json::Value,
    ) -> Result<IndexRecord, LedgerError> {
        let (mut tables, now) = self.enter();
        let made = || IndexRecord {
            id: index.clone(),
            active: true,
            settings: settings.clone(),
            created_at: now,
        };
        Ok(tables.indexes.entry(index.clone()).or_insert_with(made).clone())
    }

    async fn indexes(&self) -> Result<Vec<IndexRecord>, LedgerError> {
        Ok(self.enter().0.indexes.values().cloned().collect())
    }

    async fn set_active(&self, index: &IndexId, active: bool) -> Result<(), LedgerError> {
        if let Some(index) = self.enter().0.indexes.get_mut(index) {
            index.active = active;
        }
        Ok(())
    }

    async fn enqueue(&self, index: &IndexId, changes: &[Change]) -> Result<Vec<Enqueued>, LedgerError> {
        let (mut tables, now) = self.enter();
        if !tables.indexes.contains_key(index) && !changes.is_empty() {
            return Err(LedgerError::UnknownIndex(index.clone()));
        }
        Ok(tables.enqueue(now, index, changes))
    }

    async fn due(&self, window: u32, rewake_after: Duration) -> Result<Vec<DueFile>, LedgerError> {
        let (tables, now) = self.enter();
        Ok(tables.due(now, window, rewake_after))
    }

    async fn mark_woken(&self, woken: &[WorkMessage]) -> Result<(), LedgerError> {
        let (mut tables, now) = self.enter();
        for message in woken {
            let row = tables.files.get_mut(&(message.index.clone(), message.file_id));
            if let Some(row) = row.filter(|row| row.is_due(now) && row.desired == message.seq) {
                row.woken_at = now;
            }
        }
        Ok(())
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<ClaimOutcome, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.claim(now, request))
    }

    async fn renew(&self, owner: &str, lease: Duration) -> Result<Vec<ClaimId>, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.renew(now, owner, lease))
    }

    async fn commit(&self, commit: &Commit) -> Result<CommitOutcome, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.commit(now, commit))
    }

    async fn release(&self, hold: &Hold, debounce: Duration) -> Result<ReleaseOutcome, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables
            .release(now, hold, debounce)
            .map_or(ReleaseOutcome::Lost, ReleaseOutcome::Released))
    }

    async fn fail(&self, fail: &Fail) -> Result<FailOutcome, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables
            .fail(now, fail)
            .map_or(FailOutcome::Lost, FailOutcome::Given))
    }

    async fn sweep(&self, policy: &SweepPolicy, limit: u32) -> Result<Vec<Swept>, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.sweep(now, policy, limit))
    }

    async fn retry_failed(
        &self,
        index: &IndexId,
        path: Option<&BlobPath>,
        run: Option<RunId>,
    ) -> Result<u64, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.retry_failed(now, index, path.map(|path| FileId::of(index, path)), run))
    }

    async fn decide(&self, index: &IndexId, approve: bool) -> Result<u64, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.decide(now, index, approve))
    }

    async fn live_claims(
        &self,
        index: &IndexId,
        files: &[FileId],
    ) -> Result<HashMap<FileId, ClaimId>, LedgerError> {
        let (tables, _) = self.enter();
        let live = |file: &FileId| Some((*file, tables.files.get(&(index.clone(), *file))?.live?));
        Ok(files.iter().filter_map(live).collect())
    }

    async fn claims_in_use(&self, index: &IndexId, claims: &[ClaimId]) -> Result<Vec<ClaimId>, LedgerError> {
        Ok(self.enter().0.claims_in_use(index, claims))
    }

    async fn dead_claims(
        &self,
        index: &IndexId,
        older_than: Duration,
        limit: u32,
    ) -> Result<Vec<DeadClaim>, LedgerError> {
        let (tables, now) = self.enter();
        Ok(tables.dead_claims(now, index, older_than, limit))
    }

    async fn forget_dead_claims(&self, index: &IndexId, claims: &[ClaimId]) -> Result<(), LedgerError> {
        let (mut tables, _) = self.enter();
        for claim in claims {
            tables.dead_claims.remove(&(index.clone(), *claim));
        }
        Ok(())
    }

    async fn file(&self, index: &IndexId, file: FileId) -> Result<Option<FileRow>, LedgerError> {
        let (tables, _) = self.enter();
        Ok(tables
            .files
            .get(&(index.clone(), file))
            .map(|row| row.shown(file)))
    }

    async fn files(
        &self,
        index: &IndexId,
        filter: &FileFilter,
        limit: u32,
    ) -> Result<Vec<FileRow>, LedgerError> {
        Ok(self.enter().0.files(index, filter, limit))
    }

    async fn known_files(&self, index: &IndexId, prefix: &str) -> Result<Vec<KnownFile>, LedgerError> {
        Ok(self.enter().0.known_files(index, prefix))
    }

    async fn history(
        &self,
        index: &IndexId,
        file: FileId,
        limit: u32,
    ) -> Result<Vec<HistoryEntry>, LedgerError> {
        let (tables, _) = self.enter();
        let all = tables
            .files
            .get(&(index.clone(), file))
            .map_or(&[][..], |row| &row.history);
        Ok(all[all.len().saturating_sub(limit as usize)..].to_vec())
    }

    async fn stats(&self, index: &IndexId) -> Result<IndexStats, LedgerError> {
        Ok(self.enter().0.stats(index))
    }

    async fn open_run(&self, index: &IndexId, run: RunId, kind: RunKind) -> Result<(), LedgerError> {
        let (mut tables, now) = self.enter();
        tables.open_run(now, index, run, kind)
    }

    async fn seal_run(&self, run: RunId) -> Result<(), LedgerError> {
        if let Some(run) = self.enter().0.runs.get_mut(&run) {
            run.sealed = true;
        }
        Ok(())
    }

    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.run(now, run))
    }

    async fn runs(&self, index: &IndexId, limit: u32) -> Result<Vec<RunRecord>, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.newest_runs(now, index, limit))
    }

    async fn prune(&self, index: &IndexId, keep: u32, older_than: Duration) -> Result<u64, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.prune(now, index, keep, older_than))
    }
}
