//! How an attempt ends. Pure: the same inputs give the same end.

use std::time::Duration;

use shared::ledger::CommitChange;
use shared::retry::{Failure, FailureClass, RetryPolicy};

/// What the pipeline came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Ready to publish.
    Ready(CommitChange),
    /// Gave up.
    Failed {
        /// Why.
        failure: Failure,
        /// The blob's tag, if it was seen.
        etag: Option<String>,
    },
}

/// What to tell the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Publish.
    Commit(CommitChange),
    /// Give up; the ledger decides between PENDING and FAILED under the row's lock.
    Fail {
        /// Why.
        failure: Failure,
        /// Wait before the next attempt.
        delay: Duration,
        /// The blob's tag.
        etag: Option<String>,
    },
}

/// Decides. `attempts` counts this one; `random` is between 0 and 1 and spreads the retries of many files.
#[must_use]
pub fn settle(attempt: Attempt, attempts: u32, policy: &RetryPolicy, random: f64) -> Settlement {
    match attempt {
        Attempt::Ready(change) => Settlement::Commit(change),
        Attempt::Failed { failure, etag } => {
            let delay = match failure.class {
                FailureClass::Permanent => Duration::ZERO,
                FailureClass::Transient | FailureClass::Throttled => policy
                    .delay(attempts, random)
                    .max(failure.retry_after.unwrap_or_default()),
            };
            Settlement::Fail { failure, delay, etag }
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::retry::Jitter;

    use super::*;

    fn policy() -> RetryPolicy {
        RetryPolicy {
            initial: Duration::from_secs(1),
            multiplier: 2.0,
            max: Duration::from_secs(8),
            jitter: Jitter::Equal,
            ..RetryPolicy::default()
        }
    }

    fn delay(failure: Failure, attempts: u32, random: f64) -> Duration {
        let attempt = Attempt::Failed {
            failure,
            etag: Some("e".to_owned()),
        };
        match settle(attempt, attempts, &policy(), random) {
            Settlement::Fail { delay, etag, .. } => {
                assert_eq!(etag.as_deref(), Some("e"), "the tag goes along");
                delay
            }
            Settlement::Commit(change) => panic!("a failure was committed: {change:?}"),
        }
    }

    #[test]
    fn what_is_ready_is_committed() {
        let ready = Attempt::Ready(CommitChange::Remove);
        assert_eq!(
            settle(ready, 3, &policy(), 0.5),
            Settlement::Commit(CommitChange::Remove)
        );
    }

    #[test]
    fn delays_grow_with_attempts_and_are_spread() {
        let table = [
            (1, 0.0, 500),
            (1, 1.0, 1000),
            (2, 1.0, 2000),
            (3, 0.0, 2000),
            (9, 1.0, 8000),
        ];
        for (attempts, random, millis) in table {
            for failure in [Failure::transient("odd", ""), Failure::throttled("down", "")] {
                let found = delay(failure, attempts, random);
                assert_eq!(
                    found,
                    Duration::from_millis(millis),
                    "attempt {attempts}, random {random}"
                );
            }
        }
    }

    #[test]
    fn a_permanent_failure_waits_for_nothing() {
        assert_eq!(delay(Failure::permanent("bad", ""), 4, 1.0), Duration::ZERO);
    }

    #[test]
    fn a_dependency_that_names_its_time_gets_at_least_that() {
        let asked = |seconds| Failure::throttled("busy", "").retry_after(Some(Duration::from_secs(seconds)));
        assert_eq!(delay(asked(30), 1, 1.0), Duration::from_secs(30));
        assert_eq!(
            delay(asked(0), 2, 1.0),
            Duration::from_secs(2),
            "never sooner than our own backoff"
        );
    }
}
