//! Removals that wait for a decision, on PostgreSQL.

use async_trait::async_trait;

use super::PostgresLedger;
use crate::ids::IndexId;
use crate::ledger::calls::approvals as calls;
use crate::ledger::{Approval, ApprovalFilter, ApprovalState, Approvals, LedgerError, Resolution, Resolved};

#[async_trait]
impl Approvals for PostgresLedger {
    async fn open_approvals(&self) -> Result<Vec<Approval>, LedgerError> {
        self.write(|db| async move { calls::open_approvals(&*db).await })
            .await
    }

    async fn approvals(&self, filter: &ApprovalFilter, limit: u32) -> Result<Vec<Approval>, LedgerError> {
        self.look(|db| async move { calls::approvals(&*db, filter, limit).await })
            .await
    }

    async fn approval(&self, index: &IndexId, number: u64) -> Result<Option<Approval>, LedgerError> {
        self.look(|db| async move { calls::approval_of(&*db, index, number).await })
            .await
    }

    async fn resolve_approval(
        &self,
        index: &IndexId,
        number: u64,
        resolution: &Resolution,
    ) -> Result<Resolved, LedgerError> {
        self.write(|db| async move { calls::resolve_approval(&*db, index, number, resolution).await })
            .await
    }

    async fn carry_out(
        &self,
        index: &IndexId,
        number: u64,
        limit: u32,
    ) -> Result<Option<Approval>, LedgerError> {
        self.write(|db| async move { calls::carry_out(&*db, index, number, limit).await })
            .await
    }

    async fn untold_approvals(&self, limit: u32) -> Result<Vec<Approval>, LedgerError> {
        self.look(|db| async move { calls::untold_approvals(&*db, limit).await })
            .await
    }

    async fn note_told(&self, index: &IndexId, number: u64, state: ApprovalState) -> Result<(), LedgerError> {
        self.write(|db| async move { calls::note_told(&*db, index, number, state).await })
            .await
    }
}
