//! Due files become confirmed wake-ups.
//!
//! The ledger is the outbox: a due row whose `woken_at` is old has no wake-up on its way, or lost it. A wake-up is
//! stamped only after the queue confirmed it, so a crash between the two wakes twice and never not at all.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use shared::ledger::{ControlLedger, DueFile};
use shared::queue::Queue;
use shared::trace::ids::VersionTrace;
use shared::trace::{TARGET, spans};
use shared::work_message::{WORK_MESSAGE_VERSION, WorkMessage};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::duties::Duties;
use crate::metrics::Metrics;

/// Publishes in flight at a time; a remote broker confirms them together.
const PUBLISHES_IN_FLIGHT: usize = 64;

/// Files of a resumed run that are let go per pass.
const SET_ASIDE_PAGE: u32 = 1000;

/// How long the duty is held without renewal; so long nothing is woken when a replica dies.
const LEASE: Duration = Duration::from_secs(6);

/// How the dispatcher works.
#[derive(Clone, Copy, Debug)]
pub struct DispatchSettings {
    /// Woken but unclaimed files per index: bounds the queue, and keeps a backfill from starving a small index.
    pub window: u32,
    /// A file that was woken and not claimed within this time is woken again.
    pub rewake_after: Duration,
    /// Longest time between two looks at the ledger.
    pub poll: Duration,
    /// The queue lives in this process and began empty with it: wake-ups from before are lost, and are not waited for.
    pub queue_began_empty: bool,
}

impl Default for DispatchSettings {
    fn default() -> Self {
        Self {
            window: 1000,
            rewake_after: Duration::from_secs(60),
            poll: Duration::from_millis(250),
            queue_began_empty: false,
        }
    }
}

/// The loop from due rows to wake-ups.
pub struct Dispatcher {
    /// What is due.
    pub ledger: Arc<dyn ControlLedger>,
    /// Where wake-ups go.
    pub queue: Arc<dyn Queue>,
    /// Cuts the wait short when something was enqueued.
    pub nudge: Arc<Notify>,
    /// How to work.
    pub settings: DispatchSettings,
    /// When it was made.
    pub began: Instant,
    /// Is dispatching this replica's?
    pub duties: Arc<Duties>,
    /// What to count.
    pub metrics: Arc<Metrics>,
}

