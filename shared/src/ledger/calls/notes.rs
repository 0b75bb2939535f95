//! What goes with a change of a row, in the same transaction: its line of history, the files that waited, the run's total.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::file_state::FileState;
use crate::ids::{ClaimId, FileId, IndexId, RunId};
use crate::ledger::database::{Database, DbResult, Value, values};
use crate::ledger::sql;

/// A line of history about a row that was just changed.
pub(super) struct Line<'a> {
    pub(super) index: &'a IndexId,
    pub(super) file: FileId,
    pub(super) event: &'a str,
    pub(super) state: FileState,
    pub(super) seq: i64,
    pub(super) claim: Option<ClaimId>,
    pub(super) detail: &'a Json,
    /// The row's count of entries after the change.
    pub(super) n: i64,
}

impl Line<'_> {
    fn values(&self) -> Vec<Value<'_>> {
        values![
            self.index,
            self.file,
            self.n,
            self.event,
            self.state,
            self.seq,
            self.claim,
            self.detail.to_string()
        ]
    }
}

/// Writes lines.
pub(super) async fn record<D: Database>(db: &D, lines: &[Line<'_>]) -> DbResult<()> {
    let sets: Vec<_> = lines.iter().map(Line::values).collect();
    db.each(&sql::RECORD, &sets).await?;
    Ok(())
}

/// Those of `files` that have settled let go of the files that waited for them: they are due.
pub(super) async fn settled<'a, D: Database>(
    db: &D,
    files: impl Iterator<Item = (&'a IndexId, FileId, FileState)>,
) -> DbResult<()> {
    let sets: Vec<_> = files
        .filter(|(.., state)| state.is_settled())
        .map(|(index, file, _)| values![index, file])
        .collect();
    db.each(&sql::LET_GO, &sets).await?;
    Ok(())
}

/// Files that joined a run, counted.
#[derive(Default)]
pub(super) struct Joined(BTreeMap<RunId, i64>);

impl Joined {
    /// Counts a file, if it joined.
    pub(super) fn count(&mut self, run: Option<RunId>, joined: bool) {
        if let (Some(run), true) = (run, joined) {
            *self.0.entry(run).or_default() += 1;
        }
    }

    /// Adds them to the totals of their runs. Done last: a run's row is locked from here to the end of the transaction,
    /// and every batch of the run wants it.
    pub(super) async fn grow<D: Database>(self, db: &D) -> DbResult<()> {
        let sets: Vec<_> = self
            .0
            .into_iter()
            .map(|(run, files)| values![run, files])
            .collect();
        db.each(&sql::GROW_RUN, &sets).await?;
        Ok(())
    }
}
