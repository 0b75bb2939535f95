//! Builds the next generation of an index beside the live one, and lets it take over when search loses nothing by it.
//!
//! A generation is an index of the ledger with its own files, claims and collection, so everything that keeps an index true to
//! its source (events, comparisons, repairs) does so for the one that is being built as well. What is particular to
//! generations is in the catalog's row of the family, and this duty carries out what the row says: it may stop anywhere, and
//! whoever has the duty next goes on from the row. The swap itself is one statement of the ledger.

mod decide;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

pub use decide::{Facts, Limits, Verdict, decide};
use shared::clock::UnixMillis;
use shared::embedder::codes;
use shared::file_state::FileState;
use shared::ids::IndexId;
use shared::index_settings::IndexSettings;
use shared::ledger::{Begun, ControlLedger, Family, FileFilter, IndexRecord, Lag, LedgerError};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::duties::Duties;
use crate::indexes::Indexes;
use crate::metrics::Metrics;

/// The duty is held for so long without renewal.
const LEASE: Duration = Duration::from_secs(15);
/// Files whose errors are looked at to see whether the model refuses.
const SAMPLE: u32 = 20;
/// Files that are named when they stand in the way of a swap.
const NAMED: u32 = 3;
/// A look for files that stand in the way reads the whole index. The next one waits for so many times what it took.
const LOOK_SHARE: u32 = 20;

/// How generations come and go.
#[derive(Clone, Copy, Debug)]
pub struct GenerationSettings {
    /// Between looks.
    pub every: Duration,
    /// A retired generation is kept for so long.
    pub retention: Duration,
    /// When a build is given up.
    pub limits: Limits,
}

impl Default for GenerationSettings {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(1),
            retention: Duration::from_secs(7 * 24 * 3600),
            limits: Limits::default(),
        }
    }
}

/// Why a generation was not begun.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// One is under way.
    #[error(
        "another generation of index {0} is being built, or coming back: wait for it, or roll it back (GET \
         /indexes/{0}/generations)"
    )]
    Busy(IndexId),
    /// There is no such index, or it is being deleted.
    #[error("there is no index {0}, or it is being deleted")]
    Gone(IndexId),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Begins to build a generation with these settings beside the live one. It is filled and takes over by itself.
///
/// # Errors
/// See [`BeginError`]. After a ledger error it may have been begun; asking again then says that one is being built.
pub async fn begin(
    ledger: &dyn ControlLedger,
    metrics: &Metrics,
    name: &IndexId,
    settings: &IndexSettings,
) -> Result<IndexRecord, BeginError> {
    let name = name.base();
    let settings = serde_json::to_value(settings).map_err(|error| LedgerError::Corrupt(error.to_string()))?;
    match ledger.begin_generation(&name, &settings).await? {
        Begun::Building(record) => {
            metrics.generation_changes.with_label_values(&["begun"]).inc();
            tracing::info!(index.id = %name, "generation {} is being built", record.id.generation());
            Ok(*record)
        }
        Begun::Busy => Err(BeginError::Busy(name)),
        Begun::Gone => Err(BeginError::Gone(name)),
    }
}

