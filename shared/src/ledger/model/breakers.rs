//! Reports of circuit breakers in the model.

use std::time::Duration;

use async_trait::async_trait;

use super::ModelLedger;
use crate::circuit::report::{DependencyReport, ReportedDependency, Reporter};
use crate::ledger::{Breakers, LedgerError, millis};

#[async_trait]
impl Breakers for ModelLedger {
    async fn report_dependencies(
        &self,
        reporter: &Reporter,
        reports: &[DependencyReport],
        keep: Duration,
    ) -> Result<(), LedgerError> {
        let (mut tables, now) = self.enter();
        tables
            .breakers
            .retain(|kept| kept.reporter.process != reporter.process && kept.seen_at >= now - millis(keep));
        let new = reports.iter().map(|report| report.clone().at(reporter, now));
        tables.breakers.extend(new);
        Ok(())
    }

    async fn dependencies(&self, fresh: Duration) -> Result<Vec<ReportedDependency>, LedgerError> {
        let (tables, now) = self.enter();
        let recent = |kept: &&ReportedDependency| kept.seen_at >= now - millis(fresh);
        let mut reports: Vec<_> = tables.breakers.iter().filter(recent).cloned().collect();
        reports.sort_by_key(|kept| (kept.dependency.to_string(), kept.reporter.process.clone()));
        Ok(reports)
    }
}
