//! What people do to files and runs, in the model.

use async_trait::async_trait;

use super::{ModelLedger, Tables};
use crate::blob_path::BlobPath;
use crate::clock::UnixMillis;
use crate::file_state::{FileState, Step, transition};
use crate::ids::{FileId, IndexId, RunId};
use crate::ledger::calls::instances::KEPT_CLAIMS;
use crate::ledger::detail::AttemptCost;
use crate::ledger::{
    DueFile, FileRow, HistoryEntry, InstancesLedger, LedgerError, Rewound, RunOutcome, Suspended,
    SuspendedBy, Terminate, detail, millis,
};

impl Tables {
    fn terminate(&mut self, now: UnixMillis, terminate: &Terminate) -> bool {
        let key = (terminate.index.clone(), terminate.file_id);
        let Some(row) = self.files.get_mut(&key) else {
            return false;
        };
        let Ok(state) = transition(row.state, Step::Terminate) else {
            return false;
        };
        row.state = state;
        if terminate.etag.is_some() {
            row.seen_etag.clone_from(&terminate.etag);
        }
        row.failed = terminate.etag.as_ref().map(|_| row.desired);
        row.woken_at = 0;
        row.newer_at = None;
        row.suspended = None;
        row.last_error = Some(terminate.failure.clone());
        let claim = row.claim;
        if claim.is_some() {
            row.let_claim_go();
        }
        let words = detail::terminated(&terminate.failure);
        row.record(now, "terminated", row.desired, claim, words);
        let code = &terminate.failure.code;
        row.leave(
            now,
            RunOutcome::Failed,
            code,
            AttemptCost::default(),
            &mut self.books,
        );
        if let Some(claim) = claim.filter(|claim| row.live != Some(*claim)) {
            let (index, file) = key;
            self.dead_claims.insert((index, claim), (file, now));
        }
        self.settled(now, &terminate.index, terminate.file_id, state);
        true
    }
}

