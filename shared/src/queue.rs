//! The work queue carries wake-ups. It may lose, repeat and reorder them: the ledger re-wakes what it still owes.

pub mod conformance;
pub mod memory;
pub mod rabbit;

use std::fmt;

use async_trait::async_trait;

use crate::work_message::{Lane, WorkMessage};

/// Why a queue call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// The broker is unreachable or refuses; whether the message got through is unknown. Publishing it again is safe.
    #[error("work queue unavailable: {0}")]
    Unavailable(String),
    /// The queue is full; the dispatcher tries again later.
    #[error("work queue {0} is full")]
    Full(&'static str),
    /// The queue was closed for shutdown.
    #[error("work queue closed")]
    Closed,
}

/// Where wake-ups are put and taken.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Puts a wake-up on a lane. Returns only when the queue has confirmed it; after an error it may have got through
    /// all the same. The span that runs travels along as `traceparent`.
    async fn publish(&self, lane: Lane, message: &WorkMessage) -> Result<(), QueueError>;

    /// Starts to take wake-ups of a lane. At most `prefetch` deliveries are unsettled at a time.
    async fn consume(&self, lane: Lane, prefetch: u16) -> Result<Box<dyn Consumer>, QueueError>;
}

/// A stream of deliveries from one lane.
#[async_trait]
pub trait Consumer: Send {
    /// Waits for the next wake-up; cancel safe. `Err(Closed)` when no more will come.
    async fn receive(&mut self) -> Result<Delivery, QueueError>;
}

/// A wake-up in hand. Settle it with [`Delivery::ack`] or [`Delivery::requeue`]; one that is dropped comes back, like
/// one whose connection broke.
pub struct Delivery {
    /// The wake-up.
    pub message: WorkMessage,
    /// It was delivered before.
    pub redelivered: bool,
    /// The span that sent it, as `traceparent`, if its sender said so.
    pub traceparent: Option<String>,
    settle: Option<Box<dyn Settle>>,
}

/// How a backend ends a delivery.
#[async_trait]
pub trait Settle: Send + Sync {
    /// Removes the wake-up from the queue.
    async fn ack(self: Box<Self>) -> Result<(), QueueError>;
    /// Puts the wake-up back. Called without awaiting when a delivery is dropped.
    fn requeue(self: Box<Self>);
}

impl Delivery {
    /// A delivery of a backend.
    #[must_use]
    pub fn new(message: WorkMessage, redelivered: bool, settle: Box<dyn Settle>) -> Self {
        Self {
            message,
            redelivered,
            traceparent: None,
            settle: Some(settle),
        }
    }

    /// Sent by this span.
    #[must_use]
    pub fn sent_by(mut self, traceparent: Option<String>) -> Self {
        self.traceparent = traceparent;
        self
    }

    /// Removes the wake-up from the queue; call it once the claim's outcome is in the ledger.
    ///
    /// # Errors
    /// When the queue did not take the acknowledgement; the wake-up will come again.
    pub async fn ack(mut self) -> Result<(), QueueError> {
        match self.settle.take() {
            Some(settle) => settle.ack().await,
            None => Ok(()),
        }
    }

    /// Puts the wake-up back on the queue.
    pub fn requeue(self) {
        drop(self);
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(settle) = self.settle.take() {
            settle.requeue();
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("message", &self.message)
            .field("redelivered", &self.redelivered)
            .finish_non_exhaustive()
    }
}
