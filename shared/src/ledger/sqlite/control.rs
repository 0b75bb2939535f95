//! The control plane's bookkeeping on SQLite.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::SqliteLedger;
use super::connection::{DbResult, execute, many, one};
use super::queries::in_lists;
use super::requests::{self, unknown_index};
use super::rows::{Columns, Text};
use crate::ids::{ClaimId, FileId, IndexId};
use crate::ledger::{
    Backlog, Comparison, ControlLedger, DeadLetter, Erased, LedgerError, LiveFile, Operation, OperationPage,
    OperationRecord, millis, sql,
};
use crate::work_message::Lane;

#[async_trait]
impl ControlLedger for SqliteLedger {
    async fn hold_duty(&self, duty: &str, owner: &str, lease: Duration) -> Result<bool, LedgerError> {
        let (duty, owner) = (duty.to_owned(), owner.to_owned());
        self.write(move |db| {
            let held = one(db, &sql::HOLD_DUTY, params![duty, owner, millis(lease)], |_| {
                Ok(())
            })?;
            Ok(held.is_some())
        })
        .await
    }

    async fn drop_duty(&self, duty: &str, owner: &str) -> Result<(), LedgerError> {
        let (duty, owner) = (duty.to_owned(), owner.to_owned());
        self.write(move |db| execute(db, &sql::DROP_DUTY, params![duty, owner]).map(drop))
            .await
    }

    async fn delete_index(&self, index: &IndexId) -> Result<bool, LedgerError> {
        let index = index.clone();
        self.write(move |db| Ok(execute(db, &sql::DELETE_INDEX, [index.as_str()])? > 0))
            .await
    }

    async fn erase_index(&self, index: &IndexId, limit: u32) -> Result<Erased, LedgerError> {
        let index = index.clone();
        self.write(move |db| erase_index(db, &index, limit)).await
    }

    async fn open_operation(&self, operation: &Operation) -> Result<bool, LedgerError> {
        let operation = operation.clone();
        self.write(move |db| open_operation(db, &operation)).await
    }

    async fn operations(&self, index: &IndexId, limit: u32) -> Result<Vec<OperationRecord>, LedgerError> {
        let index = index.clone();
        self.read(move |db| many(db, &sql::OPERATIONS, params![index.as_str(), limit], operation))
            .await
    }

    async fn advance_operation(
        &self,
        operation: &Operation,
        page: &OperationPage,
    ) -> Result<bool, LedgerError> {
        let (operation, page) = (operation.clone(), page.clone());
        self.write(move |db| advance_operation(db, &operation, &page))
            .await
    }

    async fn note_comparison(&self, index: &IndexId, comparison: &Comparison) -> Result<(), LedgerError> {
        let json =
            serde_json::to_string(comparison).map_err(|error| LedgerError::Corrupt(error.to_string()))?;
        let index = index.clone();
        self.write(move |db| execute(db, &sql::NOTE_COMPARISON, params![index.as_str(), json]).map(drop))
            .await
    }

    async fn live_files(
        &self,
        index: &IndexId,
        after: Option<FileId>,
        limit: u32,
    ) -> Result<Vec<LiveFile>, LedgerError> {
        let (index, after) = (
            index.clone(),
            after.map_or_else(String::new, |file| file.to_string()),
        );
        self.read(move |db| {
            many(
                db,
                &sql::LIVE_FILES,
                params![index.as_str(), after, limit],
                live_file,
            )
        })
        .await
    }

