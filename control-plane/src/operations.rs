//! Directory events become changes of files, page by page.
//!
//! An operation stays in the ledger until its last page is recorded; a crash between two pages costs nothing. Pages come from
//! the ledger's own rows, because the source may no longer have what the directory held. What the ledger does not know,
//! a comparison with the source finds at the end.

use std::sync::Arc;

use shared::blob_path::BlobPath;
use shared::ids::IndexId;
use shared::index_settings::Scope;
use shared::ledger::{
    Change, ControlLedger, FileFilter, KnownFile, LedgerError, Operation, OperationKind, OperationPage,
    OperationRecord,
};
use shared::work_message::Lane;
use tokio::sync::Notify;

use crate::reconcile::Policy;
use crate::reconciler::{ReconcileError, Reconciler};

/// Files recorded per page.
const PAGE: u32 = 500;
/// Operations looked at in a pass.
const OPERATIONS: u32 = 100;

/// Works off the operations of one index.
pub struct Operations {
    /// The index.
    pub index: IndexId,
    /// Where operations and files are.
    pub ledger: Arc<dyn ControlLedger>,
    /// Compares what the ledger does not know.
    pub reconciler: Arc<Reconciler>,
    /// Wakes the dispatcher.
    pub nudge: Arc<Notify>,
}

impl Operations {
    /// Works off every operation, oldest first; returns how many were finished.
    ///
    /// # Errors
    /// When ledger or source fails; the next pass goes on where this one stopped.
    pub async fn pass(&self) -> Result<usize, ReconcileError> {
        let mut finished = 0;
        loop {
            let open = self.ledger.operations(&self.index, OPERATIONS).await?;
            // One after the other: a directory that was moved twice has to be moved in this order.
            let Some(record) = open.into_iter().next() else {
                return Ok(finished);
            };
            if self.step(&record).await? {
                finished += 1;
            }
        }
    }

    /// Records the next page of an operation; returns whether it was the last.
    async fn step(&self, record: &OperationRecord) -> Result<bool, ReconcileError> {
        let policy = self.reconciler.policy().await?;
        let held = match record.held {
            Some(held) => held,
            None => self.must_wait(&record.operation.kind, &policy).await?,
        };
        let files = match scope(&record.operation.kind) {
            Some(prefix) => self.known_below(prefix, record.cursor.as_ref()).await?,
            None => Vec::new(),
        };
        let full = files.len() == PAGE as usize;
        let next = files.last().filter(|_| full).cloned();
        if next.is_none()
            && let Some(unknown) = arrival(&record.operation.kind)
        {
            // Before the operation counts as finished.
            if unknown.is_empty() {
                self.reconciler.everything("reconcile").await?;
            } else {
                self.reconciler
                    .scopes(&[unknown.to_owned()], Lane::Fast, "event")
                    .await?;
            }
        }
        let changes = files
            .iter()
            .filter_map(|path| change(&record.operation, path, held, &policy.scope))
            .collect();
        let page = OperationPage {
            from: record.cursor.clone(),
            changes,
            next,
            held,
        };
        let mine = self.ledger.advance_operation(&record.operation, &page).await?;
        self.nudge.notify_one();
        Ok(mine && page.next.is_none())
    }

    /// Would a removal take so much of the index that somebody has to approve?
    async fn must_wait(&self, kind: &OperationKind, policy: &Policy) -> Result<bool, LedgerError> {
        let Some(from) = scope(kind) else {
            return Ok(false);
        };
        let known = self.ledger.known_files(&self.index, from).await?;
        let leaves = |file: &&KnownFile| moved(kind, &file.path).is_none_or(|to| !policy.scope.owns(&to));
        let removals = known.iter().filter(leaves).count();
        let size = self.reconciler.index_size().await?;
        Ok(policy.guard.holds(removals, size))
    }

    async fn known_below(
        &self,
        prefix: &str,
        after: Option<&BlobPath>,
    ) -> Result<Vec<BlobPath>, LedgerError> {
        let below = if prefix.is_empty() {
            String::new()
        } else {
            format!("{}/", prefix.trim_end_matches('/'))
        };
        let filter = FileFilter {
            prefix: below,
            after: after.cloned(),
            ..FileFilter::default()
        };
        let rows = self.ledger.files(&self.index, &filter, PAGE).await?;
        Ok(rows.into_iter().map(|row| row.path).collect())
    }
}

/// The directory whose known files the operation is about.
fn scope(kind: &OperationKind) -> Option<&str> {
    match kind {
        OperationKind::Remove { path } => Some(path),
        OperationKind::Rename { from, .. } => Some(from),
        OperationKind::Compare { .. } => None,
    }
}

/// The directory where files may have come that nobody reported.
fn arrival(kind: &OperationKind) -> Option<&str> {
    match kind {
        OperationKind::Remove { .. } => None,
        OperationKind::Rename { to, .. } => Some(to),
        OperationKind::Compare { path } => Some(path),
    }
}

/// What the operation means for a file below its directory. The attempt looks at the blob itself, so a directory that is
/// there again by then does no harm.
fn change(operation: &Operation, path: &BlobPath, held: bool, covered: &Scope) -> Option<Change> {
    let sequencer = operation.sequencer.clone();
    match (&operation.kind, moved(&operation.kind, path)) {
        (OperationKind::Compare { .. }, _) => None,
        (OperationKind::Rename { .. }, Some(target)) if covered.owns(&target) => Some(Change {
            sequencer,
            renamed_from: Some(path.clone()),
            ..Change::reported(target, "event", Lane::Fast)
        }),
        // It is gone, or has a name now that the index leaves out.
        (OperationKind::Remove { .. } | OperationKind::Rename { .. }, _) => Some(Change {
            hold: held,
            sequencer,
            ..Change::reported(path.clone(), "event", Lane::Fast)
        }),
    }
}

/// The name that a file has after its directory was renamed.
fn moved(kind: &OperationKind, path: &BlobPath) -> Option<BlobPath> {
    let OperationKind::Rename { from, to } = kind else {
        return None;
    };
    let rest = path.as_str().strip_prefix(from.trim_end_matches('/'))?;
    BlobPath::new(format!("{}{rest}", to.trim_end_matches('/'))).ok()
}

#[cfg(test)]
mod tests;
