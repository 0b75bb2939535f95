//! The work queue on a real RabbitMQ: the contract, and every kind of trouble that a broker makes.
//!
//! Each test starts a broker, so scenarios that can share one do, each with names of its own.

mod contract;
mod support;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context, ensure};
use lapin::BasicProperties;
use shared::queue::rabbit::RabbitQueue;
use shared::queue::{Queue, QueueError};
use shared::work_message::Lane;
use tests::rabbitmq::RabbitMq;

use self::contract::*;
use self::support::{
    Broker, Raw, eventually_some, message, publish_eventually, receive, receive_all, settings, within,
};

/// What needs no control over the broker: runs on `AMQP_TEST_URL` too.
#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract() -> anyhow::Result<()> {
    let broker = Broker::any()?;
    conforms(&broker).await;
    confirms_many_publishes(&broker).await.context("many publishes")?;
    full_queue_says_so(&broker).await.context("full queue")?;
    unroutable_is_an_error_and_mended(&broker)
        .await
        .context("unroutable")?;
    returned_messages_fail_the_right_publish(&broker)
        .await
        .context("returned messages")?;
    strange_messages_go_to_the_dead_letters(&broker)
        .await
        .context("strange messages")?;
    delivery_limit_ends_in_the_dead_letters(&broker)
        .await
        .context("delivery limit")?;
    dedicated_indexes_have_their_own_queue(&broker)
        .await
        .context("dedicated index")?;
    survives_purge_and_deletion(&broker)
        .await
        .context("purge and deletion")?;
    other_arguments_are_explained(&broker)
        .await
        .context("other arguments")?;
    feeds_events(&broker).await.context("event feed")?;
    closes_for_good(&broker).await.context("closing")?;
    broker.clean_up().await
}

/// Restarts, kills, closed connections and alarms under a publisher and a consumer that are at work.
#[tokio::test(flavor = "multi_thread")]
async fn recovers_from_what_happens_to_a_broker() -> anyhow::Result<()> {
    let mut broker = RabbitMq::start()?;
    let queue = RabbitQueue::new(settings(&broker.url(), "trouble"))?;
    let mut consumer = queue.consume(Lane::Fast, 10).await?;
    let mut dead = queue.dead_letters(1).await?;

    // Operators close connections: what was not acknowledged comes again.
    for seq in 0..3 {
        queue.publish(Lane::Fast, &message(seq)).await?;
    }
    let held = receive(&mut *consumer).await?;
    broker.ctl(&["close_all_connections", "closed by the test"])?;
    publish_eventually(&queue, Lane::Fast, 3).await?;
    receive_all(&mut *consumer, &(0..4).collect()).await?;
    ensure!(
        within(held.ack()).await?.is_err(),
        "acknowledged over a connection that is gone"
    );

    // A restart.
    for seq in 10..13 {
        queue.publish(Lane::Fast, &message(seq)).await?;
    }
    let held = [receive(&mut *consumer).await?, receive(&mut *consumer).await?];
    broker.stop()?;
    let [one, other] = held;
    ensure!(within(one.ack()).await?.is_err(), "acknowledged without a broker");
    drop(other);
    let error = within(queue.publish(Lane::Fast, &message(13)))
        .await?
        .err()
        .context("published without a broker")?;
    ensure!(matches!(error, QueueError::Unavailable(_)), "said {error}");
    broker.resume()?;
    publish_eventually(&queue, Lane::Fast, 14).await?;
    receive_all(&mut *consumer, &BTreeSet::from([10, 11, 12, 14])).await?;

    // A power cut: what was confirmed is there afterwards.
    let kept: BTreeSet<i64> = (20..40).collect();
    for seq in &kept {
        queue.publish(Lane::Bulk, &message(*seq)).await?;
    }
    broker.kill()?;
    broker.resume()?;
    let mut bulk = eventually_some("consuming to start", async || {
        queue.consume(Lane::Bulk, 5).await.ok()
    })
    .await?;
    receive_all(&mut *bulk, &kept).await?;

    // An alarm: publishing says so in time, consuming goes on, and publishing works when it is over.
    publish_eventually(&queue, Lane::Fast, 50).await?;
    broker.ctl(&["set_vm_memory_high_watermark", "absolute", "1"])?;
    let mut refused = None;
    for seq in 51..60 {
        if let Err(error) = within(queue.publish(Lane::Fast, &message(seq))).await? {
            refused = Some(error.to_string());
            break;
        }
    }
    let refused = refused.context("published to a broker without memory")?;
    ensure!(refused.contains("until it has resources again"), "said {refused}");
    ensure!(
        receive(&mut *consumer).await?.message.seq >= 50,
        "a consumer is blocked too"
    );
    broker.ctl(&["set_vm_memory_high_watermark", "0.4"])?;
    publish_eventually(&queue, Lane::Fast, 60).await?;
    while receive(&mut *consumer)
        .await
        .map(|delivery| delivery.message.seq)?
        != 60
    {}

    // The dead letters' consumer came through all of it.
    let raw = Raw::connect(&broker.url()).await?;
    raw.publish("trouble.work", "bulk.x.y", BasicProperties::default(), b"garbage")
        .await?;
    let receiving = tokio::time::timeout(Duration::from_secs(30), async {
        tokio::select! {
            letter = dead.next() => letter,
            strange = bulk.receive() => panic!("the worker saw {strange:?}"),
        }
    });
    let letter = receiving.await.context("no dead letter")??;
    ensure!(letter.message.is_err(), "{letter:?}");
    letter.ack().await?;
    Ok(())
}

