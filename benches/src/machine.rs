//! Facts about the machine that belong beside any number measured on it.

use anyhow::Context;
use serde::Serialize;

/// What ran the benchmark.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    /// Hardware threads.
    pub(crate) cores: usize,
    /// RAM in GiB.
    pub(crate) memory_gib: f64,
    /// Processes that wanted a core in the minute before the start, on average: the benchmark's neighbours.
    pub(crate) load_before: f64,
}

impl Machine {
    /// Asks the system.
    pub(crate) fn look() -> anyhow::Result<Self> {
        let (memory, load) = ("/proc/meminfo", "/proc/loadavg");
        let kib = number(&std::fs::read_to_string(memory)?, 1).context(memory)?;
        Ok(Self {
            cores: std::thread::available_parallelism()?.get(),
            memory_gib: kib / f64::from(1 << 20),
            load_before: number(&std::fs::read_to_string(load)?, 0).context(load)?,
        })
    }

    /// Is so much else going on that seconds say little?
    pub(crate) fn is_busy(&self) -> bool {
        self.load_before > self.cores as f64 / 2.0
    }
}

/// The number at a place in a line of words; the total comes first in both files.
fn number(text: &str, place: usize) -> Option<f64> {
    text.split_whitespace().nth(place)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_place() {
        assert_eq!(
            number("MemTotal:       24600000 kB\nMemFree: 1 kB", 1),
            Some(24_600_000.0)
        );
        assert_eq!(number("0.52 0.58 0.59 1/977 12345", 0), Some(0.52));
        assert_eq!(number("", 0), None);
    }
}
