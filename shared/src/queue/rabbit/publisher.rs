//! Wake-ups to the broker, each confirmed.
//!
//! A channel carries one publish at a time, and there are as many channels as publishes in flight. A broker may confirm many
//! publishes with one frame, and lapin then hands a returned message to any of them; with one in flight it is always the
//! right one, and a publish that ran into its limit takes nobody's channel along.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation, Error};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::super::QueueError;
use super::link::{Link, Links};
use super::settings::RabbitSettings;
use super::topology::{Topology, open};
use super::trouble::unavailable;
use super::wire;
use crate::clock::{Clock, SystemClock};
use crate::shutdown::Tasks;
use crate::work_message::{Lane, WorkMessage};

/// Publishes on a connection of its own: a broker that is low on memory stops reading from those who publish.
pub(super) struct Publisher {
    links: Links,
    topology: Topology,
    /// Channels that nobody uses, of the current connection or an older one.
    idle: Mutex<Vec<(Arc<Link>, Channel)>>,
    slots: Semaphore,
    confirm_timeout: Duration,
}

/// A wake-up ready to go.
struct Letter<'a> {
    lane: Lane,
    key: &'a str,
    properties: BasicProperties,
    body: Vec<u8>,
}

impl Publisher {
    pub(super) fn new(settings: &RabbitSettings, topology: &Topology, tasks: Tasks) -> Self {
        Self {
            links: Links::new(
                "publisher",
                settings.broker.clone(),
                Some(topology.clone()),
                tasks,
            ),
            topology: topology.clone(),
            idle: Mutex::default(),
            slots: Semaphore::new(usize::from(settings.publish_channels.max(1))),
            confirm_timeout: settings.confirm_timeout,
        }
    }

    /// Connects and declares, if that has not happened yet.
    pub(super) async fn check(&self) -> Result<(), QueueError> {
        self.links.get().await.map(drop)
    }

    pub(super) async fn close(&self) {
        self.idle().clear();
        self.links.close().await;
    }

    pub(super) async fn publish(&self, lane: Lane, message: &WorkMessage) -> Result<(), QueueError> {
        let key = self.topology.routing_key(lane, message);
        let (properties, body) = wire::encode(lane, message, SystemClock.now())?;
        let letter = Letter {
            lane,
            key: &key,
            properties,
            body,
        };
        let mut used = None;
        if let Ok(outcome) = timeout(self.confirm_timeout, self.send(letter, &mut used)).await {
            return outcome;
        }
        let limit = self.confirm_timeout;
        let Some(link) = used else {
            return Err(QueueError::Unavailable(format!(
                "no channel to RabbitMQ was free within {limit:?}"
            )));
        };
        let blocked = link.blocked.borrow().clone();
        Err(QueueError::Unavailable(match blocked {
            // The connection is sound and a new one would be blocked like this one.
            Some(reason) => format!("RabbitMQ takes no messages until it has resources again: {reason}"),
            None => {
                self.links.retire(&link).await;
                format!("RabbitMQ did not confirm within {limit:?}")
            }
        }))
    }

    async fn send(&self, letter: Letter<'_>, used: &mut Option<Arc<Link>>) -> Result<(), QueueError> {
        let _slot = self.slots.acquire().await.map_err(|_closed| QueueError::Closed)?;
        let link = self.links.get().await?;
        *used = Some(Arc::clone(&link));
        // What is handed to a blocked connection waits in this process's memory.
        link.blocked
            .clone()
            .wait_for(Option::is_none)
            .await
            .map_err(|_ended| QueueError::Unavailable("the connection to RabbitMQ ended".to_owned()))?;
        let channel = match self.take(&link) {
            Some(channel) => channel,
            None => self.open(&link).await?,
        };
        let (lane, key) = (letter.lane, letter.key.to_owned());
        let outcome = match self.confirmed(&channel, letter).await {
            Ok(outcome) => outcome,
            Err(error) => {
                self.links.retire(&link).await;
                return Err(unavailable(&error));
            }
        };
        self.idle().push((Arc::clone(&link), channel));
        match outcome {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Nack(_) => Err(QueueError::Full(lane.name())),
            Confirmation::Ack(Some(_)) => {
                self.links.retire(&link).await;
                Err(QueueError::Unavailable(format!(
                    "no queue takes wake-ups with the key {key}, it is declared again before the next one"
                )))
            }
            Confirmation::NotRequested => Err(QueueError::Unavailable(
                "RabbitMQ does not confirm messages".to_owned(),
            )),
        }
    }

    async fn confirmed(&self, channel: &Channel, letter: Letter<'_>) -> Result<Confirmation, Error> {
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        channel
            .basic_publish(
                ShortString::from(self.topology.exchange()),
                ShortString::from(letter.key),
                options,
                &letter.body,
                letter.properties,
            )
            .await?
            .await
    }

    /// A channel of this connection that nobody uses. Those of older connections go.
    fn take(&self, link: &Arc<Link>) -> Option<Channel> {
        let mut idle = self.idle();
        idle.retain(|(of, channel)| Arc::ptr_eq(of, link) && channel.status().connected());
        idle.pop().map(|(_, channel)| channel)
    }

    async fn open(&self, link: &Arc<Link>) -> Result<Channel, QueueError> {
        let channel = open(&link.connection).await;
        let ready = match channel {
            Ok(channel) => channel
                .confirm_select(ConfirmSelectOptions::default())
                .await
                .map(|()| channel)
                .map_err(|error| unavailable(&error)),
            Err(error) => Err(error),
        };
        if ready.is_err() {
            self.links.retire(link).await;
        }
        ready
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(Arc<Link>, Channel)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
