//! What happens in a run: documents change and are searched while everything goes wrong; then faults stop, and the
//! fleet must catch up and leave nothing behind.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use control_plane::search::SearchQuery;
use shared::blob_path::BlobPath;
use shared::ledger::Change;
use shared::vectors::SearchMode;
use shared::work_message::Lane;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::fleet::{Fleet, ORPHAN_AGE};
use super::ledger::Role;
use super::line::detached;
use super::supervisor::{Kind, keep};
use super::world::World;

/// Once faults have stopped, the index must be what the source is within this time.
const CATCH_UP: Duration = Duration::from_secs(300);
/// A process that is told to stop must end within this time.
const STOP: Duration = Duration::from_secs(60);
/// Texts that several documents share.
const SHARED_TEXTS: u64 = 6;

/// Runs from the first document to the last check.
pub(super) async fn tell(world: Arc<World>) -> anyhow::Result<()> {
    let fleet = Arc::new(Fleet::new(Arc::clone(&world)).await?);
    let finish = CancellationToken::new();
    let mut supervisors = Vec::new();
    for (kind, count) in [
        (Kind::Plane, world.plan.planes),
        (Kind::Worker, world.plan.workers),
    ] {
        for place in 1..=count {
            let done = Arc::new(Notify::new());
            supervisors.push(Arc::clone(&done));
            let (fleet, finish) = (Arc::clone(&fleet), finish.clone());
            detached(async move {
                match keep(Arc::clone(&fleet), kind, place, finish).await {
                    Ok(_) => {}
                    Err(error) => fleet.world.broken(4, None, format!("{error:#}")),
                }
                done.notify_one();
            });
        }
    }
    detached(trouble(Arc::clone(&fleet)));
    detached(searches(Arc::clone(&fleet), finish.clone()));
    if world.plan.guarded {
        detached(operator(Arc::clone(&fleet), finish.clone()));
    }
    if world.plan.meddled {
        detached(meddler(Arc::clone(&fleet), finish.clone()));
    }

    changes(&fleet).await;
    sleep(world.dice.millis(0..=20_000)).await;
    world.calm_down();
    catch_up(&fleet).await;
    // What is still on its way may change the index again.
    while world.stragglers.load(Ordering::Relaxed) > 0 {
        sleep(Duration::from_secs(5)).await;
    }
    catch_up(&fleet).await;
    finish.cancel();
    for done in supervisors {
        if tokio::time::timeout(STOP, done.notified()).await.is_err() {
            world.broken(3, None, "a process that was told to stop does not end");
        }
    }
    clean(&fleet).await
}

/// Documents are written, touched, moved and removed, and events tell of it, mostly.
async fn changes(fleet: &Arc<Fleet>) {
    let world = &fleet.world;
    for _ in 0..world.plan.changes {
        sleep(world.dice.millis(1..=world.plan.gap)).await;
        let path = any_path(world);
        match world.dice.between(0..=99) {
            0..60 => {
                let denied = world.dice.chance(0.03);
                let count = if world.dice.chance(0.05) {
                    0
                } else {
                    world.dice.between(1..=4)
                };
                let paragraphs = (0..count)
                    .map(|at| paragraph(world, &path, at))
                    .collect::<Vec<_>>();
                world.note(
                    "source",
                    format_args!("{path} is written with {count} paragraphs"),
                );
                fleet.source.write(&path, paragraphs, denied);
                report(fleet, &path, None);
            }
            60..70 => {
                if fleet.source.touch(&path) {
                    world.note("source", format_args!("{path} is touched"));
                    report(fleet, &path, None);
                }
            }
            70..85 => {
                let to = any_path(world);
                if to != path && fleet.source.rename(&path, &to) {
                    world.note("source", format_args!("{path} is renamed to {to}"));
                    report(fleet, &to, Some(&path));
                }
            }
            _ => {
                if fleet.source.remove(&path) {
                    world.note("source", format_args!("{path} is removed"));
                    report(fleet, &path, None);
                }
            }
        }
    }
}

fn any_path(world: &World) -> BlobPath {
    let name = format!("f{}.txt", world.dice.between(1..=world.plan.files));
    name.parse().unwrap_or_else(|_| unreachable!("{name} is a path"))
}

/// One chunk of text. Each has the word that searches look for.
fn paragraph(world: &World, path: &BlobPath, at: u64) -> String {
    if world.dice.chance(0.3) {
        let number = world.dice.between(1..=SHARED_TEXTS);
        return format!("common words number {number:04} that many have");
    }
    let number = world.dice.between(0..=9_999_999);
    format!("common words {number:07} of {path} at {at:03}")
}

