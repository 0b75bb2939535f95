//! What is asked of files from outside: changes, wake-ups, retries, decisions.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::notes::{Account, Line, record};
use super::runs;
use crate::blob_path::BlobPath;
use crate::file_state::FileState;
use crate::ids::{FileId, IndexId, RunId};
use crate::ledger::database::{Columns, Database, DbError, DbResult, Value, values};
use crate::ledger::detail::{self, AttemptCost};
use crate::ledger::{Change, Enqueued, LedgerError, RunOutcome, millis, sql};
use crate::work_message::WorkMessage;

/// A row's statement sees nothing of other rows, so only the changes of one row have to stay in order. Rows are taken in
/// the order of their ids, the same in every batch: two batches that overlap wait for each other and do not deadlock.
pub(in crate::ledger) async fn enqueue<D: Database>(
    db: &D,
    index: &IndexId,
    changes: &[Change],
) -> DbResult<Vec<Enqueued>> {
    let numbered = changes.iter().enumerate();
    let mut keys: Vec<_> = numbered.flat_map(|(n, change)| keys(index, n, change)).collect();
    keys.sort_by_key(|key| key.file_id);
    let sets: Vec<_> = keys.iter().map(|key| key.values(index)).collect();
    let mut account = Account::default();
    // One count for the whole batch.
    let counted = keys.first().map(|key| key.file_id);
    let mut without_batch = BTreeSet::new();
    let mut made = Vec::with_capacity(keys.len());
    db.run(&sql::ENQUEUE, &sets, |set, c| {
        let key = &keys[set];
        let enqueued = Enqueued {
            file_id: key.file_id,
            seq: c.value()?,
            state: c.text()?,
        };
        let membership = Membership::read(c)?;
        let run = c.text_or_null()?;
        if membership.joined == 2 {
            without_batch.insert(key.file_id);
        }
        membership.count(&mut account, counted.unwrap_or(key.file_id), run);
        made.push((enqueued, c.value()?));
        Ok(())
    })
    .await
    .map_err(|error| unknown_index(error, index))?;
    if !without_batch.is_empty() {
        runs::open_batch(db, index, &without_batch, &mut account).await?;
    }
    if made.len() != keys.len() {
        return Err(DbError::no_row());
    }
    let rows = || keys.iter().zip(&made);
    let lines: Vec<_> = rows()
        .map(|(key, (enqueued, n))| Line {
            index,
            file: key.file_id,
            event: "enqueued",
            state: enqueued.state,
            seq: enqueued.seq,
            claim: None,
            detail: &key.detail,
            n: *n,
        })
        .collect();
    record(db, &lines).await?;
    account.write(db).await?;
    let mut answers: Vec<_> = rows().filter(|(key, _)| key.waits_for.is_none()).collect();
    answers.sort_by_key(|(key, _)| key.n);
    Ok(answers.into_iter().map(|(_, (enqueued, _))| *enqueued).collect())
}

/// One of the rows that a change is about.
struct Key<'a> {
    /// The change's place in the batch.
    n: usize,
    change: &'a Change,
    path: &'a BlobPath,
    file_id: FileId,
    hold: bool,
    renamed_from: Option<FileId>,
    /// Set on the old path of a rename.
    waits_for: Option<FileId>,
    detail: Json,
}

/// The changed path, and after it the old path of a rename.
fn keys<'a>(index: &IndexId, n: usize, change: &'a Change) -> impl Iterator<Item = Key<'a>> {
    // A rename onto itself is a plain change; a row must never wait for itself.
    let old = change.renamed_from.as_ref().filter(|old| **old != change.path);
    let file_id = FileId::of(index, &change.path);
    let old_id = old.map(|old| FileId::of(index, old));
    let new = Key {
        n,
        change,
        path: &change.path,
        file_id,
        hold: change.hold,
        renamed_from: old_id,
        waits_for: None,
        detail: detail::enqueued(change, None),
    };
    // The old path is never held: the blob is still there, under its new name.
    let old = old.zip(old_id).map(|(path, old_id)| Key {
        n,
        change,
        path,
        file_id: old_id,
        hold: false,
        renamed_from: None,
        waits_for: Some(file_id),
        detail: detail::enqueued(change, Some(&change.path)),
    });
    std::iter::once(new).chain(old)
}

