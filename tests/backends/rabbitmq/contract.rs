//! What the work queue does on any broker, one scenario after the other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use futures::future::join_all;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use shared::ids::IndexId;
use shared::queue::rabbit::{
    BrokerSettings, EventFeed, FeedSettings, KEPT_BODY, RabbitQueue, RabbitSettings,
};
use shared::queue::{Queue, QueueError, conformance};
use shared::secret::Secret;
use shared::work_message::{Lane, WorkMessage};

use super::support::{
    Broker, eventually, message, publish_eventually, receive, receive_all, settings, within,
};

pub(super) async fn conforms(broker: &Broker) {
    let parts = AtomicUsize::new(0);
    conformance::run(async || {
        let part = parts.fetch_add(1, Ordering::Relaxed);
        match broker.queue(&format!("conforms-{part}"), |_| ()).await {
            Ok(queue) => Arc::new(queue) as Arc<dyn Queue>,
            Err(error) => panic!("there is no queue: {error}"),
        }
    })
    .await;
}

pub(super) async fn confirms_many_publishes(broker: &Broker) -> anyhow::Result<()> {
    const MANY: i64 = 1000;
    let queue = broker.queue("many", |_| ()).await?;
    let messages: Vec<WorkMessage> = (0..MANY).map(message).collect();
    for outcome in join_all(messages.iter().map(|m| queue.publish(Lane::Bulk, m))).await {
        outcome?;
    }
    let mut consumer = queue.consume(Lane::Bulk, 100).await?;
    receive_all(&mut *consumer, &(0..MANY).collect()).await
}

