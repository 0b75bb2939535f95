//! The line between a process and a server: requests take time, fail, lose their answers, arrive late and arrive twice.

use std::future::Future;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use shared::blobs::BlobError;
use shared::ledger::LedgerError;
use shared::retry::Failure;
use shared::vectors::VectorsError;
use tokio::time::sleep;

use super::plan::Faults;
use super::world::World;

/// Longest time by which a request can be late, in milliseconds.
pub(super) const LATEST: u64 = 90_000;
/// Longest time that a slow request takes, in milliseconds.
const SLOWEST: u64 = 30_000;

/// An error that says that the outcome is unknown.
pub(super) trait Unknown {
    fn unknown(why: &str) -> Self;
}

impl Unknown for LedgerError {
    fn unknown(why: &str) -> Self {
        Self::Unavailable(why.to_owned())
    }
}

impl Unknown for VectorsError {
    fn unknown(why: &str) -> Self {
        Self::Unavailable(why.to_owned())
    }
}

impl Unknown for BlobError {
    fn unknown(why: &str) -> Self {
        Self::Unavailable(why.to_owned())
    }
}

impl Unknown for Failure {
    fn unknown(why: &str) -> Self {
        Self::throttled("unavailable", why)
    }
}

/// Runs something outside of every process: what has been sent arrives even when its sender is dead.
#[expect(
    clippy::disallowed_methods,
    reason = "Tasks would confine it to the process that sent it; the runtime of the run ends it"
)]
pub(super) fn detached(future: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(future));
}

#[derive(Clone)]
pub(super) struct Line {
    pub(super) world: Arc<World>,
    /// The process at this end.
    pub(super) who: Arc<str>,
    /// What the server is called in the trace.
    pub(super) server: &'static str,
    pub(super) faults: Faults,
    /// Of one way, in milliseconds.
    pub(super) latency: RangeInclusive<u64>,
}

enum Fate {
    Fine,
    Refused,
    Unanswered,
    Slow,
    Late,
    Twice,
}

impl Line {
    /// Sends a request. `request` is what the server does; it may happen although an error is returned, and more than once.
    pub(super) async fn call<T, E, F>(
        &self,
        name: &'static str,
        request: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Unknown + Send + 'static,
    {
        let dice = &self.world.dice;
        let there = dice.millis(self.latency.clone());
        let back = dice.millis(self.latency.clone());
        let fate = self.fate();
        match fate {
            Fate::Fine => {}
            Fate::Refused => {
                self.note(name, "is refused");
                wait(there + back).await;
                return Err(E::unknown("refused"));
            }
            Fate::Unanswered => {
                self.note(name, "will not be answered");
                self.straggle(there, request);
                wait(there + back + Duration::from_millis(dice.short_or_long(SLOWEST))).await;
                return Err(E::unknown("the answer was lost"));
            }
            Fate::Late => {
                let late = Duration::from_millis(dice.short_or_long(LATEST));
                self.note(name, "will be late");
                self.straggle(there + back + late, request);
                wait(there + back).await;
                return Err(E::unknown("timed out"));
            }
            Fate::Slow => {
                self.note(name, "is slow");
                wait(Duration::from_millis(dice.short_or_long(SLOWEST))).await;
            }
            Fate::Twice => {
                wait(there).await;
                let answer = request().await;
                self.note(name, "will arrive twice");
                self.straggle(Duration::from_millis(dice.short_or_long(LATEST)), request);
                wait(back).await;
                return answer;
            }
        }
        wait(there).await;
        let answer = request().await;
        wait(back).await;
        answer
    }

    fn note(&self, name: &str, what: &str) {
        let Self {
            world, who, server, ..
        } = self;
        world.note(who, format_args!("{server} {name} {what}"));
    }

    fn fate(&self) -> Fate {
        if self.world.is_calm() {
            return Fate::Fine;
        }
        let mut share = self.world.dice.share();
        let faults = [
            (self.faults.refused, Fate::Refused),
            (self.faults.unanswered, Fate::Unanswered),
            (self.faults.slow, Fate::Slow),
            (self.faults.late, Fate::Late),
            (self.faults.twice, Fate::Twice),
        ];
        for (probability, fate) in faults {
            if share < probability {
                return fate;
            }
            share -= probability;
        }
        Fate::Fine
    }

    /// A request that arrives after `delay`, whatever becomes of its sender.
    pub(super) fn straggle<T, F>(&self, delay: Duration, request: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let world = Arc::clone(&self.world);
        world.stragglers.fetch_add(1, Ordering::Relaxed);
        detached(async move {
            wait(delay).await;
            drop(request().await);
            world.stragglers.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

async fn wait(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}
