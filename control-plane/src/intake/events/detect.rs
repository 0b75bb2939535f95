//! Which format is it?

use serde_json::Value;

use super::{Batch, Unreadable, cloud_events, event_grid, gcs, read, s3};

/// What a body in any of the formats says: for queues, and for senders that know only one address. The content type
/// decides where it is precise, the body where it is not.
///
/// # Errors
/// When the body is not JSON or in none of the formats.
pub fn parse(body: &[u8], content_type: Option<&str>) -> Result<Batch, Unreadable> {
    let body = read::json(body)?;
    if is_cloud_events(content_type) {
        return cloud_events::read(&body);
    }
    let first = first(&body);
    if cloud_events::is_one(first) || event_grid::is_one(first) {
        azure_body(&body)
    } else if s3::is_one(first) {
        s3::read(&body)
    } else if gcs::is_one(first) {
        gcs::read(&body)
    } else {
        Err(Unreadable(
            "this is in none of the known formats: Event Grid schema, CloudEvents 1.0, S3 notification, Pub/Sub push"
                .to_owned(),
        ))
    }
}

/// What a body from Azure says, in either of its formats.
///
/// # Errors
/// When the body is not JSON or in neither of the formats.
pub fn azure(body: &[u8], content_type: Option<&str>) -> Result<Batch, Unreadable> {
    let body = read::json(body)?;
    if is_cloud_events(content_type) {
        cloud_events::read(&body)
    } else {
        azure_body(&body)
    }
}

fn azure_body(body: &Value) -> Result<Batch, Unreadable> {
    if cloud_events::is_one(first(body)) {
        cloud_events::read(body)
    } else {
        event_grid::read(body)
    }
}

/// The event that tells the format: of an array, the first that is an object at all.
fn first(body: &Value) -> &Value {
    match body {
        Value::Array(events) => events.iter().find(|event| event.is_object()).unwrap_or(body),
        _ => body,
    }
}

fn is_cloud_events(content_type: Option<&str>) -> bool {
    content_type.is_some_and(|kind| {
        let kind = kind.trim_start().to_ascii_lowercase();
        kind.starts_with("application/cloudevents")
    })
}
