//! Removals that wait for a decision, in the model.

use async_trait::async_trait;

use super::{ModelLedger, Tables};
use crate::clock::UnixMillis;
use crate::file_state::{FileState, Outcome, Step, transition};
use crate::ids::{FileId, IndexId};
use crate::ledger::{
    Approval, ApprovalFilter, ApprovalState, Approvals, IndexState, LedgerError, Resolution, Resolved,
    detail, millis,
};

/// An approval with what is not shown of it.
pub(super) struct StoredApproval {
    record: Approval,
    told: Option<ApprovalState>,
}

impl Tables {
    /// Files of an index that wait, in path order.
    fn waiting(&self, index: &IndexId) -> Vec<FileId> {
        let mut held: Vec<_> = self
            .files
            .iter()
            .filter(|((of, _), row)| of == index && row.state == FileState::AwaitingApproval)
            .map(|((_, id), row)| (&row.path, *id))
            .collect();
        held.sort_unstable();
        held.into_iter().map(|(_, id)| id).collect()
    }

    fn shown_approval(&self, stored: &StoredApproval) -> Approval {
        let mut shown = stored.record.clone();
        if shown.state == ApprovalState::Waiting {
            shown.files = self.waiting(&shown.index).len() as u64;
        }
        shown
    }

    fn open_approvals(&mut self, now: UnixMillis) -> Vec<Approval> {
        let ids: Vec<IndexId> = self.indexes.keys().cloned().collect();
        let mut opened = Vec::new();
        for index in ids {
            let waiting = self.waiting(&index);
            if waiting.is_empty() {
                for stored in self.approvals.values_mut() {
                    if stored.record.index == index && stored.record.state == ApprovalState::Waiting {
                        stored.record.state = ApprovalState::Withdrawn;
                        stored.record.decided_at = Some(now);
                        stored.record.finished_at = Some(now);
                    }
                }
                continue;
            }
            let of_index = || {
                self.approvals
                    .values()
                    .filter(|stored| stored.record.index == index)
            };
            let deleting = self.indexes.get(&index).map(|record| record.state) == Some(IndexState::Deleting);
            if deleting || of_index().any(|stored| stored.record.finished_at.is_none()) {
                continue;
            }
            let number = of_index().map(|stored| stored.record.number).max().unwrap_or(0) + 1;
            let first = waiting.first().map(|file| (index.clone(), *file));
            let record = Approval {
                index: index.clone(),
                number,
                state: ApprovalState::Waiting,
                reason: first
                    .and_then(|key| self.files.get(&key))
                    .map_or_else(String::new, |row| row.reason.to_owned()),
                opened_at: now,
                files: 0,
                ceiling: None,
                decided_at: None,
                decided_by: None,
                note: None,
                passed: 0,
                finished_at: None,
            };
            let stored = StoredApproval { record, told: None };
            opened.push(self.shown_approval(&stored));
            self.approvals.insert((index, number), stored);
        }
        opened
    }

    fn carry_out(&mut self, now: UnixMillis, index: &IndexId, number: u64, limit: u32) -> Option<Approval> {
        let key = (index.clone(), number);
        let record = self.approvals.get(&key).map(|stored| stored.record.clone())?;
        let remove = match record.state {
            ApprovalState::Approved => true,
            ApprovalState::Kept => false,
            ApprovalState::Waiting | ApprovalState::Withdrawn => return None,
        };
        if record.finished_at.is_some() {
            return None;
        }
        let left = record.ceiling.unwrap_or(0) - record.passed;
        let wanted = left.min(u64::from(limit));
        let before = record.decided_at.unwrap_or(now);
        let mut files = self.waiting(index);
        files.retain(|file| {
            let row = self.files.get(&(index.clone(), *file));
            row.is_some_and(|row| row.updated_at <= before)
        });
        files.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
        for file in &files {
            self.decide(now, index, *file, remove);
        }
        let done = files.len() as u64;
        let stored = self.approvals.get_mut(&key)?;
        stored.record.passed += done;
        if done < wanted || done == left {
            stored.record.finished_at = Some(now);
        }
        Some(stored.record.clone())
    }

    /// Forgets decisions that were carried out before `before`.
    pub(super) fn prune_approvals(&mut self, index: &IndexId, before: UnixMillis) -> usize {
        let all = self.approvals.len();
        self.approvals.retain(|(of, _), stored| {
            let old = stored.record.finished_at.is_some_and(|at| at < before);
            of != index || !old
        });
        all - self.approvals.len()
    }