/// What people get wrong, and what they are told.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_are_explained() -> anyhow::Result<()> {
    let broker = RabbitMq::start()?;
    broker.ctl(&["add_vhost", "closed"])?;
    broker.ctl(&["add_user", "reader", "hunter2"])?;
    let mute = TcpListener::bind("127.0.0.1:0")?;
    let nobody = {
        let freed = TcpListener::bind("127.0.0.1:0")?;
        freed.local_addr()?.port()
    };
    for (url, parts) in [
        (
            broker.url_as("guest", "hunter2", "%2f"),
            ["\"guest\"", "check the user and the password"],
        ),
        (
            broker.url_as("nobody", "hunter2", "%2f"),
            ["\"nobody\"", "check the user and the password"],
        ),
        (broker.url_as("guest", "guest", "nope"), ["\"nope\"", "add_vhost"]),
        (
            broker.url_as("reader", "hunter2", "closed"),
            ["\"closed\"", "set_permissions"],
        ),
        (
            format!("amqp://guest:hunter2@127.0.0.1:{nobody}"),
            ["cannot reach", "check that it runs"],
        ),
        (
            format!("amqp://guest:hunter2@127.0.0.1:{}", mute.local_addr()?.port()),
            ["cannot reach", "no answer within"],
        ),
        (
            "amqp://guest:hunter2@no-such-host.invalid".to_owned(),
            ["cannot reach", "no-such-host"],
        ),
        (
            broker.url().replace("amqp:", "amqps:"),
            ["cannot reach", "scheme"],
        ),
    ] {
        let mut settings = settings(&url, "wrong");
        settings.broker.connect_timeout = Duration::from_secs(2);
        let queue = RabbitQueue::new(settings)?;
        let check = within(queue.check())
            .await?
            .err()
            .context(url.clone())?
            .to_string();
        let publish = within(queue.publish(Lane::Fast, &message(1)))
            .await?
            .err()
            .context("publishes")?
            .to_string();
        let consume = within(queue.consume(Lane::Fast, 1))
            .await?
            .err()
            .context(url)?
            .to_string();
        for said in [check, publish, consume] {
            for part in parts {
                ensure!(said.contains(part), "{said:?} says nothing of {part:?}");
            }
            ensure!(!said.contains("hunter2"), "{said:?} shows the password");
        }
    }

    // A user that may not make queues works with those that an operator made.
    broker.ctl(&["set_permissions", "reader", "^$", "^made.*", "^made.*"])?;
    let reader = RabbitQueue::new(settings(&broker.url_as("reader", "hunter2", "%2f"), "made"))?;
    let error = reader
        .check()
        .await
        .err()
        .context("declared without permission")?
        .to_string();
    ensure!(
        error.contains("does not exist") && error.contains("permission"),
        "said {error}"
    );
    RabbitQueue::new(settings(&broker.url(), "made"))?.check().await?;
    publish_eventually(&reader, Lane::Fast, 1).await?;
    let mut consumer = reader.consume(Lane::Fast, 1).await?;
    receive_all(&mut *consumer, &BTreeSet::from([1])).await
}
