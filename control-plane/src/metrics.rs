//! Every metric of the control plane, declared once.

use prometheus::{GaugeVec, Histogram, IntCounter, IntCounterVec, IntGaugeVec, Registry};
use shared::declare::Declare;

/// Seconds from a millisecond to a minute.
const LATENCY_BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// What the control plane counts.
pub struct Metrics {
    /// Wake-ups that the queue confirmed.
    pub woken: IntCounter,
    /// Files set aside because their run is suspended.
    pub set_aside: IntCounter,
    /// What people did to instances, by `kind` (`file`, `run`, `any`) and `action`: `terminate`, `suspend`, `resume`, `rewind`, `purge`.
    pub interventions: IntCounterVec,
    /// Changes recorded, by `kind`: `added`, `changed`, `renamed`, `removed`, `held`.
    pub changes: IntCounterVec,
    /// Events that sources reported, by `source` (the format: `event_grid`, `cloud_events`, `s3`, `gcs`, `unknown`) and
    /// `outcome`: `accepted`, `duplicate`, `ignored`, `unowned`, `refused`, `unreadable` (bodies), `unavailable` (the ledger did
    /// not answer, so they come again).
    pub events: IntCounterVec,
    /// Attempts that were taken from a worker that died or froze.
    pub swept: IntCounter,
    /// Dead claims whose points were removed.
    pub scrubbed: IntCounter,
    /// Comparisons of source and ledger, by `outcome`: `ok`, `failed`.
    pub reconciliations: IntCounterVec,
    /// Time of one comparison.
    pub reconcile_seconds: Histogram,
    /// Time of one search, from request to answer.
    pub search_seconds: Histogram,
    /// Searches by `outcome`: `ok`, `degraded` (the answer says in what way), `refused` (the request), `timed_out`, `failed`.
    pub searches: IntCounterVec,
    /// Vectors of queries by `outcome`: `kept` (from memory, or shared with an equal query), `embedded`, `failed`.
    pub query_embeddings: IntCounterVec,
    /// Documents read from their points, by `outcome`: `ok`, `superseded` (and read again), `failed`.
    pub documents_read: IntCounterVec,
    /// Calls of tools by language-model clients over HTTP, by `tool` (`unknown` for any that there is not) and `outcome`:
    /// `ok`, `refused` (the arguments or the key), `failed`.
    pub mcp_calls: IntCounterVec,
    /// Time of one query to the vector store.
    pub vector_query_seconds: Histogram,
    /// Hits left out because their claim is not live.
    pub stale_hits: IntCounter,
    /// Messages that the queue gave up, by `reason`: `rejected`, `delivery_limit`, `maxlen`, `expired`, `other`.
    pub dead_letters: IntCounterVec,
    /// Approvals, by `event`: `opened`, `timer` (nobody decided in time).
    pub approvals: IntCounterVec,
    /// Requests by `operation` (its id in the OpenAPI document, or `none`) and `class` of the answer's status: `2xx`, `4xx`, …
    pub http_requests: IntCounterVec,
    /// Requests that did not get to a handler, by `code` of the problem: `unauthorized`, `forbidden`, `throttled`, `overloaded`, …
    pub http_refused: IntCounterVec,
    /// Files by `index` and `state`, read from the ledger at scrape time.
    pub files: IntGaugeVec,
    /// PENDING and running files by `index` and `lane`, read at scrape time.
    pub backlog: IntGaugeVec,
    /// Share of files that are as they should be by `index`, as of the latest comparison.
    pub completeness: GaugeVec,
    /// Generations by `index` and `role` (`LIVE`, `BUILDING`, `RETIRED`, `DROPPING`), read at scrape time.
    pub generations: IntGaugeVec,
    /// Share of the files of a build that are settled, by `index`, read at scrape time.
    pub generation_progress: GaugeVec,
    /// What became of generations, by `change`: `begun`, `swapped`, `undone`, `rolled_back`, `dropped`.
    pub generation_changes: IntCounterVec,
    /// Age in seconds of the oldest change that is not applied, by `index`, read at scrape time.
    pub oldest_pending_seconds: IntGaugeVec,
}

