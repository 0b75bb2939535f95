//! What the person at the terminal sees while the tasks work, and when `--once` is done.

mod numbers;

use std::collections::HashMap;
use std::time::Duration;

use control_plane::indexes::Indexes;
use control_plane::reconcile::{ASKED, Plan};
use shared::file_state::FileState;
use shared::ids::IndexId;
use shared::ledger::{FileFilter, IndexRecord, IndexState, Role};
use shared::shutdown::Tasks;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::numbers::{Numbers, backlog, total};
use crate::embedded::Embedded;
use crate::exit::Exit;
use crate::output::{note, plural};
use crate::progress::Progress;

/// Between looks at the ledger while something is going on.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Without work for this long, the vector store is given time for its upkeep.
const IDLE_BEFORE_UPKEEP: Duration = Duration::from_secs(2);

/// What the foreground looks at while the tasks work.
pub(super) struct View<'a> {
    pub(super) embedded: &'a Embedded,
    pub(super) indexes: &'a Indexes,
    pub(super) metrics: &'a index_processor::metrics::Metrics,
    pub(super) settled: &'a Notify,
}

/// What a comparison of every index with its source found.
#[derive(Default)]
struct Scan {
    /// Changes to be made.
    changes: usize,
    /// Files that are as they should be, by index.
    unchanged: HashMap<IndexId, u64>,
    /// Indexes that could not be compared.
    failed: usize,
}

