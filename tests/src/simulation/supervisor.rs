//! Starts processes, lets them meet their doom, and starts others in their place.

use std::sync::Arc;
use std::time::Duration;

use shared::shutdown::confinement::confined;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::fleet::Fleet;
use super::process::{Doom, Mode, Process};
use super::world::World;

/// What a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Worker,
    Plane,
}

/// Keeps one process of a kind running until `finish`, whatever befalls it. Returns whether the last one ended when told.
pub(super) async fn keep(
    fleet: Arc<Fleet>,
    kind: Kind,
    place: u64,
    finish: CancellationToken,
) -> anyhow::Result<bool> {
    let world = Arc::clone(&fleet.world);
    for life in 1_u32.. {
        let name = match kind {
            Kind::Worker => format!("worker{place}-{life}"),
            Kind::Plane => format!("plane{place}-{life}"),
        };
        let process = Process::new(name, doom(&world));
        world.note(&process.name, format_args!("starts"));
        let stop = CancellationToken::new();
        let ended = start(&fleet, kind, &process, stop.clone())?;
        let orderly = watch(&world, &fleet, &process, &stop, &ended, &finish).await;
        if finish.is_cancelled() {
            return Ok(orderly);
        }
        fleet.broker.disconnect(&process.name);
        if !world.is_calm() {
            sleep(Duration::from_millis(world.dice.skewed(30_000))).await;
        }
    }
    Ok(false)
}

/// Starts a process; the answer is cancelled when it ends.
fn start(
    fleet: &Arc<Fleet>,
    kind: Kind,
    process: &Arc<Process>,
    stop: CancellationToken,
) -> anyhow::Result<CancellationToken> {
    let world = &fleet.world;
    let ended = CancellationToken::new();
    let over = ended.clone();
    let who = Arc::clone(&process.name);
    let within = Arc::clone(process);
    match kind {
        Kind::Worker => {
            let most = world.plan.skew;
            let skew = world.dice.between(0..=most * 2).cast_signed() - most.cast_signed();
            let worker = fleet.worker(&who, skew)?;
            super::line::detached(confined(within, async move {
                worker.run(stop).await;
                over.cancel();
            }));
        }
        Kind::Plane => {
            let fleet = Arc::clone(fleet);
            super::line::detached(confined(within, async move {
                if let Err(error) = fleet.plane(&who, stop).await {
                    fleet.world.broken(4, None, format!("{error:#}"));
                }
                over.cancel();
            }));
        }
    }
    Ok(ended)
}

/// Sees a process through its life; returns whether it ended in order.
async fn watch(
    world: &World,
    fleet: &Fleet,
    process: &Process,
    stop: &CancellationToken,
    ended: &CancellationToken,
    finish: &CancellationToken,
) -> bool {
    let restart = async {
        if world.plan.restarts > 0.0 && world.dice.chance(world.plan.restarts) {
            sleep(Duration::from_millis(world.dice.skewed(60_000))).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::pin!(restart);
    let mut asked = false;
    let mut calmed = world.is_calm();
    loop {
        tokio::select! {
            biased;
            () = process.changed.notified() => match process.mode() {
                Mode::Running => {}
                Mode::Dead => {
                    world.note(&process.name, format_args!("dies"));
                    return false;
                }
                Mode::Frozen => {
                    let time = world.dice.short_or_long(70_000);
                    world.note(&process.name, format_args!("freezes for {time} ms"));
                    let cut = world.dice.chance(0.5);
                    tokio::select! {
                        biased;
                        () = world.calmed.cancelled(), if !calmed => {}
                        () = sleep(Duration::from_millis(time)) => {}
                    }
                    if cut {
                        fleet.broker.disconnect(&process.name);
                    }
                    world.note(&process.name, format_args!("goes on"));
                    process.thaw(doom(world));
                }
            },
            () = ended.cancelled() => {
                world.note(&process.name, format_args!("has stopped"));
                return true;
            }
            () = world.calmed.cancelled(), if !calmed => {
                calmed = true;
                process.thaw(None);
            }
            () = finish.cancelled(), if !asked => {
                asked = true;
                stop.cancel();
            }
            () = &mut restart, if !asked => {
                world.note(&process.name, format_args!("is told to stop"));
                asked = true;
                stop.cancel();
            }
        }
    }
}

fn doom(world: &World) -> Option<(u64, Doom)> {
    if world.is_calm() || world.plan.doom == 0 {
        return None;
    }
    let doom = if world.dice.chance(world.plan.freezes) {
        Doom::Freezes
    } else {
        Doom::Dies
    };
    Some((world.dice.skewed(world.plan.doom), doom))
}
