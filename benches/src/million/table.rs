//! Times, and a Markdown table of two sizes side by side.

use std::time::Duration;

/// Times of the same thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timings(Vec<Duration>);

impl Timings {
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    pub(crate) fn total(&self) -> Duration {
        self.0.iter().sum()
    }

    pub(crate) fn median(&self) -> f64 {
        self.percentile(50)
    }

    /// In milliseconds; 0 of nothing.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
        sorted.get(rank).map_or(0.0, |took| took.as_secs_f64() * 1000.0)
    }
}

/// A thing measured at two sizes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) title: String,
    pub(crate) small: Timings,
    pub(crate) large: Timings,
    /// Bytes of the answer at the larger size.
    pub(crate) bytes: usize,
    /// What the peak of the process's memory grew by during one, in MiB.
    pub(crate) small_growth: f64,
    pub(crate) large_growth: f64,
}

/// The rows as Markdown.
pub(crate) fn markdown(small: usize, large: usize, rows: &[Row]) -> String {
    let mut table = format!(
        "| milliseconds | {small} files: median | p95 | {large} files: median | p95 | ratio | answer, KiB | memory, MiB: {small} files | {large} files |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for row in rows {
        table.push_str(&line(row));
        table.push('\n');
    }
    table
}

/// A line of the table.
pub(crate) fn line(row: &Row) -> String {
    let ratio = if row.small.median() > 0.0 {
        format!("{:.1}", row.large.median() / row.small.median())
    } else {
        "–".to_owned()
    };
    format!(
        "| {} | {:.1} | {:.1} | {:.1} | {:.1} | {ratio} | {:.0} | {:.1} | {:.1} |",
        row.title,
        row.small.median(),
        row.small.percentile(95),
        row.large.median(),
        row.large.percentile(95),
        row.bytes as f64 / 1024.0,
        row.small_growth,
        row.large_growth,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_measured() {
        let mut timings = Timings::default();
        assert_eq!(timings.median(), 0.0);
        for millis in (1..=20).rev() {
            timings.add(Duration::from_millis(millis));
        }
        assert_eq!(timings.median(), 10.0);
        assert_eq!(timings.percentile(95), 19.0);
        assert_eq!(timings.percentile(100), 20.0);
        assert_eq!(timings.total(), Duration::from_millis(210));
    }
}
