//! Indexes, runs, and what is removed in time.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::connection::{DbResult, execute, many, one};
use super::queries::in_lists;
use super::requests::unknown_index;
use super::rows::{self, Columns, Text};
use crate::ids::{ClaimId, FileId, IndexId, RunId};
use crate::ledger::{IndexRecord, IndexState, RunKind, millis, sql};

pub(super) fn ensure_index(db: &Connection, index: &IndexId, settings: &str) -> DbResult<IndexRecord> {
    execute(db, &sql::ADD_INDEX, params![index.as_str(), settings])?;
    let stored = one(db, &sql::INDEX, [index.as_str()], rows::index)?;
    Ok(stored.ok_or(rusqlite::Error::QueryReturnedNoRows)?)
}

pub(super) fn set_active(db: &Connection, index: &IndexId, active: bool) -> DbResult<()> {
    let state = if active {
        IndexState::Active
    } else {
        IndexState::Paused
    };
    execute(db, &sql::SET_STATE, params![index.as_str(), state.name()])?;
    Ok(())
}

pub(super) fn open_run(db: &Connection, index: &IndexId, run: RunId, kind: RunKind) -> DbResult<()> {
    execute(
        db,
        &sql::OPEN_RUN,
        params![Text(run), index.as_str(), kind.name()],
    )
    .map_err(|error| unknown_index(error, index))?;
    Ok(())
}

pub(super) fn seal_run(db: &Connection, run: RunId) -> DbResult<()> {
    execute(db, &sql::SEAL_RUN, params![Text(run)])?;
    Ok(())
}

pub(super) fn complete_run(db: &Connection, run: RunId) -> DbResult<()> {
    execute(db, &sql::COMPLETE_RUN, params![Text(run)])?;
    Ok(())
}

pub(super) fn forget_dead_claims(db: &Connection, index: &IndexId, claims: &[ClaimId]) -> DbResult<()> {
    in_lists(db, &sql::FORGET_DEAD_CLAIMS, index, claims, |_| Ok(()))?;
    Ok(())
}

/// Removes a page of tombstones; returns how many files, and how many rows with their history.
pub(super) fn prune_tombstones(
    db: &Connection,
    index: &IndexId,
    older_than: Duration,
    page: u32,
) -> DbResult<(usize, u64)> {
    let values = params![index.as_str(), millis(older_than), page];
    let files: Vec<FileId> = many(db, &sql::PRUNE_TOMBSTONES, values, |row| Columns::of(row).text())?;
    let mut gone = files.len();
    for file in &files {
        gone += execute(db, &sql::FORGET_HISTORY, params![index.as_str(), Text(file)])?;
    }
    Ok((files.len(), gone as u64))
}

/// Forgets operations that were finished long ago; returns how many.
pub(super) fn prune_operations(db: &Connection, index: &IndexId, older_than: Duration) -> DbResult<u64> {
    let values = params![index.as_str(), millis(older_than)];
    Ok(execute(db, &sql::PRUNE_OPERATIONS, values)? as u64)
}

/// Removes old history of the files in (`after`, `end`]; returns how many rows.
pub(super) fn prune_history(
    db: &Connection,
    index: &IndexId,
    after: &str,
    end: &str,
    keep: u32,
) -> DbResult<u64> {
    Ok(execute(db, &sql::PRUNE_HISTORY, params![index.as_str(), after, end, keep])? as u64)
}
