//! Removals that wait for a decision, on SQLite.

use async_trait::async_trait;

use super::SqliteLedger;
use crate::ids::IndexId;
use crate::ledger::calls::approvals as calls;
use crate::ledger::{Approval, ApprovalFilter, ApprovalState, Approvals, LedgerError, Resolution, Resolved};

#[async_trait]
impl Approvals for SqliteLedger {
    async fn open_approvals(&self) -> Result<Vec<Approval>, LedgerError> {
        self.write(async move |db| calls::open_approvals(db).await).await
    }

    async fn approvals(&self, filter: &ApprovalFilter, limit: u32) -> Result<Vec<Approval>, LedgerError> {
        let filter = filter.clone();
        self.read(async move |db| calls::approvals(db, &filter, limit).await)
            .await
    }

    async fn approval(&self, index: &IndexId, number: u64) -> Result<Option<Approval>, LedgerError> {
        let index = index.clone();
        self.read(async move |db| calls::approval_of(db, &index, number).await)
            .await
    }

    async fn resolve_approval(
        &self,
        index: &IndexId,
        number: u64,
        resolution: &Resolution,
    ) -> Result<Resolved, LedgerError> {
        let index = index.clone();
        let resolution = resolution.clone();
        self.write(async move |db| calls::resolve_approval(db, &index, number, &resolution).await)
            .await
    }

    async fn carry_out(
        &self,
        index: &IndexId,
        number: u64,
        limit: u32,
    ) -> Result<Option<Approval>, LedgerError> {
        let index = index.clone();
        self.write(async move |db| calls::carry_out(db, &index, number, limit).await)
            .await
    }

    async fn untold_approvals(&self, limit: u32) -> Result<Vec<Approval>, LedgerError> {
        self.read(async move |db| calls::untold_approvals(db, limit).await)
            .await
    }

    async fn note_told(&self, index: &IndexId, number: u64, state: ApprovalState) -> Result<(), LedgerError> {
        let index = index.clone();
        self.write(async move |db| calls::note_told(db, &index, number, state).await)
            .await
    }
}
