//! Promises 1 to 4 across processes: processors die, brokers and databases restart, the vector server and the model stop
//! answering, events come twice and out of order, and in the end index and container are equal.

use std::time::{Duration, Instant};

use anyhow::ensure;
use rand::RngExt;
use tests::embedding_server::faults::Fault;
use tests::fleet::{Fleet, INDEX, text};
use tests::random::seed;

/// A few documents that are indexed before trouble begins.
fn started(processors: usize) -> anyhow::Result<Fleet> {
    let mut fleet = Fleet::start(seed())?;
    for _ in 0..processors {
        fleet.add_processor()?;
    }
    let mut events = Vec::new();
    for number in 0..20 {
        let path = format!("docs/{number}.md");
        fleet.write(&path, &text(&path, 0))?;
        events.push(fleet.event("BlobCreated", &path));
    }
    fleet.report(&events)?;
    Ok(fleet)
}

/// A stream of changes for so long; every answer of a search made meanwhile is checked.
fn stream(
    fleet: &mut Fleet,
    span: Duration,
    mut meanwhile: impl FnMut(&mut Fleet) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let began = Instant::now();
    while began.elapsed() < span {
        let mut events = Vec::new();
        for _ in 0..3 {
            events.extend(fleet.change_something()?);
        }
        fleet.shuffle(&mut events);
        fleet.report(&events)?;
        fleet.search("paragraph cranes")?;
        meanwhile(fleet)?;
    }
    Ok(())
}

#[test]
fn processors_are_killed_under_a_stream_of_changes() -> anyhow::Result<()> {
    let mut fleet = started(3)?;
    fleet.model.set(|faults| faults.latency_ms = 30);
    let mut killed = Instant::now();
    let mut kills = 0;
    stream(&mut fleet, Duration::from_secs(12), |fleet| {
        if killed.elapsed() >= Duration::from_secs(1) {
            killed = Instant::now();
            let victim = fleet.random.random_range(0..fleet.processors.len());
            fleet.processors.remove(victim).kill()?;
            fleet.add_processor()?;
            kills += 1;
        }
        Ok(())
    })?;
    ensure!(kills >= 5, "only {kills} processors were killed");
    fleet.settle()?;
    fleet.check_history()
}

#[test]
fn backends_go_and_come_back() -> anyhow::Result<()> {
    let mut fleet = started(2)?;
    fleet.settle()?;

    // The broker restarts, then its queues are emptied by hand.
    fleet.rabbit.stop()?;
    stream(&mut fleet, Duration::from_secs(2), |_| Ok(()))?;
    fleet.rabbit.resume()?;
    stream(&mut fleet, Duration::from_secs(2), |fleet| {
        for queue in ["longshore.work.fast", "longshore.work.bulk"] {
            fleet.rabbit.ctl(&["purge_queue", queue])?;
        }
        Ok(())
    })?;
    fleet.settle()?;

    // The database is killed and comes back; events that it did not take are refused, so they are sent again.
    fleet.postgres.kill()?;
    let path = "docs/while-down.md";
    fleet.write(path, &text(path, 1))?;
    let event = fleet.event("BlobCreated", path);
    ensure!(
        fleet.report(std::slice::from_ref(&event)).is_err(),
        "an event was accepted without a ledger"
    );
    fleet.postgres.start_again()?;
    tests::wait::until("the control plane to find its ledger", || {
        Ok(fleet.report(std::slice::from_ref(&event)).ok())
    })?;
    stream(&mut fleet, Duration::from_secs(2), |_| Ok(()))?;
    fleet.settle()?;

    // The vector server is away, the model refuses: nothing ends FAILED because of either.
    fleet.vectors.kill()?;
    let mut events = Vec::new();
    for _ in 0..10 {
        events.extend(fleet.change_something()?);
    }
    fleet.report(&events)?;
    std::thread::sleep(Duration::from_secs(5));
    fleet.vectors.restart()?;
    fleet.model.fail_next(
        20,
        Fault::Throttle {
            retry_after: Some(1.0),
        },
    );
    stream(&mut fleet, Duration::from_secs(2), |_| Ok(()))?;
    fleet.settle()?;
    fleet.check_history()
}

