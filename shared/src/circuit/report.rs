//! A process tells the ledger how its dependencies are, so that people can ask any control plane.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{CircuitState, Circuits, Dependency};
use crate::clock::UnixMillis;
use crate::ledger::Breakers;

/// Longest time between two reports of a process that lives.
const EVERY: Duration = Duration::from_secs(10);
/// Shortest time between two.
const APART: Duration = Duration::from_millis(500);
/// A process that has not reported for so long is dead or cut off: what it saw is not shown.
pub const FRESH: Duration = Duration::from_secs(45);
/// And after so long its rows go.
const KEPT: Duration = Duration::from_secs(15 * 60);

/// How a dependency looks from a process; times are relative, because clocks differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DependencyReport {
    /// Which one.
    pub dependency: Dependency,
    /// What its breaker lets through.
    pub state: CircuitState,
    /// How long it has been so.
    pub since: Duration,
    /// Failures since the last answer.
    pub failures: u32,
    /// Time to the next try, while the circuit is open.
    pub next_probe: Option<Duration>,
    /// What it failed with last, without secrets; kept when it answers again.
    pub last_error: Option<String>,
}

/// Who reports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reporter {
    /// The process, under the name of its leases.
    pub process: String,
    /// What it is: `control-plane`, `index-processor`, `up`.
    pub role: String,
}

/// A report as kept, with times of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReportedDependency {
    /// Which dependency.
    pub dependency: Dependency,
    /// Who says so.
    #[serde(flatten)]
    pub reporter: Reporter,
    /// What its breaker lets through: CLOSED everything, HALF_OPEN a probe, OPEN nothing.
    pub state: CircuitState,
    /// Since when.
    pub since_at: UnixMillis,
    /// Failures since the last answer.
    pub failures: u32,
    /// When the next try is due, while the circuit is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_probe_at: Option<UnixMillis>,
    /// What it failed with last; kept when it answers again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When the process last reported.
    pub seen_at: UnixMillis,
}

impl DependencyReport {
    /// As if it were kept at `now`.
    #[must_use]
    pub fn at(self, reporter: &Reporter, now: UnixMillis) -> ReportedDependency {
        let millis = |duration: Duration| UnixMillis::try_from(duration.as_millis()).unwrap_or(0);
        ReportedDependency {
            dependency: self.dependency,
            reporter: reporter.clone(),
            state: self.state,
            since_at: now - millis(self.since),
            failures: self.failures,
            next_probe_at: self.next_probe.map(|wait| now + millis(wait)),
            last_error: self.last_error,
            seen_at: now,
        }
    }
}

/// Reports what changes at once, and everything from time to time; takes the reports back at the end.
pub async fn run(circuits: Circuits, ledger: Arc<dyn Breakers>, reporter: Reporter, stop: CancellationToken) {
    let mut changes = circuits.watch();
    while !stop.is_cancelled() {
        changes.mark_unchanged();
        if let Err(error) = ledger
            .report_dependencies(&reporter, &circuits.report(), KEPT)
            .await
        {
            tracing::debug!(%error, "the state of dependencies was not reported, trying again");
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = tokio::time::sleep(APART) => {}
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            _ = changes.changed() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    if let Err(error) = ledger.report_dependencies(&reporter, &[], KEPT).await {
        tracing::debug!(%error, "reports of dependencies were not taken back, they age");
    }
}
