//! Tracing switched on: the layer that turns spans of `tracing` into spans of OpenTelemetry, and the task that sends them.

use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::exporter::{Collector, exporter};
use super::sampling::{Ids, Share};
use super::{TARGET, metrics};
use crate::settings::TracingArgs;
use crate::shutdown::Tasks;
use crate::version::VERSION;

/// Longest wait for the last spans to be taken.
const LAST_SPANS: Duration = Duration::from_secs(3);

/// A process has one subscriber, and so one tracer.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// For spans that `tracing` cannot make; none while tracing is off.
pub(super) fn tracer() -> Option<&'static SdkTracer> {
    TRACER.get()
}

/// A layer for a subscriber.
pub type Traces<S> = Option<Box<dyn Layer<S> + Send + Sync>>;

/// What is to be awaited at the end.
#[must_use = "the last spans are lost without finish"]
pub struct Exporting(Option<Tasks>);

impl Exporting {
    /// Tracing is off.
    pub fn nothing() -> Self {
        Self(None)
    }

    /// Sends what has not been sent, but not for long.
    pub async fn finish(self) {
        if let Some(tasks) = self.0
            && !tasks.drain(LAST_SPANS).await
        {
            tracing::debug!("the last spans were not taken in time");
        }
    }
}

/// The layer, if tracing is on, for the global subscriber of the process. Call it within a runtime. It has a filter of its own:
/// give the filter of the logs to the layer of the logs.
///
/// # Errors
/// When a setting cannot be right.
pub fn start<S>(settings: &TracingArgs, service: &str) -> Result<(Traces<S>, Exporting), String>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let Some(url) = settings.url()? else {
        return Ok((None, Exporting::nothing()));
    };
    let instance = uuid::Uuid::new_v4().to_string();
    let resource = Resource::builder_empty()
        .with_attribute(KeyValue::new("service.version", VERSION))
        .with_attribute(KeyValue::new("service.instance.id", instance))
        .with_service_name(service.to_owned())
        .with_attributes(settings.resource()?)
        .build();
    let collector = Collector {
        url,
        headers: settings.headers()?,
        resource,
    };
    let (intake, exporter) =
        exporter(collector, metrics::spans()).map_err(|error| format!("traces cannot be sent: {error}"))?;
    let provider = SdkTracerProvider::builder()
        .with_sampler(Share(settings.share()?))
        .with_id_generator(Ids::default())
        .with_span_processor(intake)
        .build();
    let scope = InstrumentationScope::builder("longshore")
        .with_version(VERSION)
        .build();
    let tracer = provider.tracer_with_scope(scope);
    let tasks = Tasks::new();
    tasks.spawn(exporter.run(tasks.stopping()));
    let layer = tracing_opentelemetry::layer()
        .with_tracer(tracer.clone())
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(|meta| meta.is_span() && meta.target() == TARGET));
    TRACER
        .set(tracer)
        .map_err(|_| "tracing has been started before".to_owned())?;
    Ok((Some(Box::new(layer)), Exporting(Some(tasks))))
}
