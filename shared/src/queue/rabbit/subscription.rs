//! Deliveries of one queue, for as long as anybody asks for them.
//!
//! A task holds the channel and opens it again when it ends, whatever ended it: the broker went away, an operator closed
//! the connection or deleted the queue, a delivery stayed unsettled for too long. Whoever receives sees a pause. That is
//! done here and not by the receiver because a receiver stops and starts waiting all the time (it waits on two lanes at
//! once), and because one lane's trouble should not take the other lane's deliveries along.
//!
//! Long silence is not trusted. When a quorum queue is deleted and made again at once, RabbitMQ 3.10 keeps its consumers
//! without telling them, but takes the new queue's deliveries for ones that it has sent already: they vanish, and count as
//! delivered, until the channel is closed. So a channel that hears nothing for a while is closed and opened again.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::super::QueueError;
use super::link::{Link, Links};
use super::receipt::{Held, Receipt};
use super::topology::{Topology, depth, open};
use super::trouble::{on_look, unavailable};
use crate::shutdown::Tasks;

/// How long a polite good-bye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Where deliveries come from.
pub(super) struct Source {
    pub(super) links: Arc<Links>,
    pub(super) queue: String,
    /// What to declare before consuming; without it the queue must be there.
    pub(super) topology: Option<Topology>,
    pub(super) prefetch: u16,
    pub(super) tasks: Tasks,
}

/// A queue being consumed. Dropping it gives back what was not received yet.
pub(super) struct Subscription {
    deliveries: mpsc::Receiver<Delivery>,
    held: Held,
    tasks: Tasks,
}

/// Why a channel is no longer used.
enum End {
    /// Nothing came for long, or nobody asks.
    Silent,
    /// What happened to it.
    Lost(String),
}

/// An open channel with a consumer.
struct Opened {
    channel: Channel,
    consumer: Consumer,
    /// Keeps the connection open.
    _link: Arc<Link>,
}

impl Subscription {
    /// Starts to consume. The first attempt is the caller's, so that wrong settings are reported; after that the
    /// subscription mends itself.
    pub(super) async fn start(source: Source) -> Result<Self, QueueError> {
        let opened = source.open().await?;
        let (sender, deliveries) = mpsc::channel(1);
        let (tasks, held) = (source.tasks.clone(), Held::default());
        let counted = held.clone();
        drop(tasks.spawn(async move { source.supervise(opened, sender, counted).await }));
        Ok(Self {
            deliveries,
            held,
            tasks,
        })
    }

    /// The next delivery with the right to settle it; `None` when the queue was closed for shutdown. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<(Delivery, Receipt)> {
        loop {
            let delivery = self.deliveries.recv().await?;
            // One that lay here while its channel ended belongs to somebody else by now.
            if delivery.acker.usable() {
                let receipt = Receipt::new(delivery.acker.clone(), self.held.clone(), self.tasks.clone());
                return Some((delivery, receipt));
            }
        }
    }
}

impl Source {
    async fn open(&self) -> Result<Opened, QueueError> {
        let link = self.links.get().await?;
        let opened = self.open_on(link.clone()).await;
        if opened.is_err() && !link.connection.status().connected() {
            self.links.retire(&link).await;
        }
        opened
    }

    async fn open_on(&self, link: Arc<Link>) -> Result<Opened, QueueError> {
        if let Some(topology) = &self.topology {
            topology.declare(&link.connection).await?;
        }
        let channel = open(&link.connection).await?;
        if self.topology.is_none() {
            depth(&channel, &self.queue)
                .await
                .map_err(|error| on_look(&error, &self.queue))?;
        }
        channel
            .basic_qos(self.prefetch.max(1), BasicQosOptions::default())
            .await
            .map_err(|error| unavailable(&error))?;
        let consumer = channel
            .basic_consume(
                ShortString::from(self.queue.as_str()),
                ShortString::default(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
            .map_err(|error| on_look(&error, &self.queue))?;
        Ok(Opened {
            channel,
            consumer,
            _link: link,
        })
    }

    /// Hands deliveries on, over any number of channels, until nobody receives any more.
    async fn supervise(&self, mut opened: Opened, sender: mpsc::Sender<Delivery>, held: Held) {
        let stop = self.tasks.stopping();
        let over = async || {
            tokio::select! {
                () = stop.cancelled() => {}
                () = sender.closed() => {}
            }
        };
        let mut failures: u32 = 0;
        loop {
            let since = Instant::now();
            let end = tokio::select! {
                () = over() => None,
                end = self.forward(&mut opened, &sender, &held) => Some(end),
            };
            opened.close().await;
            let Some(end) = end else { return };
            if since.elapsed() > self.links.broker().reconnect.max {
                failures = 0;
            }
            if let End::Lost(why) = &end {
                failures = failures.saturating_add(1);
                tracing::warn!("consuming {} ended, starting again: {why}", self.queue);
            }
            opened = tokio::select! {
                () = over() => return,
                opened = self.reopen(&mut failures) => opened,
            };
            if let End::Lost(_) = end {
                tracing::info!("consuming {} again", self.queue);
            }
        }
    }

    /// Hands deliveries on until there are no more.
    async fn forward(&self, opened: &mut Opened, sender: &mpsc::Sender<Delivery>, held: &Held) -> End {
        loop {
            // Room first: a delivery that waits for room would hide the end of its channel.
            let Ok(room) = sender.reserve().await else {
                return End::Silent;
            };
            let next = loop {
                match timeout(self.links.broker().refresh, opened.consumer.next()).await {
                    Ok(next) => break next,
                    // What is in somebody's hands could not be acknowledged any more.
                    Err(_silence) if held.count() > 0 => {}
                    Err(_silence) => return End::Silent,
                }
            };
            match next {
                Some(Ok(delivery)) => room.send(delivery),
                Some(Err(error)) => return End::Lost(unavailable(&error).to_string()),
                None => return End::Lost("RabbitMQ cancelled it, the queue was deleted or moved".to_owned()),
            }
        }
    }

    /// Tries until it works.
    async fn reopen(&self, failures: &mut u32) -> Opened {
        let mut said = String::new();
        loop {
            if *failures > 0 {
                sleep(self.links.broker().reconnect.delay(*failures, rand::random())).await;
            }
            match self.open().await {
                Ok(opened) => return opened,
                Err(error) => {
                    *failures = failures.saturating_add(1);
                    // Said once for as long as it stays the same.
                    let error = error.to_string();
                    if error != said {
                        tracing::warn!("{} cannot be consumed yet: {error}", self.queue);
                        said = error;
                    }
                }
            }
        }
    }
}

impl Opened {
    /// Closes the channel, which gives back what it holds. The consumer is not cancelled first: the end of its channel
    /// ends it.
    async fn close(self) {
        if self.channel.status().connected() {
            let closing = self.channel.close(200, "longshore starts again".into());
            if !matches!(timeout(CLOSE_TIMEOUT, closing).await, Ok(Ok(()))) {
                tracing::debug!("a channel left RabbitMQ without a good-bye");
            }
        }
    }
}
