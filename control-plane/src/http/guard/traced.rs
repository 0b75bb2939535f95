//! Requests in traces: those of callers who trace, and others in traces of their own.

use std::future::Future;

use axum::extract::Request;
use axum::response::Response;
use shared::trace::{TARGET, TRACEPARENT, context, spans};
use tracing::{Span, trace_span};

/// What watchers ask for all the time tells nothing.
const UNTRACED: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// The span of a request. Queries are not in it: they hold what people search for, and keys.
pub(super) fn of(request: &Request) -> Span {
    let path = request.uri().path();
    if UNTRACED.contains(&path) {
        return Span::none();
    }
    let span = trace_span!(
        target: TARGET, "request", otel.kind = "server", http.request.method = %request.method(), url.path = path,
    );
    if !span.is_disabled() {
        let given = request.headers().get(TRACEPARENT);
        let sender = given
            .and_then(|value| value.to_str().ok())
            .and_then(context::sender);
        spans::below_all(&span, sender.into_iter().collect());
    }
    span
}

/// Says in the span how the request was answered.
pub(super) async fn answered(answer: impl Future<Output = Response>) -> Response {
    let response = answer.await;
    let status = response.status();
    spans::note("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        spans::failed(status.as_str());
    }
    response
}
