//! What is where in the broker: one topic exchange, a queue a lane, a queue for each index that has its own, and one queue
//! of dead letters.
//!
//! Both services declare all of it whenever they connect. Routing keys are `<lane>.<index>.<event>`, and
//! `dedicated.<index>.<lane>.<event>` for an index with its own queue, so that no wake-up lands in both. Ids of indexes
//! have no dots (see [`IndexId`]), so a key cannot be read in two ways.
//!
//! Dead lettering is RabbitMQ's `at-most-once`. `at-least-once` would keep rejected messages in their queue, and count
//! them against its length, while the dead letters cannot be written: trouble there would then stop work here. What a
//! dead letter says about a file is in the ledger anyway.

use std::collections::BTreeSet;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Connection, Error, ExchangeKind};

use super::super::QueueError;
use super::settings::RabbitSettings;
use super::trouble::{ACCESS_REFUSED, on_declare, reply_code, unavailable};
use crate::ids::IndexId;
use crate::work_message::{Lane, WorkMessage};

/// Times that a dead letter may be given back. It has to be said: since RabbitMQ 4.0 the limit is 20 unless set, and a
/// reader that cannot store them must not lose them.
const DEAD_DELIVERY_LIMIT: i64 = 100_000;
/// Last word of routing keys; a place for finer bindings.
const EVENT: &str = "wake";

/// Names, arguments and bindings.
#[derive(Clone, Debug)]
pub(super) struct Topology {
    settings: RabbitSettings,
}

/// How many messages and consumers a queue has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueDepth {
    /// The queue's name.
    pub queue: String,
    /// Messages that wait for a consumer; those in the hands of one are not counted.
    pub ready: u32,
    /// Consumers.
    pub consumers: u32,
}

struct Declared {
    name: String,
    arguments: FieldTable,
    exchange: String,
    binding: String,
}

impl Topology {
    pub(super) fn new(settings: RabbitSettings) -> Self {
        Self { settings }
    }

    /// The exchange that wake-ups are published to.
    pub(super) fn exchange(&self) -> String {
        format!("{}.work", self.settings.prefix)
    }

    /// The exchange and the queue of dead letters; they have the same name.
    pub(super) fn dead(&self) -> String {
        format!("{}.dead", self.settings.prefix)
    }

    /// The queue that a consumer of this process takes; `None` when the lane stays silent.
    pub(super) fn consumed(&self, lane: Lane) -> Option<String> {
        match (&self.settings.only, lane) {
            (None, lane) => Some(self.lane(lane)),
            (Some(index), Lane::Fast) => Some(self.index(index)),
            (Some(_), Lane::Bulk) => None,
        }
    }

    pub(super) fn routing_key(&self, lane: Lane, message: &WorkMessage) -> String {
        // Whoever works for an index works for each of its generations.
        let (lane, index) = (lane.name(), message.index.base());
        if self.settings.dedicated.contains(&index) {
            format!("dedicated.{index}.{lane}.{EVENT}")
        } else {
            format!("{lane}.{index}.{EVENT}")
        }
    }

    fn lane(&self, lane: Lane) -> String {
        format!("{}.work.{}", self.settings.prefix, lane.name())
    }

    fn index(&self, index: &IndexId) -> String {
        format!("{}.work.index.{index}", self.settings.prefix)
    }

    fn queues(&self) -> Vec<Declared> {
        let settings = &self.settings;
        let quorum = |max_length: u32, delivery_limit: i64, overflow: &str| {
            let mut arguments = FieldTable::default();
            let mut set = |name: &str, value: AMQPValue| {
                arguments.insert(name.into(), value);
            };
            set("x-queue-type", text("quorum"));
            set("x-max-length", AMQPValue::LongLongInt(max_length.into()));
            set("x-delivery-limit", AMQPValue::LongLongInt(delivery_limit));
            set("x-overflow", text(overflow));
            arguments
        };
        let mut work = quorum(
            settings.max_length,
            settings.delivery_limit.into(),
            "reject-publish",
        );
        work.insert("x-dead-letter-exchange".into(), text(&self.dead()));
        work.insert("x-dead-letter-strategy".into(), text("at-most-once"));
        let mut queues = vec![Declared {
            name: self.dead(),
            arguments: quorum(settings.max_dead_letters, DEAD_DELIVERY_LIMIT, "drop-head"),
            exchange: self.dead(),
            binding: String::new(),
        }];
        queues.extend(Lane::ALL.map(|lane| Declared {
            name: self.lane(lane),
            arguments: work.clone(),
            exchange: self.exchange(),
            binding: format!("{}.#", lane.name()),
        }));
        let dedicated: BTreeSet<&IndexId> = settings.dedicated.iter().chain(&settings.only).collect();
        queues.extend(dedicated.into_iter().map(|index| Declared {
            name: self.index(index),
            arguments: work.clone(),
            exchange: self.exchange(),
            binding: format!("dedicated.{index}.#"),
        }));
        queues
    }