impl Key<'_> {
    fn values<'a>(&'a self, index: &'a IndexId) -> Vec<Value<'a>> {
        let state = if self.hold {
            FileState::AwaitingApproval
        } else {
            FileState::Pending
        };
        values![
            index,
            self.file_id,
            self.path,
            state,
            self.change.lane,
            millis(self.change.debounce),
            self.change.reason,
            self.change.sequencer.as_ref(),
            self.renamed_from,
            self.waits_for,
            self.change.run,
            self.change.batch,
            self.change.again,
            self.change.gone,
        ]
    }
}

/// A row's foreign key is its index.
pub(super) fn unknown_index(error: DbError, index: &IndexId) -> DbError {
    if error.is_missing_reference() {
        LedgerError::UnknownIndex(index.clone()).into()
    } else {
        error
    }
}

pub(in crate::ledger) async fn mark_woken<D: Database>(db: &D, woken: &[WorkMessage]) -> DbResult<()> {
    // In the order in which batches of changes take their rows.
    let mut woken: Vec<_> = woken.iter().collect();
    woken.sort_by(|a, b| (&a.index, a.file_id).cmp(&(&b.index, b.file_id)));
    let sets: Vec<_> = woken
        .iter()
        .map(|message| values![&message.index, message.file_id, message.seq])
        .collect();
    db.each(&sql::MARK_WOKEN, &sets).await?;
    Ok(())
}

pub(in crate::ledger) async fn retry_failed<D: Database>(
    db: &D,
    index: &IndexId,
    file: Option<FileId>,
    run: Option<RunId>,
) -> DbResult<u64> {
    let mut account = Account::default();
    let rows = db
        .many(&sql::RETRY, values![index, file, run], |c| {
            retried(c, run, &mut account)
        })
        .await?;
    note_retried(db, index, &rows).await?;
    account.write(db).await?;
    Ok(rows.len() as u64)
}

/// Those of `files` that are FAILED become PENDING and files of `run`.
pub(super) async fn retry_files<D: Database>(
    db: &D,
    index: &IndexId,
    files: &[FileId],
    run: RunId,
) -> DbResult<()> {
    let mut files = files.to_vec();
    files.sort_unstable();
    let sets: Vec<_> = files.iter().map(|file| values![index, *file, run]).collect();
    let mut account = Account::default();
    let mut rows = Vec::new();
    db.run(&sql::RETRY_FILE, &sets, |_, c| {
        rows.push(retried(c, Some(run), &mut account)?);
        Ok(())
    })
    .await?;
    note_retried(db, index, &rows).await?;
    account.write(db).await
}

/// A row of `RETRY`: file, seq, number of its line.
fn retried(c: &mut Columns<'_>, run: Option<RunId>, account: &mut Account) -> DbResult<(FileId, i64, i64)> {
    let (file, seq, joined) = (c.text()?, c.value()?, c.value()?);
    if let (Some(run), true) = (run, joined) {
        account.joined(run, file);
    }
    Ok((file, seq, c.value()?))
}

async fn note_retried<D: Database>(db: &D, index: &IndexId, rows: &[(FileId, i64, i64)]) -> DbResult<()> {
    let detail = detail::nothing();
    let line = |&(file, seq, n)| Line {
        index,
        file,
        event: "retried",
        state: FileState::Pending,
        seq,
        claim: None,
        detail: &detail,
        n,
    };
    let lines: Vec<_> = rows.iter().map(line).collect();
    record(db, &lines).await
}

/// What a request made of a row's place in runs.
pub(super) struct Membership {
    /// 1: it joined its run; 2: it should join a batch, and there is none.
    joined: i64,
    left: Option<RunId>,
    /// As in the column `run_open`.
    open: i64,
}

impl Membership {
    /// The next three columns.
    pub(super) fn read(c: &mut Columns<'_>) -> DbResult<Self> {
        Ok(Self {
            joined: c.value()?,
            left: c.text_or_null()?,
            open: c.value()?,
        })
    }

    pub(super) fn count(&self, account: &mut Account, file: FileId, run: Option<RunId>) {
        if let Some(left) = self.left {
            account.left(left, file, RunOutcome::Superseded, "", AttemptCost::default());
        }
        if let Some(run) = run {
            if self.joined == 1 {
                account.joined(run, file);
            }
            if self.open == 2 {
                account.left(
                    run,
                    file,
                    RunOutcome::AwaitingApproval,
                    "",
                    AttemptCost::default(),
                );
            }
        }
    }
}
