//! Runs the comparison of [`crate::reconcile`] on a real source and ledger, and records its plan.

use std::future::Future;
use std::sync::Arc;

use shared::blob_path::BlobPath;
use shared::blobs::{BlobError, Blobs, Listed};
use shared::clock::Clock;
use shared::file_state::FileState;
use shared::ids::{IndexId, RunId};
use shared::index_settings::IndexSettings;
use shared::ledger::{Comparison, ControlLedger, KnownFile, LedgerError, NewRun, RunKind, RunPage, RunPhase};
use shared::work_message::Lane;
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use crate::metrics::Metrics;
use crate::reconcile::{ASKED, Plan, Policy, plan};
use crate::runs::{LEASE, PAGE};
use crate::traced;

/// Why a comparison was not possible. Nothing was concluded from it.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The source could not be listed.
    #[error("the source cannot be listed: {0}")]
    Source(#[from] BlobError),
    /// The ledger could not be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The index's settings were made by another build.
    #[error("{0}")]
    Settings(String),
}

/// Compares one index with its source.
pub struct Reconciler {
    /// The index.
    pub index: IndexId,
    /// Its source.
    pub blobs: Arc<dyn Blobs>,
    /// What is known.
    pub ledger: Arc<dyn ControlLedger>,
    /// Fingerprint of the settings that files are made with; `None` where only processors know it.
    pub pipeline: Option<String>,
    /// Wakes the dispatcher.
    pub nudge: Arc<Notify>,
    /// When a comparison was done.
    pub clock: Arc<dyn Clock>,
    /// What to count.
    pub metrics: Arc<Metrics>,
    /// One comparison at a time: two at once would only enqueue the same changes twice.
    pub turn: Mutex<()>,
}

/// What a comparison is made from.
struct Seen {
    listed: Vec<Listed>,
    known: Vec<KnownFile>,
    /// Is it all of the index?
    whole: bool,
}

impl Reconciler {
    /// Compares everything. What differs is a run.
    ///
    /// # Errors
    /// See [`ReconcileError`].
    pub async fn everything(&self, reason: &'static str) -> Result<Plan, ReconcileError> {
        let _turn = self.turn.lock().await;
        let plan = self.survey(reason).await?.plan;
        self.record(&plan, reason).await?;
        self.note(&plan).await?;
        Ok(plan)
    }

    /// Compares what is at or below each of the given prefixes, as far as the index covers it. What differs belongs to the
    /// index's batch of events.
    ///
    /// # Errors
    /// See [`ReconcileError`].
    pub async fn scopes(
        &self,
        prefixes: &[String],
        lane: Lane,
        reason: &'static str,
    ) -> Result<Plan, ReconcileError> {
        let _turn = self.turn.lock().await;
        let mut plan = self.counted(self.compare(prefixes, lane, reason)).await?.plan;
        for change in &mut plan.changes {
            change.batch = true;
        }
        for batch in plan.changes.chunks(PAGE as usize) {
            traced::enqueue(&*self.ledger, &self.index, batch).await?;
            self.nudge.notify_one();
        }
        self.count(&plan);
        Ok(plan)
    }

    /// What differs between the source and the ledger; nothing is recorded. The caller has the `turn`.
    ///
    /// # Errors
    /// See [`ReconcileError`].
    pub(crate) async fn survey(&self, reason: &'static str) -> Result<Survey, ReconcileError> {
        self.counted(self.compare(&[String::new()], Lane::Bulk, reason))
            .await
    }

    /// Counts a comparison.
    async fn counted(
        &self,
        comparing: impl Future<Output = Result<Survey, ReconcileError>>,
    ) -> Result<Survey, ReconcileError> {
        let started = Instant::now();
        let result = comparing.await;
        self.metrics
            .reconcile_seconds
            .observe(started.elapsed().as_secs_f64());
        let outcome = if result.is_ok() { "ok" } else { "failed" };
        self.metrics.reconciliations.with_label_values(&[outcome]).inc();
        result
    }

    /// What comparing everything would do now, with what the source lists; nothing is recorded.
    ///
    /// # Errors
    /// See [`ReconcileError`].
    pub async fn preview(&self) -> Result<(Plan, Vec<Listed>), ReconcileError> {
        let policy = self.policy().await?;
        let Seen { listed, known, .. } = self.seen(&policy, &[String::new()]).await?;
        let pipeline = self.pipeline.as_deref();
        let plan = plan(&listed, &known, pipeline, known.len(), &policy, Lane::Bulk, ASKED);
        Ok((plan, listed))
    }

    /// What source and ledger hold at or below each of the given prefixes, as far as the index covers it.
    async fn seen(&self, policy: &Policy, prefixes: &[String]) -> Result<Seen, ReconcileError> {
        let prefixes: Vec<String> = prefixes
            .iter()
            .filter_map(|prefix| policy.scope.share_of(prefix))
            .collect();
        let whole = prefixes.iter().any(|prefix| prefix == policy.scope.prefix());
        let (mut listed, mut known) = (Vec::new(), Vec::new());
        for prefix in outermost(&prefixes) {
            listed.extend(self.blobs.list(prefix).await?);
            if !whole {
                known.extend(self.ledger.known_files(&self.index, prefix).await?);
            }
        }
        if whole {
            // The prefix may have been another one when they came.
            known = self.ledger.known_files(&self.index, "").await?;
        }
        Ok(Seen { listed, known, whole })
    }

