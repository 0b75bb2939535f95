//! Which traces are recorded, and the ids of new spans.

use std::cell::Cell;

use opentelemetry::trace::{Link, SpanId, SpanKind, TraceContextExt as _, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, Sampler, SamplingResult, ShouldSample};

use super::ids::VersionTrace;

/// A share of the traces by their id, so that all replicas decide alike, and whatever the sender recorded.
#[derive(Clone, Debug)]
pub(super) struct Share(pub(super) f64);

impl ShouldSample for Share {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let recorded = parent.is_some_and(|parent| parent.span().span_context().is_sampled());
        let sampler = if recorded {
            Sampler::AlwaysOn
        } else {
            Sampler::TraceIdRatioBased(self.0)
        };
        sampler.should_sample(parent, trace, name, kind, attributes, links)
    }
}

thread_local! {
    static NEXT: Cell<Option<VersionTrace>> = const { Cell::new(None) };
}

/// Random ids, but for the span that is made within [`Ids::with`].
#[derive(Clone, Debug, Default)]
pub(super) struct Ids(RandomIdGenerator);

impl Ids {
    /// A span without a parent that `make` makes becomes the root of this trace.
    pub(super) fn with<T>(root: VersionTrace, make: impl FnOnce() -> T) -> T {
        NEXT.set(Some(root));
        let made = make();
        NEXT.set(None);
        made
    }
}

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        NEXT.get()
            .map_or_else(|| self.0.new_trace_id(), |root| root.trace)
    }

    fn new_span_id(&self) -> SpanId {
        NEXT.get().map_or_else(|| self.0.new_span_id(), |root| root.root)
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, TraceFlags, TraceState};
    use opentelemetry_sdk::trace::SamplingDecision;

    use super::*;

    fn decides(share: f64, trace: u128, parent_sampled: bool) -> bool {
        let flags = if parent_sampled {
            TraceFlags::SAMPLED
        } else {
            TraceFlags::NOT_SAMPLED
        };
        let trace = TraceId::from(trace);
        let parent = SpanContext::new(trace, SpanId::from(1), flags, true, TraceState::NONE);
        let parent = Context::new().with_remote_span_context(parent);
        let result = Share(share).should_sample(Some(&parent), trace, "", &SpanKind::Internal, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    }

    #[test]
    fn the_id_decides_and_the_sender_may_ask_for_more() {
        let (low, high) = (1_u128, u128::MAX);
        assert!(decides(0.5, low, false) && !decides(0.5, high, false));
        assert!(decides(0.5, high, true), "the sender recorded it");
        assert!(decides(1.0, high, false));
        assert!(!decides(0.0, low, false));
    }
}
