//! Settling a delivery: once, in time, and never forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lapin::Acker;
use lapin::options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::super::{QueueError, Settle};
use super::trouble::unavailable;
use crate::shutdown::Tasks;

/// Longest wait for an acknowledgement to be on its way.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);

/// The right to settle a delivery. One that is dropped gives the delivery back, in the background.
pub(super) struct Receipt {
    acker: Acker,
    held: Held,
    tasks: Tasks,
}

/// How many deliveries of a consumer are in somebody's hands.
#[derive(Clone, Debug, Default)]
pub(super) struct Held(Arc<AtomicUsize>);

impl Held {
    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Receipt {
    pub(super) fn new(acker: Acker, held: Held, tasks: Tasks) -> Self {
        held.0.fetch_add(1, Ordering::Relaxed);
        Self { acker, held, tasks }
    }

    /// Removes the message from its queue.
    pub(super) async fn ack(self) -> Result<(), QueueError> {
        settled(self.acker.ack(BasicAckOptions::default())).await
    }

    /// Sends the message to the dead letters of its queue; without any, it is gone.
    pub(super) async fn reject(self) -> Result<(), QueueError> {
        settled(self.acker.reject(BasicRejectOptions { requeue: false })).await
    }

    /// The same in the background, for callers that must not wait.
    pub(super) fn reject_later(self) {
        let tasks = self.tasks.clone();
        drop(tasks.spawn(async move {
            if let Err(error) = self.reject().await {
                tracing::debug!(%error, "a message was not rejected, it will come again");
            }
        }));
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.held.0.fetch_sub(1, Ordering::Relaxed);
        // Not usable: settled already, or the channel is gone and the broker has given the message back itself.
        if !self.acker.usable() || Handle::try_current().is_err() {
            return;
        }
        let acker = self.acker.clone();
        let back = BasicNackOptions {
            requeue: true,
            ..BasicNackOptions::default()
        };
        drop(self.tasks.spawn(async move {
            if let Err(error) = settled(acker.nack(back)).await {
                tracing::debug!(%error, "a message comes back with its channel's end");
            }
        }));
    }
}

#[async_trait]
impl Settle for Receipt {
    async fn ack(self: Box<Self>) -> Result<(), QueueError> {
        Receipt::ack(*self).await
    }

    fn requeue(self: Box<Self>) {
        drop(self);
    }
}

async fn settled(settling: impl Future<Output = lapin::Result<bool>>) -> Result<(), QueueError> {
    match timeout(SETTLE_TIMEOUT, settling).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(QueueError::Unavailable(
            "the channel of this delivery is gone, it will come again".to_owned(),
        )),
        Ok(Err(error)) => Err(unavailable(&error)),
        Err(_elapsed) => Err(QueueError::Unavailable(format!(
            "RabbitMQ took no acknowledgement within {SETTLE_TIMEOUT:?}"
        ))),
    }
}