/// Time between two times of the ledger.
#[must_use]
pub fn between(from: Option<UnixMillis>, to: UnixMillis) -> Duration {
    let millis = from.map_or(0, |from| to.saturating_sub(from));
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// What is known of a generation that is to become live.
///
/// # Errors
/// When the ledger fails.
pub async fn facts(
    ledger: &dyn ControlLedger,
    family: &Family,
    next: &IndexRecord,
    limits: &Limits,
) -> Result<Facts, LedgerError> {
    let mut facts = Facts {
        compared: next.comparison.is_some(),
        paused: family.paused,
        next: ledger.stats(&next.id).await?,
        live: ledger.stats(&family.live).await?,
        idle: between(family.progress_at, family.now),
        refused: None,
        failure: None,
    };
    if facts.failed() > limits.failed_files {
        let filter = FileFilter {
            states: vec![FileState::Failed],
            ..FileFilter::default()
        };
        let failed = ledger.files(&next.id, &filter, 1).await?.pop();
        facts.failure = failed.and_then(|file| Some(format!("{}: {}", file.path, file.last_error?)));
    }
    if facts.idle >= limits.refusal {
        let filter = FileFilter {
            states: vec![FileState::Pending],
            ..FileFilter::default()
        };
        let sample = ledger.files(&next.id, &filter, SAMPLE).await?;
        let refusal = |file: shared::ledger::FileRow| file.last_error.filter(codes::needs_a_person);
        facts.refused = sample
            .into_iter()
            .find_map(refusal)
            .map(|failure| failure.to_string());
    }
    Ok(facts)
}

/// What stands in the way, for people.
fn in_words(lag: &Lag) -> String {
    if lag.lost {
        format!("{} would be missing, or older than it is now", lag.path)
    } else {
        format!("{} would be found again although it is gone", lag.path)
    }
}

/// The duty.
pub struct Generations {
    /// The indexes.
    pub indexes: Arc<Indexes>,
    /// Their rows, and the catalog.
    pub ledger: Arc<dyn ControlLedger>,
    /// Is it this replica's?
    pub duties: Arc<Duties>,
    /// Wakes the dispatcher.
    pub nudge: Arc<Notify>,
    /// How.
    pub settings: GenerationSettings,
    /// What to count.
    pub metrics: Arc<Metrics>,
}

impl Generations {
    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        // When to look again for what stands in the way, by generation.
        let mut later = HashMap::new();
        loop {
            if self.duties.hold("generations", LEASE).await
                && let Err(error) = self.pass(&mut later).await
            {
                tracing::warn!(%error, "the generations of indexes cannot be looked at, trying again");
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.settings.every) => {}
            }
        }
    }

    /// Takes every family one step further.
    async fn pass(&self, later: &mut HashMap<IndexId, Instant>) -> Result<(), LedgerError> {
        let families = self.ledger.families().await?;
        let moving = |family: &&Family| !family.deleting && family.made > 1;
        if !families.iter().any(|family| moving(&family)) {
            later.clear();
            return Ok(());
        }
        let records = self.indexes.records().await?;
        for family in families.iter().filter(moving) {
            // One that fails must not keep the others from going on.
            if let Err(error) = self.look(family, &records, later).await {
                tracing::warn!(index.id = %family.name, "its generations: {error:#}; trying again");
            }
        }
        later.retain(|id, _| records.iter().any(|record| record.id == *id));
        Ok(())
    }

    async fn look(
        &self,
        family: &Family,
        records: &[IndexRecord],
        later: &mut HashMap<IndexId, Instant>,
    ) -> anyhow::Result<()> {
        if family.alias.as_ref() != Some(&family.live) {
            self.indexes.opener().publish(&family.live).await?;
            self.ledger.note_alias(&family.name, &family.live).await?;
        }
        let record = |id: &Option<IndexId>| {
            let id = id.as_ref()?;
            records.iter().find(|record| record.id == *id)
        };
        if let Some(next) = record(&family.building) {
            self.build(family, next, later).await?;
        } else if let Some(retired) = record(&family.retired) {
            if family.going_back {
                let stats = self.ledger.stats(&retired.id).await?;
                let known: u64 = stats.by_state.values().sum();
                let settled = known.saturating_sub(stats.backlog);
                self.swap_when_ready(family, retired, settled, later).await?;
            } else if between(family.swapped_at, family.now) >= self.settings.retention
                && self
                    .ledger
                    .drop_retired(&family.name, &retired.id, self.settings.retention)
                    .await?
            {
                self.metrics
                    .generation_changes
                    .with_label_values(&["dropped"])
                    .inc();
                tracing::info!(index.id = %family.name, "generation {} goes", retired.id.generation());
            }
        }
        Ok(())
    }

    async fn build(
        &self,
        family: &Family,
        next: &IndexRecord,
        later: &mut HashMap<IndexId, Instant>,
    ) -> anyhow::Result<()> {
        let facts = facts(&*self.ledger, family, next, &self.settings.limits).await?;
        let settled = facts.settled();
        let note = |waits_for: Vec<String>| async move {
            let (name, next) = (&family.name, &next.id);
            self.ledger.note_progress(name, next, settled, &waits_for).await
        };
        match decide(&facts, &self.settings.limits) {
            Verdict::Wait(why) => Ok(note(vec![why]).await?),
            Verdict::Try => {
                note(family.waits_for.clone()).await?;
                self.swap_when_ready(family, next, settled, later).await
            }
            Verdict::GiveUp(reason) => {
                if self.ledger.roll_back(&family.name, &next.id, &reason).await? {
                    self.metrics
                        .generation_changes
                        .with_label_values(&["rolled_back"])
                        .inc();
                    tracing::warn!(
                        index.id = %family.name,
                        "generation {} is rolled back: {reason}", next.id.generation()
                    );
                }
                Ok(())
            }
        }
    }

    async fn swap_when_ready(
        &self,
        family: &Family,
        next: &IndexRecord,
        settled: u64,
        later: &mut HashMap<IndexId, Instant>,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        if later.get(&next.id).is_some_and(|at| *at > began) {
            return Ok(());
        }
        let (name, id) = (&family.name, &next.id);
        if self.ledger.swap_generation(name, id, false).await? {
            later.remove(id);
            self.swapped(family, next);
        } else {
            let lags = self.ledger.lags(name, id, NAMED).await?;
            let waits_for: Vec<String> = lags.iter().map(in_words).collect();
            self.ledger.note_progress(name, id, settled, &waits_for).await?;
            later.insert(id.clone(), began + began.elapsed() * LOOK_SHARE);
        }
        Ok(())
    }

    fn swapped(&self, family: &Family, next: &IndexRecord) {
        let change = if family.going_back { "undone" } else { "swapped" };
        self.metrics.generation_changes.with_label_values(&[change]).inc();
        self.nudge.notify_one();
        tracing::info!(
            index.id = %family.name,
            "generation {} is live, {} is retired", next.id.generation(), family.live.generation()
        );
    }
}

#[cfg(test)]
mod tests;
