//! Log lines: one for each event, with the fields of the spans around it beside its own, under the same names.
//!
//! The formatters of `tracing-subscriber` put the fields of spans into lists of spans, where no query for a file finds them.

use std::collections::HashSet;
use std::error::Error;
use std::fmt::{Debug, Write as _};
use std::io::Write as _;

use serde::Serializer;
use serde::ser::SerializeMap;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::settings::LogFormat;

/// Ids that people read by their last characters: in the text form they are cut to these.
const SHORT: [&str; 3] = ["file.id", "claim.id", "run.id"];
/// So many.
const SHORT_LENGTH: usize = 8;

/// Writes lines.
pub(super) struct Lines<W> {
    form: LogFormat,
    writer: W,
}

/// Names and values, in the order in which they were given.
#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

/// What an event says.
#[derive(Default)]
struct Said {
    message: String,
    fields: Fields,
    /// Where it comes from, when that is not the place that reported it.
    target: Option<String>,
}

/// A line to be.
struct Line<'a> {
    time: String,
    level: Level,
    target: &'a str,
    message: &'a str,
    fields: &'a [(&'static str, Value)],
}

impl<W> Lines<W> {
    pub(super) fn new(form: LogFormat, writer: W) -> Self {
        Self { form, writer }
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut said = Said::default();
        attributes.record(&mut said);
        span.extensions_mut().replace(said.fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut said = Said::default();
        values.record(&mut said);
        let mut extensions = span.extensions_mut();
        if let Some(Fields(known)) = extensions.get_mut() {
            let names: HashSet<_> = said.fields.0.iter().map(|(name, _)| *name).collect();
            known.retain(|(name, _)| !names.contains(name));
            known.extend(said.fields.0);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let Said {
            message,
            fields: Fields(mut fields),
            target,
        } = said;
        let mut seen: HashSet<_> = fields.iter().map(|(name, _)| *name).collect();
        // The innermost span says it best.
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(Fields(around)) = span.extensions().get() {
                let news = around.iter().filter(|(name, _)| seen.insert(*name));
                fields.extend(news.cloned());
            }
        }
        let metadata = event.metadata();
        let line = Line {
            time: now(),
            level: *metadata.level(),
            target: target.as_deref().unwrap_or(metadata.target()),
            message: &message,
            fields: &fields,
        };
        let bytes = match self.form {
            LogFormat::Text => line.text(),
            LogFormat::Json => line.json(),
        };
        // There is nobody left to tell that nothing can be told.
        self.writer.make_writer_for(metadata).write_all(&bytes).ok();
    }
}

impl Line<'_> {
    fn json(&self) -> Vec<u8> {
        let own = [
            ("timestamp", self.time.as_str()),
            ("level", self.level.as_str()),
            ("target", self.target),
            ("message", self.message),
        ];
        let mut bytes = Vec::with_capacity(256);
        let mut write = || {
            let mut serializer = serde_json::Serializer::new(&mut bytes);
            let mut map = serializer.serialize_map(None)?;
            for (name, value) in own {
                map.serialize_entry(name, value)?;
            }
            for (name, value) in self.fields {
                if own.iter().all(|(taken, _)| taken != name) {
                    map.serialize_entry(name, value)?;
                }
            }
            map.end()
        };
        // Nothing of it can fail: the names are texts, and memory takes every byte.
        write().ok();
        bytes.push(b'\n');
        bytes
    }

    fn text(&self) -> Vec<u8> {
        let Self { time, level, .. } = self;
        let mut text = format!("{time} {level:>5} ");
        one_line(&mut text, self.target);
        text.push_str(": ");
        one_line(&mut text, self.message);
        for (name, value) in self.fields {
            text.push(' ');
            text.push_str(name);
            text.push('=');
            match value {
                Value::String(value) if SHORT.contains(name) => one_line(&mut text, end_of(value)),
                Value::String(value) => one_line(&mut text, value),
                other => one_line(&mut text, &other.to_string()),
            }
        }
        text.push('\n');
        text.into_bytes()
    }
}

/// Appends a text that may come from anywhere, so that it neither begins a line nor steers a terminal.
fn one_line(to: &mut String, text: &str) {
    for c in text.chars() {
        if c.is_control() {
            to.extend(c.escape_default());
        } else {
            to.push(c);
        }
    }
}

/// The last characters of an id.
fn end_of(id: &str) -> &str {
    let cut = id.char_indices().rev().nth(SHORT_LENGTH - 1);
    cut.map_or(id, |(at, _)| &id[at..])
}

fn now() -> String {
    let mut time = String::new();
    SystemTime.format_time(&mut Writer::new(&mut time)).ok();
    time
}

impl Said {
    fn take(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            ("message", other) => self.message = other.to_string(),
            // Of what was reported through the `log` crate.
            ("log.target", Value::String(target)) => self.target = Some(target),
            (name, _) if name.starts_with("log.") => {}
            (name, value) => self.fields.0.push((name, value)),
        }
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        write!(text, "{value:?}").ok();
        self.take(field, text.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, value.into());
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        let number = u64::try_from(value).map_or_else(|_| value.to_string().into(), Value::from);
        self.take(field, number);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.take(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.take(field, value.to_string().into());
    }
}
