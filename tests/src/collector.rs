//! A collector of traces: takes OTLP over HTTP, refuses it, or hangs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1 as otlp;
use prost::Message as _;
use tokio::runtime::Runtime;

use crate::wait;

/// What it does with spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manners {
    /// Takes them.
    #[default]
    Takes,
    /// Says that it is busy.
    Refuses,
    /// Says nothing.
    Hangs,
}

/// A span as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its trace.
    pub trace: String,
    /// Its id.
    pub id: String,
    /// Its parent's id; empty for a root.
    pub parent: String,
    /// What it is.
    pub name: String,
    /// 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub kind: i32,
    /// What it says, `service.name` and `service.instance.id` included.
    pub attributes: BTreeMap<String, String>,
    /// Traces that it is linked to.
    pub links: Vec<String>,
    /// It failed.
    pub failed: bool,
}

#[derive(Default)]
struct Desk {
    manners: Manners,
    spans: Vec<Span>,
    bodies: Vec<Bytes>,
    requests: usize,
}

/// A running collector.
pub struct Collector {
    desk: Arc<Mutex<Desk>>,
    address: SocketAddr,
    _runtime: Runtime,
}

impl Collector {
    /// Starts one.
    ///
    /// # Errors
    /// When no runtime or no port can be had.
    pub fn start() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let desk: Arc<Mutex<Desk>> = Arc::default();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .route("/v1/traces", post(take))
            .with_state(Arc::clone(&desk));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            desk,
            address,
            _runtime: runtime,
        })
    }

    /// The variable that makes a process send traces here.
    #[must_use]
    pub fn variable(&self) -> (&'static str, String) {
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", self.address))
    }

    /// Does something else with spans from now on.
    pub fn behave(&self, manners: Manners) {
        lock(&self.desk).manners = manners;
    }

    /// Requests so far.
    #[must_use]
    pub fn requests(&self) -> usize {
        lock(&self.desk).requests
    }

    /// Was this text in anything that came?
    #[must_use]
    pub fn has_seen(&self, text: &str) -> bool {
        let contains = |body: &Bytes| body.windows(text.len()).any(|part| part == text.as_bytes());
        lock(&self.desk).bodies.iter().any(contains)
    }

    /// The spans of a trace so far.
    #[must_use]
    pub fn trace(&self, id: &str) -> Trace {
        let spans = &lock(&self.desk).spans;
        Trace(spans.iter().filter(|span| span.trace == id).cloned().collect())
    }

    /// The spans of a trace, once there is one with this name and this attribute.
    ///
    /// # Errors
    /// When none comes.
    pub fn trace_with(&self, id: &str, name: &str, attribute: Option<(&str, &str)>) -> anyhow::Result<Trace> {
        let found = wait::until("a span", || {
            let trace = self.trace(id);
            let there = trace.0.iter().any(|span| {
                let says = |(key, value): (&str, &str)| span.attributes.get(key).is_some_and(|v| v == value);
                span.name == name && attribute.is_none_or(says)
            });
            Ok(there.then_some(trace))
        });
        found.with_context(|| format!("no {name} {attribute:?} in trace {id}:\n{}", self.trace(id)))
    }
}

/// The spans of a trace.
#[derive(Clone, Debug)]
pub struct Trace(pub Vec<Span>);

impl Trace {
    /// Spans with a name.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Span> {
        self.0.iter().filter(move |span| span.name == name)
    }

    /// The only span with a name.
    ///
    /// # Errors
    /// When there is none, or there are several.
    pub fn one<'a>(&'a self, name: &'a str) -> anyhow::Result<&'a Span> {
        let mut named = self.named(name);
        let first = named.next().with_context(|| format!("no {name}:\n{self}"))?;
        ensure!(named.next().is_none(), "several {name}:\n{self}");
        Ok(first)
    }

    /// The only span with a name, which must be below another.
    ///
    /// # Errors
    /// When it is not.
    pub fn child<'a>(&'a self, name: &'a str, parent: &Span) -> anyhow::Result<&'a Span> {
        let span = self.one(name)?;
        ensure!(
            span.parent == parent.id,
            "{name} is not below {}:\n{self}",
            parent.name
        );
        Ok(span)
    }
}

impl std::fmt::Display for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for span in &self.0 {
            let Span {
                id,
                parent,
                name,
                attributes,
                ..
            } = span;
            writeln!(f, "{id} below {parent:16} {name} {attributes:?}")?;
        }
        Ok(())
    }
}

fn lock(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn take(State(desk): State<Arc<Mutex<Desk>>>, body: Bytes) -> StatusCode {
    let manners = {
        let mut desk = lock(&desk);
        desk.requests += 1;
        desk.manners
    };
    match manners {
        Manners::Takes => {}
        Manners::Refuses => return StatusCode::SERVICE_UNAVAILABLE,
        Manners::Hangs => std::future::pending().await,
    }
    let Ok(request) = ExportTraceServiceRequest::decode(body.clone()) else {
        return StatusCode::BAD_REQUEST;
    };
    let mut desk = lock(&desk);
    desk.bodies.push(body);
    for of_process in request.resource_spans {
        let process = of_process
            .resource
            .map(|resource| attributes(&resource.attributes))
            .unwrap_or_default();
        for span in of_process.scope_spans.iter().flat_map(|scope| &scope.spans) {
            desk.spans.push(read(span, &process));
        }
    }
    StatusCode::OK
}

fn read(span: &otlp::Span, process: &BTreeMap<String, String>) -> Span {
    let mut says = process.clone();
    says.extend(attributes(&span.attributes));
    Span {
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        name: span.name.clone(),
        kind: span.kind,
        attributes: says,
        links: span.links.iter().map(|link| hex(&link.trace_id)).collect(),
        failed: span
            .status
            .as_ref()
            .is_some_and(|status| status.code == otlp::status::StatusCode::Error as i32),
    }
}

fn attributes(pairs: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    pairs
        .iter()
        .map(|pair| (pair.key.clone(), text(&pair.value)))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").ok();
        text
    })
}
