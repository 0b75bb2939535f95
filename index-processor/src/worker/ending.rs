//! How attempts end: published, given up, or left as they were.

use std::future::Future;
use std::time::Duration;

use shared::circuit::Dependency;
use shared::file_state::FileState;
use shared::ids::ClaimId;
use shared::ledger::{
    Claim, Commit, CommitChange, CommitOutcome, Fail, FailOutcome, LedgerError, ReleaseOutcome,
};
use shared::retry::{Failure, FailureClass, Planned, Step};
use shared::trace::{TARGET, spans};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::Worker;
use crate::pipeline::{Pipeline, Report};
use crate::settle::plan;

impl Worker {
    /// Commits, removes what was live before, releases.
    pub(super) async fn publish(
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
        let span = tracing::trace_span!(
            target: TARGET, "commit", otel.kind = "client", db.operation.name = "commit", change = outcome,
        );
        let committed = match self
            .settled(claim, "commit", || self.ledger.commit(&commit))
            .instrument(span)
            .await
        {
            CommitOutcome::Committed(committed) => committed,
            CommitOutcome::Lost => return "lost",
        };
        tracing::debug!(
            outcome,
            took_ms = took.as_millis(),
            "{} is committed: {outcome}",
            claim.path
        );
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
                .instrument(tracing::trace_span!(target: TARGET, "sweep"))
                .await;
            if ended != "cleaned" {
                return ended;
            }
        }
        outcome
    }

    /// Removes the points of the previous claim and releases the file.
    pub(super) async fn clean_up(
        &self,
        pipeline: &Pipeline,
        claim: &Claim,
        previous: Option<ClaimId>,
        report: &mut Report,
    ) -> &'static str {
        if let Some(previous) = previous
            && let Err(failure) = pipeline.remove(previous, report).await
        {
            let policies = pipeline.retry().over(&self.settings.steps);
            let planned = plan(failure.at(report.step()), claim, &policies, rand::random());
            return self.give_up(claim, planned, pipeline.needs(), None).await;
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

    /// Gives the file up for now, or for good. While something is down that it needs, the next attempt waits at least until
    /// that is asked again.
    pub(super) async fn give_up(
        &self,
        claim: &Claim,
        planned: Planned,
        needs: &[Dependency],
        etag: Option<String>,
    ) -> &'static str {
        let Planned {
            failure,
            delay,
            step_spent,
        } = planned;
        let delay = match failure.class {
            FailureClass::Permanent => delay,
            FailureClass::Transient | FailureClass::Throttled => delay.max(self.circuits.wait(needs)),
        };
        let most = self.settings.max_attempts;
        let fail = Fail {
            hold: claim.hold.clone(),
            failure,
            delay,
            max_attempts: if step_spent {
                most.min(claim.attempts)
            } else {
                most
            },
            etag,
            standing: false,
        };
        self.fail(claim, &fail).await
    }

    /// The content is the one that failed before: nothing is tried, and nothing charged.
    pub(super) async fn stand(&self, claim: &Claim, failure: Failure) -> &'static str {
        let fail = Fail {
            hold: claim.hold.clone(),
            failure,
            delay: Duration::ZERO,
            max_attempts: self.settings.max_attempts,
            etag: claim.failed_etag.clone(),
            standing: true,
        };
        match self.settled(claim, "fail", || self.ledger.fail(&fail)).await {
            FailOutcome::Given(_) => "unchanged",
            FailOutcome::Lost => "lost",
        }
    }

    pub(super) async fn give_back(
        &self,
        claim: &Claim,
        code: &'static str,
        why: &'static str,
    ) -> &'static str {
        let fail = Fail {
            hold: claim.hold.clone(),
            failure: Failure::throttled(code, why).at(Step::Claim),
            delay: Duration::ZERO,
            max_attempts: self.settings.max_attempts,
            etag: None,
            standing: false,
        };
        self.fail(claim, &fail).await
    }

    async fn fail(&self, claim: &Claim, fail: &Fail) -> &'static str {
        let Fail { failure, delay, .. } = fail;
        let step = failure.step.unwrap_or(Step::Claim);
        spans::failed(&failure.code);
        self.metrics.failure(step, &failure.code);
        match self.settled(claim, "fail", || self.ledger.fail(fail)).await {
            FailOutcome::Given(FileState::Failed) => {
                tracing::error!(
                    step = %step, code = failure.code,
                    "{} failed at {step} after {} attempts: {failure}", claim.path, claim.attempts,
                );
                "failed"
            }
            FailOutcome::Given(_) => {
                tracing::warn!(
                    step = %step, code = failure.code,
                    "{} is tried again in {delay:?}, {step} failed: {failure}", claim.path,
                );
                "retried"
            }
            FailOutcome::Lost => "lost",
        }
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
                        %error,
                        "{what} of {} did not reach the ledger, trying again in {delay:?}", claim.path,
                    );
                    tokio::time::sleep(delay).await;
                }
            }
        }
    }
}
