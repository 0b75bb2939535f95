//! Receive, claim, take a slot, run the pipeline, settle.
//!
//! A wake-up is acknowledged when the claim's outcome is in the ledger, and received only when a slot is free: so claimed work
//! does not depend on the queue, and nothing is claimed that cannot start at once.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use shared::clock::Clock;
use shared::file_state::FileState;
use shared::ids::ClaimId;
use shared::ledger::{
    Claim, ClaimOutcome, ClaimRequest, Commit, CommitChange, CommitOutcome, Fail, FailOutcome, Ledger,
    LedgerError, ReleaseOutcome,
};
use shared::queue::{Delivery, Queue, QueueError};
use shared::retry::{Failure, RetryPolicy};
use shared::shutdown::Tasks;
use shared::work_message::Lane;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::indexes::Pipelines;
use crate::lease::Leases;
use crate::metrics::Metrics;
use crate::pipeline::{Pipeline, Report};
use crate::session::Session;
use crate::settle::{Attempt, Settlement, settle};

/// How a worker works.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// Files in work at a time.
    pub slots: usize,
    /// Waits between attempts.
    pub retry: RetryPolicy,
    /// Attempts after which a file is FAILED (`FILE_INDEXING_MAX_RETRIES`).
    pub max_attempts: u32,
    /// Longest time that one attempt may take (`INDEXER_STALE_FILE_TIMEOUT_MINUTES`).
    pub stale_after: Duration,
    /// A file that changed while it was in work is taken up again after this time.
    pub debounce: Duration,
    /// Attempts that are still running this long after the signal to stop are given back.
    pub drain: Duration,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            slots: 64,
            retry: RetryPolicy {
                initial: Duration::from_secs(1),
                max: Duration::from_secs(60),
                ..RetryPolicy::default()
            },
            max_attempts: 5,
            stale_after: Duration::from_secs(15 * 60),
            debounce: Duration::from_millis(200),
            drain: Duration::from_secs(5),
        }
    }
}

/// One worker process's share of the fleet.
pub struct Worker {
    /// Where files are held.
    pub ledger: Arc<dyn Ledger>,
    /// Where wake-ups come from.
    pub queue: Arc<dyn Queue>,
    /// The steps, by index.
    pub pipelines: Arc<dyn Pipelines>,
    /// The leases of this worker.
    pub leases: Arc<Leases>,
    /// The name under which it holds files.
    pub owner: String,
    /// How it works.
    pub settings: WorkerSettings,
    /// For latencies and the age of claims.
    pub clock: Arc<dyn Clock>,
    /// Told when something settled or became due again.
    pub settled: Arc<Notify>,
    /// Wakes the dispatcher, where it runs in the same process: the end of this file's work makes another one due.
    pub nudge: Arc<Notify>,
    /// What to count.
    pub metrics: Arc<Metrics>,
}