    async fn spoil(&self, index: &IndexId, claims: &[ClaimId]) -> Result<(), LedgerError> {
        let (index, claims) = (index.clone(), claims.to_vec());
        self.write(move |db| in_lists(db, &sql::SPOIL, &index, &claims, |_| Ok(())).map(drop))
            .await
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, LedgerError> {
        self.read(|db| many(db, &sql::BACKLOG, [], backlog)).await
    }

    async fn keep_dead_letter(&self, letter: &DeadLetter) -> Result<(), LedgerError> {
        let letter = letter.clone();
        self.write(move |db| {
            let DeadLetter {
                id,
                queue,
                reason,
                problem,
                body,
                ..
            } = letter;
            let values = params![Text(id), queue, reason, problem, body];
            execute(db, &sql::KEEP_DEAD_LETTER, values).map(drop)
        })
        .await
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, LedgerError> {
        self.read(move |db| many(db, &sql::DEAD_LETTERS, [limit], dead_letter))
            .await
    }

    async fn forget_dead_letters(&self, older_than: Duration) -> Result<u64, LedgerError> {
        self.write(move |db| Ok(execute(db, &sql::FORGET_DEAD_LETTERS, [millis(older_than)])? as u64))
            .await
    }
}

fn erase_index(db: &Connection, index: &IndexId, limit: u32) -> DbResult<Erased> {
    let index = index.as_str();
    match one(db, &sql::ERASABLE, [index], |row| row.get::<_, bool>(0))? {
        None => return Ok(Erased::Gone),
        Some(false) => return Ok(Erased::Refused),
        Some(true) => {}
    }
    if execute(db, &sql::ERASE_FILES, params![index, limit])? > 0
        || execute(db, &sql::ERASE_HISTORY, params![index, limit])? > 0
    {
        return Ok(Erased::More);
    }
    for statement in [&sql::ERASE_DEAD_CLAIMS, &sql::ERASE_OPERATIONS, &sql::ERASE_RUNS] {
        execute(db, statement, [index])?;
    }
    execute(db, &sql::ERASE_INDEX, [index])?;
    Ok(Erased::Gone)
}

fn open_operation(db: &Connection, operation: &Operation) -> DbResult<bool> {
    let kind =
        serde_json::to_string(&operation.kind).map_err(|error| LedgerError::Corrupt(error.to_string()))?;
    let values = params![
        Text(operation.id),
        operation.index.as_str(),
        kind,
        operation.sequencer
    ];
    let opened = one(db, &sql::OPEN_OPERATION, values, |_| Ok(()))
        .map_err(|error| unknown_index(error, &operation.index))?;
    Ok(opened.is_some())
}

fn advance_operation(db: &Connection, operation: &Operation, page: &OperationPage) -> DbResult<bool> {
    let values = params![
        Text(operation.id),
        page.from.as_ref().map(|path| path.as_str()),
        page.next.as_ref().map(|path| path.as_str()),
        page.held,
        super::rows::number(page.changes.len()),
    ];
    if one(db, &sql::ADVANCE_OPERATION, values, |_| Ok(()))?.is_none() {
        return Ok(false);
    }
    requests::enqueue(db, &operation.index, &page.changes)?;
    Ok(true)
}

/// Columns of `OPERATIONS`.
fn operation(row: &Row<'_>) -> rusqlite::Result<OperationRecord> {
    let mut c = Columns::of(row);
    Ok(OperationRecord {
        operation: Operation {
            id: c.text()?,
            index: c.text()?,
            kind: c.json()?,
            sequencer: c.value()?,
        },
        opened_at: c.value()?,
        cursor: c.text_or_null()?,
        held: c.value()?,
        files: c.count()?,
    })
}

/// Columns of `LIVE_FILES`.
fn live_file(row: &Row<'_>) -> rusqlite::Result<LiveFile> {
    let mut c = Columns::of(row);
    Ok(LiveFile {
        file_id: c.text()?,
        path: c.text()?,
        claim_id: c.text()?,
    })
}

/// Columns of `BACKLOG`.
fn backlog(row: &Row<'_>) -> rusqlite::Result<Backlog> {
    let mut c = Columns::of(row);
    let index = c.text()?;
    let lane: usize = c.count()?;
    Ok(Backlog {
        index,
        lane: Lane::ALL.get(lane).copied().unwrap_or(Lane::Bulk),
        pending: c.count()?,
        running: c.count()?,
    })
}

/// Columns of `DEAD_LETTERS`.
fn dead_letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    let mut c = Columns::of(row);
    Ok(DeadLetter {
        id: c.text()?,
        received_at: c.value()?,
        queue: c.value()?,
        reason: c.value()?,
        problem: c.value()?,
        body: c.value()?,
    })
}
