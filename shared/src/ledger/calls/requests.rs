//! What is asked of files from outside: changes, wake-ups, retries, decisions.

use serde_json::Value as Json;

use super::notes::{Joined, Line, record};
use crate::blob_path::BlobPath;
use crate::file_state::FileState;
use crate::ids::{FileId, IndexId, RunId};
use crate::ledger::database::{Database, DbError, DbResult, Value, values};
use crate::ledger::{Change, Enqueued, LedgerError, detail, millis, sql};
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
    let mut joined = Joined::default();
    let mut made = Vec::with_capacity(keys.len());
    db.run(&sql::ENQUEUE, &sets, |set, c| {
        let key = &keys[set];
        let enqueued = Enqueued {
            file_id: key.file_id,
            seq: c.value()?,
            state: c.text()?,
        };
        joined.count(key.change.run, c.value()?);
        made.push((enqueued, c.value()?));
        Ok(())
    })
    .await
    .map_err(|error| unknown_index(error, index))?;
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
    joined.grow(db).await?;
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
    let mut joined = Joined::default();
    let rows: Vec<(FileId, i64, i64)> = db
        .many(&sql::RETRY, values![index, file, run], |c| {
            let (file, seq) = (c.text()?, c.value()?);
            joined.count(run, c.value()?);
            Ok((file, seq, c.value()?))
        })
        .await?;
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
    record(db, &lines).await?;
    joined.grow(db).await?;
    Ok(lines.len() as u64)
}
