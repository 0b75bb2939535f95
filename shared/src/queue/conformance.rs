//! What every work queue must do. Backends call [`run`] from their own tests.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::{Consumer, Delivery, Queue};
use crate::blob_path::BlobPath;
use crate::ids::{FileId, IndexId};
use crate::work_message::{Lane, WORK_MESSAGE_VERSION, WorkMessage};

/// Longest wait for something that must happen.
const MUST_HAPPEN: Duration = Duration::from_secs(10);
/// How long "nothing more comes" is watched.
const QUIET: Duration = Duration::from_millis(100);

/// A wake-up that is told from others by its sequence.
///
/// # Panics
/// Never: the names are legal.
#[must_use]
#[expect(clippy::unwrap_used, reason = "constant names")]
pub fn message(seq: i64) -> WorkMessage {
    let index = IndexId::new("conformance").unwrap();
    let path = BlobPath::new(format!("file-{seq}.md")).unwrap();
    WorkMessage {
        v: WORK_MESSAGE_VERSION,
        file_id: FileId::of(&index, &path),
        index,
        path,
        seq,
    }
}

/// Runs the suite; `make` gives an empty queue for each part.
///
/// # Panics
/// When the backend breaks the contract.
pub async fn run<F>(make: F)
where
    F: AsyncFn() -> Arc<dyn Queue>,
{
    delivers_all_and_keeps_lanes_apart(make().await).await;
    unsettled_comes_back(make().await).await;
    prefetch_is_a_bound(make().await).await;
    consumers_share_the_work(make().await).await;
    receive_is_cancel_safe(make().await).await;
}

async fn delivers_all_and_keeps_lanes_apart(queue: Arc<dyn Queue>) {
    for seq in 0..20 {
        let lane = if seq % 2 == 0 { Lane::Fast } else { Lane::Bulk };
        publish(&*queue, lane, seq).await;
    }
    for (lane, remainder) in [(Lane::Fast, 0), (Lane::Bulk, 1)] {
        let mut consumer = consume(&*queue, lane, 100).await;
        let mut seen = BTreeSet::new();
        while seen.len() < 10 {
            let delivery = receive(&mut *consumer).await;
            assert_eq!(
                delivery.message,
                message(delivery.message.seq),
                "the body survives the way"
            );
            seen.insert(delivery.message.seq);
            ack(delivery).await;
        }
        assert!(
            seen.iter().all(|seq| seq % 2 == remainder),
            "{lane:?} delivered {seen:?}"
        );
        assert_quiet(&mut *consumer).await;
    }
}

async fn unsettled_comes_back(queue: Arc<dyn Queue>) {
    publish(&*queue, Lane::Fast, 1).await;
    let mut consumer = consume(&*queue, Lane::Fast, 1).await;
    drop(receive(&mut *consumer).await);
    let again = receive(&mut *consumer).await;
    assert_eq!(again.message.seq, 1, "a dropped delivery comes back");
    assert!(again.redelivered, "and says so");
    again.requeue();
    let again = receive(&mut *consumer).await;
    assert!(again.redelivered, "so does a requeued one");
    ack(again).await;
    assert_quiet(&mut *consumer).await;
}

async fn prefetch_is_a_bound(queue: Arc<dyn Queue>) {
    for seq in 0..5 {
        publish(&*queue, Lane::Fast, seq).await;
    }
    let mut consumer = consume(&*queue, Lane::Fast, 2).await;
    let first = receive(&mut *consumer).await;
    let _second = receive(&mut *consumer).await;
    assert_quiet(&mut *consumer).await;
    ack(first).await;
    let _third = receive(&mut *consumer).await;
}

async fn consumers_share_the_work(queue: Arc<dyn Queue>) {
    let mut one = consume(&*queue, Lane::Fast, 1).await;
    let mut two = consume(&*queue, Lane::Fast, 1).await;
    publish(&*queue, Lane::Fast, 1).await;
    publish(&*queue, Lane::Fast, 2).await;
    let (first, second) = (receive(&mut *one).await, receive(&mut *two).await);
    assert_ne!(
        first.message.seq, second.message.seq,
        "each wake-up goes to one consumer"
    );
}

async fn receive_is_cancel_safe(queue: Arc<dyn Queue>) {
    let mut consumer = consume(&*queue, Lane::Fast, 1).await;
    assert_quiet(&mut *consumer).await;
    publish(&*queue, Lane::Fast, 1).await;
    assert_eq!(
        receive(&mut *consumer).await.message.seq,
        1,
        "an abandoned receive takes nothing along"
    );
}

#[expect(clippy::expect_used, reason = "a suite fails by panicking")]
async fn publish(queue: &dyn Queue, lane: Lane, seq: i64) {
    queue
        .publish(lane, &message(seq))
        .await
        .expect("publish is confirmed");
}

#[expect(clippy::expect_used, reason = "a suite fails by panicking")]
async fn consume(queue: &dyn Queue, lane: Lane, prefetch: u16) -> Box<dyn Consumer> {
    queue.consume(lane, prefetch).await.expect("consuming starts")
}

#[expect(clippy::expect_used, reason = "a suite fails by panicking")]
async fn receive(consumer: &mut dyn Consumer) -> Delivery {
    tokio::time::timeout(MUST_HAPPEN, consumer.receive())
        .await
        .expect("a wake-up arrives")
        .expect("the consumer lives")
}

#[expect(clippy::expect_used, reason = "a suite fails by panicking")]
async fn ack(delivery: Delivery) {
    delivery.ack().await.expect("the acknowledgement is taken");
}

async fn assert_quiet(consumer: &mut dyn Consumer) {
    let more = tokio::time::timeout(QUIET, consumer.receive()).await;
    assert!(more.is_err(), "nothing more may come, but {more:?} did");
}
