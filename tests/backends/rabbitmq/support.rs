//! What the scenarios share: a broker, ways around Longshore, and patience.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use shared::queue::rabbit::{RabbitQueue, RabbitSettings};
use shared::queue::{Consumer, Delivery, Queue, conformance};
use shared::secret::Secret;
use shared::work_message::{Lane, WorkMessage};
use tests::rabbitmq::{RabbitMq, given_url};
use tests::wait::PATIENCE;

/// A broker that others may use too, so every scenario has names of its own.
pub(crate) struct Broker {
    url: String,
    run: String,
    prefixes: Mutex<BTreeSet<String>>,
    _own: Option<RabbitMq>,
}

impl Broker {
    /// The one that `AMQP_TEST_URL` names, or else a fresh one.
    pub(crate) fn any() -> anyhow::Result<Self> {
        let (url, own) = match given_url() {
            Some(url) => (url, None),
            None => {
                let own = RabbitMq::start()?;
                (own.url(), Some(own))
            }
        };
        Ok(Self {
            url,
            run: format!("test-{:08x}", rand::random::<u32>()),
            prefixes: Mutex::default(),
            _own: own,
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A name of this run: `fast.work.bulk` becomes `test-1234.fast.work.bulk`.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}.{name}", self.run)
    }

    pub(crate) fn settings(
        &self,
        scenario: &str,
        change: impl FnOnce(&mut RabbitSettings),
    ) -> RabbitSettings {
        let prefix = self.name(scenario);
        self.prefixes().insert(prefix.clone());
        let mut settings = settings(&self.url, &prefix);
        change(&mut settings);
        settings
    }

    /// A queue with names of its own, declared.
    pub(crate) async fn queue(
        &self,
        scenario: &str,
        change: impl FnOnce(&mut RabbitSettings),
    ) -> anyhow::Result<RabbitQueue> {
        let queue = RabbitQueue::new(self.settings(scenario, change))?;
        queue.check().await?;
        Ok(queue)
    }

    pub(crate) async fn raw(&self) -> anyhow::Result<Raw> {
        Raw::connect(&self.url).await
    }

    fn prefixes(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.prefixes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves nothing behind on a broker that is not ours.
    pub(crate) async fn clean_up(&self) -> anyhow::Result<()> {
        let raw = self.raw().await?;
        let prefixes = self.prefixes().clone();
        for prefix in prefixes {
            for queue in [
                "dead",
                "work.fast",
                "work.bulk",
                "work.index.conformance",
                "work.index.lost",
            ] {
                raw.delete(&format!("{prefix}.{queue}")).await?;
            }
            for exchange in ["dead", "work"] {
                raw.channel
                    .exchange_delete(
                        format!("{prefix}.{exchange}").into(),
                        lapin::options::ExchangeDeleteOptions::default(),
                    )
                    .await?;
            }
        }
        Ok(())
    }
}

/// Settings that lose no time: a broker that is there answers in milliseconds.
pub(crate) fn settings(url: &str, prefix: &str) -> RabbitSettings {
    let mut settings = RabbitSettings::new(Secret::new(url));
    prefix.clone_into(&mut settings.prefix);
    settings.broker.reconnect.initial = Duration::from_millis(50);
    settings.broker.reconnect.max = Duration::from_millis(500);
    settings.confirm_timeout = Duration::from_secs(5);
    settings
}

/// The broker without Longshore in between.
pub(crate) struct Raw {
    _connection: Connection,
    channel: Channel,
}

impl Raw {
    pub(crate) async fn connect(url: &str) -> anyhow::Result<Self> {
        let connection = Connection::connect(url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self {
            _connection: connection,
            channel,
        })
    }

    pub(crate) async fn publish(
        &self,
        exchange: &str,
        key: &str,
        properties: BasicProperties,
        body: &[u8],
    ) -> anyhow::Result<()> {
        let confirmation = self
            .channel
            .basic_publish(
                exchange.into(),
                key.into(),
                BasicPublishOptions::default(),
                body,
                properties,
            )
            .await?
            .await?;
        ensure!(confirmation.is_ack(), "not confirmed: {confirmation:?}");
        Ok(())
    }

    pub(crate) async fn declare(&self, queue: &str, mut arguments: FieldTable) -> anyhow::Result<()> {
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        self.channel
            .queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments)
            .await?;
        Ok(())
    }

    pub(crate) async fn delete(&self, queue: &str) -> anyhow::Result<()> {
        self.channel
            .queue_delete(queue.into(), QueueDeleteOptions::default())
            .await?;
        Ok(())
    }

    pub(crate) async fn purge(&self, queue: &str) -> anyhow::Result<()> {
        self.channel
            .queue_purge(queue.into(), QueuePurgeOptions::default())
            .await?;
        Ok(())
    }

    pub(crate) async fn ready(&self, queue: &str) -> anyhow::Result<u32> {
        let options = QueueDeclareOptions::durable().passive();
        let found = self
            .channel
            .queue_declare(queue.into(), options, FieldTable::default())
            .await?;
        Ok(found.message_count())
    }
}

pub(crate) fn message(seq: i64) -> WorkMessage {
    conformance::message(seq)
}

/// Something that must come to an end, one way or the other.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> anyhow::Result<T> {
    tokio::time::timeout(Duration::from_secs(15), what)
        .await
        .context("it hangs")
}

pub(crate) async fn receive(consumer: &mut dyn Consumer) -> anyhow::Result<Delivery> {
    let receiving = tokio::time::timeout(PATIENCE, consumer.receive());
    Ok(receiving.await.context("no delivery came")??)
}

/// Receives and acknowledges until each of these has come, in any order, any number of times.
pub(crate) async fn receive_all(consumer: &mut dyn Consumer, expected: &BTreeSet<i64>) -> anyhow::Result<()> {
    let mut missing = expected.clone();
    while !missing.is_empty() {
        let delivery = receive(consumer)
            .await
            .with_context(|| format!("still missing: {missing:?}"))?;
        let seq = delivery.message.seq;
        ensure!(expected.contains(&seq), "{seq} was not expected");
        // One whose channel ended meanwhile comes again.
        if delivery.ack().await.is_ok() {
            missing.remove(&seq);
        }
    }
    Ok(())
}

/// Publishes as the dispatcher does: again until it is confirmed.
pub(crate) async fn publish_eventually(queue: &RabbitQueue, lane: Lane, seq: i64) -> anyhow::Result<()> {
    let message = message(seq);
    eventually_some("publishing to work again", async || {
        queue.publish(lane, &message).await.ok()
    })
    .await
}

pub(crate) async fn eventually(
    what: &str,
    condition: impl AsyncFn() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    eventually_some(what, async || condition().await.ok().filter(|met| *met))
        .await
        .map(drop)
}

pub(crate) async fn eventually_some<T>(
    what: &str,
    attempt: impl AsyncFn() -> Option<T>,
) -> anyhow::Result<T> {
    let trying = async {
        loop {
            if let Some(value) = attempt().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, trying)
        .await
        .with_context(|| format!("waited in vain for {what}"))
}
