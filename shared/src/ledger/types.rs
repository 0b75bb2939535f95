//! What goes into the ledger's statements and comes out of them.

mod reports;

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Suspended;
use crate::blob_path::BlobPath;
use crate::clock::UnixMillis;
use crate::file_state::{FileState, Outcome};
use crate::ids::{ClaimId, FileId, IndexId, RunId};
use crate::place::Missing;
use crate::retry::Failure;
use crate::work_message::Lane;
pub use reports::*;

/// Is an index worked on?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IndexState {
    /// Yes.
    Active,
    /// Changes are recorded, but nothing is woken or claimed.
    Paused,
    /// It is on its way out: nothing is recorded, woken or claimed.
    Deleting,
}

impl IndexState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Active, Self::Paused, Self::Deleting];

    /// The name as stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Paused => "PAUSED",
            Self::Deleting => "DELETING",
        }
    }
}

/// What a generation is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Search shows it.
    #[default]
    Live,
    /// It is being built beside the live one.
    Building,
    /// It was live, and is kept for an undo.
    Retired,
    /// It is on its way out.
    Dropping,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Live, Self::Building, Self::Retired, Self::Dropping];

    /// The name as stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Building => "BUILDING",
            Self::Retired => "RETIRED",
            Self::Dropping => "DROPPING",
        }
    }
}

/// The text names no role of a generation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a role of a generation; the roles are LIVE, BUILDING, RETIRED, DROPPING")]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == name)
            .ok_or_else(|| UnknownRole(name.to_owned()))
    }
}

/// The text names no state of an index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a state of an index; the states are ACTIVE, PAUSED, DELETING")]
pub struct UnknownIndexState(pub String);

impl FromStr for IndexState {
    type Err = UnknownIndexState;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or_else(|| UnknownIndexState(name.to_owned()))
    }
}

/// An index as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IndexRecord {
    /// Its name.
    pub id: IndexId,
    /// Is it worked on?
    pub state: IndexState,
    /// Its settings: see [`IndexSettings`](crate::index_settings::IndexSettings).
    #[schema(value_type = crate::index_settings::IndexSettings)]
    pub settings: serde_json::Value,
    /// When it was added.
    pub created_at: UnixMillis,
    /// What the latest comparison of source, ledger and vector store found.
    pub comparison: Option<Comparison>,
    /// How often its settings were changed, and one.
    #[serde(default)]
    pub revision: u64,
    /// What it is for, among the generations of its name.
    #[serde(default)]
    pub role: Role,
}

/// How true an index was to its source when they were last compared. Counts are of files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Comparison {
    /// When it was done.
    pub at: UnixMillis,
    /// In the source.
    pub listed: u64,
    /// Of those, searchable as they are now, or left out for a stated reason.
    pub current: u64,
    /// Of those, not known before.
    pub missing: u64,
    /// Of those, known with another version.
    pub changed: u64,
    /// In the index, and no longer in the source.
    pub orphaned: u64,
    /// The same, and somebody decided to keep them.
    #[serde(default)]
    pub kept: u64,
    /// Of the current ones, those that were made before the index's settings were changed: a full run makes them again.
    #[serde(default)]
    pub outdated: u64,
    /// Of the current ones, those whose points were missing from the vector store.
    pub without_points: u64,
    /// Claims in the vector store that nothing refers to; they are removed.
    pub orphaned_claims: u64,
}

impl Comparison {
    /// Share of the files, in the source or in the index, that are as they should be: 1 when the index is true.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
    pub fn completeness(&self) -> f64 {
        let all = self.listed + self.orphaned + self.kept;
        if all == 0 {
            return 1.0;
        }
        self.current.saturating_sub(self.without_points) as f64 / all as f64
    }
}

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

/// A worker asks for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRequest {
    /// The index.
    pub index: IndexId,
    /// The row.
    pub file_id: FileId,
    /// Made by the worker, so that a lost reply can be read back.
    pub claim_id: ClaimId,
    /// The worker; leases are renewed per owner.
    pub owner: String,
    /// How long the claim lasts without renewal.
    pub lease: Duration,
}

/// The answer to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The caller holds the file.
    Claimed(Box<Claim>),
    /// Nothing to do: no such row, held by another, not due, index paused, or already settled.
    NotClaimable,
}

