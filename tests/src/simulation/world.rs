//! What every part of a run shares: time, chance, the trace, and whether something went wrong.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use shared::clock::{Clock, UnixMillis};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::bug::Bug;
use super::dice::Dice;
use super::plan::Plan;
use super::trace::Trace;

/// When every run begins.
const EPOCH: UnixMillis = 1_700_000_000_000;

/// A promise that was broken.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Its number in ARCHITECTURE.md.
    pub promise: u8,
    /// What was seen.
    pub what: String,
    /// The file that it was seen at.
    pub file: Option<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_deref().unwrap_or("the fleet");
        write!(f, "promise {} is broken for {file}: {}", self.promise, self.what)
    }
}

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) plan: Plan,
    pub(super) bug: Option<Bug>,
    pub(super) trace: Trace,
    /// Cancelled when faults stop.
    pub(super) calmed: CancellationToken,
    /// Cancelled when a promise was broken.
    pub(super) violated: CancellationToken,
    /// Requests that arrive although nobody waits for them any more.
    pub(super) stragglers: AtomicUsize,
    calm: AtomicBool,
    moment: AtomicU64,
    started: Instant,
    violation: Mutex<Option<Violation>>,
}

impl World {
    pub(super) fn new(seed: u64, bug: Option<Bug>) -> Self {
        let dice = Dice::new(seed);
        let plan = Plan::draw(&dice);
        Self {
            dice,
            plan,
            bug,
            trace: Trace::default(),
            calmed: CancellationToken::new(),
            violated: CancellationToken::new(),
            stragglers: AtomicUsize::new(0),
            calm: AtomicBool::new(false),
            moment: AtomicU64::new(0),
            started: Instant::now(),
            violation: Mutex::default(),
        }
    }

    pub(super) fn note(&self, who: &str, what: fmt::Arguments<'_>) {
        self.trace.note(self.started.elapsed().as_millis(), who, what);
    }

    /// The next moment. Moments order what happens; times do not, because much happens at the same time.
    pub(super) fn moment(&self) -> u64 {
        self.moment.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Do faults still happen?
    pub(super) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    pub(super) fn calm_down(&self) {
        self.note("world", format_args!("faults stop"));
        self.calm.store(true, Ordering::Relaxed);
        self.calmed.cancel();
    }

    /// Notes a broken promise; the first one counts.
    pub(super) fn broken(&self, promise: u8, file: Option<&str>, what: impl Into<String>) {
        let violation = Violation {
            promise,
            what: what.into(),
            file: file.map(str::to_owned),
        };
        self.note("checker", format_args!("{violation}"));
        let mut first = self.violation.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(violation);
        self.violated.cancel();
    }

    pub(super) fn violation(&self) -> Option<Violation> {
        self.violation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A clock that is wrong by `skew` milliseconds.
    pub(super) fn clock(&self, skew: i64) -> SimClock {
        SimClock {
            started: self.started,
            at_start: EPOCH + skew,
        }
    }
}

/// Tokio's paused time as a wall clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct SimClock {
    started: Instant,
    at_start: UnixMillis,
}

impl Clock for SimClock {
    fn now(&self) -> UnixMillis {
        let since = self.started.elapsed().as_millis();
        self.at_start + i64::try_from(since).unwrap_or(i64::MAX / 2)
    }
}
