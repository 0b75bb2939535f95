//! How much at a time: a busy service says so at once instead of letting everybody wait.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use futures::StreamExt as _;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::access::Caller;
use crate::http::errors::{ApiError, ErrorCode};

/// How much is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct LimitSettings {
    /// Largest body in bytes, of anything but events.
    pub(in crate::http) body: usize,
    /// Longest time from request to answer.
    pub(in crate::http) timeout: Duration,
    /// Requests that are worked on at a time.
    pub(in crate::http) concurrent: usize,
    /// Requests per second and key; 0 for any number.
    pub(in crate::http) rate: u32,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            body: 1 << 20,
            timeout: Duration::from_secs(300),
            concurrent: 512,
            rate: 500,
        }
    }
}

/// Most bytes that are read only to be thrown away, and the longest time for it.
const DRAINED: (usize, Duration) = (8 << 20, Duration::from_secs(5));

/// The limits with what they have given out.
pub(super) struct Limits {
    pub(super) body: usize,
    pub(super) timeout: Duration,
    places: Arc<Semaphore>,
    rate: Option<DefaultKeyedRateLimiter<String>>,
}

impl Limits {
    pub(super) fn new(settings: &LimitSettings) -> Self {
        let quota = NonZeroU32::new(settings.rate).map(Quota::per_second);
        Self {
            body: settings.body,
            timeout: settings.timeout,
            places: Arc::new(Semaphore::new(settings.concurrent.min(Semaphore::MAX_PERMITS))),
            rate: quota.map(RateLimiter::keyed),
        }
    }

    /// A place among the requests that are worked on.
    pub(super) fn permit(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            let detail = "more requests are being worked on than the service takes; try again shortly";
            ApiError::new(ErrorCode::Overloaded, detail)
        })
    }

    /// Does the caller keep to its rate? Whoever needs no key has none, and neither has the shared secret of event senders:
    /// events come in bursts, and each batch counts for many.
    pub(super) fn rate(&self, caller: &Caller) -> Result<(), ApiError> {
        let (Some(rate), Some(name)) = (&self.rate, &caller.key) else {
            return Ok(());
        };
        if name == super::EVENTS_KEY {
            return Ok(());
        }
        let key = caller.id.map_or_else(|| name.clone(), |id| id.to_string());
        rate.check_key(&key).map_err(|_| {
            let detail =
                "the key has sent more requests per second than the service takes of one; try again shortly";
            ApiError::new(ErrorCode::Throttled, detail)
        })
    }
}

/// Refuses a body that says itself to be too large, before any of it is read. Others are measured while they are read.
pub(super) fn length(headers: &HeaderMap, limit: usize) -> Result<(), ApiError> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length = length.and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > limit as u64) {
        let detail = format!("the body has more than {limit} bytes; send less at a time");
        return Err(ApiError::new(ErrorCode::TooLarge, detail));
    }
    Ok(())
}

/// Throws a body away, within bounds. Whoever is still sending does not listen yet, and a connection that is closed meanwhile
/// takes the answer with it.
pub(super) async fn drain(body: Body) {
    let (most, longest) = DRAINED;
    let mut chunks = body.into_data_stream();
    let reading = async {
        let mut read = 0;
        while let Some(Ok(chunk)) = chunks.next().await {
            read += chunk.len();
            if read > most {
                return;
            }
        }
    };
    // Late or not, the answer is the same.
    tokio::time::timeout(longest, reading).await.ok();
}