impl Dispatcher {
    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            // Boxed: whoever starts the loop would carry its largest pass otherwise.
            let woken = match Box::pin(self.turn()).await {
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
                biased;
                () = stop.cancelled() => return,
                () = self.nudge.notified() => {}
                () = tokio::time::sleep(self.settings.poll) => {}
            }
        }
    }

    /// A pass, if it is this replica's to do.
    async fn turn(&self) -> Result<usize, shared::ledger::LedgerError> {
        if self.duties.hold("dispatch", LEASE).await {
            self.pass().await
        } else {
            Ok(0)
        }
    }

    /// Wakes what is due now, and sets aside what a suspended run holds back; returns how many.
    ///
    /// # Errors
    /// When the ledger fails. A wake-up that the queue refuses is left for the next pass.
    pub async fn pass(&self) -> Result<usize, shared::ledger::LedgerError> {
        self.ledger.let_go(SET_ASIDE_PAGE).await?;
        let due = self.ledger.due(self.settings.window, self.rewake_after()).await?;
        let (held_back, due): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|file| file.held_back_by.is_some());
        let aside = self.set_aside(&held_back).await?;
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
        Ok(confirmed.len() + aside)
    }

    /// Files of suspended runs make room for others.
    async fn set_aside(&self, files: &[DueFile]) -> Result<usize, shared::ledger::LedgerError> {
        if files.is_empty() {
            return Ok(0);
        }
        let marked = self.ledger.set_aside(files).await?;
        self.metrics.set_aside.inc_by(marked);
        Ok(usize::try_from(marked).unwrap_or(usize::MAX))
    }

    /// How old a wake-up must be to count as lost. In a queue that began empty, all that are older than it.
    fn rewake_after(&self) -> Duration {
        if self.settings.queue_began_empty {
            self.settings.rewake_after.min(self.began.elapsed())
        } else {
            self.settings.rewake_after
        }
    }

    async fn publish(&self, file: DueFile) -> Option<WorkMessage> {
        let message = WorkMessage {
            v: WORK_MESSAGE_VERSION,
            index: file.index,
            file_id: file.file_id,
            path: file.path,
            seq: file.seq,
        };
        let span = tracing::trace_span!(
            target: TARGET, "publish", otel.kind = "producer", messaging.operation.type = "send",
            messaging.destination.name = file.lane.name(), index.id = %message.index, file.id = %message.file_id,
            file.seq = message.seq,
        );
        if !span.is_disabled() {
            let trace = VersionTrace::of(&message.index, message.file_id, message.seq);
            spans::below(&span, trace.parent());
        }
        match spans::within(span, self.queue.publish(file.lane, &message)).await {
            Ok(()) => Some(message),
            Err(error) => {
                tracing::warn!(%error, index.id = %message.index, file.id = %message.file_id, "wake-up of {} was not confirmed", message.path);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus::Registry;
    use shared::blob_path::BlobPath;
    use shared::clock::{Clock, ManualClock};
    use shared::ids::IndexId;
    use shared::ledger::model::ModelLedger;
    use shared::ledger::{Change, Ledger};
    use shared::queue::memory::{Faults, MemoryQueue};
    use shared::work_message::Lane;

    use super::*;

    struct Fixture {
        clock: Arc<ManualClock>,
        ledger: Arc<ModelLedger>,
        index: IndexId,
    }

    impl Fixture {
        async fn with_files(count: usize) -> Self {
            let clock = Arc::new(ManualClock::at(1_000_000));
            let ledger = Arc::new(ModelLedger::new(Arc::clone(&clock) as Arc<dyn Clock>));
            let index = IndexId::new("docs").unwrap();
            ledger.ensure_index(&index, &serde_json::json!({})).await.unwrap();
            let change = |at| Change::new(BlobPath::new(format!("f{at}")).unwrap(), "scan", Lane::Bulk);
            let changes: Vec<_> = (0..count).map(change).collect();
            ledger.enqueue(&index, &changes).await.unwrap();
            Self { clock, ledger, index }
        }

        fn dispatcher(&self, queue: &Arc<MemoryQueue>, settings: DispatchSettings) -> Dispatcher {
            Dispatcher {
                ledger: Arc::clone(&self.ledger) as _,
                queue: Arc::clone(queue) as _,
                nudge: Arc::new(Notify::new()),
                settings,
                began: Instant::now(),
                duties: Arc::new(Duties::all()),
                metrics: Arc::new(Metrics::register(&Registry::new()).unwrap()),
            }
        }
    }

    #[tokio::test]
    async fn each_file_is_woken_once_until_the_wake_up_counts_as_lost() {
        let fixture = Fixture::with_files(5).await;
        let queue = Arc::new(MemoryQueue::default());
        let dispatcher = fixture.dispatcher(&queue, DispatchSettings::default());
        assert_eq!(dispatcher.pass().await.unwrap(), 5);
        assert_eq!(dispatcher.pass().await.unwrap(), 0);
        queue.purge();
        fixture
            .clock
            .advance(DispatchSettings::default().rewake_after + Duration::from_secs(1));
        assert_eq!(dispatcher.pass().await.unwrap(), 5, "lost wake-ups are repeated");
        assert_eq!(fixture.ledger.stats(&fixture.index).await.unwrap().backlog, 5);
    }

    #[tokio::test]
    async fn the_window_bounds_what_is_under_way() {
        let fixture = Fixture::with_files(10).await;
        let queue = Arc::new(MemoryQueue::default());
        let settings = DispatchSettings {
            window: 4,
            ..DispatchSettings::default()
        };
        let dispatcher = fixture.dispatcher(&queue, settings);
        assert_eq!(dispatcher.pass().await.unwrap(), 4);
        assert_eq!(
            dispatcher.pass().await.unwrap(),
            0,
            "none was claimed, so none more is woken"
        );
    }

    #[tokio::test]
    async fn an_unconfirmed_wake_up_is_not_stamped() {
        let fixture = Fixture::with_files(3).await;
        let faults = Faults {
            unconfirmed: 1.0,
            ..Faults::NONE
        };
        let unsure = Arc::new(MemoryQueue::with_faults(100, faults));
        let dispatcher = fixture.dispatcher(&unsure, DispatchSettings::default());
        assert_eq!(dispatcher.pass().await.unwrap(), 0);
        let sure = Arc::new(MemoryQueue::default());
        assert_eq!(
            fixture
                .dispatcher(&sure, DispatchSettings::default())
                .pass()
                .await
                .unwrap(),
            3
        );
    }

    #[tokio::test]
    async fn wake_ups_of_a_process_that_is_gone_are_not_waited_for() {
        let fixture = Fixture::with_files(3).await;
        let before = Arc::new(MemoryQueue::default());
        assert_eq!(
            fixture
                .dispatcher(&before, DispatchSettings::default())
                .pass()
                .await
                .unwrap(),
            3
        );
        drop(before);
        let queue = Arc::new(MemoryQueue::default());
        let fresh = DispatchSettings {
            queue_began_empty: true,
            ..DispatchSettings::default()
        };
        assert_eq!(fixture.dispatcher(&queue, fresh).pass().await.unwrap(), 3);
    }
}
