//! How many requests may be under way: additive increase, multiplicative decrease (AIMD).
//!
//! Embedding providers and vector stores differ by orders of magnitude in what they take, and change it by the hour, so the
//! limit is found rather than configured: it grows by one for each round of successes and halves when the other side shows
//! that it is overloaded, as TCP does ([RFC 5681](https://www.rfc-editor.org/rfc/rfc5681)). Decisions only; time is passed in.

use std::time::Duration;

use tokio::time::Instant;

/// Whether another request may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Now.
    Open,
    /// When one that is under way has ended.
    Full,
    /// Not before this time.
    Paused(Instant),
}

/// The number of requests that may be under way.
#[derive(Clone, Debug)]
pub struct Governor {
    max: f64,
    limit: f64,
    paused_until: Option<Instant>,
    reduced_at: Option<Instant>,
}

impl Governor {
    /// Starts at the maximum: the first refusals find the right level within one round, while a slow start would be paid by
    /// every short run. A maximum of 0 counts as 1.
    #[must_use]
    pub fn new(max_in_flight: usize) -> Self {
        let max = u32::try_from(max_in_flight.max(1)).map_or(f64::from(u32::MAX), f64::from);
        Self {
            max,
            limit: max,
            paused_until: None,
            reduced_at: None,
        }
    }

    /// Requests that may be under way, at least 1.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and max"
    )]
    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    /// Whether another request may start beside those under way.
    #[must_use]
    pub fn gate(&self, in_flight: usize, now: Instant) -> Gate {
        match self.paused_until {
            Some(until) if now < until => Gate::Paused(until),
            _ if in_flight < self.limit() => Gate::Open,
            _ => Gate::Full,
        }
    }

    /// A request that was sent at `sent_at` succeeded. `was_full` says whether it used the last free place: a limit that
    /// nobody reaches is not known to hold, so it does not grow.
    pub fn succeeded(&mut self, sent_at: Instant, was_full: bool) {
        if was_full && !self.is_old(sent_at) {
            self.limit = (self.limit + 1.0 / self.limit).min(self.max);
        }
    }

    /// A request that was sent at `sent_at` was refused for load, or took too long; `wait` is how long the other side asked
    /// everybody to wait. Requests sent before the last decrease belong to the same overload and do not decrease again.
    pub fn overloaded(&mut self, sent_at: Instant, now: Instant, wait: Option<Duration>) {
        if !self.is_old(sent_at) {
            self.limit = (self.limit / 2.0).max(1.0);
            self.reduced_at = Some(now);
        }
        if let Some(wait) = wait {
            self.pause(now + wait);
        }
    }

    /// Lets nothing start before `until`; a later end of an earlier pause stands.
    pub fn pause(&mut self, until: Instant) {
        self.paused_until = self.paused_until.max(Some(until));
    }

    fn is_old(&self, sent_at: Instant) -> bool {
        self.reduced_at.is_some_and(|reduced| sent_at < reduced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happens, at a second, to a request sent at an earlier second.
    enum Event {
        Success { sent: u64 },
        Idle { sent: u64 },
        Overload { sent: u64, wait: Option<u64> },
    }
    use Event::{Idle, Overload, Success};

    /// A name, the maximum, what happens when, and the limit after it.
    type Case = (&'static str, usize, Vec<(u64, Event)>, usize);

    #[test]
    fn limits_by_table() {
        let zero = Instant::now();
        let at = |second| zero + Duration::from_secs(second);
        let cases: Vec<Case> = vec![
            ("starts at the maximum", 8, vec![], 8),
            ("never above the maximum", 8, vec![(1, Success { sent: 0 })], 8),
            ("none counts as one", 0, vec![], 1),
            ("halves", 8, vec![(1, Overload { sent: 0, wait: None })], 4),
            (
                "never below one",
                1,
                vec![(1, Overload { sent: 0, wait: None })],
                1,
            ),
            (
                "one overload halves once, however many requests it hits",
                8,
                vec![
                    (1, Overload { sent: 0, wait: None }),
                    (1, Overload { sent: 0, wait: None }),
                ],
                4,
            ),
            (
                "the next round halves again",
                8,
                vec![
                    (1, Overload { sent: 0, wait: None }),
                    (3, Overload { sent: 2, wait: None }),
                ],
                2,
            ),
            (
                "grows by one in a round of successes",
                4,
                vec![
                    (1, Overload { sent: 0, wait: None }),
                    (3, Success { sent: 2 }),
                    (3, Success { sent: 2 }),
                    (3, Success { sent: 2 }),
                ],
                3,
            ),
            (
                "successes from before the overload do not count",
                4,
                vec![
                    (1, Overload { sent: 0, wait: None }),
                    (2, Success { sent: 0 }),
                    (2, Success { sent: 0 }),
                ],
                2,
            ),
            (
                "a limit that is not reached does not grow",
                4,
                vec![
                    (1, Overload { sent: 0, wait: None }),
                    (3, Idle { sent: 2 }),
                    (3, Idle { sent: 2 }),
                    (3, Idle { sent: 2 }),
                ],
                2,
            ),
        ];
        for (name, max, events, expected) in cases {
            let mut governor = Governor::new(max);
            for (second, event) in events {
                match event {
                    Success { sent } => governor.succeeded(at(sent), true),
                    Idle { sent } => governor.succeeded(at(sent), false),
                    Overload { sent, wait } => {
                        governor.overloaded(at(sent), at(second), wait.map(Duration::from_secs));
                    }
                }
            }
            assert_eq!(governor.limit(), expected, "{name}");
        }
    }

    #[test]
    fn gates_by_table() {
        let zero = Instant::now();
        let at = |second| zero + Duration::from_secs(second);
        let mut governor = Governor::new(4);
        assert_eq!(governor.gate(3, at(0)), Gate::Open);
        assert_eq!(governor.gate(4, at(0)), Gate::Full);

        governor.overloaded(at(0), at(1), Some(Duration::from_secs(5)));
        assert_eq!(governor.gate(0, at(5)), Gate::Paused(at(6)));
        governor.overloaded(at(0), at(2), Some(Duration::from_secs(1)));
        assert_eq!(
            governor.gate(0, at(5)),
            Gate::Paused(at(6)),
            "a shorter pause does not cut a longer one"
        );
        assert_eq!(governor.gate(0, at(6)), Gate::Open);
        assert_eq!(governor.gate(2, at(6)), Gate::Full);
    }

    #[test]
    fn recovers_to_the_maximum() {
        let zero = Instant::now();
        let mut governor = Governor::new(16);
        governor.overloaded(zero, zero, None);
        for _ in 0..16 * 16 {
            governor.succeeded(zero + Duration::from_secs(1), true);
        }
        assert_eq!(governor.limit(), 16);
    }
}
