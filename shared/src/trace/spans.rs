//! Spans as the code makes them. All of it does nothing while tracing is off.

use std::future::Future;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    Link, Span as _, SpanContext, SpanKind, Status, TraceContextExt as _, Tracer as _,
};
use opentelemetry::{Context, KeyValue, Value};
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::ids::VersionTrace;
use super::layer::tracer;
use super::sampling::Ids;
use crate::clock::UnixMillis;
use crate::ids::{FileId, IndexId};
use crate::ledger::Enqueued;
use crate::queue::QueueError;
use crate::retry::Failure;

/// An error with a stable code, which is all that a span shows of it.
pub trait Coded {
    /// The code; none when it is no failure.
    fn code(&self) -> Option<&str>;
}

impl Coded for Failure {
    fn code(&self) -> Option<&str> {
        Some(&self.code)
    }
}

impl Coded for QueueError {
    fn code(&self) -> Option<&str> {
        Some(match self {
            Self::Unavailable(_) => "queue_unavailable",
            Self::Full(_) => "queue_full",
            Self::Closed => "queue_closed",
        })
    }
}

/// Puts a span that has not begun below `parent`.
pub fn below(span: &Span, parent: SpanContext) {
    if parent.is_valid() && !span.is_disabled() {
        // Refused when nothing listens.
        span.set_parent(Context::new().with_remote_span_context(parent))
            .ok();
    }
}

/// Puts a span that has not begun below the first of `callers`, and links it to the others.
pub fn below_all(span: &Span, callers: Vec<SpanContext>) {
    let mut callers = callers.into_iter();
    if let Some(first) = callers.next() {
        below(span, first);
    }
    for caller in callers {
        span.add_link(caller);
    }
}

/// Puts a span that has not begun below `parent`, and links it to the sender's where that is another trace.
pub fn received(span: &Span, parent: SpanContext, sender: Option<SpanContext>) {
    if let Some(sender) = sender.filter(|sender| sender.trace_id() != parent.trace_id()) {
        span.add_link(sender);
    }
    below(span, parent);
}

/// Work in a span of its own; its failure is the span's.
///
/// # Errors
/// Those of the work.
pub async fn within<T, E: Coded>(span: Span, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    async {
        let done = work.await;
        if let Err(error) = &done
            && let Some(code) = error.code()
        {
            failed(code);
        }
        done
    }
    .instrument(span)
    .await
}

/// The span that runs has failed.
pub fn failed(code: &str) {
    Context::map_current(|context| {
        let span = context.span();
        if span.is_recording() {
            span.set_status(Status::error(code.to_owned()));
            span.set_attribute(KeyValue::new("error.type", code.to_owned()));
        }
    });
}

/// Says more about the span that runs.
pub fn note(key: &'static str, value: impl Into<Value>) {
    Context::map_current(|context| {
        let span = context.span();
        if span.is_recording() {
            span.set_attribute(KeyValue::new(key, value));
        }
    });
}

/// Names the span that runs.
pub fn name(name: &str) {
    Context::map_current(|context| {
        let span = context.span();
        if span.is_recording() {
            span.update_name(name.to_owned());
        }
    });
}

/// A step of the span that runs which is over, and had no span while nobody knew whose it was.
pub fn past(name: &'static str, began: UnixMillis) {
    let Some(tracer) = tracer() else { return };
    let builder = tracer.span_builder(name).with_start_time(time(began));
    tracer.build_with_context(builder, &Context::current()).end();
}

/// The ledger has taken versions over: the roots of their traces, linked to the span that runs.
pub fn enqueued<'a>(
    index: &IndexId,
    versions: impl Iterator<Item = (&'a Enqueued, &'static str)>,
    began: UnixMillis,
) {
    let Some(tracer) = tracer() else { return };
    let origin = running_link();
    for (version, reason) in versions {
        let trace = VersionTrace::of(index, version.file_id, version.seq);
        let builder = tracer
            .span_builder("enqueue")
            .with_kind(SpanKind::Internal)
            .with_start_time(time(began))
            .with_attributes(about(index, version.file_id, version.seq, reason))
            .with_links(origin.clone());
        Ids::with(trace, || tracer.build_with_context(builder, &Context::new())).end();
    }
}

fn about(index: &IndexId, file: FileId, seq: i64, reason: &'static str) -> Vec<KeyValue> {
    vec![
        KeyValue::new("index.id", index.to_string()),
        KeyValue::new("file.id", file.to_string()),
        KeyValue::new("file.seq", seq),
        KeyValue::new("reason", reason),
    ]
}

fn running_link() -> Vec<Link> {
    let running = super::context::running();
    if running.is_valid() {
        vec![Link::with_context(running)]
    } else {
        Vec::new()
    }
}

fn time(at: UnixMillis) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(at.max(0).unsigned_abs())
}
