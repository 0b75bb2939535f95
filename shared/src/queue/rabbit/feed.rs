//! Blob events from a queue that somebody else fills: the payloads of Event Grid, S3 and their like, as they come over
//! HTTP elsewhere.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::super::QueueError;
use super::headers;
use super::link::Links;
use super::receipt::Receipt;
use super::settings::FeedSettings;
use super::subscription::{Source, Subscription};
use crate::shutdown::Tasks;

/// Events of one queue, on a connection of its own. Mends itself like every consumer.
pub struct EventFeed {
    subscription: Subscription,
    links: Arc<Links>,
    tasks: Tasks,
}

/// An event as it was sent. Settle it with [`FeedMessage::ack`] once the ledger has it, or with [`FeedMessage::reject`];
/// one that is dropped comes back.
pub struct FeedMessage {
    /// The payload.
    pub body: Vec<u8>,
    /// What the payload is said to be.
    pub content_type: Option<String>,
    /// The message's headers.
    pub headers: Value,
    /// It was delivered before.
    pub redelivered: bool,
    receipt: Receipt,
}

impl EventFeed {
    /// Connects and starts to consume.
    ///
    /// # Errors
    /// [`QueueError::Unavailable`] with what to do when the broker cannot be reached, refuses, or has no such queue.
    pub async fn open(settings: &FeedSettings) -> Result<Self, QueueError> {
        let tasks = Tasks::new();
        let links = Arc::new(Links::new(
            "event feed",
            settings.broker.clone(),
            None,
            tasks.clone(),
        ));
        let source = Source {
            links: Arc::clone(&links),
            queue: settings.queue.clone(),
            topology: None,
            prefetch: settings.prefetch,
            tasks: tasks.clone(),
        };
        Ok(Self {
            subscription: Subscription::start(source).await?,
            links,
            tasks,
        })
    }

    /// Waits for the next event; cancel safe.
    ///
    /// # Errors
    /// [`QueueError::Closed`] when no more will come, because the feed was closed.
    pub async fn next(&mut self) -> Result<FeedMessage, QueueError> {
        let (delivery, receipt) = self.subscription.next().await.ok_or(QueueError::Closed)?;
        let properties = &delivery.properties;
        Ok(FeedMessage {
            content_type: properties
                .content_type()
                .as_ref()
                .map(|text| text.as_str().to_owned()),
            headers: headers::to_json(&properties.headers().clone().unwrap_or_default()),
            body: delivery.data,
            redelivered: delivery.redelivered,
            receipt,
        })
    }

    /// Stops, and waits at most `deadline` for acknowledgements that are on their way.
    pub async fn close(&self, deadline: Duration) {
        if !self.tasks.drain(deadline).await {
            tracing::debug!("the event feed was closed with work left");
        }
        self.links.close().await;
    }
}

impl FeedMessage {
    /// Removes the event from the queue; call it once the ledger has it.
    ///
    /// # Errors
    /// When the broker did not take the acknowledgement; the event will come again.
    pub async fn ack(self) -> Result<(), QueueError> {
        self.receipt.ack().await
    }

    /// Gives the event up, for what can never be understood: it goes to the dead letters of its queue, if it has any.
    ///
    /// # Errors
    /// When the broker did not take it; the event will come again.
    pub async fn reject(self) -> Result<(), QueueError> {
        self.receipt.reject().await
    }
}

impl std::fmt::Debug for FeedMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FeedMessage")
            .field("bytes", &self.body.len())
            .field("content_type", &self.content_type)
            .field("redelivered", &self.redelivered)
            .finish_non_exhaustive()
    }
}
