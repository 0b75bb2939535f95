use std::time::Duration;

use shared::blob_path::BlobPath;
use shared::circuit::{BreakerPolicy, Circuit, Verdict};
use shared::retry::Jitter;
use shared::work_message::WORK_MESSAGE_VERSION;

use super::*;

fn message(path: &str) -> WorkMessage {
    let index = IndexId::new("docs").unwrap();
    let path = BlobPath::new(path).unwrap();
    WorkMessage {
        v: WORK_MESSAGE_VERSION,
        file_id: FileId::of(&index, &path),
        index,
        path,
        seq: 1,
    }
}

fn circuits() -> Circuits {
    Circuits::new(BreakerPolicy {
        failures: 1,
        first_open: Duration::from_secs(5),
        jitter: Jitter::None,
        ..BreakerPolicy::default()
    })
}

async fn ask(circuit: &Circuit, works: bool) {
    let request = async { if works { Ok(()) } else { Err("broken") } };
    let judge = |why: &&str| Verdict::Failed((*why).to_owned());
    circuit.call(request, judge, |_| "refused").await.ok();
}

/// What comes within a second.
async fn soon(gate: &Gate) -> Option<Wake> {
    tokio::time::timeout(Duration::from_secs(1), gate.ready())
        .await
        .ok()
}

fn gate(circuits: &Circuits) -> Gate {
    Gate::new(circuits.clone(), IntGauge::new("kept", "kept").unwrap())
}

#[tokio::test(start_paused = true)]
async fn one_goes_ahead_and_the_others_follow() {
    let circuits = circuits();
    let needs: Arc<[Dependency]> = Arc::from([Dependency::vectors()]);
    let store = circuits.of(Dependency::vectors());
    let gate = gate(&circuits);
    ask(&store, false).await;
    for path in ["a", "b", "c", "a"] {
        gate.keep(Arc::clone(&needs), message(path));
    }
    assert_eq!(gate.size.get(), 3, "a file waits once");
    assert!(soon(&gate).await.is_none());

    // After five seconds one is let through, and no other while it is under way.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let scout = soon(&gate).await.unwrap();
    assert_eq!(scout.message().path.as_str(), "a");
    assert!(soon(&gate).await.is_none());
    // It needed nothing of the store: the next one has a look.
    drop(scout);
    let scout = soon(&gate).await.unwrap();
    assert_eq!(scout.message().path.as_str(), "b");
    ask(&store, true).await;
    assert!(soon(&gate).await.is_some(), "it is back, and all go");
    assert!(soon(&gate).await.is_none());
    assert_eq!(gate.size.get(), 0);
    drop(scout);
}

#[tokio::test(start_paused = true)]
async fn others_do_not_wait_for_what_they_do_not_need() {
    let circuits = circuits();
    let gate = gate(&circuits);
    let (one, other) = (Dependency::embedder("one"), Dependency::embedder("other"));
    ask(&circuits.of(one.clone()), false).await;
    ask(&circuits.of(other.clone()), false).await;
    gate.keep(Arc::from([one]), message("a"));
    gate.keep(Arc::from([other.clone()]), message("b"));
    tokio::time::sleep(Duration::from_secs(5)).await;
    ask(&circuits.of(other), true).await;
    let first = soon(&gate).await.unwrap();
    let second = soon(&gate).await.unwrap();
    let paths = [first.message().path.as_str(), second.message().path.as_str()];
    assert_eq!(paths, ["a", "b"], "a scout of one, and the other is back");
}
