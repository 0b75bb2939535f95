//! Which failures are worth another try, and when.
//!
//! [`Failure`] says what went wrong and of which class it is; [`RetryPolicy`] says how long to wait; [`retry()`] does both
//! for an operation that is tried again in place, within seconds. Longer waits belong to the ledger (`not_before`):
//! [`StepPolicies`] plans them, by the step that failed.

mod policy;
mod run;
mod settings;
mod step;
mod steps;
mod tally;

pub use policy::{Jitter, RetryPolicy};
pub use run::retry;
pub(crate) use settings::interval;
pub use settings::{StepRetryArgs, StepRule};
pub use step::{Step, UnknownStep};
pub use steps::{Planned, StepPolicies, StepPolicy};
pub use tally::Tally;

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a failure says about trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The same content will fail again: FAILED at once.
    Permanent,
    /// May pass by itself: tried again with backoff, the attempt counts.
    Transient,
    /// A dependency is down or asks to wait: tried again with backoff, the attempt is not charged to the file.
    Throttled,
}

/// A failure of one step, as it is stored and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, utoipa::ToSchema)]
#[error("{code}: {message}")]
pub struct Failure {
    /// Stable name for metrics and filters, in snake case: `too_large`, `embedder_unavailable`.
    pub code: String,
    /// What happened and what to do, for people. Never holds a secret.
    pub message: String,
    /// Whether to try again.
    pub class: FailureClass,
    /// How long the dependency asked us to wait, if it did.
    #[schema(value_type = Option<Object>)]
    pub retry_after: Option<Duration>,
    /// The step that failed; absent when it was none, or when an older build noted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// How often the step has failed so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tally: Option<Tally>,
}

impl Failure {
    /// A failure that the same content would repeat.
    pub fn permanent(code: &str, message: impl Into<String>) -> Self {
        Self::new(FailureClass::Permanent, code, message)
    }

    /// A failure that may pass by itself.
    pub fn transient(code: &str, message: impl Into<String>) -> Self {
        Self::new(FailureClass::Transient, code, message)
    }

    /// A dependency that is down or asks to wait.
    pub fn throttled(code: &str, message: impl Into<String>) -> Self {
        Self::new(FailureClass::Throttled, code, message)
    }

    /// Adds the wait that the dependency asked for.
    #[must_use]
    pub fn retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// Notes the step that failed, unless a closer look has noted it before.
    #[must_use]
    pub fn at(mut self, step: Step) -> Self {
        self.step.get_or_insert(step);
        self
    }

    fn new(class: FailureClass, code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            class,
            retry_after: None,
            step: None,
            tally: None,
        }
    }
}
