//! Reports of circuit breakers.

use std::time::Duration;

use super::{Checked, Desk, ms};
use crate::circuit::report::{DependencyReport, Reporter};
use crate::circuit::{CircuitState, Dependency};

const KEEP: Duration = Duration::from_secs(60);

fn reporter(process: &str) -> Reporter {
    Reporter {
        process: process.to_owned(),
        role: "index-processor".to_owned(),
    }
}

fn report(dependency: Dependency, state: CircuitState) -> DependencyReport {
    let open = state == CircuitState::Open;
    DependencyReport {
        dependency,
        state,
        since: Duration::from_secs(30),
        failures: if open { 7 } else { 0 },
        next_probe: open.then_some(Duration::from_secs(5)),
        last_error: open.then(|| "connection refused\0".to_owned()),
    }
}

pub(super) async fn reports_replace_those_before(desk: &Desk) -> Checked {
    let (one, two) = (reporter("one"), reporter("two"));
    let embedder = Dependency::embedder("model:v1");
    let closed = report(Dependency::vectors(), CircuitState::Closed);
    let open = report(embedder.clone(), CircuitState::Open);
    desk.ledger
        .report_dependencies(&one, &[closed.clone(), open], KEEP)
        .await?;
    desk.ledger
        .report_dependencies(&two, std::slice::from_ref(&closed), KEEP)
        .await?;
    let all = desk.ledger.dependencies(KEEP).await?;
    let names: Vec<_> = all
        .iter()
        .map(|kept| (kept.dependency.to_string(), kept.reporter.process.as_str()))
        .collect();
    assert_eq!(
        names,
        [
            ("embedder:model:v1".to_owned(), "one"),
            ("vectors".to_owned(), "one"),
            ("vectors".to_owned(), "two"),
        ]
    );
    let open = &all[0];
    assert_eq!((open.state, open.failures), (CircuitState::Open, 7));
    assert_eq!(open.since_at, open.seen_at - 30_000);
    assert_eq!(open.next_probe_at, Some(open.seen_at + 5_000));
    assert!(
        open.last_error
            .as_ref()
            .is_some_and(|text| text.starts_with("connection refused"))
    );
    assert_eq!((all[1].next_probe_at, &all[1].last_error), (None, &None));

    desk.ledger
        .report_dependencies(&one, &[report(embedder, CircuitState::HalfOpen)], KEEP)
        .await?;
    let states: Vec<_> = desk
        .ledger
        .dependencies(KEEP)
        .await?
        .iter()
        .map(|kept| kept.state)
        .collect();
    assert_eq!(states, [CircuitState::HalfOpen, CircuitState::Closed]);
    desk.ledger.report_dependencies(&one, &[], KEEP).await?;
    desk.ledger.report_dependencies(&two, &[], KEEP).await?;
    assert_eq!(desk.ledger.dependencies(KEEP).await?, []);
    Ok(())
}

pub(super) async fn reports_of_the_dead_age(desk: &Desk) -> Checked {
    let closed = [report(Dependency::vectors(), CircuitState::Closed)];
    desk.ledger
        .report_dependencies(&reporter("dead"), &closed, KEEP)
        .await?;
    desk.advance(ms(40)).await;
    assert_eq!(desk.ledger.dependencies(ms(20)).await?, [], "too old to be shown");
    assert_eq!(desk.ledger.dependencies(KEEP).await?.len(), 1, "and kept");
    desk.ledger
        .report_dependencies(&reporter("alive"), &closed, ms(20))
        .await?;
    let left = desk.ledger.dependencies(KEEP).await?;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].reporter.process, "alive");
    Ok(())
}
