//! Every metric of the control plane, declared once.

use prometheus::{GaugeVec, Histogram, IntCounter, IntCounterVec, IntGaugeVec, Registry};
use shared::declare::{Declare, Label};
use tokio::sync::Mutex;

use crate::http::gauges::LastReading;

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
    /// When the gauges that follow were read from the ledger.
    pub reading: Mutex<LastReading>,
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
    /// The latest runs by `index` and `state`, read at scrape time.
    pub recent_runs: IntGaugeVec,
    /// Runs that are not over by `index` and `kind`, read at scrape time.
    pub open_runs: IntGaugeVec,
    /// Questions that wait for somebody by `index`, read at scrape time.
    pub approvals_waiting: IntGaugeVec,
    /// Files that wait for those answers by `index`, read at scrape time.
    pub approval_files_waiting: IntGaugeVec,
    /// Tokens embedded today by `index`, read at scrape time.
    pub today_tokens: IntGaugeVec,
    /// Their price by `index`, where the index has one, read at scrape time.
    pub today_cost: GaugeVec,
    /// Tokens that may be embedded a day by `index`, where that is limited, read at scrape time.
    pub budget_day_tokens: IntGaugeVec,
    /// What is left of them today by `index`, read at scrape time.
    pub budget_left_tokens: IntGaugeVec,
}

/// Latest runs of an index that are counted by state.
pub const RECENT_RUNS: u32 = 20;
/// States of files.
const FILE_STATES: [&str; 8] = [
    "PENDING",
    "PROCESSING",
    "PUBLISHING",
    "INDEXED",
    "FAILED",
    "SKIPPED",
    "DELETED",
    "AWAITING_APPROVAL",
];
/// Formats of events.
const EVENT_FORMATS: &[&str] = &["event_grid", "cloud_events", "s3", "gcs", "unknown"];
/// What becomes of events.
const EVENT_OUTCOMES: &[&str] = &[
    "accepted",
    "duplicate",
    "ignored",
    "unowned",
    "refused",
    "unreadable",
    "unavailable",
];

