//! The control plane's bookkeeping in the model.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

use super::ModelLedger;
use crate::clock::UnixMillis;
use crate::file_state::FileState;
use crate::ids::{ClaimId, FileId, IndexId};
use crate::ledger::{
    Backlog, Comparison, ControlLedger, DeadLetter, Erased, IndexState, LedgerError, LiveFile, Operation,
    OperationPage, OperationRecord, millis,
};

/// An operation with what is not shown of it.
pub(super) struct StoredOperation {
    record: OperationRecord,
    finished_at: Option<UnixMillis>,
}

#[async_trait]
impl ControlLedger for ModelLedger {
    async fn hold_duty(&self, duty: &str, owner: &str, lease: Duration) -> Result<bool, LedgerError> {
        let (mut tables, now) = self.enter();
        let held = tables.duties.get(duty);
        let free = held.is_none_or(|(other, until)| other == owner || *until < now);
        if free {
            let until = now + millis(lease);
            tables.duties.insert(duty.to_owned(), (owner.to_owned(), until));
        }
        Ok(free)
    }

    async fn drop_duty(&self, duty: &str, owner: &str) -> Result<(), LedgerError> {
        let (mut tables, _) = self.enter();
        if tables.duties.get(duty).is_some_and(|(holder, _)| holder == owner) {
            tables.duties.remove(duty);
        }
        Ok(())
    }

    async fn delete_index(&self, index: &IndexId) -> Result<bool, LedgerError> {
        let (mut tables, _) = self.enter();
        let name = index.base();
        tables.ensure_family(&name);
        if let Some(family) = tables.family(&name) {
            family.deleting = true;
        }
        let of_name = tables.indexes.iter_mut().filter(|(id, _)| id.base() == name);
        Ok(of_name
            .map(|(_, record)| record.state = IndexState::Deleting)
            .count()
            > 0)
    }

    async fn erase_index(&self, index: &IndexId, limit: u32) -> Result<Erased, LedgerError> {
        let (mut tables, _) = self.enter();
        let Some(record) = tables.indexes.get(index) else {
            tables.erase_family(&index.base());
            return Ok(Erased::Gone);
        };
        let running = |((of, _), row): (&(IndexId, _), &super::Row)| of == index && row.claim.is_some();
        if record.state != IndexState::Deleting || tables.files.iter().any(running) {
            return Ok(Erased::Refused);
        }
        if limit == 0 {
            return Ok(Erased::More);
        }
        let page = tables.files.keys().filter(|(of, _)| of == index);
        let page: Vec<_> = page.take(limit as usize).cloned().collect();
        for key in &page {
            tables.files.remove(key);
        }
        if !page.is_empty() {
            return Ok(Erased::More);
        }
        tables.dead_claims.retain(|(of, _), _| of != index);
        tables
            .operations
            .retain(|_, stored| stored.record.operation.index != *index);
        tables.books.erase(index);
        tables.approvals.retain(|(of, _), _| of != index);
        tables.indexes.remove(index);
        tables.erase_family(&index.base());
        Ok(Erased::Gone)
    }

    async fn open_operation(&self, operation: &Operation) -> Result<bool, LedgerError> {
        let (mut tables, now) = self.enter();
        if !tables.indexes.contains_key(&operation.index) {
            return Err(LedgerError::UnknownIndex(operation.index.clone()));
        }
        let fresh = !tables.operations.contains_key(&operation.id);
        tables
            .operations
            .entry(operation.id)
            .or_insert_with(|| StoredOperation {
                record: OperationRecord {
                    operation: operation.clone(),
                    opened_at: now,
                    cursor: None,
                    held: None,
                    files: 0,
                },
                finished_at: None,
            });
        Ok(fresh)
    }

    async fn operations(&self, index: &IndexId, limit: u32) -> Result<Vec<OperationRecord>, LedgerError> {
        let (tables, _) = self.enter();
        let mut open: Vec<_> = tables
            .operations
            .values()
            .filter(|stored| stored.finished_at.is_none() && stored.record.operation.index == *index)
            .map(|stored| stored.record.clone())
            .collect();
        open.sort_by_key(|record| (record.opened_at, record.operation.id));
        open.truncate(limit as usize);
        Ok(open)
    }