    /// Makes what is not there. A user that may not make anything is fine when everything is there.
    pub(super) async fn declare(&self, connection: &Connection) -> Result<(), QueueError> {
        match self.make(&open(connection).await?).await {
            Err((error, _)) if reply_code(&error) == Some(ACCESS_REFUSED) => {
                // The refusal closed the channel.
                self.look(&open(connection).await?).await
            }
            other => other,
        }
        .map_err(|(error, name)| on_declare(&error, &name))
    }

    async fn make(&self, channel: &Channel) -> Result<(), (Error, String)> {
        let options = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        for (name, kind) in self.exchanges() {
            channel
                .exchange_declare(short(&name), kind, options, FieldTable::default())
                .await
                .map_err(|error| (error, name))?;
        }
        for queue in self.queues() {
            let Declared {
                name,
                arguments,
                exchange,
                binding,
            } = queue;
            let declared = async {
                channel
                    .queue_declare(short(&name), QueueDeclareOptions::durable(), arguments)
                    .await?;
                channel
                    .queue_bind(
                        short(&name),
                        short(&exchange),
                        short(&binding),
                        QueueBindOptions::default(),
                        FieldTable::default(),
                    )
                    .await
            };
            declared.await.map_err(|error| (error, name.clone()))?;
        }
        Ok(())
    }

    async fn look(&self, channel: &Channel) -> Result<(), (Error, String)> {
        let options = ExchangeDeclareOptions {
            passive: true,
            ..ExchangeDeclareOptions::default()
        };
        for (name, kind) in self.exchanges() {
            channel
                .exchange_declare(short(&name), kind, options, FieldTable::default())
                .await
                .map_err(|error| (error, name))?;
        }
        for queue in self.queues() {
            depth(channel, &queue.name)
                .await
                .map_err(|error| (error, queue.name))?;
        }
        Ok(())
    }

    fn exchanges(&self) -> [(String, ExchangeKind); 2] {
        [
            (self.dead(), ExchangeKind::Fanout),
            (self.exchange(), ExchangeKind::Topic),
        ]
    }

    /// Looks at every queue.
    pub(super) async fn depths(&self, connection: &Connection) -> Result<Vec<QueueDepth>, QueueError> {
        let channel = open(connection).await?;
        let mut depths = Vec::new();
        for queue in self.queues() {
            let found = depth(&channel, &queue.name).await;
            depths.push(found.map_err(|error| on_declare(&error, &queue.name))?);
        }
        Ok(depths)
    }
}

/// A fresh channel. One that the broker objected on is closed, so each risk gets its own.
pub(super) async fn open(connection: &Connection) -> Result<Channel, QueueError> {
    connection
        .create_channel()
        .await
        .map_err(|error| unavailable(&error))
}

/// Looks at a queue without making it.
pub(super) async fn depth(channel: &Channel, queue: &str) -> Result<QueueDepth, Error> {
    let options = QueueDeclareOptions::durable().passive();
    let found = channel
        .queue_declare(short(queue), options, FieldTable::default())
        .await?;
    Ok(QueueDepth {
        queue: queue.to_owned(),
        ready: found.message_count(),
        consumers: found.consumer_count(),
    })
}

fn short(name: &str) -> ShortString {
    ShortString::from(name)
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

#[cfg(test)]
mod tests {
    use super::super::super::conformance::message;
    use super::*;
    use crate::secret::Secret;

    fn topology(change: impl FnOnce(&mut RabbitSettings)) -> Topology {
        let mut settings = RabbitSettings::new(Secret::new("amqp://host"));
        change(&mut settings);
        Topology::new(settings)
    }

    #[test]
    fn dedicated_indexes_have_keys_that_no_lane_is_bound_to() {
        let index = message(1).index;
        let mut next_generation = message(1);
        next_generation.index = index.of_generation(2);
        let shared = topology(|_| ());
        assert_eq!(
            shared.routing_key(Lane::Bulk, &message(1)),
            "bulk.conformance.wake"
        );
        let dedicated = topology(|settings| settings.dedicated = BTreeSet::from([index]));
        assert_eq!(
            dedicated.routing_key(Lane::Bulk, &message(1)),
            "dedicated.conformance.bulk.wake"
        );
        assert_eq!(
            dedicated.routing_key(Lane::Bulk, &next_generation),
            "dedicated.conformance.bulk.wake"
        );
        let bound: Vec<_> = dedicated
            .queues()
            .into_iter()
            .map(|queue| format!("{} <- {} {}", queue.name, queue.exchange, queue.binding))
            .collect();
        assert_eq!(
            bound,
            [
                "longshore.dead <- longshore.dead ",
                "longshore.work.fast <- longshore.work fast.#",
                "longshore.work.bulk <- longshore.work bulk.#",
                "longshore.work.index.conformance <- longshore.work dedicated.conformance.#",
            ]
        );
    }

    #[test]
    fn a_processor_for_one_index_takes_one_queue() {
        let topology = topology(|settings| settings.only = Some(message(1).index));
        assert_eq!(
            topology.consumed(Lane::Fast).as_deref(),
            Some("longshore.work.index.conformance")
        );
        assert_eq!(topology.consumed(Lane::Bulk), None);
        assert_eq!(
            topology.queues().len(),
            4,
            "it declares its queue without being told twice"
        );
    }
}
