use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::circuit::DependencyKind;

fn circuits() -> Circuits {
    Circuits::new(BreakerPolicy {
        failures: 3,
        first_open: Duration::from_secs(5),
        max_open: Duration::from_secs(20),
        jitter: crate::retry::Jitter::None,
        ..BreakerPolicy::default()
    })
}

/// Asks for something that answers or fails; returns whether it was asked at all.
async fn ask(circuit: &Circuit, works: bool) -> bool {
    let asked = AtomicUsize::new(0);
    let request = async {
        asked.fetch_add(1, Ordering::Relaxed);
        if works { Ok(()) } else { Err("broken") }
    };
    let judge = |error: &&str| Verdict::Failed((*error).to_owned());
    let result = circuit.call(request, judge, |_| "refused").await;
    let asked = asked.load(Ordering::Relaxed) == 1;
    assert_eq!(asked, result != Err("refused"));
    asked
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_is_not_asked() {
    let circuits = circuits();
    let circuit = circuits.of(Dependency::vectors());
    let needs = [Dependency::vectors()];
    for _ in 0..3 {
        assert!(circuits.begin(&needs).is_ok());
        assert!(ask(&circuit, false).await);
    }
    assert!(!ask(&circuit, true).await);
    let refused = circuits.begin(&needs).map(drop).unwrap_err();
    assert_eq!((refused.failures, refused.wait), (3, Duration::from_secs(5)));
    assert!(refused.failure().message.contains("broken"));
    assert_eq!(circuits.wait(&needs), Duration::from_secs(5));
    assert!(circuits.begin(&[]).is_ok(), "who needs nothing waits for nothing");
    let report = circuits.report().pop().unwrap();
    assert_eq!((report.state, report.failures), (CircuitState::Open, 3));
    assert_eq!(report.next_probe, Some(Duration::from_secs(5)));

    tokio::time::advance(Duration::from_secs(5)).await;
    let scout = circuits.begin(&needs).unwrap();
    assert!(circuits.begin(&needs).is_err(), "one scout at a time");
    drop(scout);
    let mut watch = circuits.watch();
    let scout = circuits.begin(&needs).unwrap();
    assert!(ask(&circuit, true).await);
    assert!(circuits.begin(&needs).is_ok(), "it is back");
    drop(scout);
    assert!(watch.has_changed().unwrap());
    watch.mark_unchanged();
    assert_eq!(circuits.report().pop().unwrap().state, CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_cannot_begin_leaves_no_trace() {
    let circuits = circuits();
    let model = Dependency::embedder("m");
    let (store, embedder) = (circuits.of(Dependency::vectors()), circuits.of(model.clone()));
    for _ in 0..3 {
        ask(&store, false).await;
    }
    tokio::time::advance(Duration::from_secs(5)).await;
    for _ in 0..3 {
        ask(&embedder, false).await;
    }
    let watch = circuits.watch();
    // The store could be looked at, the model not.
    let needs = [Dependency::vectors(), model];
    assert!(circuits.begin(&needs).is_err());
    assert!(!watch.has_changed().unwrap(), "or whoever waits would spin");
    assert!(circuits.begin(&needs[..1]).is_ok(), "its place is free");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_frees_the_probe() {
    let circuits = circuits();
    let circuit = circuits.of(Dependency::only(DependencyKind::Vision));
    for _ in 0..3 {
        ask(&circuit, false).await;
    }
    tokio::time::advance(Duration::from_secs(5)).await;
    let hanging = circuit.call(
        std::future::pending::<Result<(), &str>>(),
        |_| Verdict::Answered,
        |_| "refused",
    );
    assert!(
        tokio::time::timeout(Duration::from_secs(1), hanging)
            .await
            .is_err()
    );
    assert!(ask(&circuit, true).await);
}

#[tokio::test(start_paused = true)]
async fn who_watches_refuses_nothing() {
    let circuits = Circuits::watching();
    let circuit = circuits.of(Dependency::vectors());
    for _ in 0..9 {
        assert!(ask(&circuit, false).await);
        assert!(circuits.begin(&[Dependency::vectors()]).is_ok());
    }
    assert_eq!(circuits.report()[0].state, CircuitState::Open);
    assert!(ask(&circuit, true).await);
    assert_eq!(circuits.report()[0].state, CircuitState::Closed);
}

#[test]
fn dependencies_are_read_back() {
    for text in [
        "ledger",
        "vectors",
        "embedder:a:b",
        "source:azure://account/container",
    ] {
        assert_eq!(text.parse::<Dependency>().unwrap().to_string(), text);
    }
    assert!("toaster".parse::<Dependency>().is_err());
}