impl Metrics {
    /// Declares the metrics in `registry`.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Self::declare(&Declare::new(registry))
    }

    /// Declares the metrics.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn declare(declare: &Declare<'_>) -> Result<Self, prometheus::Error> {
        let index: Label<'_> = ("index", &[]);
        Ok(Self {
            reading: Mutex::default(),
            woken: declare.counter("longshore_wakeups_total", "Wake-ups that the queue confirmed")?,
            set_aside: declare.counter(
                "longshore_set_aside_total",
                "Files set aside because their run is suspended",
            )?,
            interventions: declare.counters("longshore_interventions_total", "Files and runs that people terminated, suspended, resumed, rewound or purged", &[("kind", &["file", "run"]), ("action", &["terminate", "suspend", "resume", "rewind", "purge"])])?,
            changes: declare.counters("longshore_changes_total", "Changes recorded in the ledger, by kind", &[("kind", &["added", "changed", "renamed", "removed", "held"])])?,
            events: declare.counters("longshore_events_total", "Events that sources reported, by format and outcome", &[("source", EVENT_FORMATS), ("outcome", EVENT_OUTCOMES)])?,
            swept: declare.counter(
                "longshore_swept_total",
                "Attempts taken from a worker that died or froze",
            )?,
            scrubbed: declare.counter(
                "longshore_scrubbed_claims_total",
                "Dead claims whose points were removed",
            )?,
            reconciliations: declare.counters("longshore_reconciliations_total", "Comparisons of source and ledger, by outcome", &[("outcome", &["ok", "failed"])])?,
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
            searches: declare.counters("longshore_searches_total", "Searches, by outcome", &[("outcome", &["ok", "degraded", "refused", "timed_out", "failed"])])?,
            query_embeddings: declare.counters("longshore_query_embeddings_total", "Vectors of queries, by where they came from", &[("outcome", &["kept", "embedded", "failed"])])?,
            documents_read: declare.counters("longshore_documents_read_total", "Documents put together from their points, by outcome", &[("outcome", &["ok", "superseded", "failed"])])?,
            mcp_calls: declare.counters("longshore_mcp_calls_total", "Calls of tools by language-model clients, by tool and outcome", &[("tool", &[]), ("outcome", &["ok", "refused", "failed"])])?,
            vector_query_seconds: declare.seconds(
                "longshore_vector_query_seconds",
                "Time of one query to the vector store",
                &LATENCY_BUCKETS,
            )?,
            stale_hits: declare.counter(
                "longshore_stale_hits_total",
                "Search hits left out because their claim is not live",
            )?,
            http_requests: declare.counters("longshore_http_requests_total", "Requests by operation and class of status", &[("operation", &[]), ("class", &["2xx", "3xx", "4xx", "5xx"])])?,
            http_refused: declare.counters("longshore_http_refused_total", "Requests that did not get to a handler, by code", &[("code", &[])])?,
            files: declare.gauges("longshore_files", "Files by index and state", &[index, ("state", &FILE_STATES)])?,
            backlog: declare.gauges(
                "longshore_backlog",
                "Pending and running files by index and lane",
                &[index, ("lane", &["fast", "bulk"])],
            )?,
            approvals: declare.counters("longshore_approvals_total", "Approvals that were opened, and decided by the timer", &[("event", &["opened", "timer"])])?,
            dead_letters: declare.counters("longshore_dead_letters_total", "Messages that the queue gave up, by reason", &[("reason", &["rejected", "delivery_limit", "maxlen", "expired", "other"])])?,
            completeness: declare.fractions(
                "longshore_completeness_ratio",
                "Share of files that are as they should be, by index, as of the latest comparison",
                &[index],
            )?,
            generations: declare.gauges(
                "longshore_generations",
                "Generations by index and role",
                &[index, ("role", &["LIVE", "BUILDING", "RETIRED", "DROPPING"])],
            )?,
            generation_progress: declare.fractions(
                "longshore_generation_progress_ratio",
                "Share of the files of a generation being built that are settled, by index",
                &[index],
            )?,
            generation_changes: declare.counters("longshore_generation_changes_total", "Generations that were begun, swapped, undone, rolled back or dropped", &[("change", &["begun", "swapped", "undone", "rolled_back", "dropped"])])?,
            oldest_pending_seconds: declare.gauges(
                "longshore_oldest_pending_seconds",
                "Age of the oldest change that is not applied, by index",
                &[index],
            )?,
            recent_runs: declare.gauges(
                "longshore_recent_runs",
                "Of the latest 20 runs of an index, those in a state",
                &[index, ("state", &["LISTING", "RUNNING", "COMPLETED", "CANCELLING", "CANCELLED"])],
            )?,
            open_runs: declare.gauges(
                "longshore_open_runs",
                "Runs that are not over, by index and kind",
                &[index, ("kind", &["scan", "events", "retry", "full"])],
            )?,
            approvals_waiting: declare.gauges(
                "longshore_approvals_waiting",
                "Questions that wait for somebody's decision, by index",
                &[index],
            )?,
            approval_files_waiting: declare.gauges(
                "longshore_approval_waiting_files",
                "Files whose removal waits for a decision, by index",
                &[index],
            )?,
            today_tokens: declare.gauges(
                "longshore_embedding_today_tokens",
                "Tokens embedded since midnight UTC by all processors together, by index",
                &[index],
            )?,
            today_cost: declare.fractions(
                "longshore_embedding_today_cost",
                "Price of the tokens embedded since midnight UTC, in the currency of the index's price; absent without one",
                &[index],
            )?,
            budget_day_tokens: declare.gauges(
                "longshore_budget_day_tokens",
                "Tokens that an index may embed in a day; absent without a limit",
                &[index],
            )?,
            budget_left_tokens: declare.gauges(
                "longshore_budget_left_tokens",
                "Tokens that an index may still embed before midnight UTC; absent without a limit",
                &[index],
            )?,
        })
    }
}