pub(super) async fn full_queue_says_so(broker: &Broker) -> anyhow::Result<()> {
    let queue = broker.queue("full", |settings| settings.max_length = 3).await?;
    let mut taken = 0;
    let refusal = loop {
        match queue.publish(Lane::Bulk, &message(taken)).await {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
        ensure!(taken < 50, "the queue takes more than it may hold");
    };
    ensure!(refusal == QueueError::Full("bulk"), "said {refusal}");
    queue.publish(Lane::Fast, &message(1)).await?;
    let mut consumer = queue.consume(Lane::Bulk, 100).await?;
    receive_all(&mut *consumer, &(0..taken).collect()).await?;
    publish_eventually(&queue, Lane::Bulk, 99).await
}

pub(super) async fn unroutable_is_an_error_and_mended(broker: &Broker) -> anyhow::Result<()> {
    let queue = broker.queue("unroutable", |_| ()).await?;
    let raw = broker.raw().await?;
    raw.delete(&broker.name("unroutable.work.fast")).await?;
    let published = queue.publish(Lane::Fast, &message(1)).await;
    let error = published.err().context("published to no queue")?;
    ensure!(
        error
            .to_string()
            .contains("no queue takes wake-ups with the key fast.conformance.wake"),
        "said {error}"
    );
    queue.publish(Lane::Bulk, &message(1)).await?;
    queue.publish(Lane::Fast, &message(2)).await?;
    let mut consumer = queue.consume(Lane::Fast, 1).await?;
    receive_all(&mut *consumer, &BTreeSet::from([2])).await
}

pub(super) async fn returned_messages_fail_the_right_publish(broker: &Broker) -> anyhow::Result<()> {
    // Enough to be confirmed in batches.
    const MANY: i64 = 250;
    let index = IndexId::new("lost")?;
    let lost: Vec<WorkMessage> = (0..MANY)
        .map(|seq| WorkMessage {
            index: index.clone(),
            ..message(seq)
        })
        .collect();
    let kept: Vec<WorkMessage> = (0..MANY).map(message).collect();
    let queue = broker
        .queue("returned", |settings| {
            settings.dedicated = BTreeSet::from([index]);
            settings.publish_channels = 500;
        })
        .await?;
    let raw = broker.raw().await?;
    for _ in 0..5 {
        // On a connection that is there already, or the first publish would declare the queue again.
        queue.publish(Lane::Bulk, &message(0)).await?;
        raw.delete(&broker.name("returned.work.index.lost")).await?;
        let publishes = lost.iter().zip(&kept).map(async |(lost, kept)| {
            tokio::join!(queue.publish(Lane::Fast, lost), queue.publish(Lane::Fast, kept))
        });
        let outcomes = join_all(publishes).await;
        for (_, kept) in &outcomes {
            kept.clone().context("a publish got the blame for another one")?;
        }
        ensure!(
            outcomes.iter().any(|(lost, _)| lost.is_err()),
            "nothing was returned"
        );
    }
    Ok(())
}

pub(super) async fn strange_messages_go_to_the_dead_letters(broker: &Broker) -> anyhow::Result<()> {
    let queue = broker.queue("strange", |_| ()).await?;
    let mut dead = queue.dead_letters(10).await?;
    let raw = broker.raw().await?;
    let exchange = broker.name("strange.work");
    let wake = || BasicProperties::default().with_type("file.wake.v1".into());
    let mut later = serde_json::to_value(message(1))?;
    later["v"] = 2.into();
    let oversized = vec![b'x'; 100 * 1024];
    for (properties, body) in [
        (wake(), b"garbage".as_slice()),
        (wake(), later.to_string().as_bytes()),
        (BasicProperties::default(), b"{}"),
        (BasicProperties::default().with_type("other".into()), b"{}"),
        (wake(), &oversized),
    ] {
        raw.publish(&exchange, "fast.x.y", properties, body).await?;
    }
    queue.publish(Lane::Fast, &message(7)).await?;
    let mut consumer = queue.consume(Lane::Fast, 1).await?;
    let next = receive(&mut *consumer).await?;
    ensure!(next.message == message(7), "the worker saw {next:?}");
    next.ack().await?;
    for why in [
        "no wake-up",
        "version 2",
        "has no type",
        "\"other\"",
        "no wake-up",
    ] {
        let letter = within(dead.next()).await??;
        ensure!(
            letter.queue == broker.name("strange.work.fast"),
            "from {}",
            letter.queue
        );
        ensure!(letter.reason == "rejected", "because of {}", letter.reason);
        ensure!(
            letter.first_death_at.is_some_and(|at| at > 1_600_000_000_000),
            "at no time"
        );
        ensure!(letter.headers["x-death"].is_array(), "headers {}", letter.headers);
        ensure!(letter.body.len() <= KEPT_BODY, "the body is unbounded");
        let said = letter.message.clone().err().context("understood")?;
        ensure!(said.contains(why), "{said:?} says nothing of {why:?}");
        letter.ack().await?;
    }
    eventually("the dead letters to be empty", async || {
        let depths = queue.depths().await?;
        Ok(depths.iter().all(|depth| depth.ready == 0))
    })
    .await
}

pub(super) async fn delivery_limit_ends_in_the_dead_letters(broker: &Broker) -> anyhow::Result<()> {
    let queue = broker
        .queue("limit", |settings| settings.delivery_limit = 2)
        .await?;
    let mut dead = queue.dead_letters(1).await?;
    let mut consumer = queue.consume(Lane::Bulk, 1).await?;
    queue.publish(Lane::Bulk, &message(5)).await?;
    let letter = loop {
        tokio::select! {
            letter = dead.next() => break letter?,
            delivery = receive(&mut *consumer) => delivery?.requeue(),
        }
    };
    ensure!(letter.reason == "delivery_limit", "because of {}", letter.reason);
    ensure!(letter.message == Ok(message(5)), "lost its message: {letter:?}");
    drop(letter);
    let again = within(dead.next()).await??;
    ensure!(
        again.message == Ok(message(5)),
        "one that was not stored does not come back"
    );
    again.ack().await?;
    Ok(())
}

pub(super) async fn dedicated_indexes_have_their_own_queue(broker: &Broker) -> anyhow::Result<()> {
    let own = message(1).index;
    let other = WorkMessage {
        index: IndexId::new("other")?,
        ..message(2)
    };
    let everyone = broker
        .queue("dedicated", |settings| {
            settings.dedicated = BTreeSet::from([own.clone()])
        })
        .await?;
    let processor = broker
        .queue("dedicated", |settings| settings.only = Some(own))
        .await?;
    everyone.publish(Lane::Fast, &message(1)).await?;
    everyone.publish(Lane::Bulk, &message(3)).await?;
    everyone.publish(Lane::Fast, &other).await?;
    let ready: Vec<_> = everyone
        .depths()
        .await?
        .into_iter()
        .map(|d| (d.queue, d.ready))
        .collect();
    let expected = [
        ("dead", 0),
        ("work.fast", 1),
        ("work.bulk", 0),
        ("work.index.conformance", 2),
    ]
    .map(|(queue, ready)| (broker.name(&format!("dedicated.{queue}")), ready));
    ensure!(ready == expected, "{ready:?}");
    let mut silent = processor.consume(Lane::Bulk, 1).await?;
    let mut consumer = processor.consume(Lane::Fast, 1).await?;
    let both = BTreeSet::from([1, 3]);
    tokio::select! {
        received = receive_all(&mut *consumer, &both) => received?,
        strange = silent.receive() => anyhow::bail!("the silent lane said {strange:?}"),
    }
    let mut consumer = everyone.consume(Lane::Fast, 1).await?;
    receive_all(&mut *consumer, &BTreeSet::from([2])).await
}

pub(super) async fn survives_purge_and_deletion(broker: &Broker) -> anyhow::Result<()> {
    let refresh = |settings: &mut RabbitSettings| settings.broker.refresh = Duration::from_secs(1);
    let queue = broker.queue("emptied", refresh).await?;
    let raw = broker.raw().await?;
    let name = broker.name("emptied.work.fast");
    let mut consumer = queue.consume(Lane::Fast, 2).await?;
    for seq in 0..10 {
        queue.publish(Lane::Fast, &message(seq)).await?;
    }
    let held = receive(&mut *consumer).await?;
    raw.purge(&name).await?;
    held.ack().await?;
    queue.publish(Lane::Fast, &message(100)).await?;
    // What the consumer had been sent before the purge still comes.
    while receive(&mut *consumer)
        .await
        .map(|delivery| delivery.message.seq)?
        != 100
    {}

    publish_eventually(&queue, Lane::Fast, 200).await?;
    let held = receive(&mut *consumer).await?;
    raw.delete(&name).await?;
    // Of a queue that is no more: an error or nothing, but an answer.
    drop(within(held.ack()).await?);
    publish_eventually(&queue, Lane::Fast, 201).await?;
    while receive(&mut *consumer)
        .await
        .map(|delivery| delivery.message.seq)?
        != 201
    {}
    Ok(())
}

pub(super) async fn other_arguments_are_explained(broker: &Broker) -> anyhow::Result<()> {
    let _first = broker.queue("args", |settings| settings.max_length = 10).await?;
    let again = RabbitQueue::new(broker.settings("args", |settings| settings.max_length = 10))?;
    again.check().await?;
    let other = RabbitQueue::new(broker.settings("args", |settings| settings.max_length = 11))?;
    let published = other.publish(Lane::Fast, &message(1)).await;
    let publishing = published.err().context("publishes")?.to_string();
    let consuming = other
        .consume(Lane::Fast, 1)
        .await
        .err()
        .context("consumes")?
        .to_string();
    for said in [publishing, consuming] {
        for part in [
            "other arguments",
            &broker.name("args.work.fast"),
            "x-max-length",
            "delete",
        ] {
            ensure!(said.contains(part), "{said:?} says nothing of {part:?}");
        }
    }
    Ok(())
}

pub(super) async fn feeds_events(broker: &Broker) -> anyhow::Result<()> {
    let raw = broker.raw().await?;
    let (name, refused) = (broker.name("events"), broker.name("events.refused"));
    raw.declare(&refused, FieldTable::default()).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString("".into()));
    arguments.insert(
        "x-dead-letter-routing-key".into(),
        AMQPValue::LongString(refused.as_str().into()),
    );
    raw.declare(&name, arguments).await?;
    // Only here: elsewhere a channel that is opened again would hide that something was never given back.
    let refreshed = BrokerSettings {
        refresh: Duration::from_secs(1),
        ..settings(broker.url(), "unused").broker
    };
    let settings = FeedSettings {
        broker: refreshed,
        prefetch: 1,
        ..FeedSettings::new(Secret::new(broker.url()), &name)
    };
    let mut feed = EventFeed::open(&settings).await?;
    let mut headers = FieldTable::default();
    headers.insert(
        "aeg-event-type".into(),
        AMQPValue::LongString("Notification".into()),
    );
    let properties = BasicProperties::default()
        .with_content_type("application/cloudevents+json".into())
        .with_headers(headers);
    for body in ["one", "two"] {
        raw.publish("", &name, properties.clone(), body.as_bytes())
            .await?;
    }
    let one = within(feed.next()).await.context("the first event")??;
    ensure!(!one.redelivered && one.body == b"one", "{one:?}");
    ensure!(
        one.content_type.as_deref() == Some("application/cloudevents+json"),
        "{one:?}"
    );
    ensure!(one.headers["aeg-event-type"] == "Notification", "{}", one.headers);
    drop(one);
    let mut rest = BTreeSet::new();
    for _ in 0..2 {
        let event = within(feed.next()).await.context("an event again")??;
        rest.insert(String::from_utf8(event.body.clone())?);
        if event.body == b"one" {
            ensure!(event.redelivered, "it was delivered before");
            event.ack().await?;
        } else {
            event.reject().await?;
        }
    }
    ensure!(
        rest == BTreeSet::from(["one".to_owned(), "two".to_owned()]),
        "{rest:?}"
    );
    eventually("the refused event to be kept", async || {
        Ok(raw.ready(&refused).await? == 1)
    })
    .await?;
    ensure!(raw.ready(&name).await? == 0, "events are left");
    raw.delete(&name).await?;
    raw.declare(&name, FieldTable::default()).await?;
    raw.publish("", &name, properties, b"three").await?;
    let three = within(feed.next())
        .await
        .context("an event after the queue was made again")??;
    ensure!(three.body == b"three", "{three:?}");
    feed.close(Duration::from_secs(5)).await;
    ensure!(
        matches!(within(feed.next()).await?, Err(QueueError::Closed)),
        "closed is closed"
    );
    raw.delete(&name).await?;
    raw.delete(&refused).await?;
    let error = EventFeed::open(&settings)
        .await
        .err()
        .context("there is no queue")?;
    ensure!(error.to_string().contains("does not exist"), "said {error}");
    Ok(())
}

pub(super) async fn closes_for_good(broker: &Broker) -> anyhow::Result<()> {
    let queue = broker.queue("closed", |_| ()).await?;
    let mut consumer = queue.consume(Lane::Fast, 1).await?;
    queue.publish(Lane::Fast, &message(1)).await?;
    drop(receive(&mut *consumer).await?);
    queue.close(Duration::from_secs(5)).await;
    ensure!(
        matches!(within(consumer.receive()).await?, Err(QueueError::Closed)),
        "the consumer goes on"
    );
    ensure!(
        within(queue.publish(Lane::Fast, &message(2))).await? == Err(QueueError::Closed),
        "publishing goes on"
    );
    let next = broker.queue("closed", |_| ()).await?;
    let mut consumer = next.consume(Lane::Fast, 1).await?;
    receive_all(&mut *consumer, &BTreeSet::from([1])).await
}
