//! Runs, their pages, and what is counted of them.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use futures::try_join;

use super::notes::{Account, Line, record, settled};
use super::requests::{self, Membership, unknown_index};
use crate::clock::UnixMillis;
use crate::file_state::FileState;
use crate::ids::{FileId, IndexId, RunId};
use crate::ledger::database::{Columns, Database, DbError, DbResult, values};
use crate::ledger::detail::{self, AttemptCost};
use crate::ledger::runs::{BATCH_GRACE, COMMITTED, ERRORS_SHOWN, JOINED, batch_id, lately};
use crate::ledger::{
    Change, NewRun, RunError, RunFilter, RunKind, RunOutcome, RunPage, RunPhase, RunRecord, RunState,
    RunWork, millis, sql,
};
use crate::work_message::Lane;

pub(in crate::ledger) async fn open_run<D: Database>(db: &D, run: &NewRun) -> DbResult<()> {
    let values = values![
        run.id,
        &run.index,
        run.kind.name(),
        RunState::Listing.name(),
        &run.asked_by,
        run.path.as_ref(),
        run.first_phase().name(),
        millis(run.lease),
    ];
    db.execute(&sql::OPEN_RUN, values)
        .await
        .map_err(|error| unknown_index(error, &run.index))?;
    Ok(())
}

/// The files, just recorded while no batch was open, become files of one: that which another replica opened meanwhile, or a
/// new one.
pub(super) async fn open_batch<D: Database>(
    db: &D,
    index: &IndexId,
    files: &BTreeSet<FileId>,
    account: &mut Account,
) -> DbResult<()> {
    let (open, created_at, n): (Option<RunId>, i64, i64) = db
        .one(&sql::NEXT_BATCH, values![index], |c| {
            Ok((c.text_or_null()?, c.value()?, c.value()?))
        })
        .await?
        .ok_or_else(DbError::no_row)?;
    let run = if let Some(run) = open {
        run
    } else {
        let run = batch_id(index, created_at, n);
        let values = values![
            run,
            index,
            RunKind::Events.name(),
            RunState::Running.name(),
            "events",
            None::<&str>,
            RunPhase::Compare.name(),
            0_i64,
        ];
        db.execute(&sql::OPEN_RUN, values).await?;
        db.execute(&sql::NAME_BATCH, values![index, run]).await?;
        run
    };
    let counted = files.first().copied();
    let sets: Vec<_> = files.iter().map(|file| values![index, *file, run]).collect();
    db.run(&sql::JOIN_BATCH, &sets, |_, c| {
        let _state: FileState = c.text()?;
        let membership = Membership::read(c)?;
        if let Some(counted) = counted {
            membership.count(account, counted, Some(run));
        }
        Ok(())
    })
    .await?;
    Ok(())
}

pub(in crate::ledger) async fn take_run<D: Database>(
    db: &D,
    index: &IndexId,
    lease: Duration,
) -> DbResult<Option<RunWork>> {
    db.one(&sql::TAKE_RUN, values![index, millis(lease)], |c| {
        Ok(RunWork {
            id: c.text()?,
            index: c.text()?,
            kind: c.text()?,
            path: c.text_or_null()?,
            phase: c.text()?,
            cursor: c.text_or_null()?,
            pages: c.value()?,
        })
    })
    .await
}

pub(in crate::ledger) async fn keep_run<D: Database>(
    db: &D,
    work: &RunWork,
    lease: Duration,
) -> DbResult<bool> {
    let kept = db
        .execute(&sql::KEEP_RUN, values![work.id, work.pages, millis(lease)])
        .await?;
    Ok(kept > 0)
}

pub(in crate::ledger) async fn advance_run<D: Database>(
    db: &D,
    work: &RunWork,
    page: &RunPage,
    lease: Duration,
) -> DbResult<Option<RunWork>> {
    let (phase, cursor) = page.next.clone().unwrap_or((work.phase, None));
    let values = values![
        work.id,
        work.pages,
        phase.name(),
        cursor.as_ref(),
        page.next.is_none(),
        millis(lease),
    ];
    let Some(pages) = db.one(&sql::ADVANCE_RUN, values, |c| c.value()).await? else {
        return Ok(None);
    };
    let changes = changes_of(work.id, page);
    requests::enqueue(db, &work.index, &changes).await?;
    requests::retry_files(db, &work.index, &page.retry, work.id).await?;
    Ok(Some(RunWork {
        phase,
        cursor,
        pages,
        ..work.clone()
    }))
}

/// The changes of a page, all with a run.
pub(in crate::ledger) fn changes_of(run: RunId, page: &RunPage) -> Vec<Change> {
    let of_run = |change: &Change| Change {
        run: change.run.or(Some(run)),
        ..change.clone()
    };
    page.changes.iter().map(of_run).collect()
}