/// Tells the control plane, unless the event is lost; the sender repeats until it has an answer.
fn report(fleet: &Arc<Fleet>, path: &BlobPath, from: Option<&BlobPath>) {
    let world = &fleet.world;
    if world.dice.chance(world.plan.lost_events) {
        world.note("source", format_args!("the event of {path} is lost"));
        return;
    }
    let copies = if world.dice.chance(0.1) { 2 } else { 1 };
    for _ in 0..copies {
        let fleet = Arc::clone(fleet);
        let delay = Duration::from_millis(fleet.world.dice.skewed(4_000));
        let change = Change {
            renamed_from: from.cloned(),
            debounce: fleet.world.dice.millis(0..=500),
            ..Change::new(path.clone(), "event", Lane::Fast)
        };
        world.stragglers.fetch_add(1, Ordering::Relaxed);
        detached(async move {
            sleep(delay).await;
            deliver(&fleet, &change).await;
            fleet.world.stragglers.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// Repeats an event until it is acknowledged, some times.
async fn deliver(fleet: &Fleet, change: &Change) {
    let ledger = fleet.ledger(&Arc::from("intake"), Role::Intake);
    for _ in 0..10 {
        if let Ok(answer) = ledger.enqueue(&fleet.index, std::slice::from_ref(change)).await {
            for enqueued in answer {
                fleet.history.acknowledged(enqueued.file_id, enqueued.seq);
            }
            return;
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// What befalls the broker.
async fn trouble(fleet: Arc<Fleet>) {
    let world = Arc::clone(&fleet.world);
    let faults = world.plan.broker;
    let purges = async {
        loop {
            pause(&world, faults.purge_every).await;
            fleet.broker.purge();
        }
    };
    let disconnects = async {
        loop {
            pause(&world, faults.disconnect_every).await;
            let connected = fleet.broker.connected();
            if !connected.is_empty() {
                fleet
                    .broker
                    .disconnect(&connected[world.dice.place(connected.len())]);
            }
        }
    };
    tokio::select! {
        biased;
        () = world.calmed.cancelled() => {}
        () = purges => {}
        () = disconnects => {}
    }
}

/// Waits for about as many milliseconds as there are between two troubles of a kind; for ever when it never happens.
async fn pause(world: &World, between: u64) {
    if between == 0 {
        std::future::pending::<()>().await;
    }
    sleep(world.dice.millis(1..=between * 2)).await;
}

/// Somebody decides on held removals.
async fn operator(fleet: Arc<Fleet>, finish: CancellationToken) {
    while !finish.is_cancelled() {
        sleep(fleet.world.dice.millis(1_000..=20_000)).await;
        let approve = fleet.world.is_calm() || fleet.world.dice.chance(0.7);
        if let Err(error) = fleet.ledger.decide(approve).await {
            fleet.world.broken(3, None, error.to_string());
        }
        // A comparison must not ask again for what somebody decided to keep. So that the index can become what the source is,
        // their removal is reported once more, when it is approved.
        if fleet.world.is_calm() {
            match fleet.ledger.kept().await {
                Ok(kept) => report_again(&fleet, kept).await,
                Err(error) => fleet.world.broken(3, None, error.to_string()),
            }
        }
    }
}

/// Reports those files that are not in the source.
async fn report_again(fleet: &Fleet, files: Vec<BlobPath>) {
    for path in files {
        if fleet.source.content(&path).is_none() {
            deliver(fleet, &Change::new(path, "event", Lane::Fast)).await;
        }
    }
}

/// Somebody terminates and suspends files, and lets them all go on in the end.
async fn meddler(fleet: Arc<Fleet>, finish: CancellationToken) {
    let world = &fleet.world;
    while !finish.is_cancelled() {
        sleep(world.dice.millis(500..=8_000)).await;
        let done = if world.is_calm() {
            fleet.ledger.let_all_go_on().await
        } else {
            let path = any_path(world);
            match world.dice.between(0..=3) {
                0 => fleet.ledger.terminate(&path).await,
                1 => fleet.ledger.suspend(&path).await,
                _ => fleet.ledger.resume(&path).await,
            }
        };
        if let Err(error) = done {
            world.broken(3, None, error.to_string());
        }
    }
}

/// Somebody searches all the time.
async fn searches(fleet: Arc<Fleet>, finish: CancellationToken) {
    let search = fleet.search(&Arc::from("searcher"));
    while !finish.is_cancelled() {
        sleep(fleet.world.dice.millis(1..=1_500)).await;
        let mode = match fleet.world.dice.between(0..=3) {
            0 => SearchMode::Hybrid,
            1 => SearchMode::Vector,
            _ => SearchMode::FullText,
        };
        let query = SearchQuery {
            query: "common words".to_owned(),
            mode: Some(mode),
            limit: 100,
            ..SearchQuery::default()
        };
        let start = fleet.world.moment();
        if let Ok(answer) = search.search(&query).await {
            fleet.history.searched(start, &answer.hits);
        }
    }
}

/// Waits until index and source are equal.
async fn catch_up(fleet: &Fleet) {
    let deadline = Instant::now() + CATCH_UP;
    loop {
        let Err((file, what)) = fleet.history.converged() else {
            fleet
                .world
                .note("world", format_args!("index and source are equal"));
            return;
        };
        if Instant::now() > deadline {
            let what = format!("{CATCH_UP:?} after the last fault: {what}");
            fleet.world.broken(4, Some(&file), what);
            return;
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// When nothing runs any more and nothing is on its way, a scrub must leave exactly what is live.
async fn clean(fleet: &Fleet) -> anyhow::Result<()> {
    let world = &fleet.world;
    // A worker whose clock is ahead makes claims that seem to be young for as long.
    sleep(ORPHAN_AGE + Duration::from_millis(world.plan.skew) + Duration::from_secs(1)).await;
    if let Err((file, what)) = fleet.history.shows_the_source() {
        world.broken(4, Some(&file), format!("after all was equal: {what}"));
    }
    let upkeep = fleet.upkeep(&Arc::from("plane"), Arc::new(Notify::new()))?;
    upkeep.scrub_dead().await?;
    upkeep.scrub_orphans().await?;
    if let Err(what) = fleet.history.exact() {
        world.broken(4, None, what);
    }
    Ok(())
}
