//! Traces by OpenTelemetry: what happened to one version of a file, from the event to the points, on whatever machines.
//!
//! The trace of a version has an id that follows from the version ([`ids`]), so nothing has to be remembered for it: every
//! wake-up, every attempt and every replica finds the same one, also after a crash. Spans are those of the `tracing` crate with
//! the target [`TARGET`]; they go to the collector through [`layer`] and nowhere else, and cost next to nothing while tracing is
//! off. See `docs/decisions/tracing.md`.
//!
//! No span holds text of documents, queries or keys.

pub mod context;
mod exporter;
pub mod ids;
pub mod layer;
pub mod metrics;
mod protobuf;
mod sampling;
pub mod spans;

/// Spans with this target are exported, and not shown in logs.
pub const TARGET: &str = "longshore::trace";

/// The header that carries a span from one process to another; see <https://www.w3.org/TR/trace-context/>.
pub const TRACEPARENT: &str = "traceparent";
