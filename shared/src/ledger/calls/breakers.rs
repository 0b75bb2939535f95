//! Reports of circuit breakers.

use std::time::Duration;

use crate::circuit::report::{DependencyReport, ReportedDependency, Reporter};
use crate::ledger::database::{Database, DbResult, values};
use crate::ledger::{millis, sql};

pub(in crate::ledger) async fn report<D: Database>(
    db: &D,
    reporter: &Reporter,
    reports: &[DependencyReport],
    keep: Duration,
) -> DbResult<()> {
    db.execute(&sql::FORGET_REPORTS, values![&reporter.process, millis(keep)])
        .await?;
    let sets: Vec<_> = reports
        .iter()
        .map(|report| {
            values![
                &reporter.process,
                report.dependency.to_string(),
                &reporter.role,
                report.state.name(),
                millis(report.since),
                report.failures,
                report.next_probe.map(millis),
                // PostgreSQL has no place for this character in a text.
                report.last_error.as_ref().map(|text| text.replace('\0', "")),
            ]
        })
        .collect();
    db.each(&sql::REPORT, &sets).await?;
    Ok(())
}

pub(in crate::ledger) async fn all<D: Database>(
    db: &D,
    fresh: Duration,
) -> DbResult<Vec<ReportedDependency>> {
    db.many(&sql::REPORTS, values![millis(fresh)], |c| {
        Ok(ReportedDependency {
            dependency: c.text()?,
            reporter: Reporter {
                process: c.value()?,
                role: c.value()?,
            },
            state: c.text()?,
            since_at: c.value()?,
            failures: c.count()?,
            next_probe_at: c.value()?,
            last_error: c.value()?,
            seen_at: c.value()?,
        })
    })
    .await
}
