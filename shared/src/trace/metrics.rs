//! What became of spans, in whatever process.

use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus::{Error, Registry};

use crate::declare::{Declare, Sampled};

/// Spans so far: one process has one exporter, and it begins before there is a registry.
static SPANS: LazyLock<Arc<Spans>> = LazyLock::new(Arc::default);

/// Spans by what became of them.
#[derive(Debug, Default)]
pub(super) struct Spans {
    pub(super) sent: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) failed: AtomicU64,
}

pub(super) fn spans() -> Arc<Spans> {
    Arc::clone(&SPANS)
}

/// Spans that were exported, or not.
pub struct TraceMetrics(Sampled);

impl TraceMetrics {
    /// Declares them.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn declare(list: &Declare<'_>) -> Result<Self, Error> {
        let outcomes = ["sent", "dropped", "failed"];
        Ok(Self(list.sampled_counters(
            "longshore_trace_spans_total",
            "Spans that the collector took, that found no room in the queue to it, and that it did not take",
            &[("outcome", &outcomes)],
        )?))
    }

    /// Shows them in `registry`.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn register(registry: &Registry) -> Result<(), Error> {
        let Self(spans) = Self::declare(&Declare::new(registry))?;
        spans.add(&["sent"], || SPANS.sent.load(Ordering::Relaxed));
        spans.add(&["dropped"], || SPANS.dropped.load(Ordering::Relaxed));
        spans.add(&["failed"], || SPANS.failed.load(Ordering::Relaxed));
        Ok(())
    }
}