    fn decide(&mut self, now: UnixMillis, index: &IndexId, file: FileId, approved: bool) {
        let Some(row) = self.files.get_mut(&(index.clone(), file)) else {
            return;
        };
        let step = Step::Decide {
            approved,
            current: row.outcome.unwrap_or(Outcome::Deleted),
            dirty: row.dirty,
        };
        let Ok(state) = transition(row.state, step) else {
            return;
        };
        row.state = state;
        if approved {
            row.gone_seq = Some(row.desired);
        } else {
            row.applied = row.desired;
            row.last_error = row.skip_error.clone();
        }
        row.kept = !approved;
        row.attempts = 0;
        row.woken_at = 0;
        row.not_before = now;
        row.back_to = None;
        let event = if approved { "approved" } else { "rejected" };
        row.record(now, event, row.desired, None, detail::nothing());
        self.settled(now, index, file, state);
    }
}

#[async_trait]
impl Approvals for ModelLedger {
    async fn open_approvals(&self) -> Result<Vec<Approval>, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.open_approvals(now))
    }

    async fn approvals(&self, filter: &ApprovalFilter, limit: u32) -> Result<Vec<Approval>, LedgerError> {
        let (tables, _) = self.enter();
        let mut all: Vec<Approval> = tables
            .approvals
            .values()
            .filter(|stored| {
                filter
                    .index
                    .as_ref()
                    .is_none_or(|index| *index == stored.record.index)
            })
            .filter(|stored| filter.state.is_none_or(|state| state == stored.record.state))
            .filter(|stored| !filter.unfinished || stored.record.finished_at.is_none())
            .map(|stored| tables.shown_approval(stored))
            .collect();
        all.sort_by(|a, b| (b.opened_at, &a.index, b.number).cmp(&(a.opened_at, &b.index, a.number)));
        all.truncate(limit as usize);
        Ok(all)
    }

    async fn approval(&self, index: &IndexId, number: u64) -> Result<Option<Approval>, LedgerError> {
        let (tables, _) = self.enter();
        let found = tables.approvals.get(&(index.clone(), number));
        Ok(found.map(|stored| tables.shown_approval(stored)))
    }

    async fn resolve_approval(
        &self,
        index: &IndexId,
        number: u64,
        resolution: &Resolution,
    ) -> Result<Resolved, LedgerError> {
        let (mut tables, now) = self.enter();
        let waiting = tables.waiting(index).len() as u64;
        let Some(stored) = tables.approvals.get_mut(&(index.clone(), number)) else {
            return Ok(Resolved::Unknown);
        };
        let record = &mut stored.record;
        if record.state != ApprovalState::Waiting || record.opened_at > now - millis(resolution.after) {
            let stored = tables.approvals.get(&(index.clone(), number));
            return Ok(stored.map_or(Resolved::Unknown, |stored| {
                Resolved::Not(tables.shown_approval(stored))
            }));
        }
        record.state = if resolution.remove {
            ApprovalState::Approved
        } else {
            ApprovalState::Kept
        };
        record.files = waiting;
        record.ceiling = Some(resolution.ceiling.unwrap_or(waiting));
        record.decided_at = Some(now);
        record.decided_by = Some(resolution.by.clone());
        record.note.clone_from(&resolution.note);
        Ok(Resolved::Now(record.clone()))
    }

    async fn carry_out(
        &self,
        index: &IndexId,
        number: u64,
        limit: u32,
    ) -> Result<Option<Approval>, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.carry_out(now, index, number, limit))
    }

    async fn untold_approvals(&self, limit: u32) -> Result<Vec<Approval>, LedgerError> {
        let (tables, _) = self.enter();
        let mut untold: Vec<Approval> = tables
            .approvals
            .values()
            .filter(|stored| stored.told != Some(stored.record.state))
            .map(|stored| tables.shown_approval(stored))
            .collect();
        untold.sort_by(|a, b| (a.opened_at, &a.index, a.number).cmp(&(b.opened_at, &b.index, b.number)));
        untold.truncate(limit as usize);
        Ok(untold)
    }

    async fn note_told(&self, index: &IndexId, number: u64, state: ApprovalState) -> Result<(), LedgerError> {
        let (mut tables, _) = self.enter();
        if let Some(stored) = tables.approvals.get_mut(&(index.clone(), number)) {
            stored.told = Some(state);
        }
        Ok(())
    }
}
