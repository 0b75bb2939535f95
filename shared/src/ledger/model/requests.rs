//! What is asked of files from outside.

use super::Tables;
use super::row::Row;
use crate::blob_path::BlobPath;
use crate::clock::UnixMillis;
use crate::file_state::{FileState, Step, transition};
use crate::ids::{FileId, IndexId, RunId};
use crate::ledger::{Change, Enqueued, SuspendedBy, detail, millis};

impl Tables {
    pub(super) fn enqueue(&mut self, now: UnixMillis, index: &IndexId, changes: &[Change]) -> Vec<Enqueued> {
        let mut answer = Vec::new();
        let mut without_batch = Vec::new();
        for change in changes {
            let no_batch = change.batch && change.run.is_none() && self.books.batch(index).is_none();
            let old = change.renamed_from.as_ref().filter(|old| **old != change.path);
            let new_id = FileId::of(index, &change.path);
            let words = detail::enqueued(change, None);
            let row = self.enqueue_one(now, index, change, &change.path, change.hold, words);
            row.waits_for = None;
            row.renamed_from = old.map(|old| FileId::of(index, old)).or(row.renamed_from);
            answer.push(Enqueued {
                file_id: new_id,
                seq: row.desired,
                state: row.state,
            });
            if let Some(old) = old {
                let words = detail::enqueued(change, Some(&change.path));
                self.enqueue_one(now, index, change, old, false, words).waits_for = Some(new_id);
            }
            if no_batch {
                without_batch.push(new_id);
                without_batch.extend(old.map(|old| FileId::of(index, old)));
            }
        }
        without_batch.sort_unstable();
        without_batch.dedup();
        if !without_batch.is_empty() {
            self.join_batch(now, index, &without_batch);
        }
        answer
    }

    pub(super) fn enqueue_one(
        &mut self,
        now: UnixMillis,
        index: &IndexId,
        change: &Change,
        path: &BlobPath,
        hold: bool,
        words: serde_json::Value,
    ) -> &mut Row {
        let key = (index.clone(), FileId::of(index, path));
        let row = self
            .files
            .entry(key)
            .or_insert_with(|| Row::new(path.clone(), change.lane, now));
        let debounce = millis(change.debounce);
        let impatient =
            row.state == FileState::Pending && row.unapplied() && row.enqueued_at + 10 * debounce <= now;
        row.not_before = if impatient { now } else { now + debounce };
        if !row.unapplied() || row.state == FileState::Failed {
            row.enqueued_at = now;
        }
        let working = row.state == FileState::Pending || row.state.is_running();
        row.lane = if working {
            row.lane.min(change.lane)
        } else {
            change.lane
        };
        if row.state.is_running() {
            row.newer_at = row.newer_at.or(Some(now));
        } else {
            row.attempts = 0;
        }
        row.asked = change.reason == "run";
        if row.asked {
            row.failed = None;
        }
        row.woken_at = 0;
        row.back_to = match row.state {
            FileState::Pending if change.again => row.back_to,
            settled if change.again && settled.is_settled() && row.desired > 0 => Some(settled),
            _ => None,
        };
        row.suspended = row
            .suspended
            .filter(|suspended| suspended.by == SuspendedBy::File);
        row.kept = false;
        row.reason = change.reason;
        row.desired += 1;
        if change.again {
            row.again_seq = row.desired;
        }
        row.gone_seq = change.gone.then_some(row.desired);
        let gone = row.state == FileState::Deleted && row.desired > 1;
        let hold = hold && !gone;
        row.state = transition(row.state, Step::Enqueue { hold }).unwrap_or(row.state);
        row.record(now, "enqueued", row.desired, None, words);
        let batch = self.books.batch(index).filter(|_| change.batch);
        let awaits = row.state == FileState::AwaitingApproval;
        row.join(now, change.run.or(batch), awaits, &mut self.books);
        row
    }

    /// A file has settled: those that waited for it are due.
    pub(super) fn settled(&mut self, now: UnixMillis, index: &IndexId, file: FileId, state: FileState) {
        let waiting = self
            .files
            .iter_mut()
            .filter(|((of, _), row)| of == index && row.waits_for == Some(file));
        for (_, row) in waiting.filter(|_| state.is_settled()) {
            row.waits_for = None;
            row.woken_at = 0;
            row.updated_at = now;
        }
    }

    pub(super) fn retry_failed(
        &mut self,
        now: UnixMillis,
        index: &IndexId,
        file: Option<FileId>,
        run: Option<RunId>,
    ) -> u64 {
        let mut retried = 0;
        for ((of, id), row) in &mut self.files {
            if of != index || file.is_some_and(|file| file != *id) {
                continue;
            }
            let Ok(state) = transition(row.state, Step::Retry) else {
                continue;
            };
            row.retried(now, state, run, &mut self.books);
            retried += 1;
        }
        retried
    }
}
