//! S3 and everything that reports like it.
//!
//! - S3's own notification, <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>:
//!   `Records`, each with `eventName`, `s3.bucket.name` and `s3.object.key`, the key encoded like a form (a blank is `+`). Also
//!   the test event that comes when a notification is set up.
//! - MinIO, <https://min.io/docs/minio/linux/administration/monitoring/bucket-notifications.html>: the same with `EventName` and
//!   `Key` beside it, where `Key` is `bucket/key` as it is.
//! - EventBridge, <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>: `detail-type` and `detail`, one
//!   event per body, the key as it is.
//! - SNS, <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>: any of them as text in `Message`. A request
//!   to confirm a subscription is set aside for somebody to read: its URL is never fetched, since anybody can send one.

use serde_json::Value;

use super::read::{blob_path, optional, percent_decoded, sequencer, text};
use super::{Batch, BlobEvent, BlobEventKind, Format, Source, Unreadable, Why, id_of};

/// Is the body written in one of these ways?
pub(super) fn is_one(body: &Value) -> bool {
    body.get("Records").is_some()
        || body.get("EventName").is_some()
        || body.get("detail-type").is_some()
        || is_test(body)
        || sns_type(body).is_some()
}

fn is_test(body: &Value) -> bool {
    optional(body, "/Event") == Some("s3:TestEvent")
}

fn sns_type(body: &Value) -> Option<&str> {
    let known = [
        "Notification",
        "SubscriptionConfirmation",
        "UnsubscribeConfirmation",
    ];
    optional(body, "/Type").filter(|kind| known.contains(kind))
}

/// What the body says.
///
/// # Errors
/// When the body is not JSON or has none of the shapes.
pub fn parse(body: &[u8]) -> Result<Batch, Unreadable> {
    read(&super::read::json(body)?)
}

pub(super) fn read(body: &Value) -> Result<Batch, Unreadable> {
    match sns_type(body) {
        None => bare(body),
        Some("Notification") => {
            let inner = text(body, "/Message")
                .map_err(|problem| Unreadable(format!("this SNS notification cannot be read: {problem}")))?;
            let inner = super::read::json(inner.as_bytes()).map_err(|error| {
                Unreadable(format!(
                    "this SNS notification is not about S3: its Message: {error}"
                ))
            })?;
            bare(&inner)
        }
        Some(kind) => {
            let mut batch = Batch::new(Format::S3);
            let topic = optional(body, "/TopicArn").unwrap_or("no name");
            let problem = format!(
                "SNS sends a {kind} for topic {topic:?}: if you expect it, open its SubscribeURL, or confirm with its Token and \
                 `aws sns confirm-subscription`; nothing is delivered before"
            );
            batch.set_aside(body, Why::NeedsConfirmation, problem);
            Ok(batch)
        }
    }
}

/// Without envelope.
fn bare(body: &Value) -> Result<Batch, Unreadable> {
    let mut batch = Batch::new(Format::S3);
    let records = body.get("Records").and_then(Value::as_array);
    if let Some(records) = records.filter(|records| records.iter().any(|r| r.get("eventName").is_some())) {
        for record in records {
            batch.add(record, of_record(record));
        }
    } else if is_test(body) || records.is_some_and(Vec::is_empty) {
        batch.ignored += 1;
    } else if body.get("detail-type").is_some() {
        batch.add(body, of_event_bridge(body));
    } else if body.get("EventName").is_some() {
        batch.add(body, of_minio(body));
    } else {
        return Err(Unreadable(
            "this is no S3 notification: it has neither Records with an eventName, nor detail-type, nor EventName, nor is it \
             an SNS notification"
                .to_owned(),
        ));
    }
    Ok(batch)
}

fn of_record(record: &Value) -> Result<Vec<BlobEvent>, String> {
    let name = text(record, "/eventName")?;
    let Some(meaning) = meaning_of(name) else {
        return Ok(Vec::new());
    };
    let key = text(record, "/s3/object/key")?;
    event(
        meaning,
        // Equal records are one event: S3 repeats them to the byte.
        id_of(record),
        text(record, "/s3/bucket/name")?,
        &percent_decoded(&key.replace('+', " "))?,
        sequencer(record, "/s3/object/sequencer"),
    )
}

fn of_minio(body: &Value) -> Result<Vec<BlobEvent>, String> {
    let Some(meaning) = meaning_of(text(body, "/EventName")?) else {
        return Ok(Vec::new());
    };
    let (bucket, key) = text(body, "/Key")?
        .split_once('/')
        .ok_or("its Key is not bucket/key")?;
    event(meaning, id_of(body), bucket, key, None)
}

fn of_event_bridge(body: &Value) -> Result<Vec<BlobEvent>, String> {
    let meaning = match text(body, "/detail-type")? {
        "Object Created" | "Object Restore Completed" => Meaning::Changed,
        "Object Deleted" => Meaning::Removed,
        _ => return Ok(Vec::new()),
    };
    event(
        meaning,
        id_of(body),
        text(body, "/detail/bucket/name")?,
        text(body, "/detail/object/key")?,
        sequencer(body, "/detail/object/sequencer"),
    )
}

#[derive(Clone, Copy)]
enum Meaning {
    Changed,
    Removed,
}

/// What an event's name means for content; `None` when nothing. A delete marker hides the blob like a removal; a restored
/// blob can be read only now.
fn meaning_of(name: &str) -> Option<Meaning> {
    let name = name.strip_prefix("s3:").unwrap_or(name);
    match name.split_once(':')? {
        ("ObjectCreated", _) | ("ObjectRestore", "Completed") => Some(Meaning::Changed),
        ("ObjectRemoved" | "LifecycleExpiration", _) => Some(Meaning::Removed),
        _ => None,
    }
}

fn event(
    meaning: Meaning,
    id: String,
    bucket: &str,
    key: &str,
    sequencer: Option<String>,
) -> Result<Vec<BlobEvent>, String> {
    let Some(path) = blob_path(key)? else {
        return Ok(Vec::new());
    };
    let kind = match meaning {
        Meaning::Changed => BlobEventKind::Changed { path },
        Meaning::Removed => BlobEventKind::Removed { path },
    };
    Ok(vec![BlobEvent {
        id,
        place: Source::S3 {
            bucket: bucket.to_owned(),
        },
        kind,
        sequencer,
    }])
}

#[cfg(test)]
mod tests;
