//! Reports of circuit breakers on PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;

use super::PostgresLedger;
use crate::circuit::report::{DependencyReport, ReportedDependency, Reporter};
use crate::ledger::calls::breakers;
use crate::ledger::{Breakers, LedgerError};

#[async_trait]
impl Breakers for PostgresLedger {
    async fn report_dependencies(
        &self,
        reporter: &Reporter,
        reports: &[DependencyReport],
        keep: Duration,
    ) -> Result<(), LedgerError> {
        self.write(|db| async move { breakers::report(&*db, reporter, reports, keep).await })
            .await
    }

    async fn dependencies(&self, fresh: Duration) -> Result<Vec<ReportedDependency>, LedgerError> {
        self.look(|db| async move { breakers::all(&*db, fresh).await })
            .await
    }
}
