//! A seed is worth nothing if it does not replay.

use tests::simulation::{Bug, run};

const SEEDS: u64 = 100;

#[test]
fn a_seed_gives_the_same_events_each_time() {
    let mut different = std::collections::HashSet::new();
    for seed in 0..SEEDS {
        let (first, again) = (run(seed, None).unwrap(), run(seed, None).unwrap());
        assert!(first.events > 50, "seed {seed} has {} events", first.events);
        assert_eq!(first.trace, again.trace, "seed {seed}");
        assert_eq!(
            (first.hash, first.events),
            (again.hash, again.events),
            "seed {seed}"
        );
        different.insert(first.hash);
    }
    assert_eq!(different.len() as u64, SEEDS, "each seed is a run of its own");
}

#[test]
fn so_does_a_run_that_breaks_a_promise() {
    for seed in 0..10 {
        let (first, again) = (
            run(seed, Some(Bug::PointIdsReused)).unwrap(),
            run(seed, Some(Bug::PointIdsReused)).unwrap(),
        );
        assert_eq!(first.trace, again.trace, "seed {seed}");
    }
}
