//! What people do to files and runs, on SQLite.

use async_trait::async_trait;

use super::SqliteLedger;
use crate::blob_path::BlobPath;
use crate::file_state::FileState;
use crate::ids::{FileId, IndexId, RunId};
use crate::ledger::calls::instances;
use crate::ledger::{DueFile, FileRow, HistoryEntry, InstancesLedger, LedgerError, Rewound, Terminate};

#[async_trait]
impl InstancesLedger for SqliteLedger {
    async fn terminate(&self, terminate: &Terminate) -> Result<bool, LedgerError> {
        let terminate = terminate.clone();
        self.write(async move |db| instances::terminate(db, &terminate).await)
            .await
    }

    async fn suspend_file(
        &self,
        index: &IndexId,
        file: FileId,
        reason: &str,
    ) -> Result<Option<FileState>, LedgerError> {
        let (index, reason) = (index.clone(), reason.to_owned());
        self.write(async move |db| instances::suspend(db, &index, file, &reason).await)
            .await
    }

    async fn resume_file(
        &self,
        index: &IndexId,
        file: FileId,
        reason: &str,
    ) -> Result<Option<FileState>, LedgerError> {
        let (index, reason) = (index.clone(), reason.to_owned());
        self.write(async move |db| instances::resume(db, &index, file, &reason).await)
            .await
    }

    async fn suspend_run(&self, run: RunId) -> Result<bool, LedgerError> {
        self.write(async move |db| instances::suspend_run(db, run).await)
            .await
    }

    async fn resume_run(&self, run: RunId) -> Result<bool, LedgerError> {
        self.write(async move |db| instances::resume_run(db, run).await)
            .await
    }

    async fn rewind_run(
        &self,
        run: RunId,
        after: Option<FileId>,
        limit: u32,
    ) -> Result<Rewound, LedgerError> {
        self.write(async move |db| instances::rewind_run(db, run, after, limit).await)
            .await
    }

    async fn set_aside(&self, due: &[DueFile]) -> Result<u64, LedgerError> {
        let due = due.to_vec();
        self.write(async move |db| instances::set_aside(db, &due).await)
            .await
    }

    async fn let_go(&self, limit: u32) -> Result<u64, LedgerError> {
        self.write(async move |db| instances::let_go(db, limit).await)
            .await
    }

    async fn suspended_files(
        &self,
        index: &IndexId,
        after: Option<&BlobPath>,
        limit: u32,
    ) -> Result<Vec<FileRow>, LedgerError> {
        let (index, after) = (index.clone(), after.cloned());
        self.read(async move |db| instances::suspended_files(db, &index, after.as_ref(), limit).await)
            .await
    }

    async fn history_before(
        &self,
        index: &IndexId,
        file: FileId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<HistoryEntry>, LedgerError> {
        let index = index.clone();
        self.read(async move |db| instances::history_before(db, &index, file, before, limit).await)
            .await
    }

    async fn purge_files(&self, index: &IndexId, files: &[FileId]) -> Result<u64, LedgerError> {
        let (index, files) = (index.clone(), files.to_vec());
        self.write(async move |db| instances::purge_files(db, &index, &files).await)
            .await
    }

    async fn purge_run(&self, run: RunId) -> Result<bool, LedgerError> {
        self.write(async move |db| instances::purge_run(db, run).await)
            .await
    }
}
