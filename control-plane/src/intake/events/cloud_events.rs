//! CloudEvents 1.0 with Azure Storage inside.
//!
//! From <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md> and
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>: one event as JSON, a
//! batch of them as an array, or the attributes in `ce-` headers and the data alone in the body. Azure puts the account's
//! resource id into `source`; otherwise everything is as in Event Grid schema.
//!
//! The handshake of a web hook (`OPTIONS`) is in `http/events.rs`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::azure::{StorageEvent, meaning};
use super::read::{optional, percent_decoded, text};
use super::{Batch, BlobEvent, Format, Unreadable, id_of};

/// Is the event written this way?
pub(super) fn is_one(event: &Value) -> bool {
    event.get("specversion").is_some()
}

/// What one event, or a batch of them, says.
///
/// # Errors
/// When the body is not JSON or nothing in it is an event of this format.
pub fn parse(body: &[u8]) -> Result<Batch, Unreadable> {
    read(&super::read::json(body)?)
}

/// What an event says whose attributes are in headers; `header` finds one by its name in lower case. An empty body is an
/// event without data.
///
/// # Errors
/// When the headers are not those of an event, or the body is not JSON.
pub fn parse_binary<'a>(header: impl Fn(&str) -> Option<&'a str>, body: &[u8]) -> Result<Batch, Unreadable> {
    let mut event = Map::new();
    for name in ["specversion", "id", "source", "type", "subject"] {
        if let Some(value) = header(&format!("ce-{name}")) {
            let value = attribute(value).map_err(Unreadable)?;
            event.insert(name.to_owned(), Value::String(value));
        }
    }
    if !body.is_empty() {
        event.insert("data".to_owned(), super::read::json(body)?);
    }
    read(&Value::Object(event))
}

/// A header's value: perhaps in quotes, and with everything but printable ASCII percent-encoded (section 3.1.3.2).
fn attribute(value: &str) -> Result<String, String> {
    let quoted = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .filter(|value| !value.is_empty());
    match quoted {
        Some(value) => percent_decoded(&value.replace("\\\"", "\"").replace("\\\\", "\\")),
        None => percent_decoded(value),
    }
}

pub(super) fn read(body: &Value) -> Result<Batch, Unreadable> {
    let events = match body {
        Value::Array(events) => events.as_slice(),
        Value::Object(_) => std::slice::from_ref(body),
        _ => &[],
    };
    if !events.iter().any(is_one) && body.as_array().is_none_or(|events| !events.is_empty()) {
        return Err(Unreadable(
            "this is not CloudEvents 1.0: no event in it has a specversion".to_owned(),
        ));
    }
    let mut batch = Batch::new(Format::CloudEvents);
    for event in events {
        batch.add(event, one(event));
    }
    Ok(batch)
}

fn one(event: &Value) -> Result<Vec<BlobEvent>, String> {
    let version = text(event, "/specversion")?;
    if version != "1.0" {
        return Err(format!("it is CloudEvents {version:?}; 1.0 is understood"));
    }
    let unpacked = unpacked(event)?;
    meaning(&StorageEvent {
        id: id_of(event),
        kind: text(event, "/type")?,
        resource: optional(event, "/source"),
        subject: optional(event, "/subject"),
        event: unpacked.as_ref().unwrap_or(event),
    })
}

/// The event with its data readable, when it came as base64.
fn unpacked(event: &Value) -> Result<Option<Value>, String> {
    if event.get("data").is_some() || event.get("data_base64").is_none() {
        return Ok(None);
    }
    let bytes = STANDARD
        .decode(text(event, "/data_base64")?)
        .map_err(|error| format!("its data_base64 is not base64: {error}"))?;
    let data: Value =
        serde_json::from_slice(&bytes).map_err(|error| format!("its data_base64 is not JSON: {error}"))?;
    Ok(Some(json!({ "data": data })))
}

#[cfg(test)]
mod tests;
