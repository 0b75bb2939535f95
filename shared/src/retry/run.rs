//! Trying an operation again, in place.

use std::future::Future;

use super::{Failure, RetryPolicy};

/// Runs `operation` until it succeeds, fails for good, or the policy's attempts are spent; returns the last failure.
///
/// The operation is given the number of the attempt, from 1. It must be safe to repeat after a lost reply.
///
/// # Cancellation
///
/// Nothing runs in the background: dropping the future ends the attempt or the wait that is under way, and no further
/// attempt starts.
///
/// # Errors
///
/// The failure of the last attempt, with its `retry_after`.
pub async fn retry<T, Attempt>(
    policy: &RetryPolicy,
    mut operation: impl FnMut(u32) -> Attempt,
) -> Result<T, Failure>
where
    Attempt: Future<Output = Result<T, Failure>>,
{
    let mut attempt = 1;
    loop {
        let failure = match operation(attempt).await {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        let Some(wait) = policy.next_wait(&failure, attempt, rand::random()) else {
            return Err(failure);
        };
        tracing::debug!(
            attempt,
            code = failure.code,
            wait_ms = wait.as_millis(),
            "trying again in {wait:?}: {failure}"
        );
        tokio::time::sleep(wait).await;
        attempt += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn fast() -> RetryPolicy {
        RetryPolicy {
            initial: Duration::from_micros(1),
            max_attempts: 3,
            ..RetryPolicy::default()
        }
    }

    #[tokio::test]
    async fn until_it_succeeds() {
        let policy = fast();
        let result = retry(&policy, async |attempt| match attempt {
            3 => Ok(attempt),
            _ => Err(Failure::transient("odd", "")),
        });
        assert_eq!(result.await, Ok(3));
    }

    #[tokio::test]
    async fn until_attempts_are_spent() {
        let mut attempts = 0;
        let result: Result<(), _> = retry(&fast(), |attempt| {
            attempts = attempt;
            async move { Err(Failure::throttled("down", attempt.to_string())) }
        })
        .await;
        assert_eq!(result.unwrap_err().message, "3");
        assert_eq!(attempts, 3);
    }

    #[tokio::test]
    async fn not_at_all_when_it_would_fail_again() {
        let mut attempts = 0;
        let result: Result<(), _> = retry(&fast(), |attempt| {
            attempts = attempt;
            async { Err(Failure::permanent("bad", "")) }
        })
        .await;
        assert_eq!((result.unwrap_err().code.as_str(), attempts), ("bad", 1));
    }
}
