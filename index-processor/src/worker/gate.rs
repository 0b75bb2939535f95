//! What is not begun: wake-ups of files that need something which is down.
//!
//! Their files stay PENDING and uncharged. The wake-ups are acknowledged and kept here, once a file, so that work goes on as
//! soon as the dependency is back; one after the other is let through to find out. They are hints, as all wake-ups: those
//! that are lost with the process, or find no room, come again from the ledger, a window of them each re-wake period, so an
//! outage is no storm of messages.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::IntGauge;
use shared::circuit::{Circuits, Dependency, Scouts};
use shared::ids::{FileId, IndexId};
use shared::ledger::ClaimOutcome;
use shared::queue::{Delivery, QueueError};
use shared::trace::ids::VersionTrace;
use shared::trace::{context, spans};
use shared::work_message::WorkMessage;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::Span;

/// Most wake-ups that are kept; the ledger repeats the others.
const MOST: usize = 10_000;

/// A wake-up in hand.
pub(super) enum Wake {
    /// From the queue.
    Delivered(Delivery),
    /// Kept for a while, acknowledged since; it may begin.
    Kept(WorkMessage, Scouts),
}

impl Wake {
    pub(super) fn message(&self) -> &WorkMessage {
        match self {
            Self::Delivered(delivery) => &delivery.message,
            Self::Kept(message, _) => message,
        }
    }

    /// Puts the span of the attempt where it belongs: into the trace of the version that was claimed, which may be a later one
    /// than its sender knew, below what sent the wake-up.
    pub(super) fn continue_in(&self, span: &Span, outcome: &ClaimOutcome) {
        if span.is_disabled() {
            return;
        }
        let sender = match self {
            Self::Delivered(delivery) => delivery.traceparent.as_deref().and_then(context::sender),
            Self::Kept(..) => None,
        };
        let message = self.message();
        let seq = match outcome {
            ClaimOutcome::Claimed(claim) => claim.seq,
            ClaimOutcome::NotClaimable => message.seq,
        };
        let trace = VersionTrace::of(&message.index, message.file_id, seq);
        spans::received(span, trace.parent_near(sender.as_ref()), sender);
    }

    /// Its outcome is in the ledger. What is left are the scouts, to be dropped when the attempt has ended.
    pub(super) async fn ack(self) -> (Option<Scouts>, Result<(), QueueError>) {
        match self {
            Self::Delivered(delivery) => (None, delivery.ack().await),
            Self::Kept(_, scouts) => (Some(scouts), Ok(())),
        }
    }

    /// Nothing came of it. A kept one is left to the ledger, which wakes again.
    pub(super) fn requeue(self) {
        match self {
            Self::Delivered(delivery) => delivery.requeue(),
            Self::Kept(..) => {}
        }
    }
}

/// The wake-ups that wait, by what they wait for.
pub(super) struct Gate {
    circuits: Circuits,
    kept: Mutex<Kept>,
    more: Notify,
    size: IntGauge,
}

#[derive(Default)]
struct Kept {
    queues: BTreeMap<Arc<[Dependency]>, VecDeque<WorkMessage>>,
    files: HashSet<(IndexId, FileId)>,
}

impl Gate {
    pub(super) fn new(circuits: Circuits, size: IntGauge) -> Self {
        Self {
            circuits,
            kept: Mutex::default(),
            more: Notify::new(),
            size,
        }
    }

    /// Keeps a wake-up until what it needs may be asked again.
    pub(super) fn keep(&self, needs: Arc<[Dependency]>, message: WorkMessage) {
        let mut kept = self.lock();
        if kept.files.len() >= MOST || !kept.files.insert((message.index.clone(), message.file_id)) {
            return;
        }
        kept.queues.entry(needs).or_default().push_back(message);
        self.size.set(i64::try_from(kept.files.len()).unwrap_or(i64::MAX));
        drop(kept);
        self.more.notify_one();
    }

    /// Waits for a kept wake-up that may begin. Cancel safe.
    pub(super) async fn ready(&self) -> Wake {
        let mut changes = self.circuits.watch();
        loop {
            changes.mark_unchanged();
            let look_at = match self.take() {
                Ok(wake) => return wake,
                Err(look_at) => look_at,
            };
            let time = async {
                match look_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                changed = changes.changed() => if changed.is_err() { std::future::pending::<()>().await },
                () = self.more.notified() => {}
                () = time => {}
            }
        }
    }

    /// A wake-up that may begin, or when to look again.
    fn take(&self) -> Result<Wake, Option<Instant>> {
        let mut look_at: Option<Instant> = None;
        let mut kept = self.lock();
        let Kept { queues, files } = &mut *kept;
        for (needs, queue) in queues.iter_mut() {
            let Some(message) = queue.pop_front() else {
                continue;
            };
            match self.circuits.begin(needs) {
                Ok(scouts) => {
                    files.remove(&(message.index.clone(), message.file_id));
                    self.size.set(i64::try_from(files.len()).unwrap_or(i64::MAX));
                    queues.retain(|_, queue| !queue.is_empty());
                    return Ok(Wake::Kept(message, scouts));
                }
                Err(refused) => {
                    queue.push_front(message);
                    let at = Instant::now() + refused.wait;
                    look_at = Some(look_at.map_or(at, |before| before.min(at)));
                }
            }
        }
        Err(look_at)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
