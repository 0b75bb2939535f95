//! Google Cloud Storage through a Pub/Sub push subscription.
//!
//! From <https://cloud.google.com/storage/docs/pubsub-notifications> and
//! <https://cloud.google.com/pubsub/docs/push>: the body is one message whose attributes have `eventType`, `bucketId`,
//! `objectId` (as it is, not encoded), `objectGeneration`, and `overwrittenByGeneration` when a removal is the other half
//! of a replacement. `data` repeats the object's metadata in base64, or is empty, as the notification was made; it
//! is not read.

use serde_json::Value;

use super::read::{blob_path, optional, sequencer, text};
use super::{Batch, BlobEvent, BlobEventKind, Format, Source, Unreadable, id_of};

/// Is the body written this way?
pub(super) fn is_one(body: &Value) -> bool {
    body.get("message").is_some_and(Value::is_object)
}

/// What the message says.
///
/// # Errors
/// When the body is not JSON or no Pub/Sub message.
pub fn parse(body: &[u8]) -> Result<Batch, Unreadable> {
    read(&super::read::json(body)?)
}

pub(super) fn read(body: &Value) -> Result<Batch, Unreadable> {
    if !is_one(body) {
        return Err(Unreadable(
            "this is not a Pub/Sub push: it has no message; use a push subscription without payload unwrapping"
                .to_owned(),
        ));
    }
    let mut batch = Batch::new(Format::Gcs);
    // A message of another kind is set aside and not refused, because Pub/Sub repeats what is refused for days.
    batch.add(body, one(body));
    Ok(batch)
}

fn one(body: &Value) -> Result<Vec<BlobEvent>, String> {
    let attribute = |name: &str| text(body, &format!("/message/attributes/{name}"));
    let kind = attribute("eventType")?;
    let name = attribute("objectId")?;
    let bucket = attribute("bucketId")?.to_owned();
    let replaced = optional(body, "/message/attributes/overwrittenByGeneration").is_some();
    let Some(path) = blob_path(name)? else {
        return Ok(Vec::new());
    };
    let kind = match kind {
        "OBJECT_FINALIZE" | "OBJECT_METADATA_UPDATE" => BlobEventKind::Changed { path },
        "OBJECT_DELETE" | "OBJECT_ARCHIVE" if replaced => BlobEventKind::Changed { path },
        "OBJECT_DELETE" | "OBJECT_ARCHIVE" => BlobEventKind::Removed { path },
        _ => return Ok(Vec::new()),
    };
    let id = optional(body, "/message/messageId").or(optional(body, "/message/message_id"));
    Ok(vec![BlobEvent {
        id: id.map_or_else(|| id_of(body), str::to_owned),
        place: Source::Gcs { bucket },
        kind,
        sequencer: sequencer(body, "/message/attributes/objectGeneration"),
    }])
}

#[cfg(test)]
mod tests;