#[async_trait]
impl InstancesLedger for ModelLedger {
    async fn terminate(&self, terminate: &Terminate) -> Result<bool, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.terminate(now, terminate))
    }

    async fn suspend_file(
        &self,
        index: &IndexId,
        file: FileId,
        reason: &str,
    ) -> Result<Option<FileState>, LedgerError> {
        let (mut tables, now) = self.enter();
        let row = tables.files.get_mut(&(index.clone(), file));
        let by = SuspendedBy::File;
        let Some(row) = row.filter(|row| {
            row.state != FileState::Deleted && row.suspended.is_none_or(|suspended| suspended.by != by)
        }) else {
            return Ok(None);
        };
        row.suspended = Some(Suspended { by, at: now });
        row.record(now, "suspended", row.desired, None, detail::asked(reason));
        Ok(Some(row.state))
    }

    async fn resume_file(
        &self,
        index: &IndexId,
        file: FileId,
        reason: &str,
    ) -> Result<Option<FileState>, LedgerError> {
        let (mut tables, now) = self.enter();
        let row = tables.files.get_mut(&(index.clone(), file));
        let by_itself = |row: &&mut super::Row| {
            row.suspended
                .is_some_and(|suspended| suspended.by == SuspendedBy::File)
        };
        let Some(row) = row.filter(by_itself) else {
            return Ok(None);
        };
        row.suspended = None;
        row.woken_at = 0;
        row.record(now, "resumed", row.desired, None, detail::asked(reason));
        Ok(Some(row.state))
    }

    async fn suspend_run(&self, run: RunId) -> Result<bool, LedgerError> {
        let (mut tables, now) = self.enter();
        Ok(tables.books.suspend(now, run))
    }

    async fn resume_run(&self, run: RunId) -> Result<bool, LedgerError> {
        let (mut tables, _) = self.enter();
        Ok(tables.books.resume(run))
    }

    async fn rewind_run(
        &self,
        run: RunId,
        after: Option<FileId>,
        limit: u32,
    ) -> Result<Rewound, LedgerError> {
        let (mut tables, now) = self.enter();
        if !tables.books.can_be_rewound(run) {
            return Ok(Rewound { files: 0, next: None });
        }
        let Tables {
            files: rows, books, ..
        } = &mut *tables;
        let failed = rows.iter_mut().filter(|((_, file), row)| {
            row.run == Some(run) && row.state == FileState::Failed && after.is_none_or(|after| *file > after)
        });
        let mut page: Vec<_> = failed.map(|((_, file), row)| (*file, row)).collect();
        page.sort_by_key(|(file, _)| *file);
        page.truncate(limit as usize);
        let last = page.last().map(|(file, _)| *file);
        let files = page.len() as u64;
        if files > 0 {
            books.reopen(run);
        }
        for (_, row) in page {
            row.retried(now, FileState::Pending, Some(run), books);
        }
        Ok(Rewound {
            files,
            next: last.filter(|_| files >= u64::from(limit)),
        })
    }

    async fn set_aside(&self, due: &[DueFile]) -> Result<u64, LedgerError> {
        let (mut tables, now) = self.enter();
        let suspended: Vec<RunId> = tables.books.suspended().collect();
        let mut marked = 0;
        for file in due {
            let Some(run) = file.held_back_by.filter(|run| suspended.contains(run)) else {
                continue;
            };
            let row = tables.files.get_mut(&(file.index.clone(), file.file_id));
            let pending = |row: &&mut super::Row| {
                row.state == FileState::Pending && row.open_run() == Some(run) && row.suspended.is_none()
            };
            if let Some(row) = row.filter(pending) {
                row.suspended = Some(Suspended {
                    by: SuspendedBy::Run,
                    at: now,
                });
                row.updated_at = now;
                marked += 1;
            }
        }
        Ok(marked)
    }

    async fn let_go(&self, limit: u32) -> Result<u64, LedgerError> {
        let (mut tables, now) = self.enter();
        let Tables { files, books, .. } = &mut *tables;
        let mut gone = 0;
        for run in books.not_suspended() {
            let aside = files.values_mut().filter(|row| {
                let by_run = |suspended: Suspended| suspended.by == SuspendedBy::Run;
                row.run == Some(run) && row.suspended.is_some_and(by_run)
            });
            for row in aside.take(limit as usize) {
                row.suspended = None;
                row.woken_at = 0;
                row.updated_at = now;
                gone += 1;
            }
        }
        Ok(gone)
    }

    async fn suspended_files(
        &self,
        index: &IndexId,
        after: Option<&BlobPath>,
        limit: u32,
    ) -> Result<Vec<FileRow>, LedgerError> {
        let (tables, _) = self.enter();
        let suspended = tables
            .files
            .iter()
            .filter(|((of, _), row)| of == index && row.suspended.is_some());
        let mut rows: Vec<_> = suspended
            .map(|((_, file), row)| row.shown(*file))
            .filter(|row| after.is_none_or(|after| row.path > *after))
            .collect();
        rows.sort_by(|a, b| a.path.cmp(&b.path));
        rows.truncate(limit as usize);
        Ok(rows)
    }

    async fn history_before(
        &self,
        index: &IndexId,
        file: FileId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<HistoryEntry>, LedgerError> {
        let (tables, _) = self.enter();
        let row = tables.files.get(&(index.clone(), file));
        let entries = row.map_or(&[][..], |row| &row.history).iter().rev();
        let page = entries.filter(|entry| before.is_none_or(|before| entry.n < before));
        Ok(page.take(limit as usize).cloned().collect())
    }

    async fn purge_files(&self, index: &IndexId, files: &[FileId]) -> Result<u64, LedgerError> {
        let (mut tables, now) = self.enter();
        let mut purged = 0;
        for file in files {
            let row = tables.files.get_mut(&(index.clone(), *file));
            let Some(row) = row.filter(|row| row.state.is_settled()) else {
                continue;
            };
            let before = row.history.len();
            row.history
                .retain(|entry| entry.event == "claimed" && entry.at > now - millis(KEPT_CLAIMS));
            purged += u64::from(row.history.len() < before);
        }
        Ok(purged)
    }

    async fn purge_run(&self, run: RunId) -> Result<bool, LedgerError> {
        let (mut tables, _) = self.enter();
        Ok(tables.books.purge(run))
    }
}
