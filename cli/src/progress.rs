//! What a person sees while the index catches up: one line with files, chunks, rate, time left and failures.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use shared::file_state::FileState;
use shared::ledger::IndexStats;
use tokio::time::Instant;

use crate::output::{bars, grouped, is_watched, note, plural, span};

/// Without a terminal a line is printed this often.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Progress of one catch-up, from the first pending file to the last.
pub(crate) struct Progress {
    started: Instant,
    /// Files that were settled when it began.
    settled_before: u64,
    /// Most files seen in all.
    total: u64,
    bar: Option<ProgressBar>,
    last_line: Instant,
}

/// Counts of an index that progress is told from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    done: u64,
    failed: u64,
    backlog: u64,
    chunks: u64,
}

fn counts(stats: &IndexStats) -> Counts {
    let of = |state| stats.by_state.get(&state).copied().unwrap_or(0);
    Counts {
        done: of(FileState::Indexed)
            + of(FileState::Skipped)
            + of(FileState::Failed)
            + of(FileState::Deleted),
        failed: of(FileState::Failed),
        backlog: stats.backlog,
        chunks: stats.chunks,
    }
}

impl Progress {
    pub(crate) fn begin(stats: &IndexStats) -> Self {
        let now = Instant::now();
        let counts = counts(stats);
        let bar = is_watched().then(|| {
            let bar = bars().add(ProgressBar::new(counts.backlog));
            let style = ProgressStyle::with_template("{spinner:.cyan} [{bar:30.cyan/blue}] {msg}");
            bar.set_style(
                style
                    .unwrap_or_else(|_| ProgressStyle::default_bar())
                    .progress_chars("━╸─"),
            );
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self {
            started: now,
            settled_before: counts.done,
            total: counts.backlog,
            bar,
            last_line: now,
        }
    }

    /// Shows where things are; `trouble` is what holds things up, if anything does.
    pub(crate) fn update(&mut self, stats: &IndexStats, trouble: Option<&str>) {
        let counts = counts(stats);
        let done = counts.done.saturating_sub(self.settled_before);
        self.total = self.total.max(done + counts.backlog);
        let text = describe(done, self.total, counts, self.started.elapsed(), trouble);
        if let Some(bar) = &self.bar {
            bar.set_length(self.total);
            bar.set_position(self.total - counts.backlog.min(self.total));
            bar.set_message(text);
        } else if self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            note(&text);
        }
    }

    /// Takes the line away.
    pub(crate) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn describe(done: u64, total: u64, counts: Counts, elapsed: Duration, trouble: Option<&str>) -> String {
    let done = done.min(total);
    let mut text = format!(
        "{}/{} files · {}",
        grouped(done),
        grouped(total),
        plural(counts.chunks, "chunk")
    );
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    if done > 0 && millis > 200 {
        text.push_str(&format!(
            " · {} files/s",
            grouped(done.saturating_mul(1000) / millis)
        ));
        if counts.backlog > 0 {
            let left = i64::try_from(millis.saturating_mul(counts.backlog) / done).unwrap_or(i64::MAX);
            text.push_str(&format!(" · {} left", span(left)));
        }
    }
    if counts.failed > 0 {
        text.push_str(&format!(" · {} failed", grouped(counts.failed)));
    }
    if let Some(trouble) = trouble {
        text.push_str(&format!(" · waiting: {trouble}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_one_wants_to_know() {
        let counts = Counts {
            done: 300,
            failed: 2,
            backlog: 100,
            chunks: 4000,
        };
        let text = describe(
            300,
            400,
            counts,
            Duration::from_secs(3),
            Some("embedder_throttled"),
        );
        assert_eq!(
            text,
            "300/400 files · 4,000 chunks · 100 files/s · 1.0 s left · 2 failed · waiting: embedder_throttled"
        );
        let start = Counts {
            done: 0,
            failed: 0,
            backlog: 400,
            chunks: 0,
        };
        assert_eq!(
            describe(0, 400, start, Duration::from_secs(3), None),
            "0/400 files · 0 chunks"
        );
    }
}