impl View<'_> {
    /// Works until sources and indexes are equal.
    pub(super) async fn once(&self, tasks: &Tasks, patience: Duration) -> anyhow::Result<Exit> {
        let started = Instant::now();
        let mut unchanged = None;
        loop {
            let scan = self.scan(ASKED).await?;
            // What the first comparison found; the later ones only prove the end.
            let unchanged = &*unchanged.get_or_insert(scan.unchanged);
            // A comparison that finds nothing new, with nothing left to do, is the proof.
            let numbers = self.numbers().await?;
            if scan.changes == 0 && backlog(&numbers) == 0 {
                self.summary(&numbers, unchanged, started).await?;
                let complete = scan.failed == 0 && numbers.iter().all(Numbers::is_complete);
                return Ok(if complete { Exit::Ok } else { Exit::Partly });
            }
            if !self.catch_up(tasks, Some(patience)).await? {
                let numbers = self.numbers().await?;
                self.summary(&numbers, unchanged, started).await?;
                let why = if tasks.stopping().is_cancelled() {
                    "stopped".to_owned()
                } else {
                    format!("gave up after {} s without progress", patience.as_secs())
                };
                note(&format!(
                    "{why} with {} to do; run the same command again to go on",
                    plural(backlog(&numbers), "file")
                ));
                return Ok(Exit::Partly);
            }
        }
    }

    /// Keeps the indexes true until told to stop.
    pub(super) async fn follow(&self, tasks: &Tasks) -> anyhow::Result<Exit> {
        let started = Instant::now();
        let stop = tasks.stopping();
        let scan = self.scan("scan").await?;
        if scan.changes > 0 || backlog(&self.numbers().await?) > 0 {
            self.catch_up(tasks, None).await?;
        }
        self.summary(&self.numbers().await?, &scan.unchanged, started)
            .await?;
        note("watching for changes; stop with Ctrl-C");
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.settled.notified() => {
                    self.catch_up(tasks, None).await?;
                }
                () = tokio::time::sleep(IDLE_BEFORE_UPKEEP) => {
                    self.vectors_upkeep().await;
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = self.settled.notified() => {}
                    }
                }
            }
        }
        Ok(Exit::Ok)
    }

    async fn vectors_upkeep(&self) {
        for index in self.indexes.opened().await {
            if let Some(upkeep) = &index.upkeep
                && let Err(error) = upkeep.vectors_upkeep().await
            {
                tracing::warn!(%error, index.id = %index.record.id, "upkeep of the vector store failed");
            }
        }
    }

    /// Compares every index with its source. The folder that `up` was given must be there; an index that is made from
    /// something else may fail, and is compared again later.
    async fn scan(&self, reason: &'static str) -> anyhow::Result<Scan> {
        let mut scan = Scan::default();
        for record in self.indexes.records().await? {
            if record.state == IndexState::Deleting {
                continue;
            }
            match self.compare(&record, reason).await {
                Ok(plan) => {
                    scan.changes += plan.changes.len();
                    scan.unchanged.insert(record.id, plan.unchanged as u64);
                }
                Err(error) if record.role == Role::Live && record.id.base() == self.embedded.index => {
                    return Err(error);
                }
                Err(error) => {
                    note(&format!("index {} is not compared: {error:#}", record.id));
                    scan.failed += 1;
                }
            }
        }
        Ok(scan)
    }

    async fn compare(&self, record: &IndexRecord, reason: &'static str) -> anyhow::Result<Plan> {
        let index = self.indexes.of_record(record).await?;
        if let Some(upkeep) = &index.upkeep {
            // What was asked for while nobody was here.
            upkeep.carry_out_runs().await?;
        }
        match &index.reconciler {
            Some(reconciler) => Ok(reconciler.everything(reason).await?),
            None => Ok(Plan::default()),
        }
    }

    /// Shows progress until nothing is pending or running. `false` when told to stop, or when nothing has moved for as
    /// long as patience lasts.
    async fn catch_up(&self, tasks: &Tasks, patience: Option<Duration>) -> anyhow::Result<bool> {
        let stop = tasks.stopping();
        let mut stats = total(&self.numbers().await?);
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
            stats = total(&self.numbers().await?);
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
        for record in self.indexes.records().await? {
            let waiting = self.embedded.ledger.files(&record.id, &pending, 1).await?;
            if let Some(failure) = waiting.into_iter().find_map(|file| file.last_error) {
                return Ok(Some(failure.to_string()));
            }
        }
        Ok(None)
    }

    /// The numbers of every index that is not on its way out. A generation that is kept for an undo waits for nobody.
    async fn numbers(&self) -> anyhow::Result<Vec<Numbers>> {
        let mut all = Vec::new();
        for record in self.indexes.records().await? {
            if record.state != IndexState::Deleting && record.role != Role::Retired {
                let stats = self.embedded.ledger.stats(&record.id).await?;
                all.push(Numbers {
                    index: record.id,
                    paused: record.state == IndexState::Paused,
                    stats,
                });
            }
        }
        Ok(all)
    }

    async fn summary(
        &self,
        numbers: &[Numbers],
        unchanged: &HashMap<IndexId, u64>,
        started: Instant,
    ) -> anyhow::Result<()> {
        let took = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
        for of_index in numbers {
            let unchanged = unchanged.get(&of_index.index).copied().unwrap_or(0);
            let name = if numbers.len() > 1 {
                format!("index {} · ", of_index.index)
            } else {
                String::new()
            };
            note(&format!("{name}{}", of_index.line(unchanged, took)));
            self.attention(of_index).await?;
        }
        Ok(())
    }

    /// Says what a person should look at.
    async fn attention(&self, numbers: &Numbers) -> anyhow::Result<()> {
        if numbers.of(FileState::Failed) > 0 {
            self.list_failures(&numbers.index).await?;
        }
        let held = numbers.of(FileState::AwaitingApproval);
        if held > 0 {
            note(&format!(
                "{} vanished from the folder at once; they stay searchable until you decide: \
                 `longshore approve` removes them, `longshore approve --reject` keeps them",
                plural(held, "file")
            ));
        }
        if numbers.paused {
            note(&format!(
                "index {0} is paused with {1} to do; `longshore index resume {0}` goes on",
                numbers.index,
                plural(numbers.stats.backlog, "file")
            ));
        }
        Ok(())
    }

    async fn list_failures(&self, index: &IndexId) -> anyhow::Result<()> {
        const SHOWN: u32 = 10;
        let failed = FileFilter {
            states: vec![FileState::Failed],
            ..FileFilter::default()
        };
        for file in self.embedded.ledger.files(index, &failed, SHOWN).await? {
            let why = file
                .last_error
                .map_or_else(String::new, |failure| failure.to_string());
            note(&format!("  failed  {}  {why}", file.path));
        }
        note("  all of them: `longshore files --status FAILED`; try again: `longshore retry`");
        Ok(())
    }
}
