//! The control plane's bookkeeping.

use std::time::Duration;

use super::queries::in_lists;
use super::requests::{self, unknown_index};
use crate::ids::{ClaimId, FileId, IndexId};
use crate::ledger::database::{Columns, Database, DbError, DbResult, number, values};
use crate::ledger::{
    Backlog, Comparison, DeadLetter, Erased, LedgerError, LiveFile, Operation, OperationPage,
    OperationRecord, millis, sql,
};
use crate::work_message::Lane;

pub(in crate::ledger) async fn hold_duty<D: Database>(
    db: &D,
    duty: &str,
    owner: &str,
    lease: Duration,
) -> DbResult<bool> {
    let values = values![duty, owner, millis(lease)];
    Ok(db.one(&sql::HOLD_DUTY, values, |_| Ok(())).await?.is_some())
}

pub(in crate::ledger) async fn drop_duty<D: Database>(db: &D, duty: &str, owner: &str) -> DbResult<()> {
    db.execute(&sql::DROP_DUTY, values![duty, owner]).await?;
    Ok(())
}

pub(in crate::ledger) async fn delete_index<D: Database>(db: &D, index: &IndexId) -> DbResult<bool> {
    let name = &index.base();
    // The family first: a generation that is begun at the same moment waits for it, and finds it going.
    db.execute(&sql::ENSURE_FAMILY, values![name]).await?;
    db.execute(&sql::DELETE_FAMILY, values![name]).await?;
    Ok(db.execute(&sql::DELETE_INDEX, values![name]).await? > 0)
}

pub(in crate::ledger) async fn erase_index<D: Database>(
    db: &D,
    index: &IndexId,
    limit: u32,
) -> DbResult<Erased> {
    match db
        .one(&sql::ERASABLE, values![index], |c| c.value::<bool>())
        .await?
    {
        None => {
            erase_family(db, index).await?;
            return Ok(Erased::Gone);
        }
        Some(false) => return Ok(Erased::Refused),
        Some(true) => {}
    }
    if limit == 0
        || db.execute(&sql::ERASE_FILES, values![index, limit]).await? > 0
        || db.execute(&sql::ERASE_HISTORY, values![index, limit]).await? > 0
    {
        return Ok(Erased::More);
    }
    for statement in [
        &sql::ERASE_DEAD_CLAIMS,
        &sql::ERASE_OPERATIONS,
        &sql::ERASE_APPROVALS,
        &sql::ERASE_COUNTS,
        &sql::ERASE_RUNS,
    ] {
        db.execute(statement, values![index]).await?;
    }
    let gone = db
        .execute(&sql::ERASE_INDEX, values![index])
        .await
        .map_err(|error| still_in_use(error, index))?;
    erase_family(db, index).await?;
    Ok(if gone > 0 { Erased::Gone } else { Erased::More })
}

/// What generations have in common goes with the last of them.
async fn erase_family<D: Database>(db: &D, index: &IndexId) -> DbResult<()> {
    let name = &index.base();
    db.execute(&sql::ERASE_USAGE, values![name]).await?;
    db.execute(&sql::ERASE_FAMILY, values![name]).await?;
    Ok(())
}

/// Something of the index was being recorded at the same moment, by a transaction that this one could not see.
fn still_in_use(error: DbError, index: &IndexId) -> DbError {
    if error.is_missing_reference() {
        let what =
            format!("index {index} got another change while its last rows were erased: erase it again");
        LedgerError::Unavailable(what).into()
    } else {
        error
    }
}

pub(in crate::ledger) async fn open_operation<D: Database>(db: &D, operation: &Operation) -> DbResult<bool> {
    let kind = json(&operation.kind)?;
    let sequencer = operation.sequencer.as_deref();
    let values = values![operation.id, &operation.index, kind, sequencer];
    let opened = db
        .one(&sql::OPEN_OPERATION, values, |_| Ok(()))
        .await
        .map_err(|error| unknown_index(error, &operation.index))?;
    Ok(opened.is_some())
}

