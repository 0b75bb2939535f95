//! How long to wait before the next attempt.
//!
//! The only file that names the `backoff` crate: see `docs/decisions/backoff.md`.

use std::time::Duration;

use backoff::backoff::Backoff;

use super::{Failure, FailureClass};

/// How a delay is spread, so that clients that failed together do not come back together.
///
/// See [Exponential Backoff And Jitter](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// Anywhere between nothing and the whole delay: spreads best.
    Full,
    /// Half of the delay, plus up to the other half: never comes back at once.
    Equal,
    /// None: the whole delay, each time. For tests that must replay; a fleet would come back all at once.
    None,
}

/// When an operation is tried again.
///
/// The delay before attempt `n + 1` is `min(max, initial × multiplier^(n−1))`, spread by [`Jitter`].
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Delay after the first failure, before jitter.
    pub initial: Duration,
    /// Growth from one delay to the next; below 1 counts as 1.
    pub multiplier: f64,
    /// Longest computed delay, before jitter.
    pub max: Duration,
    /// Attempts in all, the first one included; 0 counts as 1.
    pub max_attempts: u32,
    /// How delays are spread.
    pub jitter: Jitter,
    /// Longest `retry_after` that is waited for in place. A dependency that asks for more gets its failure handed up
    /// at once, so that the ledger plans the next attempt instead of a worker that holds a slot.
    pub max_retry_after: Duration,
}

impl Default for RetryPolicy {
    /// Five attempts after about 0.5, 1, 2 and 4 s, with equal jitter: rides out a restart or a burst limit, and gives
    /// a slot back within ten seconds. Waits up to two minutes for a dependency that names its time (rate limits of
    /// hosted models reset each minute).
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(500),
            multiplier: 2.0,
            max: Duration::from_secs(30),
            max_attempts: 5,
            jitter: Jitter::Equal,
            max_retry_after: Duration::from_secs(120),
        }
    }
}

impl RetryPolicy {
    /// A policy that tries once.
    #[must_use]
    pub fn never() -> Self {
        Self {
            max_attempts: 1,
            ..Self::default()
        }
    }

    /// The delay after `attempt` failures (1 is the first), for a `random` number from 0 to 1.
    #[must_use]
    pub fn delay(&self, attempt: u32, random: f64) -> Duration {
        let whole = self.base(attempt);
        let random = if random.is_nan() {
            1.0
        } else {
            random.clamp(0.0, 1.0)
        };
        match self.jitter {
            Jitter::Full => whole.mul_f64(random),
            Jitter::Equal => whole / 2 + (whole / 2).mul_f64(random),
            Jitter::None => whole,
        }
    }

    /// How long to wait after `attempt` attempts, the last of which ended in `failure`; `None` when it should not be tried
    /// again here. The wait that the dependency asked for wins over the computed one.
    #[must_use]
    pub fn next_wait(&self, failure: &Failure, attempt: u32, random: f64) -> Option<Duration> {
        if failure.class == FailureClass::Permanent || attempt >= self.max_attempts.max(1) {
            return None;
        }
        match failure.retry_after {
            Some(asked) if asked > self.max_retry_after => None,
            Some(asked) => Some(asked),
            None => Some(self.delay(attempt, random)),
        }
    }

    /// The delay before jitter. `current_interval` is read rather than the value of `next_backoff`, which draws its own
    /// random number: this function stays a pure one.
    fn base(&self, attempt: u32) -> Duration {
        let mut growing = backoff::ExponentialBackoff {
            current_interval: self.initial.min(self.max),
            initial_interval: self.initial.min(self.max),
            randomization_factor: 0.0,
            multiplier: self.multiplier.max(1.0),
            max_interval: self.max,
            max_elapsed_time: None,
            ..backoff::ExponentialBackoff::default()
        };
        for _ in 1..attempt {
            let before = growing.current_interval;
            growing.next_backoff();
            if growing.current_interval == before {
                break;
            }
        }
        growing.current_interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(jitter: Jitter) -> RetryPolicy {
        RetryPolicy {
            initial: Duration::from_millis(100),
            multiplier: 3.0,
            max: Duration::from_secs(2),
            max_attempts: 4,
            jitter,
            max_retry_after: Duration::from_secs(10),
        }
    }

    #[test]
    fn delays_grow_to_the_maximum() {
        let delays = [1, 2, 3, 4, 5, u32::MAX].map(|n| policy(Jitter::Full).delay(n, 1.0).as_millis());
        assert_eq!(delays, [100, 300, 900, 2_000, 2_000, 2_000]);
    }

    #[test]
    fn jitter_stays_in_its_range() {
        let at = |jitter, random| policy(jitter).delay(2, random).as_millis();
        assert_eq!([0.0, 0.5, 1.0].map(|r| at(Jitter::Full, r)), [0, 150, 300]);
        assert_eq!([0.0, 0.5, 1.0].map(|r| at(Jitter::Equal, r)), [150, 225, 300]);
        assert_eq!(at(Jitter::Full, f64::NAN), 300);
        assert_eq!([0.0, 0.5, 1.0].map(|r| at(Jitter::None, r)), [300; 3]);
    }

    #[test]
    fn odd_settings_still_give_a_delay() {
        let still = RetryPolicy {
            multiplier: f64::NAN,
            ..policy(Jitter::Full)
        };
        assert_eq!(still.delay(9, 1.0), Duration::from_millis(100));
        let capped = RetryPolicy {
            initial: Duration::from_secs(60),
            ..policy(Jitter::Full)
        };
        assert_eq!(capped.delay(1, 1.0), Duration::from_secs(2));
    }

    #[test]
    fn what_is_tried_again() {
        let policy = policy(Jitter::Full);
        let wait = |failure: &Failure, attempt| policy.next_wait(failure, attempt, 1.0);
        let down = Failure::throttled("down", "");
        let asked = |seconds| Failure::throttled("busy", "").retry_after(Some(Duration::from_secs(seconds)));

        assert_eq!(wait(&Failure::permanent("bad", ""), 1), None);
        assert_eq!(
            wait(&Failure::transient("odd", ""), 1),
            Some(Duration::from_millis(100))
        );
        assert_eq!(wait(&down, 3), Some(Duration::from_millis(900)));
        assert_eq!(wait(&down, 4), None, "attempts are spent");
        assert_eq!(
            wait(&asked(7), 1),
            Some(Duration::from_secs(7)),
            "longer than the longest delay, and still wins"
        );
        assert_eq!(wait(&asked(0), 3), Some(Duration::ZERO));
        assert_eq!(wait(&asked(11), 1), None, "too long to wait in place");
        assert_eq!(RetryPolicy::never().next_wait(&down, 1, 0.5), None);
    }
}
