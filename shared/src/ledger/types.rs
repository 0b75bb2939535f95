//! What goes into the ledger's statements and comes out of them.

mod attempts;
mod indexes;
mod reports;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Suspended;
use crate::blob_path::BlobPath;
use crate::clock::UnixMillis;
use crate::file_state::FileState;
use crate::ids::{ClaimId, FileId, IndexId, RunId};
use crate::retry::Failure;
use crate::work_message::Lane;
pub use attempts::*;
pub use indexes::*;
pub use reports::*;

/// One reported change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The blob that may have changed, appeared or vanished.
    pub path: BlobPath,
    /// Who reports it: `scan`, `watch`, `event`, `run`; for the history.
    pub reason: &'static str,
    /// The queue that its wake-up takes. A pending file keeps the more urgent one.
    pub lane: Lane,
    /// Wait this long for more changes before the file becomes due.
    pub debounce: Duration,
    /// The order that the source gave the event. A hint for people; never a reason to drop an event.
    pub sequencer: Option<String>,
    /// The path that the blob had before.
    pub renamed_from: Option<BlobPath>,
    /// A removal that waits for approval.
    pub hold: bool,
    /// The run that asked for it.
    pub run: Option<RunId>,
    /// Without a run of its own: belongs to the index's batch of events, which is opened when there is none.
    pub batch: bool,
    /// Make the file again although its content may be the same. When its run is cancelled, this is not wanted any more.
    pub again: bool,
    /// The blob was looked for and is gone: no [`KnownFile`] that rests until the blob was seen again.
    pub gone: bool,
}

impl Change {
    /// A change on a lane with nothing special about it.
    #[must_use]
    pub fn new(path: BlobPath, reason: &'static str, lane: Lane) -> Self {
        Self {
            path,
            reason,
            lane,
            debounce: Duration::ZERO,
            sequencer: None,
            renamed_from: None,
            hold: false,
            run: None,
            batch: false,
            again: false,
            gone: false,
        }
    }

    /// A change that was reported, and belongs to the index's batch of events.
    #[must_use]
    pub fn reported(path: BlobPath, reason: &'static str, lane: Lane) -> Self {
        Self {
            batch: true,
            ..Self::new(path, reason, lane)
        }
    }
}

/// What an enqueue made of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The row.
    pub file_id: FileId,
    /// Its `desired_seq` now.
    pub seq: i64,
    /// Its state now.
    pub state: FileState,
}

/// A file to wake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueFile {
    /// The index.
    pub index: IndexId,
    /// The row.
    pub file_id: FileId,
    /// Its path.
    pub path: BlobPath,
    /// Its `desired_seq`.
    pub seq: i64,
    /// The queue to use.
    pub lane: Lane,
    /// Its run, when that is suspended: it is set aside instead of being woken.
    pub held_back_by: Option<RunId>,
}

/// A file's row as people and programs see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FileRow {
    /// The row.
    pub file_id: FileId,
    /// The blob.
    pub path: BlobPath,
    /// Where it is in its life.
    pub state: FileState,
    /// Changes reported so far.
    pub desired_seq: i64,
    /// The change that the current or last attempt took on.
    pub claimed_seq: i64,
    /// The change that search shows.
    pub applied_seq: i64,
    /// Claims so far.
    pub fence: i64,
    /// Attempts at the pending change.
    pub attempts: u32,
    /// Charged failures since the file was first seen.
    pub failure_count: u32,
    /// Earliest time of the next attempt.
    pub not_before: UnixMillis,
    /// The worker that holds it.
    pub owner: Option<String>,
    /// The attempt that holds it.
    pub claim_id: Option<ClaimId>,
    /// When the hold ends without renewal.
    pub lease_until: Option<UnixMillis>,
    /// The claim whose points search shows.
    pub live_claim: Option<ClaimId>,
    /// The claim whose points wait for removal.
    pub prev_claim: Option<ClaimId>,
    /// What the settled version was made from; `None` before the first commit.
    pub version: Option<Version>,
    /// The last failure, or the reason for SKIPPED; cleared by success.
    pub last_error: Option<Failure>,
    /// When the oldest unapplied change was reported; counted anew once a file was given up as FAILED.
    pub enqueued_at: UnixMillis,
    /// When the row last changed.
    pub updated_at: UnixMillis,
    /// The run that last asked for it.
    pub run: Option<RunId>,
    /// Its removal was reported, and somebody decided to keep it; until it is reported again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
    /// The file whose settling it waits for: it was renamed to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<FileId>,
    /// Set while nobody may work on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Suspended>,
    /// When it was first reported.
    #[serde(default)]
    pub created_at: UnixMillis,
}

/// Which files to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFilter {
    /// Only these states; empty means all but DELETED.
    pub states: Vec<FileState>,
    /// Only files that are indexed in part.
    pub partial: bool,
    /// Only paths that start with this text.
    pub prefix: String,
    /// Only paths after this one.
    pub after: Option<BlobPath>,
}

/// What the reconciler needs to know of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFile {
    /// The blob.
    pub path: BlobPath,
    /// Where it is in its life.
    pub state: FileState,
    /// The source's version tag when the file last settled (success, skip or failure).
    pub etag: Option<String>,
    /// Fingerprint of the settings that the settled version was made with.
    pub pipeline: Option<String>,
    /// Did somebody decide to keep it although the source does not have it?
    pub kept: bool,
    /// Does search show a version of it?
    pub shown: bool,
    /// Does its next attempt lie further ahead than [`RESTS_AFTER`], so that nobody looks at the blob until then? Not of a file that
    /// waits for another one or was suspended, nor of one whose absence was told already and not contradicted since.
    pub rests: bool,
}

/// A pending file whose next attempt is further ahead than this rests, see [`KnownFile::rests`].
pub const RESTS_AFTER: Duration = Duration::from_secs(60);