pub(in crate::ledger) async fn operations<D: Database>(
    db: &D,
    index: &IndexId,
    limit: u32,
) -> DbResult<Vec<OperationRecord>> {
    db.many(&sql::OPERATIONS, values![index, limit], operation).await
}

pub(in crate::ledger) async fn advance_operation<D: Database>(
    db: &D,
    operation: &Operation,
    page: &OperationPage,
) -> DbResult<bool> {
    let values = values![
        operation.id,
        page.from.as_ref().map(|path| path.as_str()),
        page.next.as_ref().map(|path| path.as_str()),
        page.held,
        number(page.changes.len()),
    ];
    if db
        .one(&sql::ADVANCE_OPERATION, values, |_| Ok(()))
        .await?
        .is_none()
    {
        return Ok(false);
    }
    requests::enqueue(db, &operation.index, &page.changes).await?;
    Ok(true)
}

pub(in crate::ledger) async fn note_comparison<D: Database>(
    db: &D,
    index: &IndexId,
    comparison: &Comparison,
) -> DbResult<()> {
    db.execute(&sql::NOTE_COMPARISON, values![index, json(comparison)?])
        .await?;
    Ok(())
}

pub(in crate::ledger) async fn live_files<D: Database>(
    db: &D,
    index: &IndexId,
    after: Option<FileId>,
    limit: u32,
) -> DbResult<Vec<LiveFile>> {
    let after = after.map_or_else(String::new, |file| file.to_string());
    db.many(&sql::LIVE_FILES, values![index, after, limit], |c| {
        Ok(LiveFile {
            file_id: c.text()?,
            path: c.text()?,
            claim_id: c.text()?,
        })
    })
    .await
}

pub(in crate::ledger) async fn spoil<D: Database>(
    db: &D,
    index: &IndexId,
    claims: &[ClaimId],
) -> DbResult<()> {
    in_lists(db, &sql::SPOIL, index, claims, |_| Ok(())).await?;
    Ok(())
}

pub(in crate::ledger) async fn backlog<D: Database>(db: &D) -> DbResult<Vec<Backlog>> {
    db.many(&sql::BACKLOG, values![], |c| {
        let index = c.text()?;
        let lane: usize = c.count()?;
        Ok(Backlog {
            index,
            lane: Lane::ALL.get(lane).copied().unwrap_or(Lane::Bulk),
            pending: c.count()?,
            running: c.count()?,
        })
    })
    .await
}

pub(in crate::ledger) async fn keep_dead_letter<D: Database>(db: &D, letter: &DeadLetter) -> DbResult<()> {
    let values = values![
        letter.id.to_string(),
        &letter.queue,
        &letter.reason,
        &letter.problem,
        &letter.body
    ];
    db.execute(&sql::KEEP_DEAD_LETTER, values).await?;
    Ok(())
}

pub(in crate::ledger) async fn dead_letters<D: Database>(db: &D, limit: u32) -> DbResult<Vec<DeadLetter>> {
    db.many(&sql::DEAD_LETTERS, values![limit], |c| {
        Ok(DeadLetter {
            id: c.text()?,
            received_at: c.value()?,
            queue: c.value()?,
            reason: c.value()?,
            problem: c.value()?,
            body: c.value()?,
        })
    })
    .await
}

pub(in crate::ledger) async fn forget_dead_letters<D: Database>(
    db: &D,
    older_than: Duration,
) -> DbResult<u64> {
    db.execute(&sql::FORGET_DEAD_LETTERS, values![millis(older_than)])
        .await
}

/// Columns of `OPERATIONS`.
fn operation(c: &mut Columns<'_>) -> DbResult<OperationRecord> {
    Ok(OperationRecord {
        operation: Operation {
            id: c.text()?,
            index: c.text()?,
            kind: c.json()?,
            sequencer: c.value()?,
        },
        opened_at: c.value()?,
        cursor: c.text_or_null()?,
        held: c.value::<Option<i64>>()?.map(|held| held != 0),
        files: c.count()?,
    })
}

fn json(value: &impl serde::Serialize) -> DbResult<String> {
    serde_json::to_string(value).map_err(|error| LedgerError::Corrupt(error.to_string()).into())
}
