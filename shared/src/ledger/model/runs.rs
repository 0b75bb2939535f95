//! Runs in the model.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

use super::row::Row;
use super::{ModelLedger, Tables};
use crate::clock::UnixMillis;
use crate::file_state::{FileState, Step, transition};
use crate::ids::{FileId, IndexId, RunId};
use crate::ledger::calls::runs::{changes_of, finish};
use crate::ledger::detail::{self, AttemptCost};
use crate::ledger::runs::{BATCH_GRACE, batch_id};
use crate::ledger::{
    LedgerError, NewRun, RunCounts, RunError, RunFilter, RunKind, RunLedger, RunOutcome, RunPage, RunRecord,
    RunState, RunWork, SuspendedBy, millis,
};

/// What is kept of runs.
#[derive(Default)]
pub(super) struct Books {
    runs: BTreeMap<RunId, StoredRun>,
    /// Per index, the open batch and how many there were.
    batches: BTreeMap<IndexId, (Option<RunId>, i64)>,
    entries: BTreeMap<RunId, Vec<Entry>>,
}

struct StoredRun {
    new: NewRun,
    state: RunState,
    opened_at: UnixMillis,
    completed_at: Option<UnixMillis>,
    sealed_at: Option<UnixMillis>,
    work: RunWork,
    lease_until: UnixMillis,
    problem: Option<String>,
    suspended_at: Option<UnixMillis>,
}

/// One line about a run's files.
struct Entry {
    at: UnixMillis,
    what: What,
    usage: AttemptCost,
}

enum What {
    Joined,
    Left(RunOutcome, String),
    Spent,
}

impl Books {
    fn note(&mut self, at: UnixMillis, run: RunId, what: What, usage: AttemptCost) {
        self.entries
            .entry(run)
            .or_default()
            .push(Entry { at, what, usage });
    }

    pub(super) fn joined(&mut self, at: UnixMillis, run: RunId) {
        self.note(at, run, What::Joined, AttemptCost::default());
    }

    pub(super) fn left(
        &mut self,
        at: UnixMillis,
        run: RunId,
        outcome: RunOutcome,
        code: &str,
        usage: AttemptCost,
    ) {
        self.note(at, run, What::Left(outcome, code.to_owned()), usage);
    }

    pub(super) fn spent(&mut self, at: UnixMillis, run: RunId, usage: AttemptCost) {
        self.note(at, run, What::Spent, usage);
    }

    /// The open batch of an index.
    pub(super) fn batch(&self, index: &IndexId) -> Option<RunId> {
        self.batches.get(index)?.0
    }

    fn stored(&mut self, now: UnixMillis, new: &NewRun, state: RunState) {
        self.runs.entry(new.id).or_insert_with(|| StoredRun {
            state,
            opened_at: now,
            completed_at: None,
            sealed_at: None,
            work: new.work(),
            lease_until: now + millis(new.lease),
            problem: None,
            suspended_at: None,
            new: new.clone(),
        });
    }

    /// The open batch, opened when there is none.
    pub(super) fn open_batch(&mut self, now: UnixMillis, index: &IndexId, created_at: UnixMillis) -> RunId {
        let (open, n) = self.batches.entry(index.clone()).or_default();
        if let Some(open) = open {
            return *open;
        }
        *n += 1;
        let id = batch_id(index, created_at, *n);
        *open = Some(id);
        let new = NewRun {
            id,
            index: index.clone(),
            kind: RunKind::Events,
            asked_by: "events".to_owned(),
            path: None,
            lease: Duration::ZERO,
        };
        self.stored(now, &new, RunState::Running);
        id
    }

    /// Everything about an index goes.
    pub(super) fn erase(&mut self, index: &IndexId) {
        self.runs.retain(|_, run| run.new.index != *index);
        self.entries.retain(|id, _| self.runs.contains_key(id));
        self.batches.remove(index);
    }

