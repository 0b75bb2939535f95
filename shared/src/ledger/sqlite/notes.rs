//! What goes with a change of a row, in the same transaction: its line of history, the files that waited, the run's total.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use serde_json::Value;

use super::connection::{DbResult, execute};
use super::rows::Text;
use crate::file_state::FileState;
use crate::ids::{ClaimId, FileId, IndexId, RunId};
use crate::ledger::sql;

/// A line of history about a row that was just changed.
pub(super) struct Line<'a> {
    pub(super) event: &'a str,
    pub(super) state: FileState,
    pub(super) seq: i64,
    pub(super) claim: Option<ClaimId>,
    pub(super) detail: &'a Value,
    /// The row's count of entries after the change.
    pub(super) n: i64,
}

/// Writes a line.
pub(super) fn record(db: &Connection, index: &IndexId, file: FileId, line: &Line<'_>) -> DbResult<()> {
    let claim = line.claim.map(Text);
    let (state, detail) = (line.state.name(), line.detail.to_string());
    let values = params![
        index.as_str(),
        Text(file),
        line.n,
        line.event,
        state,
        line.seq,
        claim,
        detail
    ];
    execute(db, &sql::RECORD, values)?;
    Ok(())
}

/// A file has settled: those that waited for it are due.
pub(super) fn settled(db: &Connection, index: &IndexId, file: FileId, state: FileState) -> DbResult<()> {
    if state.is_settled() {
        execute(db, &sql::LET_GO, params![index.as_str(), Text(file)])?;
    }
    Ok(())
}

/// Adds the files that joined a run to its total.
pub(super) fn grow(db: &Connection, joined: BTreeMap<RunId, i64>) -> DbResult<()> {
    for (run, files) in joined {
        execute(db, &sql::GROW_RUN, params![Text(run), files])?;
    }
    Ok(())
}
