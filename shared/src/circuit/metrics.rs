//! What is counted of dependencies, in whatever process: declared once here for both services.

use std::sync::Arc;
use std::time::Duration;

use prometheus::{Error, HistogramVec, IntCounterVec, IntGaugeVec, Registry};

use super::{CircuitState, Dependency};
use crate::declare::{Declare, Label, Sampled};
use crate::embedder::batching::Counts;

/// Seconds from a millisecond to half a minute, when requests are given up.
const BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// How requests end.
const OUTCOMES: [&str; 4] = ["answered", "failed", "refused", "abandoned"];

/// What a process sees of what it depends on. `dependency` is one of `ledger`, `broker`, `vectors`, and `embedder:`, `source:`,
/// `converter:` or `vision:` with a name from the settings.
#[derive(Clone)]
pub struct DependencyMetrics {
    state: IntGaugeVec,
    requests: IntCounterVec,
    seconds: HistogramVec,
    limit: Sampled,
    embedder_in_flight: Sampled,
    embedder_queued: Sampled,
    embedder_tokens: Sampled,
    embedder_shared: Sampled,
    embedder_retries: Sampled,
    embedder_throttles: Sampled,
    embedder_splits: Sampled,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestOutcome {
    /// The dependency answered, be it with a refusal of what was asked.
    Answered,
    /// It did not, or said that it cannot.
    Failed,
    /// It was not asked, because its circuit is open.
    Refused,
    /// Nobody waited for the end.
    Abandoned,
}

impl DependencyMetrics {
    /// Declares the metrics in `registry`.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn register(registry: &Registry) -> Result<Self, Error> {
        Self::declare(&Declare::new(registry))
    }

    /// Declares the metrics.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn declare(declare: &Declare<'_>) -> Result<Self, Error> {
        let which: Label<'_> = ("dependency", &[]);
        Ok(Self {
            state: declare.gauges(
                "longshore_circuit_state",
                "Circuit breakers of this process: 0 closed, 1 half open, 2 open",
                &[which],
            )?,
            requests: declare.counters(
                "longshore_dependency_requests_total",
                "Requests to what this process depends on, by how they ended; refused ones were not sent, because the circuit is open",
                &[which, ("outcome", &OUTCOMES)],
            )?,
            seconds: declare.seconds_by(
                "longshore_dependency_seconds",
                "Time of one request to a dependency, whatever its end; of ledger and broker, of the look at them every 10 s",
                &[which],
                &BUCKETS,
            )?,
            limit: declare.sampled_gauges(
                "longshore_dependency_limit",
                "Requests that may be under way at present; found by additive increase and multiplicative decrease",
                &[which, ("kind", &["read", "write", "embed"])],
            )?,
            embedder_in_flight: declare.sampled_gauges(
                "longshore_embedder_in_flight",
                "Requests to an embedding model that are under way",
                &[which],
            )?,
            embedder_queued: declare.sampled_gauges(
                "longshore_embedder_queued_texts",
                "Texts that wait to be sent to an embedding model",
                &[which],
            )?,
            embedder_tokens: declare.sampled_counters(
                "longshore_embedder_tokens_total",
                "Tokens that an embedding model charged, for queries as well",
                &[which],
            )?,
            embedder_shared: declare.sampled_counters(
                "longshore_embedder_shared_texts_total",
                "Texts that were answered by the request of another file, because they were equal",
                &[which],
            )?,
            embedder_retries: declare.sampled_counters(
                "longshore_embedder_retries_total",
                "Requests to an embedding model that were tried again",
                &[which],
            )?,
            embedder_throttles: declare.sampled_counters(
                "longshore_embedder_throttles_total",
                "Refusals for load by an embedding model, and requests that found it down or too slow",
                &[which],
            )?,
            embedder_splits: declare.sampled_counters(
                "longshore_embedder_splits_total",
                "Requests that were halved to find the text that an embedding model refuses",
                &[which],
            )?,
        })
    }

    /// A dependency is known from now on.
    pub(super) fn know(&self, dependency: &Dependency) {
        let name = dependency.to_string();
        for outcome in OUTCOMES {
            self.requests.with_label_values(&[name.as_str(), outcome]);
        }
    }

    pub(super) fn set_state(&self, dependency: &Dependency, state: CircuitState) {
        let value = match state {
            CircuitState::Closed => 0,
            CircuitState::HalfOpen => 1,
            CircuitState::Open => 2,
        };
        self.state.with_label_values(&[dependency.to_string()]).set(value);
    }

    /// A request ended, after some time if it was sent.
    pub(super) fn ended(&self, dependency: &Dependency, outcome: RequestOutcome, took: Option<Duration>) {
        let name = dependency.to_string();
        let label = match outcome {
            RequestOutcome::Answered => "answered",
            RequestOutcome::Failed => "failed",
            RequestOutcome::Refused => "refused",
            RequestOutcome::Abandoned => "abandoned",
        };
        self.requests.with_label_values(&[name.as_str(), label]).inc();
        if let Some(took) = took {
            self.seconds
                .with_label_values(&[name.as_str()])
                .observe(took.as_secs_f64());
        }
    }

    pub(super) fn sample_limit(
        &self,
        dependency: &Dependency,
        kind: &str,
        read: impl Fn() -> usize + Send + Sync + 'static,
    ) {
        self.limit
            .add(&[&dependency.to_string(), kind], move || read() as u64);
    }

    pub(super) fn sample_embedder(&self, dependency: &Dependency, counts: &Arc<Counts>) {
        let name = dependency.to_string();
        let add = |to: &Sampled, read: fn(&Counts) -> u64| {
            let counts = Arc::clone(counts);
            to.add(&[&name], move || read(&counts));
        };
        let limit = Arc::clone(counts);
        self.sample_limit(dependency, "embed", move || limit.now().limit);
        add(&self.embedder_in_flight, |counts| counts.now().in_flight as u64);
        add(&self.embedder_queued, |counts| counts.now().queued as u64);
        add(&self.embedder_tokens, |counts| counts.now().tokens);
        add(&self.embedder_shared, |counts| counts.now().shared_texts);
        add(&self.embedder_retries, |counts| counts.now().retries);
        add(&self.embedder_throttles, |counts| counts.now().throttles);
        add(&self.embedder_splits, |counts| counts.now().splits);
    }
}