    /// A run's record as it is now.
    fn record(&self, now: UnixMillis, run: &StoredRun) -> RunRecord {
        let mut record = RunRecord {
            id: run.new.id,
            index: run.new.index.clone(),
            kind: run.new.kind,
            state: run.state,
            asked_by: run.new.asked_by.clone(),
            path: run.new.path.clone(),
            opened_at: run.opened_at,
            completed_at: run.completed_at,
            total: 0,
            done: 0,
            counts: RunCounts::default(),
            done_lately: 0,
            tokens: 0,
            chunks_embedded: 0,
            chunks_reused: 0,
            errors: Vec::new(),
            problem: run.problem.clone(),
            suspended_at: run.suspended_at,
            as_of: now,
        };
        let (mut in_minute, mut in_previous) = (0, 0);
        let mut errors: BTreeMap<&str, u64> = BTreeMap::new();
        for entry in self.entries.get(&run.new.id).into_iter().flatten() {
            record.tokens += entry.usage.tokens.unsigned_abs();
            record.chunks_embedded += entry.usage.embedded.unsigned_abs();
            record.chunks_reused += entry.usage.reused.unsigned_abs();
            match &entry.what {
                What::Joined => record.total += 1,
                What::Spent => {}
                What::Left(outcome, code) => {
                    *record.counts.of(*outcome) += 1;
                    in_minute += u64::from(entry.at / 60_000 == now / 60_000);
                    in_previous += u64::from(entry.at / 60_000 == now / 60_000 - 1);
                    if *outcome == RunOutcome::Failed {
                        *errors.entry(code).or_default() += 1;
                    }
                }
            }
        }
        record.errors = errors
            .into_iter()
            .map(|(code, files)| RunError {
                code: code.to_owned(),
                files,
            })
            .collect();
        finish(&mut record, in_minute, in_previous);
        record
    }
}

/// Does the run wait for the file?
fn is_open_in(row: &Row, run: RunId) -> bool {
    row.open_run() == Some(run) && (row.state == FileState::Pending || row.state.is_running())
}

impl Tables {
    fn complete(&mut self, now: UnixMillis, id: RunId) {
        let working = self.files.values().any(|row| is_open_in(row, id));
        let Some(run) = self.books.runs.get_mut(&id) else {
            return;
        };
        let settled_down =
            run.new.kind != RunKind::Events || run.sealed_at.is_some_and(|at| at <= now - BATCH_GRACE);
        if run.sealed_at.is_none() || working || !settled_down {
            return;
        }
        run.state = match run.state {
            RunState::Running => RunState::Completed,
            RunState::Cancelling => RunState::Cancelled,
            RunState::Listing | RunState::Completed | RunState::Cancelled => return,
        };
        run.completed_at = Some(now);
    }

    /// The record of a run, completed when nothing of it is left.
    fn seen(&mut self, now: UnixMillis, id: RunId) -> Option<RunRecord> {
        self.complete(now, id);
        let run = self.books.runs.get(&id)?;
        Some(self.books.record(now, run))
    }

    /// Files that were recorded while no batch was open become files of one.
    pub(super) fn join_batch(&mut self, now: UnixMillis, index: &IndexId, files: &[FileId]) {
        let Some(created_at) = self.indexes.get(index).map(|index| index.created_at) else {
            return;
        };
        let run = self.books.open_batch(now, index, created_at);
        for file in files {
            if let Some(row) = self.files.get_mut(&(index.clone(), *file)) {
                let awaiting = row.state == FileState::AwaitingApproval;
                row.join(now, Some(run), awaiting, &mut self.books);
            }
        }
    }

    fn give_back(&mut self, now: UnixMillis, run: RunId, limit: u32) -> u64 {
        let wanted = |row: &Row| is_open_in(row, run) && row.state == FileState::Pending;
        let rows = self.files.iter().filter(|(_, row)| wanted(row));
        let keys: Vec<_> = rows.take(limit as usize).map(|(key, _)| key.clone()).collect();
        for key in &keys {
            let Some(row) = self.files.get_mut(key) else {
                continue;
            };
            let to = row.back_to.take().filter(|_| !row.dirty);
            match to.and_then(|to| transition(row.state, Step::GiveBack { to }).ok()) {
                Some(state) => {
                    row.state = state;
                    if state != FileState::Failed {
                        row.applied = row.desired;
                        row.last_error = row.skip_error.clone();
                    }
                }
                None => row.run = None,
            }
            row.run_open = false;
            row.suspended = row
                .suspended
                .filter(|suspended| suspended.by == SuspendedBy::File);
            row.record(now, "cancelled", row.desired, None, detail::given_back(run));
            let state = row.state;
            self.books
                .left(now, run, RunOutcome::Cancelled, "", AttemptCost::default());
            self.settled(now, &key.0, key.1, state);
        }
        keys.len() as u64
    }
}

#[async_trait]
impl RunLedger for ModelLedger {
    async fn open_run(&self, run: &NewRun) -> Result<(), LedgerError> {
        let (mut tables, now) = self.enter();
        if !tables.indexes.contains_key(&run.index) {
            return Err(LedgerError::UnknownIndex(run.index.clone()));
        }
        tables.books.stored(now, run, RunState::Listing);
        Ok(())
    }

