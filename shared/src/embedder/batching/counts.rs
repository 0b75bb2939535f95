//! What a batcher did so far.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Counters and gauges of one batcher.
#[derive(Debug, Default)]
pub struct Counts {
    pub(super) requests: AtomicU64,
    pub(super) texts: AtomicU64,
    pub(super) shared_texts: AtomicU64,
    pub(super) tokens: AtomicU64,
    pub(super) retries: AtomicU64,
    pub(super) throttles: AtomicU64,
    pub(super) splits: AtomicU64,
    pub(super) in_flight: AtomicUsize,
    pub(super) limit: AtomicUsize,
    pub(super) queued: AtomicUsize,
}

/// [`Counts`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CountsNow {
    /// Requests sent, repeated ones included.
    pub requests: u64,
    /// Texts embedded.
    pub texts: u64,
    /// Texts that were answered by the request of another caller.
    pub shared_texts: u64,
    /// Tokens that the provider charged.
    pub tokens: u64,
    /// Requests that were tried again.
    pub retries: u64,
    /// Refusals for load, and requests that found the provider down or too slow.
    pub throttles: u64,
    /// Requests that were halved to find the text that is refused.
    pub splits: u64,
    /// Requests under way.
    pub in_flight: usize,
    /// Requests that may be under way at present.
    pub limit: usize,
    /// Texts that wait to be sent.
    pub queued: usize,
}

impl Counts {
    /// All of them now; each is exact, together they may be apart by what happens meanwhile.
    #[must_use]
    pub fn now(&self) -> CountsNow {
        CountsNow {
            requests: self.requests.load(Relaxed),
            texts: self.texts.load(Relaxed),
            shared_texts: self.shared_texts.load(Relaxed),
            tokens: self.tokens.load(Relaxed),
            retries: self.retries.load(Relaxed),
            throttles: self.throttles.load(Relaxed),
            splits: self.splits.load(Relaxed),
            in_flight: self.in_flight.load(Relaxed),
            limit: self.limit.load(Relaxed),
            queued: self.queued.load(Relaxed),
        }
    }
}
