//! What stores report about their blobs, in one vocabulary; pure.
//!
//! One file per format, each written from its public specification. An event selects a place and a path and nothing more: no
//! URL in it is ever fetched, and its tags, sizes and verbs are not believed either, because a worker looks at the
//! blob itself. So unknown fields are ignored, and an event that comes twice, late or out of order costs one
//! look.
//!
//! **Bad events in good batches.** A body that is not JSON, or nothing like the format, is [`Unreadable`]: the sender hears it (400)
//! and keeps the batch. A single event that cannot be used is *set aside* instead: the others count, and the bad one becomes a
//! dead letter that people can see. Refusing the whole batch would gain nothing, since the same bytes come again, and
//! would lose the good ones: Event Grid drops a batch after 400 (or hands it to its own dead letters, where somebody set
//! them up), SNS drops it, and Pub/Sub repeats it for days.

mod azure;
pub mod cloud_events;
mod detect;
pub mod event_grid;
pub mod gcs;
mod read;
pub mod s3;

use serde_json::Value;
use shared::blob_path::BlobPath;
use shared::ids::content_hash;

pub use detect::{azure, parse};
pub use shared::blobs::source::Source;

/// Most characters of an event that are kept of one that was set aside.
pub(super) const KEPT_CHARS: usize = 4096;

/// Something happened to a blob or to a directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BlobEvent {
    /// The source's id of the event, or one made from its content where the format has none; the same when it comes
    /// again.
    pub id: String,
    /// Where it happened.
    pub place: Source,
    /// What happened.
    pub kind: BlobEventKind,
    /// The order that the source gives events about one blob. A hint for people.
    pub sequencer: Option<String>,
}

/// What happened. Paths are relative to the place, decoded, and never climb.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BlobEventKind {
    /// A blob is new or has other content.
    Changed {
        /// The blob.
        path: BlobPath,
    },
    /// A blob is gone, or an older one shows again.
    Removed {
        /// The blob.
        path: BlobPath,
    },
    /// A blob has another name. Across containers it is told as a removal and a change.
    Renamed {
        /// Its name before.
        from: BlobPath,
        /// Its name now.
        to: BlobPath,
    },
    /// An empty directory was made.
    DirectoryCreated {
        /// The directory.
        path: String,
    },
    /// A directory is gone with everything below.
    DirectoryRemoved {
        /// The directory.
        path: String,
    },
    /// A directory has another name, and so has everything below.
    DirectoryRenamed {
        /// Its name before.
        from: String,
        /// Its name now.
        to: String,
    },
    /// A directory came with everything below from another container.
    DirectoryArrived {
        /// Its name now.
        path: String,
    },
}

/// How events were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Azure Event Grid schema.
    EventGrid,
    /// CloudEvents 1.0 from Azure.
    CloudEvents,
    /// S3, MinIO, EventBridge, SNS.
    S3,
    /// Google Cloud Storage through Pub/Sub.
    Gcs,
}

impl Format {
    /// The name in metrics and dead letters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EventGrid => "event_grid",
            Self::CloudEvents => "cloud_events",
            Self::S3 => "s3",
            Self::Gcs => "gcs",
        }
    }
}

/// The body is not what it should be: nothing was taken from it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// Why an event was set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// It names no usable place or path, or contradicts its specification.
    Unusable,
    /// It asks somebody to confirm a subscription.
    NeedsConfirmation,
}

impl Why {
    /// The reason of the dead letter.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unusable => "unusable_event",
            Self::NeedsConfirmation => "needs_confirmation",
        }
    }
}

/// An event that changes nothing but must be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Its id, as in [`BlobEvent::id`].
    pub id: String,
    /// In one word.
    pub why: Why,
    /// For people: what is wrong, and what to do.
    pub problem: String,
    /// The start of it.
    pub body: String,
}

/// What a body said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// How it was written.
    pub format: Format,
    /// In the order of the body.
    pub events: Vec<BlobEvent>,
    /// Events of other types, and placeholders of folders.
    pub ignored: usize,
    /// Events to show to somebody.
    pub set_aside: Vec<SetAside>,
    /// The code to send back so that Event Grid begins to deliver.
    pub validation: Option<String>,
}

impl Batch {
    fn new(format: Format) -> Self {
        Self {
            format,
            events: Vec::new(),
            ignored: 0,
            set_aside: Vec::new(),
            validation: None,
        }
    }

    /// Adds what one event of the body said.
    fn add(&mut self, raw: &Value, said: Result<Vec<BlobEvent>, String>) {
        match said {
            Ok(events) if events.is_empty() => self.ignored += 1,
            Ok(events) => self.events.extend(events),
            Err(problem) => self.set_aside(raw, Why::Unusable, problem),
        }
    }

    fn set_aside(&mut self, raw: &Value, why: Why, problem: String) {
        let text = raw.to_string();
        self.set_aside.push(SetAside {
            id: id_of(raw),
            why,
            problem,
            body: text.chars().take(KEPT_CHARS).collect(),
        });
    }
}

/// The event's own id; for formats that have none, a hash of all that it says.
fn id_of(event: &Value) -> String {
    match event.get("id").and_then(Value::as_str) {
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => content_hash(event.to_string().as_bytes())[..32].to_owned(),
    }
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