    async fn take_run(&self, index: &IndexId, lease: Duration) -> Result<Option<RunWork>, LedgerError> {
        let (mut tables, now) = self.enter();
        let free = |run: &&mut StoredRun| {
            run.new.index == *index && run.state == RunState::Listing && run.lease_until <= now
        };
        let runs = tables.books.runs.values_mut().filter(free);
        let oldest = runs.min_by_key(|run| (run.opened_at, run.new.id));
        Ok(oldest.map(|run| {
            run.lease_until = now + millis(lease);
            run.work.clone()
        }))
    }

    async fn keep_run(&self, work: &RunWork, lease: Duration) -> Result<bool, LedgerError> {
        let (mut tables, now) = self.enter();
        let run = tables.books.current(work);
        Ok(run.map(|run| run.lease_until = now + millis(lease)).is_some())
    }

    async fn advance_run(
        &self,
        work: &RunWork,
        page: &RunPage,
        lease: Duration,
    ) -> Result<Option<RunWork>, LedgerError> {
        let (mut tables, now) = self.enter();
        let Some(run) = tables.books.current(work) else {
            return Ok(None);
        };
        run.work.pages += 1;
        run.lease_until = now + millis(lease);
        run.problem = None;
        if let Some((phase, cursor)) = &page.next {
            (run.work.phase, run.work.cursor) = (*phase, cursor.clone());
        } else {
            run.work.cursor = None;
            run.state = RunState::Running;
            run.sealed_at = Some(now);
        }
        let after = run.work.clone();
        tables.enqueue(now, &work.index, &changes_of(work.id, page));
        for file in &page.retry {
            tables.retry_failed(now, &work.index, Some(*file), Some(work.id));
        }
        Ok(Some(after))
    }

    async fn stall_run(&self, work: &RunWork, problem: &str, wait: Duration) -> Result<(), LedgerError> {
        let (mut tables, now) = self.enter();
        if let Some(run) = tables.books.current(work) {
            run.problem = Some(problem.to_owned());
            run.lease_until = now + millis(wait);
        }
        Ok(())
    }

    async fn cancel_run(&self, run: RunId) -> Result<bool, LedgerError> {
        let (mut tables, now) = self.enter();
        let Some(stored) = tables.books.runs.get_mut(&run) else {
            return Ok(false);
        };
        if !matches!(stored.state, RunState::Listing | RunState::Running) {
            return Ok(false);
        }
        stored.state = RunState::Cancelling;
        stored.sealed_at = Some(now);
        stored.problem = None;
        stored.suspended_at = None;
        for (open, _) in tables.books.batches.values_mut() {
            *open = open.filter(|open| *open != run);
        }
        Ok(true)
    }

