//! The embedded backend: lanes in memory. Nothing survives the process, and nothing has to: the ledger wakes again what
//! it still owes.
//!
//! With [`Faults`] the same code loses, repeats and reorders wake-ups as a broker may, from a seed, for tests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::{Consumer, Delivery, Queue, QueueError, Settle};
use crate::trace::context;
use crate::work_message::{Lane, WorkMessage};

/// Wake-ups that a lane holds before it refuses more. The dispatcher's window keeps it far below.
pub const DEFAULT_CAPACITY: usize = 100_000;

/// What the queue does wrong on purpose; each figure is a probability between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Faults {
    /// Seed of all choices.
    pub seed: u64,
    /// A confirmed wake-up vanishes.
    pub lose: f64,
    /// A wake-up is delivered twice.
    pub repeat: f64,
    /// A wake-up overtakes all that wait.
    pub reorder: f64,
    /// A publish answers an error although the wake-up got through.
    pub unconfirmed: f64,
}

impl Faults {
    /// A queue that behaves.
    pub const NONE: Self = Self {
        seed: 0,
        lose: 0.0,
        repeat: 0.0,
        reorder: 0.0,
        unconfirmed: 0.0,
    };
}

struct Entry {
    message: WorkMessage,
    redelivered: bool,
    traceparent: Option<String>,
}

#[derive(Default)]
struct LaneState {
    entries: Mutex<VecDeque<Entry>>,
    arrived: Notify,
}

