//! What happened, as lines that people read and a hash that two runs of a seed share.

use std::fmt::{self, Write};
use std::sync::{Mutex, PoisonError};

/// Lines shown of a failed run.
const SHOWN: usize = 120;

#[derive(Default)]
pub(super) struct Trace(Mutex<State>);

struct State {
    text: String,
    hash: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            text: String::new(),
            hash: 0xcbf2_9ce4_8422_2325,
        }
    }
}

impl Trace {
    /// Adds a line. It must not contain anything that differs between two runs of a seed, such as an id.
    pub(super) fn note(&self, at: u128, who: &str, what: fmt::Arguments<'_>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let start = state.text.len();
        if writeln!(state.text, "{:>6}.{:03} {who:<10} {what}", at / 1000, at % 1000).is_err() {
            return;
        }
        // FNV-1a.
        let hash = state.text.as_bytes()[start..]
            .iter()
            .fold(state.hash, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
        state.hash = hash;
    }

    /// Hash and number of the lines.
    pub(super) fn summary(&self) -> (u64, usize) {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (state.hash, state.text.lines().count())
    }

    /// The last lines that speak of `file`, or of no file.
    pub(super) fn about(&self, file: Option<&str>) -> String {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let names_none = |line: &str| !line.contains(".txt");
        let lines: Vec<&str> = state
            .text
            .lines()
            .filter(|line| file.is_none_or(|file| line.contains(file) || names_none(line)))
            .collect();
        lines[lines.len().saturating_sub(SHOWN)..].join("\n")
    }
}
