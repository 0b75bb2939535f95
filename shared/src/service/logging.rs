//! What a process logs, and in what form; the filter can be exchanged while it runs.
//!
//! The filter belongs to the layer that writes lines and to nothing else, so that whatever else listens to the same spans keeps
//! its own.

mod filter;
mod follow;
mod lines;

pub use filter::{InvalidLogFilter, LogFilter};
pub use follow::follow;

use std::sync::{Mutex, OnceLock, PoisonError};

use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, reload};

use self::lines::Lines;
use crate::settings::LogFormat;
use crate::trace::layer::Traces;

/// The filter of this process: there is one, as there is one subscriber.
static CONTROL: OnceLock<LogControl> = OnceLock::new();

/// Exchanges the filter of a running process.
struct LogControl {
    /// What the process was started with.
    own: LogFilter,
    now: Mutex<LogFilter>,
    exchange: Box<dyn Fn(LogFilter) + Send + Sync>,
}

impl LogControl {
    /// Goes by another filter, or by the one that the process was started with; does nothing when it does already.
    fn go_by(&self, other: Option<&LogFilter>) {
        let wanted = other.unwrap_or(&self.own);
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if *now == *wanted {
            return;
        }
        (self.exchange)(wanted.clone());
        now.clone_from(wanted);
        drop(now);
        match other {
            Some(filter) => tracing::info!("logging goes by the filter {:?} for a while", filter.text()),
            None => tracing::info!("logging goes by its own filter {:?} again", self.own.text()),
        }
    }
}

/// The layer that writes lines, and what exchanges its filter.
fn layer<S, W>(filter: LogFilter, format: LogFormat, writer: W) -> (impl Layer<S>, LogControl)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (reloadable, handle) = reload::Layer::new(filter.clone());
    let exchange = move |filter| {
        // The subscriber is gone only when the process is.
        handle.reload(filter).ok();
    };
    let control = LogControl {
        own: filter.clone(),
        now: Mutex::new(filter),
        exchange: Box::new(exchange),
    };
    (Lines::new(format, writer).with_filter(reloadable), control)
}

/// Starts logging in this process, and tracing beside it where there are `traces`.
///
/// # Errors
/// When something else has started it already.
pub fn start<W>(
    filter: LogFilter,
    format: LogFormat,
    writer: W,
    traces: Traces<Registry>,
) -> Result<(), String>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (lines, control) = layer(filter, format, writer);
    tracing_subscriber::registry()
        .with(traces)
        .with(lines)
        .try_init()
        .map_err(|error| error.to_string())?;
    // There is one global subscriber, and this is its filter.
    CONTROL.set(control).ok();
    Ok(())
}

#[cfg(test)]
mod tests;
