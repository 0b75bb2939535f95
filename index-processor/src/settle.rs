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