    async fn compare(
        &self,
        prefixes: &[String],
        lane: Lane,
        reason: &'static str,
    ) -> Result<Survey, ReconcileError> {
        // Settings first: what is listed after a change was recorded is judged by it.
        let policy = self.policy().await?;
        let Seen { listed, known, whole } = self.seen(&policy, prefixes).await?;
        let index_size = if whole {
            known.len()
        } else {
            self.index_size().await?
        };
        let plan = plan(
            &listed,
            &known,
            self.pipeline.as_deref(),
            index_size,
            &policy,
            lane,
            reason,
        );
        let is_there =
            |entry: &Listed| !matches!(entry.meta, Err(BlobError::Denied(_) | BlobError::Unavailable(_)));
        let covered = |entry: &Listed| policy.scope.owns(&entry.path) && is_there(entry);
        let present = listed.into_iter().filter(covered).map(|entry| entry.path);
        Ok(Survey {
            plan,
            present: present.collect(),
        })
    }

    /// Keeps what a comparison of everything found.
    pub(crate) async fn note(&self, plan: &Plan) -> Result<(), LedgerError> {
        let before = self.latest().await?;
        let listed = plan.added + plan.changed + plan.renamed + plan.unchanged;
        let comparison = Comparison {
            at: self.clock.now(),
            listed: listed as u64,
            current: plan.current as u64,
            missing: (plan.added + plan.renamed) as u64,
            changed: plan.changed as u64,
            orphaned: plan.removed as u64,
            kept: plan.kept as u64,
            outdated: plan.outdated as u64,
            ..before
        };
        self.ledger.note_comparison(&self.index, &comparison).await
    }

    /// What the index's settings say now. They are read each time, because any replica may change them.
    pub(crate) async fn policy(&self) -> Result<Policy, ReconcileError> {
        let indexes = self.ledger.indexes().await?;
        let found = indexes.into_iter().find(|index| index.id == self.index);
        let record = found.ok_or_else(|| LedgerError::UnknownIndex(self.index.clone()))?;
        let settings =
            IndexSettings::of(&record).map_err(|error| ReconcileError::Settings(error.to_string()))?;
        Policy::of(&settings).map_err(ReconcileError::Settings)
    }

    /// What the latest comparison found.
    pub(crate) async fn latest(&self) -> Result<Comparison, LedgerError> {
        let indexes = self.ledger.indexes().await?;
        let found = indexes.into_iter().find(|index| index.id == self.index);
        Ok(found.and_then(|index| index.comparison).unwrap_or_default())
    }

    /// Files that the index knows, tombstones left out.
    pub(crate) async fn index_size(&self) -> Result<usize, LedgerError> {
        let stats = self.ledger.stats(&self.index).await?;
        let files: u64 = stats
            .by_state
            .iter()
            .filter(|(state, _)| **state != FileState::Deleted)
            .map(|(_, count)| count)
            .sum();
        Ok(usize::try_from(files).unwrap_or(usize::MAX))
    }

    /// Records what differs as a run. It is kept before its files are, so whoever comes next finishes what is begun here.
    async fn record(&self, plan: &Plan, reason: &'static str) -> Result<(), LedgerError> {
        if plan.changes.is_empty() {
            return Ok(());
        }
        let run = NewRun {
            id: RunId::generate(),
            index: self.index.clone(),
            kind: RunKind::Scan,
            asked_by: reason.to_owned(),
            path: None,
            lease: LEASE,
        };
        self.ledger.open_run(&run).await?;
        let mut work = run.work();
        let mut pages = plan.changes.chunks(PAGE as usize).peekable();
        while let Some(changes) = pages.next() {
            let page = RunPage {
                changes: changes.to_vec(),
                retry: Vec::new(),
                next: pages.peek().map(|_| (RunPhase::Compare, None)),
            };
            let Some(after) = self.ledger.advance_run(&work, &page, LEASE).await? else {
                // Cancelled, or taken over: what is left is found by whoever has it.
                break;
            };
            work = after;
            self.nudge.notify_one();
        }
        self.count(plan);
        Ok(())
    }

    /// Counts what was recorded, and says so.
    pub(crate) fn count(&self, plan: &Plan) {
        if plan.changes.is_empty() {
            return;
        }
        for (kind, count) in [
            ("added", plan.added),
            ("changed", plan.changed),
            ("renamed", plan.renamed),
            ("removed", plan.removed - plan.held),
            ("held", plan.held),
        ] {
            self.metrics
                .changes
                .with_label_values(&[kind])
                .inc_by(count as u64);
        }
        tracing::info!(
            index.id = %self.index,
            "recorded {} added, {} changed, {} renamed, {} removed ({} held), {} unchanged",
            plan.added, plan.changed, plan.renamed, plan.removed, plan.held, plan.unchanged,
        );
    }
}

/// What a comparison of everything found.
pub(crate) struct Survey {
    /// What to record.
    pub(crate) plan: Plan,
    /// Everything that the index covers and that can be read.
    pub(crate) present: Vec<BlobPath>,
}

/// Is the path `outer`, or below it?
fn is_below(path: &str, outer: &str) -> bool {
    let rest = path.strip_prefix(outer);
    outer.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The prefixes without those that lie below another one.
fn outermost(prefixes: &[String]) -> Vec<&str> {
    let mut sorted: Vec<&str> = prefixes.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let mut kept: Vec<&str> = Vec::new();
    for prefix in sorted {
        if !kept.iter().any(|outer| is_below(prefix, outer)) {
            kept.push(prefix);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_below_others_are_dropped() {
        let prefixes = ["b", "a/x", "a", "a-b", "a/x/y", "b"].map(str::to_owned);
        assert_eq!(outermost(&prefixes), ["a", "a-b", "b"]);
        assert_eq!(outermost(&["x".to_owned(), String::new()]), [""]);
    }
}
