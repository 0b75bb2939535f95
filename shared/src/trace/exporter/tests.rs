use std::sync::Mutex;

use axum::Router;
use axum::extract::State;
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use prost::Message as _;

use super::*;
use crate::shutdown::Tasks;

/// Answers with the statuses in turn, and then takes everything.
#[derive(Clone, Default)]
struct Desk {
    statuses: Arc<Mutex<Vec<u16>>>,
    taken: Arc<Mutex<Vec<usize>>>,
}

async fn answer(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> axum::http::StatusCode {
    assert_eq!(headers[CONTENT_TYPE], "application/x-protobuf");
    assert_eq!(headers["api-key"], "secret");
    if let Some(status) = desk.statuses.lock().unwrap().pop() {
        return axum::http::StatusCode::from_u16(status).unwrap();
    }
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let spans = request
        .resource_spans
        .iter()
        .flat_map(|of| &of.scope_spans)
        .map(|of| of.spans.len())
        .sum();
    desk.taken.lock().unwrap().push(spans);
    axum::http::StatusCode::OK
}

/// A tracer whose spans go to a collector with this desk.
async fn begun(desk: &Desk) -> (SdkTracer, SdkTracerProvider, Exporter, Arc<Spans>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/v1/traces", axum::routing::post(answer))
        .with_state(desk.clone());
    Tasks::new().spawn(async move { axum::serve(listener, router).await });
    let mut headers = HeaderMap::new();
    headers.insert("api-key", http::HeaderValue::from_static("secret"));
    let collector = Collector {
        url: url.parse().unwrap(),
        headers,
        resource: Resource::builder_empty().build(),
    };
    let spans: Arc<Spans> = Arc::default();
    let (intake, exporter) = exporter(collector, Arc::clone(&spans)).unwrap();
    let provider = SdkTracerProvider::builder().with_span_processor(intake).build();
    (provider.tracer("test"), provider, exporter, spans)
}

fn counts(spans: &Spans) -> [u64; 3] {
    [
        spans.sent.load(Relaxed),
        spans.dropped.load(Relaxed),
        spans.failed.load(Relaxed),
    ]
}

#[tokio::test]
async fn what_waits_is_sent_at_the_end() {
    let desk = Desk::default();
    let (tracer, _provider, exporter, spans) = begun(&desk).await;
    for _ in 0..BATCH + 10 {
        tracer.start("work").end();
    }
    let tasks = Tasks::new();
    tasks.stop();
    exporter.run(tasks.stopping()).await;
    assert_eq!(desk.taken.lock().unwrap().iter().sum::<usize>(), BATCH + 10);
    assert_eq!(counts(&spans), [BATCH as u64 + 10, 0, 0]);
}

#[tokio::test]
async fn work_goes_on_when_the_queue_is_full() {
    let desk = Desk::default();
    let (tracer, _provider, exporter, spans) = begun(&desk).await;
    for _ in 0..QUEUE + 5 {
        tracer.start("work").end();
    }
    assert_eq!(counts(&spans), [0, 5, 0]);
    drop(exporter);
    tracer.start("work").end();
    assert_eq!(counts(&spans), [0, 6, 0], "without an exporter as well");
}

#[tokio::test]
async fn a_collector_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    let desk = Desk::default();
    let (tracer, _provider, exporter, spans) = begun(&desk).await;
    *desk.statuses.lock().unwrap() = vec![503];
    let tasks = Tasks::new();
    let running = tasks.spawn(exporter.run(tasks.stopping()));
    tracer.start("work").end();
    while counts(&spans) != [1, 0, 0] {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    *desk.statuses.lock().unwrap() = vec![400];
    tracer.start("work").end();
    tasks.stop();
    running.await.unwrap();
    assert_eq!(counts(&spans), [1, 0, 1]);
}
