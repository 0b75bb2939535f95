//! What is asked of files from outside: changes, wake-ups, retries, decisions. Each runs inside a savepoint.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use serde_json::Value;

use super::connection::{DbError, DbResult, execute, many, one};
use super::notes::{Line, grow, record, settled};
use super::rows::{Columns, Text, lane_number};
use crate::blob_path::BlobPath;
use crate::file_state::FileState;
use crate::ids::{FileId, IndexId, RunId};
use crate::ledger::{Change, Enqueued, LedgerError, detail, millis, sql};
use crate::work_message::WorkMessage;

pub(super) fn enqueue(db: &Connection, index: &IndexId, changes: &[Change]) -> DbResult<Vec<Enqueued>> {
    let mut joined = BTreeMap::new();
    let mut answer = Vec::with_capacity(changes.len());
    for change in changes {
        // A rename onto itself is a plain change; a row must never wait for itself.
        let old = change.renamed_from.as_ref().filter(|old| **old != change.path);
        let old_id = old.map(|old| FileId::of(index, old));
        let new = Key {
            path: &change.path,
            hold: change.hold,
            renamed_from: old_id,
            waits_for: None,
        };
        let detail = detail::enqueued(change, None);
        let enqueued = enqueue_one(db, index, change, &new, &detail, &mut joined)?;
        answer.push(enqueued);
        if let Some(old) = old {
            // Never held: the blob is still there, under its new name.
            let old = Key {
                path: old,
                hold: false,
                renamed_from: None,
                waits_for: Some(enqueued.file_id),
            };
            let detail = detail::enqueued(change, Some(&change.path));
            enqueue_one(db, index, change, &old, &detail, &mut joined)?;
        }
    }
    grow(db, joined)?;
    Ok(answer)
}

/// One of the rows that a change is about.
struct Key<'a> {
    path: &'a BlobPath,
    hold: bool,
    renamed_from: Option<FileId>,
    waits_for: Option<FileId>,
}

fn enqueue_one(
    db: &Connection,
    index: &IndexId,
    change: &Change,
    key: &Key<'_>,
    detail: &Value,
    joined: &mut BTreeMap<RunId, i64>,
) -> DbResult<Enqueued> {
    let file_id = FileId::of(index, key.path);
    let state = if key.hold {
        FileState::AwaitingApproval
    } else {
        FileState::Pending
    };
    let values = params![
        index.as_str(),
        Text(file_id),
        key.path.as_str(),
        state.name(),
        lane_number(change.lane),
        millis(change.debounce),
        change.reason,
        change.sequencer,
        key.renamed_from.map(Text),
        key.waits_for.map(Text),
        change.run.map(Text),
    ];
    let row = one(db, &sql::ENQUEUE, values, |row| {
        let mut c = Columns::of(row);
        Ok((
            Enqueued {
                file_id,
                seq: c.value()?,
                state: c.text()?,
            },
            c.value::<bool>()?,
            c.value::<i64>()?,
        ))
    })
    .map_err(|error| unknown_index(error, index))?;
    let (enqueued, joins, n) = row.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    if let (Some(run), true) = (change.run, joins) {
        *joined.entry(run).or_default() += 1;
    }
    let line = Line {
        event: "enqueued",
        state: enqueued.state,
        seq: enqueued.seq,
        claim: None,
        detail,
        n,
    };
    record(db, index, file_id, &line)?;
    Ok(enqueued)
}

/// A row's foreign key is its index.
pub(super) fn unknown_index(error: DbError, index: &IndexId) -> DbError {
    match &error {
        DbError::Sqlite(cause)
            if cause.sqlite_extended_error_code() == Some(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY) =>
        {
            LedgerError::UnknownIndex(index.clone()).into()
        }
        DbError::Sqlite(_) | DbError::Ledger(_) => error,
    }
}

pub(super) fn mark_woken(db: &Connection, woken: &[WorkMessage]) -> DbResult<()> {
    for message in woken {
        execute(
            db,
            &sql::MARK_WOKEN,
            params![message.index.as_str(), Text(message.file_id), message.seq],
        )?;
    }
    Ok(())
}

pub(super) fn retry_failed(
    db: &Connection,
    index: &IndexId,
    file: Option<FileId>,
    run: Option<RunId>,
) -> DbResult<u64> {
    let values = params![index.as_str(), file.map(Text), run.map(Text)];
    let rows = many(db, &sql::RETRY, values, |row| {
        let mut c = Columns::of(row);
        Ok((
            c.text::<FileId>()?,
            c.value::<i64>()?,
            c.value::<bool>()?,
            c.value::<i64>()?,
        ))
    })?;
    let mut joined = BTreeMap::new();
    for &(file, seq, joins, n) in &rows {
        let (state, detail) = (FileState::Pending, &detail::nothing());
        record(
            db,
            index,
            file,
            &Line {
                event: "retried",
                state,
                seq,
                claim: None,
                detail,
                n,
            },
        )?;
        if let (Some(run), true) = (run, joins) {
            *joined.entry(run).or_default() += 1;
        }
    }
    grow(db, joined)?;
    Ok(rows.len() as u64)
}

pub(super) fn decide(db: &Connection, index: &IndexId, approve: bool) -> DbResult<u64> {
    let rows = many(db, &sql::DECIDE, params![index.as_str(), approve], |row| {
        let mut c = Columns::of(row);
        Ok((
            c.text::<FileId>()?,
            c.text::<FileState>()?,
            c.value()?,
            c.value()?,
        ))
    })?;
    let event = if approve { "approved" } else { "rejected" };
    for &(file, state, seq, n) in &rows {
        record(
            db,
            index,
            file,
            &Line {
                event,
                state,
                seq,
                claim: None,
                detail: &detail::nothing(),
                n,
            },
        )?;
        settled(db, index, file, state)?;
    }
    Ok(rows.len() as u64)
}
