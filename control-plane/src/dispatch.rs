//! Due files become confirmed wake-ups.
//!
//! The ledger is the outbox: a due row whose `woken_at` is old has no wake-up on its way, or lost it. A wake-up is
//! stamped only after the queue confirmed it, so a crash between the two wakes twice and never not at all.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use shared::ledger::{DueFile, Ledger};
use shared::queue::Queue;
use shared::work_message::{WORK_MESSAGE_VERSION, WorkMessage};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// Publishes in flight at a time; a remote broker confirms them together.
const PUBLISHES_IN_FLIGHT: usize = 64;

/// How the dispatcher works.
#[derive(Clone, Copy, Debug)]
pub struct DispatchSettings {
    /// Woken but unclaimed files per index: bounds the queue, and keeps a backfill from starving a small index.
    pub window: u32,
    /// A file that was woken and not claimed within this time is woken again.
    pub rewake_after: Duration,
    /// Longest time between two looks at the ledger.
    pub poll: Duration,
}

impl Default for DispatchSettings {
    fn default() -> Self {
        Self {
            window: 1000,
            rewake_after: Duration::from_secs(60),
            poll: Duration::from_millis(250),
        }
    }
}

/// The loop from due rows to wake-ups.
pub struct Dispatcher {
    /// What is due.
    pub ledger: Arc<dyn Ledger>,
    /// Where wake-ups go.
    pub queue: Arc<dyn Queue>,
    /// Cuts the wait short when something was enqueued.
    pub nudge: Arc<Notify>,
    /// How to work.
    pub settings: DispatchSettings,
    /// What to count.
    pub metrics: Arc<Metrics>,
}

impl Dispatcher {
    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            let woken = match self.pass().await {
                Ok(woken) => woken,
                Err(error) => {
                    tracing::warn!(%error, "dispatch pass failed, trying again");
                    0
                }
            };
            if woken > 0 && !stop.is_cancelled() {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.nudge.notified() => {}
                () = tokio::time::sleep(self.settings.poll) => {}
            }
        }
    }

    /// Wakes what is due now; returns how many.
    ///
    /// # Errors
    /// When the ledger fails. A wake-up that the queue refuses is left for the next pass.
    pub async fn pass(&self) -> Result<usize, shared::ledger::LedgerError> {
        let due = self
            .ledger
            .due(self.settings.window, self.settings.rewake_after)
            .await?;
        let confirmed: Vec<WorkMessage> = futures::stream::iter(due)
            .map(|file| self.publish(file))
            .buffer_unordered(PUBLISHES_IN_FLIGHT)
            .filter_map(std::future::ready)
            .collect()
            .await;
        if !confirmed.is_empty() {
            self.ledger.mark_woken(&confirmed).await?;
            self.metrics.woken.inc_by(confirmed.len() as u64);
        }
        Ok(confirmed.len())
    }

    async fn publish(&self, file: DueFile) -> Option<WorkMessage> {
        let message = WorkMessage {
            v: WORK_MESSAGE_VERSION,
            index: file.index,
            file_id: file.file_id,
            path: file.path,
            seq: file.seq,
        };
        match self.queue.publish(file.lane, &message).await {
            Ok(()) => Some(message),
            Err(error) => {
                tracing::warn!(%error, file.id = %message.file_id, "wake-up of {} was not confirmed", message.path);
                None
            }
        }
    }
}
