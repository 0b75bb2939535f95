//! Places for requests to a service that may become slow or refuse: a [`Governor`] with a queue in front of it.
//!
//! Callers wait in the order in which they came. They wait as long as the service gets on with its work, and give up when
//! it has not answered anything for a while, so that a dead service fails all its callers after one timeout instead of
//! one timeout each, one after the other.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::governor::{Gate, Governor};

#[cfg(test)]
mod tests;

/// A bounded and adapting number of places.
#[derive(Debug)]
pub struct Limiter {
    patience: Duration,
    slow: Duration,
    /// Held by whoever is next; the lock is fair.
    turn: tokio::sync::Mutex<()>,
    freed: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    governor: Governor,
    in_flight: usize,
    /// The last success.
    moved_at: Option<Instant>,
}

/// Nothing got on for as long as one is willing to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no request of this process came to an end within {} s", patience.as_secs_f32())]
pub struct Stalled {
    /// How long that was.
    pub patience: Duration,
}

/// A place for one request. Say how it ended; a place that is just dropped (the caller went away) tells nothing.
#[derive(Debug)]
pub struct Place {
    limiter: Arc<Limiter>,
    sent_at: Instant,
    was_full: bool,
}

impl Limiter {
    /// At most `max_in_flight` places. Callers wait until nothing has succeeded for `patience`. A success that took
    /// longer than `slow` is a sign of overload too.
    #[must_use]
    pub fn new(max_in_flight: usize, patience: Duration, slow: Duration) -> Arc<Self> {
        Arc::new(Self {
            patience,
            slow,
            turn: tokio::sync::Mutex::default(),
            freed: Notify::new(),
            state: Mutex::new(State {
                governor: Governor::new(max_in_flight),
                in_flight: 0,
                moved_at: None,
            }),
        })
    }

    /// How many requests may be under way at the moment.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.state().governor.limit()
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// [`Stalled`] when no request succeeded for as long as callers are willing to wait.
    pub async fn place(self: &Arc<Self>) -> Result<Place, Stalled> {
        let since = Instant::now();
        let mut turn = pin!(self.turn.lock());
        let _turn = loop {
            tokio::select! {
                biased;
                turn = &mut turn => break turn,
                () = sleep_until(self.gives_up_at(since)) => self.check_patience(since)?,
            }
        };
        loop {
            let opens_at = match self.try_place() {
                Ok(place) => return Ok(place),
                Err(opens_at) => opens_at,
            };
            self.check_patience(since)?;
            let gives_up_at = self.gives_up_at(since);
            tokio::select! {
                () = self.freed.notified() => {}
                () = sleep_until(opens_at.map_or(gives_up_at, |at| at.min(gives_up_at))) => {}
            }
        }
    }

    /// A place, or the time at which a pause ends.
    fn try_place(self: &Arc<Self>) -> Result<Place, Option<Instant>> {
        let now = Instant::now();
        let mut state = self.state();
        match state.governor.gate(state.in_flight, now) {
            Gate::Open => {
                state.in_flight += 1;
                Ok(Place {
                    limiter: Arc::clone(self),
                    sent_at: now,
                    was_full: state.in_flight >= state.governor.limit(),
                })
            }
            Gate::Full => Err(None),
            Gate::Paused(until) => Err(Some(until)),
        }
    }

    fn gives_up_at(&self, since: Instant) -> Instant {
        self.state().moved_at.map_or(since, |at| at.max(since)) + self.patience
    }

    fn check_patience(&self, since: Instant) -> Result<(), Stalled> {
        if Instant::now() < self.gives_up_at(since) {
            return Ok(());
        }
        Err(Stalled {
            patience: self.patience,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The request was answered.
    pub fn succeeded(self) {
        let now = Instant::now();
        let mut state = self.limiter.state();
        state.moved_at = Some(now);
        if now - self.sent_at > self.limiter.slow {
            state.governor.overloaded(self.sent_at, now, None);
        } else {
            state.governor.succeeded(self.sent_at, self.was_full);
        }
    }

    /// The request was refused for load, or nobody answered in time. `wait` is how long everybody was asked to wait.
    pub fn overloaded(self, wait: Option<Duration>) {
        let mut state = self.limiter.state();
        state.governor.overloaded(self.sent_at, Instant::now(), wait);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.limiter.state().in_flight -= 1;
        self.limiter.freed.notify_one();
    }
}
