//! How the dependencies of all processes are, and who waits for one. Pure; the reports come from the ledger.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::circuit::report::{ReportedDependency, Reporter};
use shared::circuit::{CircuitState, Dependency};
use shared::clock::UnixMillis;
use shared::index_settings::IndexSettings;
use shared::ledger::IndexRecord;
use utoipa::ToSchema;

/// A dependency, as everybody who uses it sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DependencyStatus {
    /// Which one.
    pub dependency: Dependency,
    /// The worst that is reported: OPEN before HALF_OPEN before CLOSED.
    pub state: CircuitState,
    /// Who says what.
    pub reports: Vec<ReportedDependency>,
}

/// Something that is down and that files wait for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitingFor {
    /// What it is.
    pub dependency: Dependency,
    /// OPEN: nothing is tried; HALF_OPEN: one file is, to find out.
    pub state: CircuitState,
    /// Since when, by the process that noticed first.
    pub since_at: UnixMillis,
    /// When the first process tries again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_probe_at: Option<UnixMillis>,
    /// What it failed with last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Processes that leave it alone; others may well reach it.
    pub processes: u64,
}

/// Puts the reports of each dependency together. Those of `own` are newer than what it told the ledger.
#[must_use]
pub fn together(
    reports: Vec<ReportedDependency>,
    own: Vec<ReportedDependency>,
    who: &Reporter,
) -> Vec<DependencyStatus> {
    let mut grouped: BTreeMap<Dependency, Vec<ReportedDependency>> = BTreeMap::new();
    let others = reports.into_iter().filter(|report| report.reporter != *who);
    for report in others.chain(own) {
        grouped.entry(report.dependency.clone()).or_default().push(report);
    }
    grouped
        .into_iter()
        .map(|(dependency, mut reports)| {
            reports.sort_by(|a, b| a.reporter.cmp(&b.reporter));
            let state = reports
                .iter()
                .map(|report| report.state)
                .max_by_key(|state| badness(*state));
            DependencyStatus {
                dependency,
                state: state.unwrap_or(CircuitState::Closed),
                reports,
            }
        })
        .collect()
}

fn badness(state: CircuitState) -> u8 {
    match state {
        CircuitState::Closed => 0,
        CircuitState::HalfOpen => 1,
        CircuitState::Open => 2,
    }
}

/// What the files of an index wait for. A control plane does not work on files, so what it cannot reach does not hold them.
#[must_use]
pub fn waiting_for(index: &IndexRecord, reports: &[ReportedDependency]) -> Vec<WaitingFor> {
    let Ok(settings) = IndexSettings::of(index) else {
        return Vec::new();
    };
    let down = |needed: &Dependency| {
        let down = reports.iter().filter(|report| {
            report.dependency == *needed
                && report.state != CircuitState::Closed
                && report.reporter.role != "control-plane"
        });
        let all: Vec<&ReportedDependency> = down.collect();
        let first = all.iter().min_by_key(|report| report.since_at)?;
        let worst = all
            .iter()
            .map(|report| report.state)
            .max_by_key(|state| badness(*state))?;
        Some(WaitingFor {
            dependency: needed.clone(),
            state: worst,
            since_at: first.since_at,
            next_probe_at: all.iter().filter_map(|report| report.next_probe_at).min(),
            last_error: first.last_error.clone(),
            processes: all.len() as u64,
        })
    };
    Dependency::of_index(&settings).iter().filter_map(down).collect()
}

#[cfg(test)]
mod tests {
    use shared::blobs::source::Source;
    use shared::ids::IndexId;
    use shared::ledger::IndexState;

    use super::*;

    fn report(dependency: &Dependency, process: &str, role: &str, state: CircuitState) -> ReportedDependency {
        ReportedDependency {
            dependency: dependency.clone(),
            reporter: Reporter {
                process: process.to_owned(),
                role: role.to_owned(),
            },
            state,
            since_at: 100,
            failures: 5,
            next_probe_at: (state == CircuitState::Open).then_some(200),
            last_error: Some(format!("seen by {process}")),
            seen_at: 150,
        }
    }

    #[test]
    fn the_worst_counts_and_our_own_word_is_the_newest() {
        let store = Dependency::vectors();
        let us = report(&store, "us", "up", CircuitState::Closed);
        let kept = vec![
            report(&store, "us", "up", CircuitState::Open),
            report(&store, "them", "index-processor", CircuitState::HalfOpen),
        ];
        let all = together(kept, vec![us.clone()], &us.reporter);
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].state, all[0].reports.len()), (CircuitState::HalfOpen, 2));
    }

    #[test]
    fn an_index_waits_for_what_it_needs() {
        let settings = IndexSettings::new(Source::Folder("/docs".into()), "english");
        let index = IndexRecord {
            role: shared::ledger::Role::Live,
            id: IndexId::new("docs").unwrap(),
            state: IndexState::Active,
            settings: serde_json::to_value(settings).unwrap(),
            created_at: 0,
            comparison: None,
            revision: 1,
        };
        let (store, model) = (Dependency::vectors(), Dependency::embedder("m"));
        let reports = [
            report(&model, "a", "index-processor", CircuitState::Open),
            report(&store, "b", "control-plane", CircuitState::Open),
            report(&store, "c", "index-processor", CircuitState::Closed),
        ];
        assert_eq!(
            waiting_for(&index, &reports),
            [],
            "no model, and who works reaches the store"
        );
        let reports = [
            report(&store, "c", "index-processor", CircuitState::Open),
            report(&store, "d", "index-processor", CircuitState::HalfOpen),
        ];
        let waiting = waiting_for(&index, &reports);
        assert_eq!(waiting.len(), 1);
        assert_eq!((waiting[0].processes, waiting[0].state), (2, CircuitState::Open));
        assert_eq!(waiting[0].next_probe_at, Some(200));
    }
}