impl Metrics {
    /// Declares the metrics in `registry`.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let declare = Declare(registry);
        Ok(Self {
            woken: declare.counter("longshore_wakeups_total", "Wake-ups that the queue confirmed")?,
            set_aside: declare.counter(
                "longshore_set_aside_total",
                "Files set aside because their run is suspended",
            )?,
            interventions: declare.counters_by(
                "longshore_interventions_total",
                "Files and runs that people terminated, suspended, resumed, rewound or purged",
                &["kind", "action"],
            )?,
            changes: declare.counters(
                "longshore_changes_total",
                "Changes recorded in the ledger, by kind",
                "kind",
            )?,
            events: declare.counters_by(
                "longshore_events_total",
                "Events that sources reported, by format and outcome",
                &["source", "outcome"],
            )?,
            swept: declare.counter(
                "longshore_swept_total",
                "Attempts taken from a worker that died or froze",
            )?,
            scrubbed: declare.counter(
                "longshore_scrubbed_claims_total",
                "Dead claims whose points were removed",
            )?,
            reconciliations: declare.counters(
                "longshore_reconciliations_total",
                "Comparisons of source and ledger, by outcome",
                "outcome",
            )?,
            reconcile_seconds: declare.seconds(
                "longshore_reconcile_seconds",
                "Time of one comparison of source and ledger",
                &LATENCY_BUCKETS,
            )?,
            search_seconds: declare.seconds(
                "longshore_search_seconds",
                "Time of one search, from request to answer",
                &LATENCY_BUCKETS,
            )?,
            searches: declare.counters("longshore_searches_total", "Searches, by outcome", "outcome")?,
            query_embeddings: declare.counters(
                "longshore_query_embeddings_total",
                "Vectors of queries, by where they came from",
                "outcome",
            )?,
            documents_read: declare.counters(
                "longshore_documents_read_total",
                "Documents put together from their points, by outcome",
                "outcome",
            )?,
            mcp_calls: declare.counters_by(
                "longshore_mcp_calls_total",
                "Calls of tools by language-model clients, by tool and outcome",
                &["tool", "outcome"],
            )?,
            vector_query_seconds: declare.seconds(
                "longshore_vector_query_seconds",
                "Time of one query to the vector store",
                &LATENCY_BUCKETS,
            )?,
            stale_hits: declare.counter(
                "longshore_stale_hits_total",
                "Search hits left out because their claim is not live",
            )?,
            http_requests: declare.counters_by(
                "longshore_http_requests_total",
                "Requests by operation and class of status",
                &["operation", "class"],
            )?,
            http_refused: declare.counters(
                "longshore_http_refused_total",
                "Requests that did not get to a handler, by code",
                "code",
            )?,
            files: declare.gauges("longshore_files", "Files by index and state", &["index", "state"])?,
            backlog: declare.gauges(
                "longshore_backlog",
                "Pending and running files by index and lane",
                &["index", "lane"],
            )?,
            approvals: declare.counters(
                "longshore_approvals_total",
                "Approvals that were opened, and decided by the timer",
                "event",
            )?,
            dead_letters: declare.counters(
                "longshore_dead_letters_total",
                "Messages that the queue gave up, by reason",
                "reason",
            )?,
            completeness: declare.ratios(
                "longshore_completeness_ratio",
                "Share of files that are as they should be, by index, as of the latest comparison",
                &["index"],
            )?,
            generations: declare.gauges(
                "longshore_generations",
                "Generations by index and role",
                &["index", "role"],
            )?,
            generation_progress: declare.ratios(
                "longshore_generation_progress_ratio",
                "Share of the files of a generation being built that are settled, by index",
                &["index"],
            )?,
            generation_changes: declare.counters(
                "longshore_generation_changes_total",
                "Generations that were begun, swapped, undone, rolled back or dropped",
                "change",
            )?,
            oldest_pending_seconds: declare.gauges(
                "longshore_oldest_pending_seconds",
                "Age of the oldest change that is not applied, by index",
                &["index"],
            )?,
        })
    }
}
