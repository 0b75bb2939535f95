//! The fleet's backend: RabbitMQ, 3.10 or later, with quorum queues, through `lapin`.
//!
//! Publishing and consuming have a connection each, because a broker that is low on memory stops reading from connections
//! that publish. `publisher` puts wake-ups and waits for confirmations, `subscription` takes them and mends itself,
//! `topology` says what is where. See `docs/decisions/rabbitmq.md`.

mod dead_letters;
mod feed;
mod headers;
mod lane;
mod link;
mod publisher;
mod receipt;
mod settings;
mod subscription;
mod topology;
mod trouble;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use self::lane::{LaneConsumer, SilentLane};
use self::link::Links;
use self::publisher::Publisher;
use self::subscription::{Source, Subscription};
use self::topology::Topology;
use super::{Consumer, Queue, QueueError};
use crate::shutdown::Tasks;
use crate::work_message::{Lane, WorkMessage};

pub use self::dead_letters::{DeadLetter, DeadLetters, KEPT_BODY};
pub use self::feed::{EventFeed, FeedMessage};
pub use self::settings::{BrokerSettings, FeedSettings, RabbitSettings};
pub use self::topology::QueueDepth;

/// The work queue on RabbitMQ.
///
/// Connects when it is first used, and again whenever the connection is lost. Its consumers do not fail when the broker
/// goes away: they wait, say so in the log, and go on.
pub struct RabbitQueue {
    publisher: Publisher,
    consuming: Arc<Links>,
    topology: Topology,
    tasks: Tasks,
}

impl RabbitQueue {
    /// A queue with these settings. Connects to nothing yet: see [`RabbitQueue::check`].
    ///
    /// # Errors
    /// When a setting cannot be right.
    pub fn new(settings: RabbitSettings) -> Result<Self, QueueError> {
        settings.check()?;
        let (topology, tasks) = (Topology::new(settings.clone()), Tasks::new());
        Ok(Self {
            publisher: Publisher::new(&settings, &topology, tasks.clone()),
            consuming: Arc::new(Links::new("consumer", settings.broker, None, tasks.clone())),
            topology,
            tasks,
        })
    }

    /// Connects and declares exchanges and queues, to learn early what is wrong.
    ///
    /// # Errors
    /// [`QueueError::Unavailable`] with what to do: the broker cannot be reached, the password or the vhost is wrong, a
    /// queue exists with other arguments.
    pub async fn check(&self) -> Result<(), QueueError> {
        self.publisher.check().await
    }

    /// Starts to take dead letters, at most `prefetch` unsettled at a time.
    ///
    /// # Errors
    /// [`QueueError::Unavailable`] when it cannot start.
    pub async fn dead_letters(&self, prefetch: u16) -> Result<DeadLetters, QueueError> {
        self.subscribe(self.topology.dead(), prefetch)
            .await
            .map(DeadLetters)
    }

    /// Messages that wait and consumers of every queue, for metrics.
    ///
    /// # Errors
    /// [`QueueError::Unavailable`] when the broker cannot be asked or a queue is missing.
    pub async fn depths(&self) -> Result<Vec<QueueDepth>, QueueError> {
        let link = self.consuming.get().await?;
        self.topology.depths(&link.connection).await
    }

    /// Stops consuming, waits at most `deadline` for what is being settled, and disconnects. Consumers then answer
    /// [`QueueError::Closed`], and so does publishing.
    pub async fn close(&self, deadline: Duration) {
        if !self.tasks.drain(deadline).await {
            tracing::debug!("the work queue was closed with deliveries left");
        }
        self.publisher.close().await;
        self.consuming.close().await;
    }

    async fn subscribe(&self, queue: String, prefetch: u16) -> Result<Subscription, QueueError> {
        Subscription::start(Source {
            links: Arc::clone(&self.consuming),
            queue,
            topology: Some(self.topology.clone()),
            prefetch,
            tasks: self.tasks.clone(),
        })
        .await
    }
}

#[async_trait]
impl Queue for RabbitQueue {
    async fn publish(&self, lane: Lane, message: &WorkMessage) -> Result<(), QueueError> {
        self.publisher.publish(lane, message).await
    }

    async fn consume(&self, lane: Lane, prefetch: u16) -> Result<Box<dyn Consumer>, QueueError> {
        Ok(match self.topology.consumed(lane) {
            Some(queue) => Box::new(LaneConsumer(self.subscribe(queue, prefetch).await?)),
            None => Box::new(SilentLane(self.tasks.stopping())),
        })
    }
}
