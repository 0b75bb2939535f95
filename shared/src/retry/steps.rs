//! How each step's failures are tried again by the ledger: in minutes, by a later attempt, with the slot free meanwhile.
//!
//! Pure. What fails within seconds and passes is tried again in place, by the clients ([`retry()`](super::retry())); what
//! comes out of a step has failed for longer, and is decided on here.

use std::time::Duration;

use super::{Failure, FailureClass, Jitter, RetryPolicy, Step, Tally};

/// How the failures of one step are tried again.
#[derive(Clone, Debug, PartialEq)]
pub struct StepPolicy {
    /// Wait after the first failure, before jitter.
    pub first: Duration,
    /// Growth from one wait to the next; below 1 counts as 1.
    pub coefficient: f64,
    /// Longest computed wait.
    pub max: Duration,
    /// Charged failures of this step, for one change, after which the file is FAILED; `None` for no limit but the overall one.
    pub attempts: Option<u32>,
    /// Codes that are worth another attempt although they count as permanent.
    pub retryable: Vec<String>,
    /// Codes that are final although they count as passing. Wins over `retryable`.
    pub final_codes: Vec<String>,
    /// How waits are spread.
    pub jitter: Jitter,
}

impl Default for StepPolicy {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            coefficient: 2.0,
            max: Duration::from_secs(60),
            attempts: None,
            retryable: Vec::new(),
            final_codes: Vec::new(),
            jitter: Jitter::Equal,
        }
    }
}

/// What follows from a failure.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The failure, in the class that counts, with its tally.
    pub failure: Failure,
    /// Wait before the next attempt.
    pub delay: Duration,
    /// The step's own attempts are spent: no further one, whatever the overall limit.
    pub step_spent: bool,
}

/// A policy for each step.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct StepPolicies {
    policies: [StepPolicy; Step::ALL.len()],
}

impl StepPolicies {
    /// The same policy for every step.
    #[must_use]
    pub fn all(policy: &StepPolicy) -> Self {
        Self {
            policies: std::array::from_fn(|_| policy.clone()),
        }
    }

    /// The policy of a step.
    #[must_use]
    pub fn of(&self, step: Step) -> &StepPolicy {
        &self.policies[step as usize]
    }

    /// The policy of a step, to change it.
    pub fn of_mut(&mut self, step: Step) -> &mut StepPolicy {
        &mut self.policies[step as usize]
    }

    /// Plans what follows from a failure of the attempt at change `seq`, the `attempts`th one that is charged. `before` is
    /// the file's failure before this one; `random` is between 0 and 1 and spreads the retries of many files.
    ///
    /// Waits grow with the failures of the same step one after the other, charged or not, so that a dependency that asks for
    /// patience gets more of it each time.
    #[must_use]
    pub fn plan(
        &self,
        mut failure: Failure,
        before: Option<&Failure>,
        seq: i64,
        attempts: u32,
        random: f64,
    ) -> Planned {
        let step = *failure.step.get_or_insert(Step::Claim);
        let policy = self.of(step);
        failure.class = policy.class(&failure);
        let tally = Tally::after(before, &failure, seq, attempts);
        let step_spent = policy.attempts.is_some_and(|most| tally.charged >= most);
        failure.tally = Some(tally);
        let delay = match failure.class {
            FailureClass::Permanent => Duration::ZERO,
            FailureClass::Transient | FailureClass::Throttled => policy
                .delay(tally.in_a_row, random)
                .max(failure.retry_after.unwrap_or_default()),
        };
        Planned {
            failure,
            delay,
            step_spent,
        }
    }
}

impl StepPolicy {
    /// The class that counts for a failure.
    fn class(&self, failure: &Failure) -> FailureClass {
        let named = |codes: &[String]| codes.contains(&failure.code);
        match failure.class {
            _ if named(&self.final_codes) => FailureClass::Permanent,
            FailureClass::Permanent if named(&self.retryable) => FailureClass::Transient,
            class => class,
        }
    }

    fn delay(&self, times: u32, random: f64) -> Duration {
        let policy = RetryPolicy {
            initial: self.first,
            multiplier: self.coefficient,
            max: self.max,
            jitter: self.jitter,
            ..RetryPolicy::default()
        };
        policy.delay(times, random)
    }
}

#[cfg(test)]
mod tests;