pub(in crate::ledger) async fn stall_run<D: Database>(
    db: &D,
    work: &RunWork,
    problem: &str,
    wait: Duration,
) -> DbResult<()> {
    let values = values![work.id, work.pages, problem, millis(wait)];
    db.execute(&sql::STALL_RUN, values).await?;
    Ok(())
}

pub(in crate::ledger) async fn cancel_run<D: Database>(db: &D, run: RunId) -> DbResult<bool> {
    let index: Option<IndexId> = db.one(&sql::CANCEL_RUN, values![run], |c| c.text()).await?;
    let Some(index) = index else {
        return Ok(false);
    };
    db.execute(&sql::LEAVE_BATCH, values![&index, run]).await?;
    Ok(true)
}

pub(in crate::ledger) async fn give_back<D: Database>(db: &D, run: RunId, limit: u32) -> DbResult<u64> {
    let rows: Vec<(IndexId, FileId, FileState, i64, i64)> = db
        .many(&sql::GIVE_BACK, values![run, limit], |c| {
            Ok((c.text()?, c.text()?, c.text()?, c.value()?, c.value()?))
        })
        .await?;
    let detail = detail::given_back(run);
    let lines: Vec<_> = rows
        .iter()
        .map(|(index, file, state, seq, n)| Line {
            index,
            file: *file,
            event: "cancelled",
            state: *state,
            seq: *seq,
            claim: None,
            detail: &detail,
            n: *n,
        })
        .collect();
    let mut account = Account::default();
    if let Some((_, counted, ..)) = rows.first() {
        for _ in &rows {
            account.left(run, *counted, RunOutcome::Cancelled, "", AttemptCost::default());
        }
    }
    let files = rows.iter().map(|(index, file, state, ..)| (index, *file, *state));
    try_join!(record(db, &lines), settled(db, files))?;
    account.write(db).await?;
    Ok(rows.len() as u64)
}

pub(in crate::ledger) async fn close_batch<D: Database>(db: &D, index: &IndexId) -> DbResult<bool> {
    let open: Option<RunId> = db.one(&sql::BATCH, values![index], |c| c.text()).await?;
    let Some(run) = open else {
        return Ok(false);
    };
    let closed = db.execute(&sql::CLOSE_BATCH, values![index, run]).await? > 0;
    if closed {
        db.execute(&sql::SEAL_BATCH, values![run]).await?;
    }
    Ok(closed)
}

/// Completes those of `runs` that have nothing left.
pub(in crate::ledger) async fn complete_runs<D: Database>(db: &D, runs: &[RunId]) -> DbResult<()> {
    let sets: Vec<_> = runs.iter().map(|run| values![*run, BATCH_GRACE]).collect();
    db.each(&sql::COMPLETE_RUN, &sets).await?;
    Ok(())
}

/// Those of `runs` that may have ended.
pub(in crate::ledger) fn ended(runs: &[RunRecord]) -> Vec<RunId> {
    let may_have = |run: &&RunRecord| {
        matches!(run.state, RunState::Running | RunState::Cancelling) && run.done >= run.total
    };
    runs.iter().filter(may_have).map(|run| run.id).collect()
}

/// A run's row: the record without its counts, and what an older build kept of them.
fn row(c: &mut Columns<'_>) -> DbResult<(RunRecord, RunRecordOfOld)> {
    let mut run = RunRecord {
        id: c.text()?,
        index: c.text()?,
        kind: c.text()?,
        state: c.text()?,
        asked_by: c.value()?,
        path: c.text_or_null()?,
        opened_at: c.value()?,
        completed_at: c.value()?,
        total: 0,
        done: 0,
        counts: crate::ledger::RunCounts::default(),
        done_lately: 0,
        tokens: 0,
        chunks_embedded: 0,
        chunks_reused: 0,
        errors: Vec::new(),
        problem: None,
        suspended_at: None,
        as_of: 0,
    };
    let old = RunRecordOfOld {
        total: c.count()?,
        indexed: c.count()?,
        failed: c.count()?,
        skipped: c.count()?,
        deleted: c.count()?,
        awaiting: c.count()?,
    };
    run.problem = c.value()?;
    run.suspended_at = c.value()?;
    run.as_of = c.value()?;
    Ok((run, old))
}

/// What builds kept that had no counts of their own.
struct RunRecordOfOld {
    total: u64,
    indexed: u64,
    failed: u64,
    skipped: u64,
    deleted: u64,
    awaiting: u64,
}

/// One of a run's sums.
struct Sum {
    what: String,
    code: String,
    files: u64,
    embedded: u64,
    reused: u64,
    tokens: u64,
    in_minute: u64,
    in_previous: u64,
}

