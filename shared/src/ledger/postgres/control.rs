//! The control plane's bookkeeping on PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;

use super::PostgresLedger;
use crate::ids::{ClaimId, FileId, IndexId};
use crate::ledger::calls::control;
use crate::ledger::{
    Backlog, Comparison, ControlLedger, DeadLetter, Erased, LedgerError, LiveFile, Operation, OperationPage,
    OperationRecord,
};

#[async_trait]
impl ControlLedger for PostgresLedger {
    async fn hold_duty(&self, duty: &str, owner: &str, lease: Duration) -> Result<bool, LedgerError> {
        self.write(|db| async move { control::hold_duty(&*db, duty, owner, lease).await })
            .await
    }

    async fn drop_duty(&self, duty: &str, owner: &str) -> Result<(), LedgerError> {
        self.write(|db| async move { control::drop_duty(&*db, duty, owner).await })
            .await
    }

    async fn delete_index(&self, index: &IndexId) -> Result<bool, LedgerError> {
        self.write(|db| async move { control::delete_index(&*db, index).await })
            .await
    }

    async fn erase_index(&self, index: &IndexId, limit: u32) -> Result<Erased, LedgerError> {
        self.write(|db| async move { control::erase_index(&*db, index, limit).await })
            .await
    }

    async fn open_operation(&self, operation: &Operation) -> Result<bool, LedgerError> {
        self.write(|db| async move { control::open_operation(&*db, operation).await })
            .await
    }

    async fn operations(&self, index: &IndexId, limit: u32) -> Result<Vec<OperationRecord>, LedgerError> {
        self.look(|db| async move { control::operations(&*db, index, limit).await })
            .await
    }

    async fn advance_operation(
        &self,
        operation: &Operation,
        page: &OperationPage,
    ) -> Result<bool, LedgerError> {
        self.write(|db| async move { control::advance_operation(&*db, operation, page).await })
            .await
    }

    async fn note_comparison(&self, index: &IndexId, comparison: &Comparison) -> Result<(), LedgerError> {
        self.write(|db| async move { control::note_comparison(&*db, index, comparison).await })
            .await
    }

    async fn live_files(
        &self,
        index: &IndexId,
        after: Option<FileId>,
        limit: u32,
    ) -> Result<Vec<LiveFile>, LedgerError> {
        self.look(|db| async move { control::live_files(&*db, index, after, limit).await })
            .await
    }

    async fn spoil(&self, index: &IndexId, claims: &[ClaimId]) -> Result<(), LedgerError> {
        self.write(|db| async move { control::spoil(&*db, index, claims).await })
            .await
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, LedgerError> {
        self.look(|db| async move { control::backlog(&*db).await }).await
    }

    async fn keep_dead_letter(&self, letter: &DeadLetter) -> Result<(), LedgerError> {
        self.write(|db| async move { control::keep_dead_letter(&*db, letter).await })
            .await
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, LedgerError> {
        self.look(|db| async move { control::dead_letters(&*db, limit).await })
            .await
    }

    async fn forget_dead_letters(&self, older_than: Duration) -> Result<u64, LedgerError> {
        self.write(|db| async move { control::forget_dead_letters(&*db, older_than).await })
            .await
    }
}
