//! Reports of circuit breakers on SQLite.

use std::time::Duration;

use async_trait::async_trait;

use super::SqliteLedger;
use crate::circuit::report::{DependencyReport, ReportedDependency, Reporter};
use crate::ledger::calls::breakers;
use crate::ledger::{Breakers, LedgerError};

#[async_trait]
impl Breakers for SqliteLedger {
    async fn report_dependencies(
        &self,
        reporter: &Reporter,
        reports: &[DependencyReport],
        keep: Duration,
    ) -> Result<(), LedgerError> {
        let (reporter, reports) = (reporter.clone(), reports.to_vec());
        self.write(async move |db| breakers::report(db, &reporter, &reports, keep).await)
            .await
    }

    async fn dependencies(&self, fresh: Duration) -> Result<Vec<ReportedDependency>, LedgerError> {
        self.read(async move |db| breakers::all(db, fresh).await).await
    }
}