    async fn advance_operation(
        &self,
        operation: &Operation,
        page: &OperationPage,
    ) -> Result<bool, LedgerError> {
        let (mut tables, now) = self.enter();
        let stored = tables.operations.get_mut(&operation.id);
        let current =
            |stored: &&mut StoredOperation| stored.finished_at.is_none() && stored.record.cursor == page.from;
        let Some(stored) = stored.filter(current) else {
            return Ok(false);
        };
        stored.record.held = Some(page.held);
        stored.record.files += page.changes.len() as u64;
        match &page.next {
            Some(next) => stored.record.cursor = Some(next.clone()),
            None => stored.finished_at = Some(now),
        }
        tables.enqueue(now, &operation.index, &page.changes);
        Ok(true)
    }

    async fn note_comparison(&self, index: &IndexId, comparison: &Comparison) -> Result<(), LedgerError> {
        let (mut tables, _) = self.enter();
        if let Some(index) = tables.indexes.get_mut(index) {
            index.comparison = Some(comparison.clone());
        }
        Ok(())
    }

    async fn live_files(
        &self,
        index: &IndexId,
        after: Option<FileId>,
        limit: u32,
    ) -> Result<Vec<LiveFile>, LedgerError> {
        let (tables, _) = self.enter();
        let live = tables.files.iter().filter_map(|((of, file_id), row)| {
            let wanted = of == index && after.is_none_or(|after| *file_id > after);
            let claim_id = row.live.filter(|_| wanted)?;
            Some(LiveFile {
                file_id: *file_id,
                path: row.path.clone(),
                claim_id,
            })
        });
        Ok(live.take(limit as usize).collect())
    }

    async fn spoil(&self, index: &IndexId, claims: &[ClaimId]) -> Result<(), LedgerError> {
        let (mut tables, _) = self.enter();
        let rows = tables.files.iter_mut().filter(|((of, _), _)| of == index);
        for (_, row) in rows.filter(|(_, row)| row.live.is_some_and(|live| claims.contains(&live))) {
            if let Some(version) = &mut row.version {
                version.pipeline.clear();
            }
        }
        Ok(())
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, LedgerError> {
        let (tables, _) = self.enter();
        let mut counts = BTreeMap::new();
        for ((index, _), row) in &tables.files {
            let active = tables
                .indexes
                .get(index)
                .is_some_and(|record| record.state == IndexState::Active);
            let pending = row.state == FileState::Pending;
            if (pending && active && row.suspended.is_none()) || row.state.is_running() {
                let count: &mut (u64, u64) = counts.entry((index.clone(), row.lane)).or_default();
                count.0 += u64::from(pending);
                count.1 += u64::from(!pending);
            }
        }
        let backlog = |((index, lane), (pending, running))| Backlog {
            index,
            lane,
            pending,
            running,
        };
        Ok(counts.into_iter().map(backlog).collect())
    }

    async fn keep_dead_letter(&self, letter: &DeadLetter) -> Result<(), LedgerError> {
        let (mut tables, now) = self.enter();
        let kept = || DeadLetter {
            received_at: now,
            ..letter.clone()
        };
        tables.dead_letters.entry(letter.id).or_insert_with(kept);
        Ok(())
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, LedgerError> {
        let (tables, _) = self.enter();
        let mut letters: Vec<_> = tables.dead_letters.values().cloned().collect();
        letters.sort_by_key(|letter| std::cmp::Reverse((letter.received_at, letter.id)));
        letters.truncate(limit as usize);
        Ok(letters)
    }

    async fn forget_dead_letters(&self, older_than: Duration) -> Result<u64, LedgerError> {
        let (mut tables, now) = self.enter();
        let before = tables.dead_letters.len();
        tables
            .dead_letters
            .retain(|_, letter| letter.received_at >= now - millis(older_than));
        Ok((before - tables.dead_letters.len()) as u64)
    }
}

/// Forgets finished operations of an index; part of pruning.
pub(super) fn prune_operations(
    operations: &mut BTreeMap<crate::ids::OperationId, StoredOperation>,
    index: &IndexId,
    before: UnixMillis,
) -> usize {
    let count = operations.len();
    operations.retain(|_, stored| {
        stored.record.operation.index != *index || stored.finished_at.is_none_or(|at| at >= before)
    });
    count - operations.len()
}