    async fn give_back(&self, run: RunId, limit: u32) -> Result<u64, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.give_back(now, run, limit))
    }

    async fn close_batch(&self, index: &IndexId) -> Result<bool, LedgerError> {
        let (mut tables, now) = self.enter();
        let Some(run) = tables.books.batch(index) else {
            return Ok(false);
        };
        if tables.files.values().any(|row| is_open_in(row, run)) {
            return Ok(false);
        }
        if let Some((open, _)) = tables.books.batches.get_mut(index) {
            *open = None;
        }
        if let Some(stored) = tables.books.runs.get_mut(&run) {
            stored.sealed_at = stored.sealed_at.or(Some(now));
        }
        Ok(true)
    }

    async fn open_runs(&self, index: &IndexId) -> Result<Vec<RunRecord>, LedgerError> {
        let (mut tables, now) = self.enter();
        let of_index = |run: &&StoredRun| run.new.index == *index && !run.state.is_over();
        let runs = tables.books.runs.values().filter(of_index);
        let mut ids: Vec<_> = runs.map(|run| (run.opened_at, run.new.id)).collect();
        ids.sort_unstable();
        let mut open: Vec<_> = ids
            .into_iter()
            .filter_map(|(_, id)| tables.seen(now, id))
            .collect();
        open.retain(|run| !run.state.is_over());
        Ok(open)
    }

    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.seen(now, run))
    }

    async fn runs(
        &self,
        index: &IndexId,
        filter: &RunFilter,
        limit: u32,
    ) -> Result<Vec<RunRecord>, LedgerError> {
        let (mut tables, now) = self.enter();
        let of_index = |run: &&StoredRun| {
            run.new.index == *index
                && filter.kind.is_none_or(|kind| kind == run.new.kind)
                && filter
                    .before
                    .is_none_or(|before| (run.opened_at, run.new.id) < before)
        };
        let runs = tables.books.runs.values().filter(of_index);
        let mut ids: Vec<_> = runs.map(|run| (run.opened_at, run.new.id)).collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        let mut found: Vec<_> = ids
            .into_iter()
            .filter_map(|(_, id)| tables.seen(now, id))
            .collect();
        found.retain(|run| filter.state.is_none_or(|state| state == run.state));
        found.truncate(limit as usize);
        Ok(found)
    }

    async fn wake_pending(&self, index: &IndexId, _limit: u32) -> Result<u64, LedgerError> {
        let (mut tables, now) = self.enter();
        let rows = tables.files.iter_mut().filter(|((of, _), _)| of == index);
        let waiting = rows.filter(|(_, row)| {
            row.state == FileState::Pending
                && row.waits_for.is_none()
                && row.woken_at == 0
                && row.not_before > now
        });
        let mut woken = 0;
        for (_, row) in waiting {
            row.not_before = now;
            woken += 1;
        }
        Ok(woken)
    }

    async fn prune_runs(
        &self,
        index: &IndexId,
        older_than: Duration,
        limit: u32,
    ) -> Result<u64, LedgerError> {
        let (mut tables, now) = self.enter();
        let old = |run: &&StoredRun| {
            run.new.index == *index
                && run.state.is_over()
                && run.completed_at.unwrap_or(run.opened_at) < now - millis(older_than)
        };
        let runs = tables.books.runs.values().filter(old);
        let mut gone: Vec<_> = runs.map(|run| (run.opened_at, run.new.id)).collect();
        gone.sort_unstable();
        gone.truncate(limit as usize);
        for (_, id) in &gone {
            tables.books.runs.remove(id);
            tables.books.entries.remove(id);
        }
        Ok(gone.len() as u64)
    }
}

impl Books {
    /// The run, if it is still where the caller left it.
    fn current(&mut self, work: &RunWork) -> Option<&mut StoredRun> {
        let run = self.runs.get_mut(&work.id)?;
        (run.state == RunState::Listing && run.work.pages == work.pages).then_some(run)
    }
}

/// What people do to runs.
impl Books {
    /// Runs that are suspended and go on.
    pub(super) fn suspended(&self) -> impl Iterator<Item = RunId> {
        let open = self.runs.iter().filter(|(_, run)| !run.state.is_over());
        open.filter(|(_, run)| run.suspended_at.is_some())
            .map(|(id, _)| *id)
    }

    /// Runs that are not suspended.
    pub(super) fn not_suspended(&self) -> impl Iterator<Item = RunId> {
        let runs = self.runs.iter().filter(|(_, run)| run.suspended_at.is_none());
        runs.map(|(id, _)| *id)
    }

    pub(super) fn suspend(&mut self, now: UnixMillis, run: RunId) -> bool {
        let goes_on = |run: &&mut StoredRun| matches!(run.state, RunState::Listing | RunState::Running);
        let run = self.runs.get_mut(&run).filter(goes_on);
        let run = run.filter(|run| run.suspended_at.is_none());
        run.map(|run| run.suspended_at = Some(now)).is_some()
    }

    pub(super) fn resume(&mut self, run: RunId) -> bool {
        let run = self.runs.get_mut(&run);
        run.and_then(|run| run.suspended_at.take()).is_some()
    }

    /// Can its files be tried again?
    pub(super) fn can_be_rewound(&self, run: RunId) -> bool {
        self.runs.get(&run).is_some_and(|run| match run.state {
            RunState::Listing | RunState::Running | RunState::Completed => true,
            RunState::Cancelling | RunState::Cancelled => false,
        })
    }

    /// A completed run has something to do again.
    pub(super) fn reopen(&mut self, run: RunId) {
        let completed = |run: &&mut StoredRun| run.state == RunState::Completed;
        if let Some(run) = self.runs.get_mut(&run).filter(completed) {
            run.state = RunState::Running;
            run.completed_at = None;
            run.suspended_at = None;
        }
    }

    pub(super) fn purge(&mut self, run: RunId) -> bool {
        let goes = self.runs.get(&run).is_some_and(|run| run.state.is_over());
        if goes {
            self.runs.remove(&run);
            self.entries.remove(&run);
        }
        goes
    }
}