/// A held file, with what the attempt needs to know of its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What identifies the hold in later statements.
    pub hold: Hold,
    /// The blob.
    pub path: BlobPath,
    /// The `desired_seq` that this attempt will apply.
    pub seq: i64,
    /// This attempt's number, from 1.
    pub attempts: u32,
    /// Charged failures since the file was first seen.
    pub failure_count: u32,
    /// PUBLISHING: the version is committed, only `prev_claim` has to be removed.
    pub dirty: bool,
    /// The claim whose points search shows.
    pub live_claim: Option<ClaimId>,
    /// The claim whose points are to be removed.
    pub prev_claim: Option<ClaimId>,
    /// What the live version was made from and how.
    pub version: Option<Version>,
    /// Where the blob was before.
    pub renamed_from: Option<FileId>,
    /// When the oldest unapplied change was reported.
    pub enqueued_at: UnixMillis,
    /// The run that asked.
    pub run: Option<RunId>,
    /// Make it again although the content may be the same.
    pub again: bool,
    /// The revision of the index's settings when the file was claimed: the attempt must know this one, or a later one.
    pub revision: u64,
    /// The last failure, while nothing was committed since.
    pub last_error: Option<Failure>,
    /// The tag of the content that was given up as FAILED, unless something was committed since or somebody asked for another
    /// try. That content is not tried again by itself.
    pub failed_etag: Option<String>,
}

/// Proof of holding a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hold {
    /// The index.
    pub index: IndexId,
    /// The row.
    pub file_id: FileId,
    /// The attempt.
    pub claim_id: ClaimId,
    /// Its number in the total order of the file's claims.
    pub fence: i64,
}

/// What a version of a file was made from and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Version {
    /// The source's version tag.
    pub etag: String,
    /// Hash of the blob's bytes; equal bytes need no new points.
    pub content_hash: String,
    /// Fingerprint of converter, chunker and model settings; another fingerprint means that the file is made again.
    pub pipeline: String,
    /// Size of the blob in bytes.
    pub size: u64,
    /// Points of the version.
    pub chunks: u32,
    /// Parts of the file that the version lacks; none when it is whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

/// A new version to publish.
#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    /// Who commits.
    pub hold: Hold,
    /// What it is.
    pub change: CommitChange,
    /// Timings and counts for the history, as a JSON object.
    pub detail: serde_json::Value,
    /// Wait before a newer change is taken on, when the release follows at once; as in [`Ledger::release`](super::Ledger::release).
    pub debounce: Duration,
}

/// How a commit changes what search shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitChange {
    /// Show this claim's points.
    Replace(Version),
    /// The content is the same: keep the points that are shown, note the new tag. Refused (`Lost`) when the row has no
    /// live claim to keep: a file is never INDEXED with nothing to show.
    Keep(Version),
    /// Show nothing: the blob is gone.
    Remove,
    /// Show nothing: not indexed by policy. The version has no chunks.
    Skip(Version, Failure),
}

impl CommitChange {
    /// What the file will be.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Replace(_) | Self::Keep(_) => Outcome::Indexed,
            Self::Remove => Outcome::Deleted,
            Self::Skip(..) => Outcome::Skipped,
        }
    }
}

/// The answer to a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitOutcome {
    /// Search shows the new version.
    Committed(Committed),
    /// The claim is no longer held; nothing changed.
    Lost,
}

/// What is left to do after a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The claim whose points are to be removed before the release.
    pub prev_claim: Option<ClaimId>,
    /// The state after the release, when nothing was left to remove and the release happened at once.
    pub released: Option<FileState>,
}

/// The answer to a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseOutcome {
    /// The file's state now.
    Released(FileState),
    /// The claim is no longer held; nothing changed.
    Lost,
}

/// A worker gives up an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fail {
    /// Who gives up.
    pub hold: Hold,
    /// Why.
    pub failure: Failure,
    /// Wait before the next attempt.
    pub delay: Duration,
    /// Attempts after which a transient failure is final.
    pub max_attempts: u32,
    /// The version tag of the blob that failed, if it was seen: the same content is not tried again by itself.
    pub etag: Option<String>,
    /// Nothing was tried: the content is the one that failed before, and nobody asked for another try. The file is FAILED
    /// as before, and nothing is charged.
    pub standing: bool,
}

/// The answer to a fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailOutcome {
    /// The file's state now: PENDING or FAILED.
    Given(FileState),
    /// The claim is no longer held; nothing changed.
    Lost,
}

/// When and how claims are swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SweepPolicy {
    /// Longest time that one attempt may take, renewals or not.
    pub stale_after: Duration,
    /// Wait before the next attempt.
    pub delay: Duration,
    /// Attempts after which the file is FAILED.
    pub max_attempts: u32,
}

/// A claim that was taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swept {
    /// The row.
    pub file_id: FileId,
    /// The index.
    pub index: IndexId,
    /// Its path.
    pub path: BlobPath,
    /// The attempt that is dead now.
    pub claim_id: ClaimId,
    /// The worker that held it.
    pub owner: String,
    /// The file's state now.
    pub state: FileState,
}

/// A claim that was given up and may have left points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeadClaim {
    /// The row.
    pub file_id: FileId,
    /// The attempt.
    pub claim_id: ClaimId,
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