#[test]
fn a_frozen_processor_wakes_to_a_lost_lease() -> anyhow::Result<()> {
    let mut fleet = started(1)?;
    fleet.settle()?;
    fleet.model.set(|faults| faults.latency_ms = 1500);
    let mut events = Vec::new();
    for number in 0..6 {
        let path = format!("docs/{number}.md");
        fleet.write(&path, &text(&path, 1))?;
        events.push(fleet.event("BlobCreated", &path));
    }
    fleet.report(&events)?;
    tests::wait::until("work to begin", || {
        Ok((fleet.get("/backlog")?["running"].as_u64() > Some(0)).then_some(()))
    })?;
    fleet.processors[0].freeze()?;
    // Written once more while its first holder is frozen, and done by somebody else.
    fleet.model.set(|faults| faults.latency_ms = 0);
    fleet.add_processor()?;
    let path = "docs/0.md";
    fleet.write(path, &text(path, 2))?;
    let event = fleet.event("BlobCreated", path);
    fleet.report(&[event])?;
    fleet.settle()?;
    fleet.processors[0].thaw()?;
    fleet.settle()?;
    fleet.check_history()
}

#[test]
fn the_fleet_is_scaled_up_and_down() -> anyhow::Result<()> {
    let mut fleet = started(1)?;
    fleet.add_control()?;
    fleet.model.set(|faults| faults.latency_ms = 20);
    stream(&mut fleet, Duration::from_secs(2), |_| Ok(()))?;
    for _ in 0..3 {
        fleet.add_processor()?;
    }
    stream(&mut fleet, Duration::from_secs(2), |_| Ok(()))?;
    while fleet.processors.len() > 1 {
        let ended = fleet.processors.remove(0).stop()?;
        ensure!(ended.success(), "a processor did not end in order: {ended}");
    }
    // The first control plane has the duties; the second takes them over.
    let ended = fleet.control.remove(0).stop()?;
    ensure!(ended.success(), "the control plane did not end in order: {ended}");
    stream(&mut fleet, Duration::from_secs(1), |_| Ok(()))?;
    fleet.settle()?;
    fleet.check_history()
}

#[test]
fn directories_move_and_go_without_paying_again() -> anyhow::Result<()> {
    let mut fleet = started(2)?;
    fleet.settle()?;
    let before = fleet.model.counts().texts;
    for number in 0..20 {
        let (from, to) = (format!("docs/{number}.md"), format!("archive/2026/{number}.md"));
        let body = fleet.truth[&from].clone();
        fleet.write(&to, &body)?;
        fleet.remove(&from)?;
    }
    let event = fleet.rename_event("DirectoryRenamed", "docs", "archive/2026");
    fleet.report(&[event.clone(), event])?;
    fleet.settle()?;
    ensure!(
        fleet.model.counts().texts == before,
        "a rename embedded texts again"
    );

    for number in 0..20 {
        fleet.remove(&format!("archive/2026/{number}.md"))?;
    }
    let event = fleet.event("DirectoryDeleted", "archive/2026");
    fleet.report(&[event])?;
    // More than the guard lets pass: they wait for a decision.
    let held = |fleet: &mut Fleet| -> anyhow::Result<Option<u64>> {
        Ok(fleet.get(&format!("/indexes/{INDEX}"))?["stats"]["by_state"]["AWAITING_APPROVAL"].as_u64())
    };
    tests::wait::until("removals to wait", || {
        Ok((held(&mut fleet)? == Some(20)).then_some(()))
    })?;
    let waiting = fleet.get(&format!("/approvals?index={INDEX}&state=WAITING"))?;
    let waiting = &waiting[0];
    ensure!(waiting["files"].as_u64() == Some(20), "{waiting}");
    let decided = fleet.post(
        &format!("/indexes/{INDEX}/approvals/{}/approve", waiting["number"]),
        &serde_json::json!({ "files": waiting["files"] }),
    )?;
    ensure!(decided.0 == 200, "{decided:?}");
    fleet.settle()
}

#[test]
fn what_nobody_reported_is_found() -> anyhow::Result<()> {
    let mut fleet = started(1)?;
    fleet.settle()?;
    // Changes without a single event: the comparison finds them.
    for _ in 0..10 {
        fleet.change_something()?;
    }
    fleet.settle()?;
    // Neither does anybody report that points are lost. Services make a collection that is gone when they start.
    fleet.vectors.wipe()?;
    fleet.control.remove(0).stop()?;
    fleet.processors.remove(0).stop()?;
    fleet.add_control()?;
    fleet.add_processor()?;
    fleet.settle()?;
    tests::wait::until("the comparison to find nothing more", || {
        let index = fleet.get(&format!("/indexes/{INDEX}"))?;
        Ok((index["completeness"].as_f64() == Some(1.0)).then_some(()))
    })
}
