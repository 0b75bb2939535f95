//! Which span runs here, and how that is told to others.

use std::collections::HashMap;

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;

use super::TRACEPARENT;

/// The span that runs, to be sent along as `traceparent`; none when tracing is off.
#[must_use]
pub fn traceparent() -> Option<String> {
    let valid = Context::map_current(|context| context.span().span_context().is_valid());
    if !valid {
        return None;
    }
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&Context::current(), &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// The sender's span. None when the text is no `traceparent`: a trace is never worth an error.
#[must_use]
pub fn sender(traceparent: &str) -> Option<SpanContext> {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    let sender = context.span().span_context().clone();
    sender.is_valid().then_some(sender)
}

/// The span that runs, to be linked to.
#[must_use]
pub fn running() -> SpanContext {
    Context::map_current(|context| context.span().span_context().clone())
}

/// Sends the span that runs along with a request.
pub fn send_along(headers: &mut http::HeaderMap) {
    if let Some(value) = traceparent().and_then(|text| http::HeaderValue::try_from(text).ok()) {
        headers.insert(TRACEPARENT, value);
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanId, TraceId};
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn goes_and_comes() {
        let span = sender(TEXT).unwrap();
        assert!(span.is_sampled() && span.is_remote());
        let _running = Context::new().with_remote_span_context(span.clone()).attach();
        assert_eq!(traceparent().as_deref(), Some(TEXT));
        assert_eq!(running(), span);
        let mut headers = http::HeaderMap::new();
        send_along(&mut headers);
        assert_eq!(headers[TRACEPARENT], TEXT);
    }

    #[test]
    fn nothing_is_sent_when_nothing_runs() {
        let mut headers = http::HeaderMap::new();
        send_along(&mut headers);
        assert!(headers.is_empty() && traceparent().is_none());
    }

    #[test]
    fn what_is_no_span_is_none() {
        for text in [
            "",
            "00",
            "garbage",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(sender(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_may_come(text in ".{0,80}") {
            if let Some(span) = sender(&text) {
                prop_assert!(span.trace_id() != TraceId::INVALID && span.span_id() != SpanId::INVALID);
            }
        }
    }
}
