//! The numbers of indexes, as one line each and as a sum.

use shared::file_state::FileState;
use shared::ids::IndexId;
use shared::ledger::IndexStats;

use crate::output::{self, grouped, plural, span};

/// An index and its numbers.
pub(super) struct Numbers {
    pub(super) index: IndexId,
    /// Nothing of it is done until somebody resumes it.
    pub(super) paused: bool,
    pub(super) stats: IndexStats,
}

impl Numbers {
    /// Files in a state.
    pub(super) fn of(&self, state: FileState) -> u64 {
        self.stats.by_state.get(&state).copied().unwrap_or(0)
    }

    /// Does search show everything that the source holds and nothing else?
    pub(super) fn is_complete(&self) -> bool {
        let unsettled = [FileState::Failed, FileState::AwaitingApproval];
        self.stats.backlog == 0 && unsettled.iter().all(|state| self.of(*state) == 0)
    }

    /// What there is, after so many milliseconds.
    pub(super) fn line(&self, unchanged: u64, took: i64) -> String {
        let mut text = format!(
            "{} indexed, {} skipped, {} failed · {} · {} read · {}",
            plural(self.of(FileState::Indexed), "file"),
            grouped(self.of(FileState::Skipped)),
            grouped(self.of(FileState::Failed)),
            plural(self.stats.chunks, "chunk"),
            output::bytes(self.stats.bytes),
            span(took),
        );
        if unchanged > 0 {
            text.push_str(&format!(" · {} unchanged", grouped(unchanged)));
        }
        text
    }
}

/// Files that are still to be done; those of paused indexes wait for somebody.
pub(super) fn backlog(all: &[Numbers]) -> u64 {
    all.iter()
        .filter(|numbers| !numbers.paused)
        .map(|numbers| numbers.stats.backlog)
        .sum()
}

/// What progress is told from.
pub(super) fn total(all: &[Numbers]) -> IndexStats {
    let mut total = IndexStats::default();
    for numbers in all {
        for (state, count) in &numbers.stats.by_state {
            *total.by_state.entry(*state).or_default() += count;
        }
        total.chunks += numbers.stats.chunks;
        total.bytes += numbers.stats.bytes;
        total.partial += numbers.stats.partial;
    }
    total.backlog = backlog(all);
    total
}
