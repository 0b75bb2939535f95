//! Azure Event Grid schema: a JSON array of events, each with `id`, `topic`, `subject`, `eventType`, `data`.
//!
//! From <https://learn.microsoft.com/azure/event-grid/event-schema> and, for the handshake,
//! <https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema>: before the first delivery
//! comes a validation event, and whoever sends its code back agrees to be sent events. The event also has a `validationUrl` for
//! people; it is never fetched. Queues deliver each event by itself, without array.

use serde_json::Value;

use super::azure::{StorageEvent, meaning};
use super::read::{optional, text};
use super::{Batch, BlobEvent, Format, Unreadable, id_of};

/// Asks whether events are welcome here.
const VALIDATION: &str = "Microsoft.EventGrid.SubscriptionValidationEvent";

/// Is the event written this way?
pub(super) fn is_one(event: &Value) -> bool {
    event.get("eventType").is_some()
}

/// What the events say.
///
/// # Errors
/// When the body is not JSON or nothing in it is an event of this format.
pub fn parse(body: &[u8]) -> Result<Batch, Unreadable> {
    read(&super::read::json(body)?)
}

pub(super) fn read(body: &Value) -> Result<Batch, Unreadable> {
    let events = match body {
        Value::Array(events) => events.as_slice(),
        Value::Object(_) => std::slice::from_ref(body),
        _ => &[],
    };
    if !events.iter().any(is_one) && body.as_array().is_none_or(|events| !events.is_empty()) {
        return Err(Unreadable(
            "this is not Event Grid schema: no event in it has an eventType; subscribe with Event Grid schema or CloudEvents 1.0"
                .to_owned(),
        ));
    }
    let mut batch = Batch::new(Format::EventGrid);
    for event in events {
        if optional(event, "/eventType") == Some(VALIDATION) {
            match text(event, "/data/validationCode") {
                Ok(code) => batch.validation = Some(code.to_owned()),
                Err(problem) => batch.add(event, Err(problem)),
            }
        } else {
            batch.add(event, one(event));
        }
    }
    Ok(batch)
}

fn one(event: &Value) -> Result<Vec<BlobEvent>, String> {
    meaning(&StorageEvent {
        id: id_of(event),
        kind: text(event, "/eventType")?,
        resource: optional(event, "/topic"),
        subject: optional(event, "/subject"),
        event,
    })
}

#[cfg(test)]
mod tests;
