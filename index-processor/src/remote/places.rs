//! Places for work at a service, and its attempts.

use std::sync::Arc;
use std::time::Duration;

use shared::limiter::{Limiter, Place};
use shared::retry::{Failure, RetryPolicy};

use super::error::{RemoteError, codes};
use super::refusal::Service;

/// How much at a time, and how often.
#[derive(Debug)]
pub(crate) struct Places {
    limiter: Arc<Limiter>,
    retry: RetryPolicy,
}

impl Places {
    /// At most so many attempts at a time; callers give up when none has succeeded for `patience`.
    pub(crate) fn new(max_in_flight: usize, patience: Duration, retry: RetryPolicy) -> Self {
        // Files differ in length by orders of magnitude, so that a long conversion is no sign of overload.
        Self {
            limiter: Limiter::new(max_in_flight, patience, Duration::MAX),
            retry,
        }
    }

    /// Makes an attempt when there is a place for it, and others after failures that may pass soon.
    pub(crate) async fn attempts<T, Attempt>(
        &self,
        service: &Service,
        mut attempt: impl FnMut() -> Attempt,
    ) -> Result<T, RemoteError>
    where
        Attempt: Future<Output = Result<T, RemoteError>>,
    {
        let mut number = 1;
        loop {
            let place = self.limiter.place().await.map_err(|stalled| {
                RemoteError::unavailable(codes::UNAVAILABLE, format!("{service} is busy: {stalled}"))
            })?;
            let error = match attempt().await {
                Ok(value) => {
                    place.succeeded();
                    return Ok(value);
                }
                Err(error) => error,
            };
            settle(place, &error);
            let wait = error
                .may_pass_soon()
                .then(|| Failure::from(&error))
                .and_then(|failure| self.retry.next_wait(&failure, number, rand::random()));
            let Some(wait) = wait else {
                return Err(error);
            };
            tracing::debug!(
                attempt = number,
                code = error.code(),
                wait_ms = wait.as_millis(),
                "trying again in {wait:?}: {error}"
            );
            tokio::time::sleep(wait).await;
            number += 1;
        }
    }
}

/// Tells the limiter how an attempt went.
fn settle(place: Place, error: &RemoteError) {
    match error {
        RemoteError::Unavailable { retry_after, .. } => place.overloaded(*retry_after),
        RemoteError::Failed { code, .. } if *code == codes::TOO_SLOW => place.overloaded(None),
        // The service answers, which those who wait should know.
        RemoteError::Refused { .. } => place.succeeded(),
        RemoteError::Failed { .. } | RemoteError::Misconfigured { .. } => drop(place),
    }
}
