//! What the person at the terminal sees while the tasks work, and when `--once` is done.

use std::time::Duration;

use control_plane::reconciler::Reconciler;
use control_plane::upkeep::Upkeep;
use shared::file_state::FileState;
use shared::ledger::{FileFilter, IndexStats};
use shared::shutdown::Tasks;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::embedded::Embedded;
use crate::output::{self, grouped, note, plural, span};
use crate::progress::Progress;

/// Finished, and something failed or waits for a decision.
const INCOMPLETE: u8 = 3;
/// Between looks at the ledger while something is going on.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Without work for this long, the vector store is given time for its upkeep.
const IDLE_BEFORE_UPKEEP: Duration = Duration::from_secs(2);

/// What the foreground looks at while the tasks work.
pub(super) struct View<'a> {
    pub(super) embedded: &'a Embedded,
    pub(super) reconciler: &'a Reconciler,
    pub(super) metrics: &'a index_processor::metrics::Metrics,
    pub(super) settled: &'a Notify,
}

impl View<'_> {
    /// Works until folder and index are equal.
    pub(super) async fn once(&self, tasks: &Tasks, patience: Duration) -> anyhow::Result<u8> {
        let started = Instant::now();
        let mut unchanged = None;
        loop {
            let plan = self.reconciler.everything("scan").await?;
            // What the first comparison found; the later ones only prove the end.
            let unchanged = *unchanged.get_or_insert(plan.unchanged as u64);
            // A comparison that finds nothing new, with nothing left to do, is the proof.
            let stats = self.stats().await?;
            if plan.changes.is_empty() && stats.backlog == 0 {
                self.summary(&stats, unchanged, started).await?;
                return Ok(if is_complete(&stats) { 0 } else { INCOMPLETE });
            }
            if !self.catch_up(tasks, Some(patience)).await? {
                let stats = self.stats().await?;
                self.summary(&stats, unchanged, started).await?;
                let why = if tasks.stopping().is_cancelled() {
                    "stopped".to_owned()
                } else {
                    format!("gave up after {} s without progress", patience.as_secs())
                };
                note(&format!(
                    "{why} with {} to do; run the same command again to go on",
                    plural(stats.backlog, "file")
                ));
                return Ok(INCOMPLETE);
            }
        }
    }

    /// Keeps the index true until told to stop.
    pub(super) async fn follow(&self, tasks: &Tasks, upkeep: &Upkeep) -> anyhow::Result<u8> {
        let started = Instant::now();
        let stop = tasks.stopping();
        let plan = self.reconciler.everything("scan").await?;
        if !plan.changes.is_empty() || self.stats().await?.backlog > 0 {
            self.catch_up(tasks, None).await?;
        }
        self.summary(&self.stats().await?, plan.unchanged as u64, started)
            .await?;
        note("watching for changes; stop with Ctrl-C");
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.settled.notified() => {
                    self.catch_up(tasks, None).await?;
                }
                () = tokio::time::sleep(IDLE_BEFORE_UPKEEP) => {
                    if let Err(error) = upkeep.vectors_upkeep().await {
                        tracing::warn!(%error, "upkeep of the vector store failed");
                    }
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = self.settled.notified() => {}
                    }
                }
            }
        }
        Ok(0)
    }

    /// Shows progress until nothing is pending or running. `false` when told to stop, or when nothing has moved for as
    /// long as patience lasts.
    async fn catch_up(&self, tasks: &Tasks, patience: Option<Duration>) -> anyhow::Result<bool> {
        let stop = tasks.stopping();
        let mut stats = self.stats().await?;
        let mut progress = Progress::begin(&stats);
        let mut moved = (Instant::now(), self.movement());
        let caught_up = loop {
            if stats.backlog == 0 {
                break true;
            }
            let movement = self.movement();
            if movement != moved.1 {
                moved = (Instant::now(), movement);
            }
            let stuck = moved.0.elapsed();
            if stop.is_cancelled() || patience.is_some_and(|patience| stuck >= patience) {
                break false;
            }
            let trouble = if stuck > Duration::from_secs(2) {
                self.trouble().await?
            } else {
                None
            };
            progress.update(&stats, trouble.as_deref());
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            stats = self.stats().await?;
        };
        progress.end();
        Ok(caught_up)
    }

    /// A number that moves when work gets done.
    fn movement(&self) -> u64 {
        let done = ["indexed", "kept", "skipped", "deleted", "cleaned", "failed"];
        let ended: u64 = done
            .iter()
            .map(|end| self.metrics.attempts.with_label_values(&[end]).get())
            .sum();
        ended + self.metrics.chunks_embedded.get() + self.metrics.chunks_upserted.get()
    }

    /// Why a pending file waits.
    async fn trouble(&self) -> anyhow::Result<Option<String>> {
        let pending = FileFilter {
            states: vec![FileState::Pending],
            ..FileFilter::default()
        };
        let waiting = self
            .embedded
            .ledger
            .files(&self.embedded.index, &pending, 1)
            .await?;
        Ok(waiting
            .into_iter()
            .find_map(|file| file.last_error)
            .map(|failure| failure.to_string()))
    }

    async fn stats(&self) -> anyhow::Result<IndexStats> {
        Ok(self.embedded.ledger.stats(&self.embedded.index).await?)
    }

    async fn summary(&self, stats: &IndexStats, unchanged: u64, started: Instant) -> anyhow::Result<()> {
        let of = |state| stats.by_state.get(&state).copied().unwrap_or(0);
        let took = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
        let mut text = format!(
            "{} indexed, {} skipped, {} failed · {} · {} read · {}",
            plural(of(FileState::Indexed), "file"),
            grouped(of(FileState::Skipped)),
            grouped(of(FileState::Failed)),
            plural(stats.chunks, "chunk"),
            output::bytes(stats.bytes),
            span(took),
        );
        if unchanged > 0 {
            text.push_str(&format!(" · {} unchanged", grouped(unchanged)));
        }
        note(&text);
        if of(FileState::Failed) > 0 {
            self.list_failures().await?;
        }
        let held = of(FileState::AwaitingApproval);
        if held > 0 {
            note(&format!(
                "{} vanished from the folder at once; they stay searchable until you decide: \
                 `longshore approve` removes them, `longshore approve --reject` keeps them",
                plural(held, "file")
            ));
        }
        Ok(())
    }

    async fn list_failures(&self) -> anyhow::Result<()> {
        const SHOWN: u32 = 10;
        let failed = FileFilter {
            states: vec![FileState::Failed],
            ..FileFilter::default()
        };
        for file in self
            .embedded
            .ledger
            .files(&self.embedded.index, &failed, SHOWN)
            .await?
        {
            let why = file
                .last_error
                .map_or_else(String::new, |failure| failure.to_string());
            note(&format!("  failed  {}  {why}", file.path));
        }
        note("  all of them: `longshore files --status FAILED`; try again: `longshore retry`");
        Ok(())
    }
}

/// Does search show everything that the folder holds and nothing else?
fn is_complete(stats: &IndexStats) -> bool {
    [FileState::Failed, FileState::AwaitingApproval]
        .iter()
        .all(|state| !stats.by_state.contains_key(state))
}