fn sum(c: &mut Columns<'_>) -> DbResult<Sum> {
    Ok(Sum {
        what: c.value()?,
        code: c.value()?,
        files: c.count()?,
        embedded: c.count()?,
        reused: c.count()?,
        tokens: c.count()?,
        in_minute: c.count()?,
        in_previous: c.count()?,
    })
}

/// The record with its sums.
fn counted((mut run, old): (RunRecord, RunRecordOfOld), sums: &[Sum]) -> RunRecord {
    run.total = old.total;
    run.counts.indexed = old.indexed;
    run.counts.failed = old.failed;
    run.counts.skipped = old.skipped;
    run.counts.deleted = old.deleted;
    run.counts.awaiting_approval = old.awaiting;
    let (mut in_minute, mut in_previous) = (0, 0);
    for sum in sums {
        run.tokens += sum.tokens;
        run.chunks_embedded += sum.embedded;
        run.chunks_reused += sum.reused;
        if sum.what == JOINED {
            run.total += sum.files;
        } else if let Ok(outcome) = sum.what.parse::<RunOutcome>() {
            *run.counts.of(outcome) += sum.files;
            in_minute += sum.in_minute;
            in_previous += sum.in_previous;
            if outcome == RunOutcome::Failed {
                run.errors.push(RunError {
                    code: sum.code.clone(),
                    files: sum.files,
                });
            }
        } else {
            debug_assert_eq!(sum.what, COMMITTED, "a count that nobody knows");
        }
    }
    finish(&mut run, in_minute, in_previous);
    run
}

/// What follows from the counts.
pub(in crate::ledger) fn finish(run: &mut RunRecord, in_minute: u64, in_previous: u64) {
    run.done = run.counts.sum();
    if run.state.is_over() {
        // A build that does not count may have settled some.
        run.counts.superseded += run.total.saturating_sub(run.done);
        run.done = run.counts.sum();
    }
    run.done_lately = lately(run.as_of, in_minute, in_previous);
    run.errors
        .sort_by(|a, b| (Reverse(a.files), &a.code).cmp(&(Reverse(b.files), &b.code)));
    run.errors.truncate(ERRORS_SHOWN);
}

async fn with_counts<D: Database>(
    db: &D,
    rows: Vec<(RunRecord, RunRecordOfOld)>,
) -> DbResult<Vec<RunRecord>> {
    let sets: Vec<_> = rows.iter().map(|(run, _)| values![run.id]).collect();
    let mut sums: Vec<Vec<Sum>> = rows.iter().map(|_| Vec::new()).collect();
    db.run(&sql::RUN_SUMS, &sets, |set, c| {
        sums[set].push(sum(c)?);
        Ok(())
    })
    .await?;
    Ok(rows
        .into_iter()
        .zip(&sums)
        .map(|(row, sums)| counted(row, sums))
        .collect())
}

/// A run with its counts, alone in its list.
pub(in crate::ledger) async fn run<D: Database>(db: &D, run: RunId) -> DbResult<Vec<RunRecord>> {
    let found = db.many(&sql::RUN, values![run], row).await?;
    with_counts(db, found).await
}

pub(in crate::ledger) async fn open_runs<D: Database>(db: &D, index: &IndexId) -> DbResult<Vec<RunRecord>> {
    let found = db.many(&sql::OPEN_RUNS, values![index], row).await?;
    with_counts(db, found).await
}

pub(in crate::ledger) async fn runs<D: Database>(
    db: &D,
    index: &IndexId,
    filter: &RunFilter,
    limit: u32,
) -> DbResult<Vec<RunRecord>> {
    let (before, id): (UnixMillis, _) = filter
        .before
        .map_or((i64::MAX, String::new()), |(at, run)| (at, run.to_string()));
    let values = values![
        index,
        before,
        id,
        filter.state.map(RunState::name),
        filter.kind.map(RunKind::name),
        limit,
    ];
    let found = db.many(&sql::RUNS, values, row).await?;
    with_counts(db, found).await
}

pub(in crate::ledger) async fn wake_pending<D: Database>(
    db: &D,
    index: &IndexId,
    limit: u32,
) -> DbResult<u64> {
    let sets: Vec<_> = Lane::ALL
        .iter()
        .map(|lane| values![index, *lane, limit])
        .collect();
    db.each(&sql::WAKE_PENDING, &sets).await
}

pub(in crate::ledger) async fn prune_runs<D: Database>(
    db: &D,
    index: &IndexId,
    older_than: Duration,
    limit: u32,
) -> DbResult<u64> {
    let values = values![index, millis(older_than), limit];
    let gone: Vec<RunId> = db.many(&sql::PRUNE_RUNS, values, |c| c.text()).await?;
    let sets: Vec<_> = gone.iter().map(|run| values![*run]).collect();
    db.each(&sql::FORGET_COUNTS, &sets).await?;
    Ok(gone.len() as u64)
}
