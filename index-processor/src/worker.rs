//! Receive, claim, take a slot, run the pipeline, settle.
//!
//! A wake-up is acknowledged when the claim's outcome is in the ledger, and received only when a slot is free: so claimed work
//! does not depend on the queue, and nothing is claimed that cannot start at once, or needs something that is down (`gate`).

mod ending;
mod gate;

use std::sync::Arc;
use std::time::Duration;

use shared::circuit::{Circuits, DependencyKind, Scouts};
use shared::clock::Clock;
use shared::ids::ClaimId;
use shared::ledger::{Claim, ClaimOutcome, ClaimRequest, Ledger};
use shared::queue::{Queue, QueueError};
use shared::retry::{Failure, RetryPolicy, Step, StepPolicies};
use shared::shutdown::Tasks;
use shared::trace::{TARGET, spans};
use shared::work_message::Lane;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use self::gate::{Gate, Wake};
use crate::indexes::Pipelines;
use crate::lease::Leases;
use crate::metrics::Metrics;
use crate::pipeline::Report;
use crate::session::Session;
use crate::settle::{Attempt, Settlement, plan, settle};

/// How a worker works.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// Files in work at a time.
    pub slots: usize,
    /// Waits between two tries at a statement that does not reach the ledger.
    pub retry: RetryPolicy,
    /// How failed attempts are tried again, by step; an index may differ.
    pub steps: StepPolicies,
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
            steps: StepPolicies::default(),
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
    /// What is down.
    pub circuits: Circuits,
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
        let gate = Arc::new(Gate::new(self.circuits.clone(), self.metrics.held_back.clone()));
        // Cancelled some time after `stop`: what then still runs is given back.
        let hurry = CancellationToken::new();
        while !stop.is_cancelled() {
            match self.consume(&slots, &gate, &attempts, &stop, &hurry).await {
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
        gate: &Arc<Gate>,
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
            let wake = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                wake = gate.ready() => wake,
                delivery = fast.receive() => Wake::Delivered(delivery?),
                delivery = bulk.receive() => Wake::Delivered(delivery?),
            };
            let (worker, gate, hurry) = (Arc::clone(self), Arc::clone(gate), hurry.clone());
            attempts.spawn(async move { worker.serve(wake, &gate, slot, hurry).await });
        }
    }

    /// Claims what a wake-up names and works on it.
    async fn serve(
        self: Arc<Self>,
        wake: Wake,
        gate: &Gate,
        _slot: OwnedSemaphorePermit,
        hurry: CancellationToken,
    ) {
        let Some((wake, _scouts)) = self.admit(wake, gate).await else {
            return;
        };
        let span = tracing::trace_span!(
            target: TARGET, "process", otel.kind = "consumer", messaging.operation.type = "process",
            index.id = %wake.message().index, file.id = %wake.message().file_id,
        );
        let asked = self.clock.now();
        let request = ClaimRequest {
            index: wake.message().index.clone(),
            file_id: wake.message().file_id,
            claim_id: ClaimId::made_at(self.clock.now()),
            owner: self.owner.clone(),
            lease: self.leases.duration(),
        };
        let asked_at = Instant::now();
        let Some(outcome) = self.claim(&request, asked_at, &hurry).await else {
            self.leases.loosen(request);
            wake.continue_in(&span, &ClaimOutcome::NotClaimable);
            span.in_scope(|| spans::failed("ledger_unavailable"));
            wake.requeue();
            return;
        };
        wake.continue_in(&span, &outcome);
        // Held until the attempt has ended: it may be the one that finds out whether something is back.
        let _scouts = ack(wake).await;
        let ClaimOutcome::Claimed(claim) = outcome else {
            self.metrics.idle_wakeups.inc();
            span.in_scope(|| spans::note("outcome", "idle"));
            return;
        };
        let held = Box::pin(self.held(&claim, request, asked_at, &hurry));
        async {
            spans::past("claim", asked);
            spans::note("claim.id", claim.hold.claim_id.to_string());
            spans::note("file.seq", claim.seq);
            spans::note("attempt", i64::from(claim.attempts));
            spans::note("outcome", held.await);
        }
        .instrument(span)
        .await;
        self.settled.notify_one();
        if claim.renamed_from.is_some() {
            self.nudge.notify_one();
        }
    }

    /// Works on a file for as long as it is held; the answer names how that ended.
    async fn held(
        &self,
        claim: &Claim,
        request: ClaimRequest,
        asked_at: Instant,
        hurry: &CancellationToken,
    ) -> &'static str {
        let lease = self.leases.keep(claim.hold.claim_id, asked_at);
        self.metrics.in_flight.inc();
        // Whatever is logged within, however deep, has these fields.
        let span = tracing::info_span!(
            "file",
            index.id = %claim.hold.index,
            file.id = %claim.hold.file_id,
            claim.id = %claim.hold.claim_id,
        );
        let attempt = async {
            tokio::select! {
                biased;
                () = lease.lost() => {
                    self.leases.loosen(request);
                    "lost"
                }
                () = hurry.cancelled() => self.give_back(claim, "stopping", "longshore stopped before the file was done").await,
                outcome = Box::pin(self.attempt(claim, asked_at)) => outcome,
            }
        };
        let outcome = attempt.instrument(span).await;
        self.metrics.in_flight.dec();
        self.metrics.attempts.with_label_values(&[outcome]).inc();
        outcome
    }

    /// Is it worth beginning? While something is down that the file needs, its wake-up is kept instead, and nothing is
    /// claimed. A file that is gone from its source needs no model, so its removal does not wait for one.
    async fn admit(&self, wake: Wake, gate: &Gate) -> Option<(Wake, Option<Scouts>)> {
        if matches!(wake, Wake::Kept(..)) {
            return Some((wake, None));
        }
        let message = wake.message();
        let needs = self.pipelines.needs(&message.index).await;
        let refused = match self.circuits.begin(&needs) {
            Ok(scouts) => return Some((wake, Some(scouts))),
            Err(refused) => refused,
        };
        if refused.dependency.kind == DependencyKind::Embedder
            && let Ok(pipeline) = self.pipelines.of(&message.index, 0).await
            && pipeline.is_gone(&message.path).await
        {
            return Some((wake, None));
        }
        tracing::debug!(index.id = %message.index, file.id = %message.file_id, "{} is not begun: {refused}", message.path);
        gate.keep(needs, message.clone());
        ack(wake).await;
        None
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
                tracing::warn!(%error, index.id = %request.index, file.id = %request.file_id, claim.id = %request.claim_id, "claim failed, the wake-up goes back");
                return None;
            }
            tracing::warn!(%error, index.id = %request.index, file.id = %request.file_id, claim.id = %request.claim_id, "claim failed, asking again in {delay:?}");
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
        tracing::debug!("{} is begun, attempt {}", claim.path, claim.attempts);
        self.metrics.step(Step::Claim, report.time("claim_ms", started));
        let pipeline = match self.pipelines.of(&claim.hold.index, claim.revision).await {
            Ok(pipeline) => pipeline,
            Err(failure) => {
                let planned = plan(
                    failure.at(Step::Claim),
                    claim,
                    &self.settings.steps,
                    rand::random(),
                );
                return self.give_up(claim, planned, &[], None).await;
            }
        };
        let policies = pipeline.retry().over(&self.settings.steps);
        let own_limit = pipeline.longest_attempt();
        let limit = own_limit.map_or(self.settings.stale_after, |own| {
            own.min(self.settings.stale_after)
        });
        let work = async {
            match pipeline.look(claim, &mut report).await {
                Session::CleanUp(previous) => Work::CleanUp(previous),
                Session::Commit(change) => Work::Settle(Attempt::Ready(change)),
                Session::Fail(failure, etag) => Work::Settle(Attempt::Failed { failure, etag }),
                Session::Stand(failure) => Work::Stand(failure),
                Session::Process(meta) => Work::Settle(pipeline.process(claim, &meta, &mut report).await),
            }
        };
        let attempt = match tokio::time::timeout(limit, work).await {
            Ok(Work::Settle(attempt)) => attempt,
            Ok(Work::CleanUp(previous)) => {
                return self.clean_up(&pipeline, claim, previous, &mut report).await;
            }
            Ok(Work::Stand(failure)) => return self.stand(claim, failure).await,
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
        match settle(attempt.at(report.step()), claim, &policies, rand::random()) {
            Settlement::Commit(change) => self.publish(&pipeline, claim, change, report, started).await,
            Settlement::Fail { planned, etag } => self.give_up(claim, planned, pipeline.needs(), etag).await,
        }
    }
}

/// What looking at the file came to.
enum Work {
    /// The attempt's end.
    Settle(Attempt),
    /// Only points of the version before are left to remove.
    CleanUp(Option<ClaimId>),
    /// It stays as it is.
    Stand(Failure),
}

/// The wake-up has done its work; its scouts have theirs before them.
async fn ack(wake: Wake) -> Option<Scouts> {
    let (scouts, acknowledged) = wake.ack().await;
    if let Err(error) = acknowledged {
        tracing::debug!(%error, "a wake-up was not acknowledged, it will come again and find nothing to do");
    }
    scouts
}