impl LaneState {
    /// The waiting entries. A panic elsewhere cannot leave the deque half changed, so poison is ignored.
    fn entries(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A work queue in this process.
pub struct MemoryQueue {
    lanes: [Arc<LaneState>; Lane::ALL.len()],
    capacity: usize,
    faults: Faults,
    random: Mutex<SmallRng>,
}

impl Default for MemoryQueue {
    fn default() -> Self {
        Self::new(DEFAULT_CAPACITY)
    }
}

impl MemoryQueue {
    /// A queue whose lanes hold at most `capacity` wake-ups each.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self::with_faults(capacity, Faults::NONE)
    }

    /// A queue that misbehaves.
    #[must_use]
    pub fn with_faults(capacity: usize, faults: Faults) -> Self {
        Self {
            lanes: Default::default(),
            capacity,
            faults,
            random: Mutex::new(SmallRng::seed_from_u64(faults.seed)),
        }
    }

    /// Wake-ups that wait on a lane.
    #[must_use]
    pub fn len(&self, lane: Lane) -> usize {
        self.lane(lane).entries().len()
    }

    /// Drops every waiting wake-up, as an operator who purges a broker's queue does. Returns how many.
    pub fn purge(&self) -> usize {
        self.lanes
            .iter()
            .map(|lane| lane.entries().drain(..).count())
            .sum()
    }

    fn lane(&self, lane: Lane) -> &Arc<LaneState> {
        match lane {
            Lane::Fast => &self.lanes[0],
            Lane::Bulk => &self.lanes[1],
        }
    }

    fn happens(&self, probability: f64) -> bool {
        probability > 0.0
            && self
                .random
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .random_bool(probability.min(1.0))
    }

    fn random_place(&self, len: usize) -> usize {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        usize::try_from(random.next_u64() % (len as u64 + 1)).unwrap_or(len)
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn publish(&self, lane: Lane, message: &WorkMessage) -> Result<(), QueueError> {
        let copies = if self.happens(self.faults.lose) {
            0
        } else if self.happens(self.faults.repeat) {
            2
        } else {
            1
        };
        let traceparent = context::traceparent();
        let state = self.lane(lane);
        {
            let mut entries = state.entries();
            if entries.len() + copies > self.capacity {
                return Err(QueueError::Full(lane.name()));
            }
            for _ in 0..copies {
                let entry = Entry {
                    message: message.clone(),
                    redelivered: false,
                    traceparent: traceparent.clone(),
                };
                if self.happens(self.faults.reorder) {
                    let place = self.random_place(entries.len());
                    entries.insert(place, entry);
                } else {
                    entries.push_back(entry);
                }
            }
        }
        for _ in 0..copies {
            state.arrived.notify_one();
        }
        if self.happens(self.faults.unconfirmed) {
            return Err(QueueError::Unavailable("the confirmation was lost".to_owned()));
        }
        Ok(())
    }

    async fn consume(&self, lane: Lane, prefetch: u16) -> Result<Box<dyn Consumer>, QueueError> {
        Ok(Box::new(MemoryConsumer {
            lane: Arc::clone(self.lane(lane)),
            unsettled: Arc::new(Semaphore::new(usize::from(prefetch.max(1)))),
        }))
    }
}

struct MemoryConsumer {
    lane: Arc<LaneState>,
    unsettled: Arc<Semaphore>,
}

#[async_trait]
impl Consumer for MemoryConsumer {
    async fn receive(&mut self) -> Result<Delivery, QueueError> {
        let permit = Arc::clone(&self.unsettled)
            .acquire_owned()
            .await
            .map_err(|_closed| QueueError::Closed)?;
        loop {
            // Ask to be notified before looking: an arrival between look and wait is then not missed.
            let arrived = self.lane.arrived.notified();
            let (next, more) = {
                let mut entries = self.lane.entries();
                (entries.pop_front(), !entries.is_empty())
            };
            if more {
                // Two arrivals may have left one notification: pass it on.
                self.lane.arrived.notify_one();
            }
            if let Some(entry) = next {
                let settle = MemorySettle {
                    lane: Arc::clone(&self.lane),
                    message: entry.message.clone(),
                    traceparent: entry.traceparent.clone(),
                    _permit: permit,
                };
                let delivery = Delivery::new(entry.message, entry.redelivered, Box::new(settle));
                return Ok(delivery.sent_by(entry.traceparent));
            }
            arrived.await;
        }
    }
}

struct MemorySettle {
    lane: Arc<LaneState>,
    message: WorkMessage,
    traceparent: Option<String>,
    /// Room for the consumer's next delivery, given back when this is dropped.
    _permit: OwnedSemaphorePermit,
}

#[async_trait]
impl Settle for MemorySettle {
    async fn ack(self: Box<Self>) -> Result<(), QueueError> {
        Ok(())
    }

    fn requeue(self: Box<Self>) {
        self.lane.entries().push_back(Entry {
            message: self.message,
            redelivered: true,
            traceparent: self.traceparent,
        });
        self.lane.arrived.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::conformance;
    use super::*;

    #[tokio::test]
    async fn conforms() {
        conformance::run(async || Arc::new(MemoryQueue::new(64)) as Arc<dyn Queue>).await;
    }

    #[tokio::test]
    async fn full_lane_refuses_and_says_so() {
        let queue = MemoryQueue::new(1);
        queue.publish(Lane::Fast, &conformance::message(1)).await.unwrap();
        assert_eq!(
            queue.publish(Lane::Fast, &conformance::message(2)).await,
            Err(QueueError::Full("fast"))
        );
        assert_eq!(queue.publish(Lane::Bulk, &conformance::message(3)).await, Ok(()));
    }

    #[tokio::test]
    async fn faults_happen_and_replay_from_their_seed() {
        async fn received(seed: u64) -> Vec<i64> {
            let faults = Faults {
                seed,
                lose: 0.2,
                repeat: 0.2,
                reorder: 0.3,
                unconfirmed: 0.1,
            };
            let queue = MemoryQueue::with_faults(1000, faults);
            for seq in 0..100 {
                // An unconfirmed publish may have got through all the same: that is the point here.
                drop(queue.publish(Lane::Fast, &conformance::message(seq)).await);
            }
            let mut consumer = queue.consume(Lane::Fast, 1).await.unwrap();
            let mut seen = Vec::new();
            for _ in 0..queue.len(Lane::Fast) {
                let delivery = consumer.receive().await.unwrap();
                seen.push(delivery.message.seq);
                delivery.ack().await.unwrap();
            }
            seen
        }
        let seen = received(7).await;
        assert_eq!(seen, received(7).await, "same seed, same faults");
        assert!((0..100).any(|seq| !seen.contains(&seq)), "something was lost");
        assert!(
            (0..100).any(|seq| seen.iter().filter(|s| **s == seq).count() == 2),
            "something came twice"
        );
        assert!(!seen.is_sorted(), "something was overtaken");
    }
}
