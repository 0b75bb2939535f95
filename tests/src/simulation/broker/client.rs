//! The broker as one process sees it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use shared::queue::{Consumer, Delivery, Queue, QueueError, Settle};
use shared::work_message::{Lane, WorkMessage};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::Broker;
use crate::simulation::bug::Bug;
use crate::simulation::line::detached;
use crate::simulation::world::World;

pub(in super::super) struct BrokerClient {
    pub(in super::super) who: Arc<str>,
    pub(in super::super) broker: Arc<Broker>,
}

impl BrokerClient {
    fn world(&self) -> &World {
        &self.broker.world
    }
}

fn gone<T>() -> Result<T, QueueError> {
    Err(QueueError::Unavailable("the connection is gone".to_owned()))
}

#[async_trait]
impl Queue for BrokerClient {
    async fn publish(&self, lane: Lane, message: &WorkMessage) -> Result<(), QueueError> {
        let (world, message) = (self.world(), message.clone());
        let time = world.dice.millis(0..=20);
        if world.has(Bug::StampedUnconfirmed) {
            let broker = Arc::clone(&self.broker);
            detached(async move {
                sleep(time).await;
                broker.publish(lane, &message);
            });
            return Ok(());
        }
        sleep(time).await;
        if !world.is_calm() && world.dice.chance(world.plan.broker.unconfirmed) {
            if world.dice.chance(0.5) {
                self.broker.publish(lane, &message);
            }
            return gone();
        }
        self.broker.history.confirmed(&message);
        self.broker.publish(lane, &message);
        sleep(time / 2).await;
        Ok(())
    }

    async fn consume(&self, lane: Lane, prefetch: u16) -> Result<Box<dyn Consumer>, QueueError> {
        sleep(self.world().dice.millis(0..=10)).await;
        let (id, arrived) = self.broker.subscribe(&self.who, lane, prefetch);
        Ok(Box::new(Subscriber {
            who: Arc::clone(&self.who),
            broker: Arc::clone(&self.broker),
            id,
            arrived,
        }))
    }
}

struct Subscriber {
    who: Arc<str>,
    broker: Arc<Broker>,
    id: u64,
    arrived: Arc<Notify>,
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.broker.unsubscribe(self.id);
    }
}

#[async_trait]
impl Consumer for Subscriber {
    async fn receive(&mut self) -> Result<Delivery, QueueError> {
        loop {
            match self.broker.receive(self.id) {
                Err(()) => return gone(),
                Ok(None) => self.arrived.notified().await,
                Ok(Some((tag, message, redelivered))) => {
                    let received = Received {
                        who: Arc::clone(&self.who),
                        broker: Arc::clone(&self.broker),
                        id: self.id,
                        tag,
                        message: message.clone(),
                        at: self.broker.world.moment(),
                    };
                    if self.broker.world.has(Bug::AckedBeforeClaim) {
                        Box::new(received).ack().await?;
                        return Ok(Delivery::new(message, redelivered, Box::new(Nothing)));
                    }
                    return Ok(Delivery::new(message, redelivered, Box::new(received)));
                }
            }
        }
    }
}

struct Received {
    who: Arc<str>,
    broker: Arc<Broker>,
    id: u64,
    tag: u64,
    message: WorkMessage,
    /// The moment of its delivery.
    at: u64,
}

#[async_trait]
impl Settle for Received {
    async fn ack(self: Box<Self>) -> Result<(), QueueError> {
        let world = &self.broker.world;
        self.broker.history.acked(&self.who, &self.message, self.at);
        if !world.is_calm() && world.dice.chance(world.plan.broker.unacked) {
            // What is sent on a connection arrives, unless the connection breaks.
            let (broker, who) = (Arc::clone(&self.broker), Arc::clone(&self.who));
            let soon = Duration::from_millis(world.dice.skewed(20_000));
            detached(async move {
                sleep(soon).await;
                broker.disconnect(&who);
            });
            return Ok(());
        }
        self.broker
            .settle(self.id, self.tag, false)
            .or_else(|()| gone())?;
        sleep(Duration::from_millis(1)).await;
        Ok(())
    }

    fn requeue(self: Box<Self>) {
        // A connection that is gone has returned it already.
        self.broker.settle(self.id, self.tag, true).ok();
    }
}

/// A delivery that was settled before.
struct Nothing;

#[async_trait]
impl Settle for Nothing {
    async fn ack(self: Box<Self>) -> Result<(), QueueError> {
        Ok(())
    }

    fn requeue(self: Box<Self>) {}
}
