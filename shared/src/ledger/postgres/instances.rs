//! What people do to files and runs, on PostgreSQL.

use async_trait::async_trait;

use super::PostgresLedger;
use crate::blob_path::BlobPath;
use crate::file_state::FileState;
use crate::ids::{FileId, IndexId, RunId};
use crate::ledger::calls::instances;
use crate::ledger::{DueFile, FileRow, HistoryEntry, InstancesLedger, LedgerError, Rewound, Terminate};

#[async_trait]
impl InstancesLedger for PostgresLedger {
    async fn terminate(&self, terminate: &Terminate) -> Result<bool, LedgerError> {
        self.write(|db| async move { instances::terminate(&*db, terminate).await })
            .await
    }

    async fn suspend_file(
        &self,
        index: &IndexId,
        file: FileId,
        reason: &str,
    ) -> Result<Option<FileState>, LedgerError> {
        self.write(|db| async move { instances::suspend(&*db, index, file, reason).await })
            .await
    }

    async fn resume_file(
        &self,
        index: &IndexId,
        file: FileId,
        reason: &str,
    ) -> Result<Option<FileState>, LedgerError> {
        self.write(|db| async move { instances::resume(&*db, index, file, reason).await })
            .await
    }

    async fn suspend_run(&self, run: RunId) -> Result<bool, LedgerError> {
        self.write(|db| async move { instances::suspend_run(&*db, run).await })
            .await
    }

    async fn resume_run(&self, run: RunId) -> Result<bool, LedgerError> {
        self.write(|db| async move { instances::resume_run(&*db, run).await })
            .await
    }

    async fn rewind_run(
        &self,
        run: RunId,
        after: Option<FileId>,
        limit: u32,
    ) -> Result<Rewound, LedgerError> {
        self.write(|db| async move { instances::rewind_run(&*db, run, after, limit).await })
            .await
    }

    async fn set_aside(&self, due: &[DueFile]) -> Result<u64, LedgerError> {
        self.write(|db| async move { instances::set_aside(&*db, due).await })
            .await
    }

    async fn let_go(&self, limit: u32) -> Result<u64, LedgerError> {
        self.write(|db| async move { instances::let_go(&*db, limit).await })
            .await
    }

    async fn suspended_files(
        &self,
        index: &IndexId,
        after: Option<&BlobPath>,
        limit: u32,
    ) -> Result<Vec<FileRow>, LedgerError> {
        self.look(|db| async move { instances::suspended_files(&*db, index, after, limit).await })
            .await
    }

    async fn history_before(
        &self,
        index: &IndexId,
        file: FileId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<HistoryEntry>, LedgerError> {
        self.look(|db| async move { instances::history_before(&*db, index, file, before, limit).await })
            .await
    }

    async fn purge_files(&self, index: &IndexId, files: &[FileId]) -> Result<u64, LedgerError> {
        self.write(|db| async move { instances::purge_files(&*db, index, files).await })
            .await
    }

    async fn purge_run(&self, run: RunId) -> Result<bool, LedgerError> {
        self.write(|db| async move { instances::purge_run(&*db, run).await })
            .await
    }
}
