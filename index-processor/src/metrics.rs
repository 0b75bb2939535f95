//! Every metric of the index processor, declared once.

use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, Registry};
use shared::declare::{Declare, Few};
use shared::retry::Step;

/// Seconds from half a millisecond to ten minutes.
const STEP_BUCKETS: [f64; 15] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0,
];

/// Seconds from a tenth of a second to an hour: what people wait for.
const WAIT_BUCKETS: [f64; 13] = [
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 1800.0, 3600.0,
];

/// Codes of failures that are told apart; some come from conversion services.
const MOST_CODES: usize = 100;

/// Ends of attempts.
const OUTCOMES: &[&str] = &[
    "indexed",
    "kept",
    "skipped",
    "deleted",
    "cleaned",
    "retried",
    "failed",
    "unchanged",
    "lost",
];

/// What the index processor counts.
pub struct Metrics {
    /// Attempts that hold a file now.
    pub in_flight: IntGauge,
    /// Attempts that ended, by `outcome`: `indexed`, `kept`, `skipped`, `deleted`, `cleaned`, `retried`, `failed`,
    /// `unchanged` (content that had failed before), `lost`.
    pub attempts: IntCounterVec,
    /// Failed attempts by `step` and `code`, whether they are tried again or not.
    failures: IntCounterVec,
    /// The codes that are labels.
    codes: Few,
    /// Time of one step of an attempt, by `step`; those that failed are not in it.
    step_seconds: HistogramVec,
    /// Wake-ups that wait in this process for something that is down; their files are PENDING.
    pub held_back: IntGauge,
    /// Conversions by `converter` (`native`, `poppler`, `ocr`, `remote`, `vision`) and `result` (`read`, `read_in_part`, `unread`,
    /// `absent`).
    pub conversions: IntCounterVec,
    /// Tokens that a vision model charged.
    pub vision_tokens: IntCounter,
    /// Time to convert a blob to Markdown, by file `type` and the `converter` that made it, or was the last to try.
    pub file_markdown_seconds: HistogramVec,
    /// Time to get the dense vectors of a file.
    pub embedding_seconds: Histogram,
    /// Time of an attempt that indexed a file, from claim to commit.
    pub file_indexing_seconds: Histogram,
    /// Time of an attempt that removed a file.
    pub file_deletion_seconds: Histogram,
    /// Time to write a file's points.
    pub chunks_upsert_seconds: Histogram,
    /// Time to remove a claim's points.
    pub chunks_delete_seconds: Histogram,
    /// From the report of a change to the commit that made it searchable.
    pub event_to_searchable_seconds: Histogram,
    /// Claims whose points were removed because a newer version is live.
    pub claims_removed: IntCounter,
    /// Points written.
    pub chunks_upserted: IntCounter,
    /// Chunks whose dense vector was taken from the store instead of being embedded again.
    pub chunks_reused: IntCounter,
    /// Chunks sent to the embedder.
    pub chunks_embedded: IntCounter,
    /// Tokens that the embedder charged.
    pub embedding_tokens: IntCounter,
    /// Bytes read from the source.
    pub bytes_read: IntCounter,
    /// Wake-ups for files that had nothing to do.
    pub idle_wakeups: IntCounter,
}

impl Metrics {
    /// Declares the metrics in `registry`.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Self::declare(&Declare::new(registry))
    }

    /// A step took so long.
    pub fn step(&self, step: Step, took: Duration) {
        self.step_seconds
            .with_label_values(&[step.name()])
            .observe(took.as_secs_f64());
    }

    /// An attempt failed.
    pub fn failure(&self, step: Step, code: &str) {
        self.failures
            .with_label_values(&[step.name(), self.codes.of(code)])
            .inc();
    }

    /// Declares the metrics.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn declare(declare: &Declare<'_>) -> Result<Self, prometheus::Error> {
        let steps = Step::ALL.map(Step::name);
        Ok(Self {
            codes: Few::new(MOST_CODES),
            step_seconds: declare.seconds_by(
                "longshore_step_seconds",
                "Time of one step of an attempt that succeeded in it",
                &[("step", &steps)],
                &STEP_BUCKETS,
            )?,
            claims_removed: declare.counter(
                "longshore_claims_removed_total",
                "Versions whose points were removed because a newer one is live",
            )?,
            in_flight: declare.gauge("longshore_attempts_in_flight", "Attempts that hold a file now")?,
            attempts: declare.counters("longshore_attempts_total", "Attempts that ended, by outcome", &[("outcome", OUTCOMES)])?,
            failures: declare.counters("longshore_failures_total", "Failed attempts, by step and code", &[("step", &steps), ("code", &[])])?,
            held_back: declare.gauge(
                "longshore_held_back_wakeups",
                "Wake-ups that wait in this process for something that is down",
            )?,
            conversions: declare.counters("longshore_conversions_total", "Files given to a converter, by how it did", &[("converter", &["native", "poppler", "ocr", "remote", "vision"]), ("result", &["read", "read_in_part", "unread", "absent"])])?,
            vision_tokens: declare.counter(
                "longshore_vision_tokens_total",
                "Tokens that the vision model charged",
            )?,
            file_markdown_seconds: declare.seconds_by(
                "longshore_file_markdown_seconds",
                "Time to convert a blob to Markdown, by file type and the converter that made it or was the last to try; `plain` needs none, `kept` was converted before",
                &[("type", &[]), ("converter", &["plain", "kept", "native", "poppler", "ocr", "remote", "vision"])],
                &STEP_BUCKETS,
            )?,
            embedding_seconds: declare.seconds(
                "longshore_embedding_seconds",
                "Time to get the dense vectors of a file",
                &STEP_BUCKETS,
            )?,
            file_indexing_seconds: declare.seconds(
                "longshore_file_indexing_seconds",
                "Time of an attempt that indexed a file, from claim to commit",
                &STEP_BUCKETS,
            )?,
            file_deletion_seconds: declare.seconds(
                "longshore_file_deletion_seconds",
                "Time of an attempt that removed a file",
                &STEP_BUCKETS,
            )?,
            chunks_upsert_seconds: declare.seconds(
                "longshore_chunks_upsert_seconds",
                "Time to write the points of a file",
                &STEP_BUCKETS,
            )?,
            chunks_delete_seconds: declare.seconds(
                "longshore_chunks_delete_seconds",
                "Time to remove the points of a claim",
                &STEP_BUCKETS,
            )?,
            event_to_searchable_seconds: declare.seconds(
                "longshore_event_to_searchable_seconds",
                "From the report of a change to the commit that made it searchable",
                &WAIT_BUCKETS,
            )?,
            chunks_upserted: declare.counter("longshore_chunks_upserted_total", "Points written")?,
            chunks_reused: declare.counter(
                "longshore_chunks_reused_total",
                "Chunks whose dense vector was found in the store",
            )?,
            chunks_embedded: declare
                .counter("longshore_chunks_embedded_total", "Chunks sent to the embedder")?,
            embedding_tokens: declare.counter(
                "longshore_embedding_tokens_total",
                "Tokens that the embedder charged",
            )?,
            bytes_read: declare.counter("longshore_bytes_read_total", "Bytes read from the source")?,
            idle_wakeups: declare.counter(
                "longshore_idle_wakeups_total",
                "Wake-ups of files with nothing to do",
            )?,
        })
    }
}
