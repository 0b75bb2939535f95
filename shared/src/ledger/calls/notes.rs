//! What goes with a change of a row, in the same transaction: its line of history, the files that waited, the
//! counts of runs.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::file_state::FileState;
use crate::ids::{ClaimId, FileId, IndexId, RunId};
use crate::ledger::database::{Database, DbResult, Value, values};
use crate::ledger::detail::AttemptCost;
use crate::ledger::runs::{COMMITTED, JOINED};
use crate::ledger::{RunOutcome, sql};

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

/// What joined runs and left them, and what was spent for them.
#[derive(Default)]
pub(super) struct Account(BTreeMap<(RunId, char, &'static str, String), Tally>);

/// What is added to one count.
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    files: i64,
    /// Of the model.
    pub(super) usage: AttemptCost,
}

impl Account {
    fn add(&mut self, run: RunId, file: FileId, what: &'static str, code: &str, tally: Tally) {
        // Any stripe will do; a file's own keeps those of one run that settle together apart.
        let stripe = file.to_string().chars().next().unwrap_or('0');
        let sum = self.0.entry((run, stripe, what, code.to_owned())).or_default();
        sum.files += tally.files;
        sum.usage.tokens += tally.usage.tokens;
        sum.usage.embedded += tally.usage.embedded;
        sum.usage.reused += tally.usage.reused;
    }

    /// A file joined a run. A batch of files names one of them for all, so that they are one count.
    pub(super) fn joined(&mut self, run: RunId, file: FileId) {
        let usage = AttemptCost::default();
        self.add(run, file, JOINED, "", Tally { files: 1, usage });
    }

    /// A file left a run.
    pub(super) fn left(
        &mut self,
        run: RunId,
        file: FileId,
        outcome: RunOutcome,
        code: &str,
        usage: AttemptCost,
    ) {
        self.add(run, file, outcome.name(), code, Tally { files: 1, usage });
    }

    /// Something was spent for a file that is not done yet.
    pub(super) fn spent(&mut self, run: RunId, file: FileId, usage: AttemptCost) {
        if usage != AttemptCost::default() {
            self.add(run, file, COMMITTED, "", Tally { files: 0, usage });
        }
    }

    /// Adds all of it to the counts. Done last: the counts are locked from here to the end of the transaction.
    pub(super) async fn write<D: Database>(self, db: &D) -> DbResult<()> {
        let sets: Vec<_> = self
            .0
            .into_iter()
            .map(|((run, stripe, what, code), sum)| {
                let AttemptCost {
                    tokens,
                    embedded,
                    reused,
                } = sum.usage;
                values![
                    run,
                    stripe.to_string(),
                    what,
                    code,
                    sum.files,
                    embedded,
                    reused,
                    tokens
                ]
            })
            .collect();
        db.each(&sql::COUNT, &sets).await?;
        Ok(())
    }
}
