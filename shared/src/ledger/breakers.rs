//! What processes know of the health of their dependencies, for people. Nothing is decided by it.

use std::time::Duration;

use async_trait::async_trait;

use super::LedgerError;
use crate::circuit::report::{DependencyReport, ReportedDependency, Reporter};

/// Reports of circuit breakers. All calls are atomic.
#[async_trait]
pub trait Breakers: Send + Sync + 'static {
    /// Replaces what a process reported before; with no reports it takes everything back. Rows of processes that were silent
    /// for longer than `keep` go on this occasion.
    async fn report_dependencies(
        &self,
        reporter: &Reporter,
        reports: &[DependencyReport],
        keep: Duration,
    ) -> Result<(), LedgerError>;

    /// The reports of the last `fresh`, by dependency and process.
    async fn dependencies(&self, fresh: Duration) -> Result<Vec<ReportedDependency>, LedgerError>;
}
