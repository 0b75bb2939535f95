//! One breaker, as a state machine: closed, open, half open. Decisions only; time and chance are passed in.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::retry::{Jitter, RetryPolicy};

#[cfg(test)]
mod tests;

/// When a circuit opens, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerPolicy {
    /// Failures in a row that open it; 0 counts as 1.
    pub failures: u32,
    /// How long it stays open the first time; longer each time that a probe fails.
    pub first_open: Duration,
    /// Longest time that it stays open.
    pub max_open: Duration,
    /// Growth from one time to the next.
    pub growth: f64,
    /// Requests that go through at a time while it is half open; 0 counts as 1.
    pub probes: u32,
    /// How those times are spread, so that processes do not all probe together.
    pub jitter: Jitter,
}

impl Default for BreakerPolicy {
    /// Opens after five failures in a row, for about 5, 10, 20 and then 30 s at a time; one probe.
    fn default() -> Self {
        Self {
            failures: 5,
            first_open: Duration::from_secs(5),
            max_open: Duration::from_secs(30),
            growth: 2.0,
            probes: 1,
            jitter: Jitter::Equal,
        }
    }
}

impl BreakerPolicy {
    fn open_for(&self, times: u32, random: f64) -> Duration {
        let growing = RetryPolicy {
            initial: self.first_open,
            multiplier: self.growth,
            max: self.max_open,
            jitter: self.jitter,
            ..RetryPolicy::default()
        };
        growing.delay(times, random)
    }

    fn probes(&self) -> u32 {
        self.probes.max(1)
    }
}

/// What a breaker lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CircuitState {
    /// Everything.
    Closed,
    /// A few probes.
    HalfOpen,
    /// Nothing.
    Open,
}

impl CircuitState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Closed, Self::HalfOpen, Self::Open];

    /// The name as stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "CLOSED",
            Self::HalfOpen => "HALF_OPEN",
            Self::Open => "OPEN",
        }
    }
}

impl fmt::Display for CircuitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for CircuitState {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|state| state.name() == name);
        known.ok_or_else(|| format!("{name:?} is not a state of a circuit"))
    }
}

/// A request that was let through. Say how it ended.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Ticket {
    /// The period of the breaker's life that it belongs to: what began before the last change of state tells nothing of now.
    period: u64,
}

/// How a request ended, as far as the dependency is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It answered.
    Answered,
    /// It did not, or not so that one could go on.
    Failed,
    /// Nobody waited for the end.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    /// Until then.
    Open(Instant),
    /// With so many probes under way.
    HalfOpen(u32),
}

/// The breaker of one dependency.
#[derive(Clone, Debug)]
pub struct Breaker {
    policy: BreakerPolicy,
    state: State,
    period: u64,
    /// Failures since the last answer.
    failures: u32,
    /// Times that it opened since it was last closed.
    opened: u32,
}

impl Breaker {
    /// A closed one.
    #[must_use]
    pub fn new(policy: BreakerPolicy) -> Self {
        Self {
            policy,
            state: State::Closed,
            period: 0,
            failures: 0,
            opened: 0,
        }
    }

    /// What it lets through. An open one whose time has passed is half open.
    #[must_use]
    pub fn state(&self, now: Instant) -> CircuitState {
        match self.state {
            State::Closed => CircuitState::Closed,
            State::Open(until) if now < until => CircuitState::Open,
            State::Open(_) | State::HalfOpen(_) => CircuitState::HalfOpen,
        }
    }

    /// Failures since the last answer.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// When the next probe may go; `None` while it is closed or a probe is under way.
    #[must_use]
    pub fn probe_at(&self) -> Option<Instant> {
        match self.state {
            State::Open(until) => Some(until),
            State::Closed | State::HalfOpen(_) => None,
        }
    }

    /// Lets a request through.
    ///
    /// # Errors
    /// How long to wait before asking again.
    pub fn admit(&mut self, now: Instant) -> Result<Ticket, Duration> {
        match self.state {
            State::Closed => {}
            State::Open(until) if now < until => return Err(until - now),
            State::Open(_) => self.enter(State::HalfOpen(1)),
            State::HalfOpen(probing) if probing < self.policy.probes() => {
                self.state = State::HalfOpen(probing + 1);
            }
            // The probe's end decides, within the time of a request.
            State::HalfOpen(_) => return Err(self.policy.first_open),
        }
        Ok(Ticket { period: self.period })
    }

    /// A request goes through whatever the state: for processes that only watch.
    pub fn admit_anyway(&mut self) -> Ticket {
        Ticket { period: self.period }
    }

    /// A request has ended; `random` is between 0 and 1. Returns whether the state changed.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is good for one end")]
    pub fn ended(&mut self, ticket: Ticket, how: Ended, now: Instant, random: f64) -> bool {
        if ticket.period != self.period {
            return false;
        }
        match (how, self.state) {
            (Ended::Answered, State::Closed) => self.failures = 0,
            (Ended::Answered, State::Open(_) | State::HalfOpen(_)) => {
                self.failures = 0;
                self.opened = 0;
                self.enter(State::Closed);
                return true;
            }
            (Ended::Failed, state) => {
                self.failures = self.failures.saturating_add(1);
                if state != State::Closed || self.failures >= self.policy.failures.max(1) {
                    self.opened = self.opened.saturating_add(1);
                    let open_for = self.policy.open_for(self.opened, random);
                    self.enter(State::Open(now + open_for));
                    return true;
                }
            }
            (Ended::Unknown, State::HalfOpen(probing)) => {
                self.state = State::HalfOpen(probing.saturating_sub(1));
            }
            (Ended::Unknown, State::Closed | State::Open(_)) => {}
        }
        false
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.period += 1;
    }
}
