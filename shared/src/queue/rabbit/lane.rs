//! The consumer of one lane.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::super::{Consumer, Delivery, QueueError};
use super::subscription::Subscription;
use super::wire;

/// A lane with a queue behind it.
pub(super) struct LaneConsumer(pub(super) Subscription);

#[async_trait]
impl Consumer for LaneConsumer {
    async fn receive(&mut self) -> Result<Delivery, QueueError> {
        loop {
            let (delivery, receipt) = self.0.next().await.ok_or(QueueError::Closed)?;
            match wire::decode(&delivery.properties, &delivery.data) {
                Ok(message) => {
                    let sender = wire::traceparent(&delivery.properties);
                    let delivery = Delivery::new(message, delivery.redelivered, Box::new(receipt));
                    return Ok(delivery.sent_by(sender));
                }
                Err(why) => {
                    tracing::warn!(
                        "a message with the key {} goes to the dead letters: {why}",
                        delivery.routing_key
                    );
                    receipt.reject_later();
                }
            }
        }
    }
}

/// The bulk lane of a processor that serves one index: all its wake-ups come on the fast lane.
pub(super) struct SilentLane(pub(super) CancellationToken);

#[async_trait]
impl Consumer for SilentLane {
    async fn receive(&mut self) -> Result<Delivery, QueueError> {
        self.0.cancelled().await;
        Err(QueueError::Closed)
    }
}