impl Worker {
    /// Works until told to stop, then waits for the attempts that run.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let attempts = Tasks::new();
        // Leases are renewed for as long as an attempt may run, which is longer than new ones are begun.
        let renewal = Tasks::new();
        renewal.spawn(Arc::clone(&self.leases).run(renewal.stopping()));
        let slots = Arc::new(Semaphore::new(self.settings.slots.max(1)));
        // Cancelled some time after `stop`: what then still runs is given back.
        let hurry = CancellationToken::new();
        while !stop.is_cancelled() {
            match self.consume(&slots, &attempts, &stop, &hurry).await {
                Ok(()) => break,
                Err(error) => {
                    tracing::warn!(%error, "the work queue failed, connecting again");
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(self.settings.retry.initial) => {}
                    }
                }
            }
        }
        if !attempts.drain(self.settings.drain).await {
            hurry.cancel();
            attempts.drain(self.settings.drain).await;
        }
        renewal.stop();
    }

    /// Receives wake-ups, urgent ones first, until told to stop.
    async fn consume(
        self: &Arc<Self>,
        slots: &Arc<Semaphore>,
        attempts: &Tasks,
        stop: &CancellationToken,
        hurry: &CancellationToken,
    ) -> Result<(), QueueError> {
        let prefetch = u16::try_from(self.settings.slots.max(1)).unwrap_or(u16::MAX);
        let mut fast = self.queue.consume(Lane::Fast, prefetch).await?;
        let mut bulk = self.queue.consume(Lane::Bulk, prefetch).await?;
        loop {
            let slot = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                slot = Arc::clone(slots).acquire_owned() => slot.map_err(|_closed| QueueError::Closed)?,
            };
            let delivery = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                delivery = fast.receive() => delivery?,
                delivery = bulk.receive() => delivery?,
            };
            let (worker, hurry) = (Arc::clone(self), hurry.clone());
            attempts.spawn(async move { worker.serve(delivery, slot, hurry).await });
        }
    }

    /// Claims what a wake-up names and works on it.
    async fn serve(
        self: Arc<Self>,
        delivery: Delivery,
        _slot: OwnedSemaphorePermit,
        hurry: CancellationToken,
    ) {
        let request = ClaimRequest {
            index: delivery.message.index.clone(),
            file_id: delivery.message.file_id,
            claim_id: ClaimId::made_at(self.clock.now()),
            owner: self.owner.clone(),
            lease: self.leases.duration(),
        };
        let asked_at = Instant::now();
        let Some(outcome) = self.claim(&request, asked_at, &hurry).await else {
            self.leases.loosen(request);
            delivery.requeue();
            return;
        };
        if let Err(error) = delivery.ack().await {
            tracing::debug!(%error, "a wake-up was not acknowledged, it will come again and find nothing to do");
        }
        let ClaimOutcome::Claimed(claim) = outcome else {
            self.metrics.idle_wakeups.inc();
            return;
        };
        let lease = self.leases.keep(claim.hold.claim_id, asked_at);
        self.metrics.in_flight.inc();
        let outcome = tokio::select! {
            biased;
            () = lease.lost() => {
                self.leases.loosen(request);
                "lost"
            }
            () = hurry.cancelled() => self.give_back(&claim, "stopping", "longshore stopped before the file was done").await,
            outcome = Box::pin(self.attempt(&claim, asked_at)) => outcome,
        };
        self.metrics.in_flight.dec();
        self.metrics.attempts.with_label_values(&[outcome]).inc();
        self.settled.notify_one();
        if claim.renamed_from.is_some() {
            self.nudge.notify_one();
        }
    }

    /// Asks for a file, again under the same id when the answer does not come, for as long as a lease lasts: one that was
    /// granted without our knowing would keep the file from everybody.
    async fn claim(
        &self,
        request: &ClaimRequest,
        asked_at: Instant,
        hurry: &CancellationToken,
    ) -> Option<ClaimOutcome> {
        let mut tries = 0;
        loop {
            let error = match self.ledger.claim(request).await {
                Ok(ClaimOutcome::NotClaimable) => {
                    // A copy of the request may yet arrive, and find the file free.
                    self.leases.loosen(request.clone());
                    return Some(ClaimOutcome::NotClaimable);
                }
                Ok(outcome) => return Some(outcome),
                Err(error) => error,
            };
            tries += 1;
            let delay = self.settings.retry.delay(tries, rand::random());
            if asked_at.elapsed() + delay >= request.lease {
                tracing::warn!(%error, file.id = %request.file_id, "claim failed, the wake-up goes back");
                return None;
            }
            tracing::warn!(%error, file.id = %request.file_id, "claim failed, asking again in {delay:?}");
            tokio::select! {
                biased;
                () = hurry.cancelled() => return None,
                () = tokio::time::sleep(delay) => {}
            }
        }
    }

    /// One attempt, from claim to settlement; the answer names how it ended.
    async fn attempt(&self, claim: &Claim, started: Instant) -> &'static str {
        let mut report = Report::default();
        report.time("claim_ms", started);
        let pipeline = match self.pipelines.of(&claim.hold.index, claim.revision).await {
            Ok(pipeline) => pipeline,
            Err(failure) => {
                let delay = self.settings.retry.delay(claim.attempts, rand::random());
                return self.give_up(claim, failure, delay, None).await;
            }
        };
        let own_limit = pipeline.longest_attempt();
        let limit = own_limit.map_or(self.settings.stale_after, |own| {
            own.min(self.settings.stale_after)
        });
        let work = async {
            match pipeline.look(claim).await {
                Session::CleanUp(previous) => Err(previous),
                Session::Commit(change) => Ok(Attempt::Ready(change)),
                Session::Fail(failure, etag) => Ok(Attempt::Failed { failure, etag }),
                Session::Process(meta) => Ok(pipeline.process(claim, &meta, &mut report).await),
            }
        };
        let attempt = match tokio::time::timeout(limit, work).await {
            Ok(Ok(attempt)) => attempt,
            Ok(Err(previous)) => return self.clean_up(&pipeline, claim, previous, &mut report).await,
            Err(_elapsed) => Attempt::Failed {
                failure: Failure::transient(
                    "too_slow",
                    format!(
                        "not done after {} minutes; see INDEXER_STALE_FILE_TIMEOUT_MINUTES, and limits.attempt_minutes of the index",
                        limit.as_secs() / 60
                    ),
                ),
                etag: None,
            },
        };
        match settle(attempt, claim.attempts, &self.settings.retry, rand::random()) {
            Settlement::Commit(change) => self.publish(&pipeline, claim, change, report, started).await,
            Settlement::Fail { failure, delay, etag } => self.give_up(claim, failure, delay, etag).await,
        }
    }

    /// Commits, removes what was live before, releases.
    async fn publish(
        &self,
        pipeline: &Pipeline,
        claim: &Claim,
        change: CommitChange,
        mut report: Report,
        started: Instant,
    ) -> &'static str {
        let (outcome, histogram) = match &change {
            CommitChange::Replace(_) => ("indexed", Some(&self.metrics.file_indexing_seconds)),
            CommitChange::Keep(_) => ("kept", None),
            CommitChange::Skip(..) => ("skipped", None),
            CommitChange::Remove => ("deleted", Some(&self.metrics.file_deletion_seconds)),
        };
        let took = report.time("total_ms", started);
        let commit = Commit {
            hold: claim.hold.clone(),
            change,
            debounce: self.settings.debounce,
            detail: report.into_json(),
        };
        let committed = match self
            .settled(claim, "commit", || self.ledger.commit(&commit))
            .await
        {
            CommitOutcome::Committed(committed) => committed,
            CommitOutcome::Lost => return "lost",
        };
        if let Some(histogram) = histogram {
            histogram.observe(took.as_secs_f64());
        }
        let waited = self.clock.now().saturating_sub(claim.enqueued_at).max(0);
        self.metrics
            .event_to_searchable_seconds
            .observe(Duration::from_millis(waited.unsigned_abs()).as_secs_f64());
        if committed.released.is_none() {
            let mut report = Report::default();
            let ended = self
                .clean_up(pipeline, claim, committed.prev_claim, &mut report)
                .await;
            if ended != "cleaned" {
                return ended;
            }
        }
        outcome
    }

    /// Removes the points of the previous claim and releases the file.
    async fn clean_up(
        &self,
        pipeline: &Pipeline,
        claim: &Claim,
        previous: Option<ClaimId>,
        report: &mut Report,
    ) -> &'static str {
        if let Some(previous) = previous
            && let Err(failure) = pipeline.remove(previous, report).await
        {
            let delay = self.settings.retry.delay(claim.attempts, rand::random());
            return self.give_up(claim, failure, delay, None).await;
        }
        match self
            .settled(claim, "release", || {
                self.ledger.release(&claim.hold, self.settings.debounce)
            })
            .await
        {
            ReleaseOutcome::Released(_) => "cleaned",
            ReleaseOutcome::Lost => "lost",
        }
    }

    async fn give_up(
        &self,
        claim: &Claim,
        failure: Failure,
        delay: Duration,
        etag: Option<String>,
    ) -> &'static str {
        self.metrics.failures.with_label_values(&[&failure.code]).inc();
        let fail = Fail {
            hold: claim.hold.clone(),
            failure: failure.clone(),
            delay,
            max_attempts: self.settings.max_attempts,
            etag,
        };
        match self.settled(claim, "fail", || self.ledger.fail(&fail)).await {
            FailOutcome::Given(FileState::Failed) => {
                tracing::error!(
                    file.id = %claim.hold.file_id, claim.id = %claim.hold.claim_id,
                    "{} failed after {} attempts: {failure}", claim.path, claim.attempts,
                );
                "failed"
            }
            FailOutcome::Given(_) => {
                tracing::warn!(
                    file.id = %claim.hold.file_id, claim.id = %claim.hold.claim_id,
                    "{} is tried again in {delay:?}: {failure}", claim.path,
                );
                "retried"
            }
            FailOutcome::Lost => "lost",
        }
    }

    async fn give_back(&self, claim: &Claim, code: &'static str, why: &'static str) -> &'static str {
        self.give_up(claim, Failure::throttled(code, why), Duration::ZERO, None)
            .await
    }

    /// Repeats a statement that ends an attempt until the ledger takes it. The statements are idempotent, and the attempt
    /// is cancelled from outside when its lease is lost meanwhile, so this does not go on for ever.
    async fn settled<T, F>(&self, claim: &Claim, what: &str, statement: impl Fn() -> F) -> T
    where
        F: Future<Output = Result<T, LedgerError>>,
    {
        let mut tries = 0;
        loop {
            tries += 1;
            match statement().await {
                Ok(outcome) => return outcome,
                Err(error) => {
                    let delay = self.settings.retry.delay(tries, rand::random());
                    tracing::warn!(
                        %error, file.id = %claim.hold.file_id, claim.id = %claim.hold.claim_id,
                        "{what} of {} did not reach the ledger, trying again in {delay:?}", claim.path,
                    );
                    tokio::time::sleep(delay).await;
                }
            }
        }
    }
}
