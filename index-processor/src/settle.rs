//! How an attempt ends. Pure: the same inputs give the same end.

use shared::ledger::{Claim, CommitChange};
use shared::retry::{Failure, Planned, Step, StepPolicies};

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

impl Attempt {
    /// Notes the step that was under way, unless the failure says more.
    #[must_use]
    pub fn at(self, step: Step) -> Self {
        match self {
            Self::Ready(change) => Self::Ready(change),
            Self::Failed { failure, etag } => Self::Failed {
                failure: failure.at(step),
                etag,
            },
        }
    }
}

/// What to tell the ledger.
#[derive(Clone, Debug, PartialEq)]
pub enum Settlement {
    /// Publish.
    Commit(CommitChange),
    /// Give up; the ledger decides between PENDING and FAILED under the row's lock.
    Fail {
        /// Why, and when to try again.
        planned: Planned,
        /// The blob's tag.
        etag: Option<String>,
    },
}

/// Decides, by the policy of the step that failed. `random` is between 0 and 1 and spreads the retries of many files.
#[must_use]
pub fn settle(attempt: Attempt, claim: &Claim, policies: &StepPolicies, random: f64) -> Settlement {
    match attempt {
        Attempt::Ready(change) => Settlement::Commit(change),
        Attempt::Failed { failure, etag } => Settlement::Fail {
            planned: plan(failure, claim, policies, random),
            etag,
        },
    }
}

/// What follows from a failure of the claim's attempt.
#[must_use]
pub fn plan(failure: Failure, claim: &Claim, policies: &StepPolicies, random: f64) -> Planned {
    policies.plan(
        failure,
        claim.last_error.as_ref(),
        claim.seq,
        claim.attempts,
        random,
    )
}
