//! What a worker asks for and says in the course of an attempt, and what is left of attempts that died.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::blob_path::BlobPath;
use crate::clock::UnixMillis;
use crate::file_state::{FileState, Outcome};
use crate::ids::{ClaimId, FileId, IndexId, RunId};
use crate::place::Missing;
use crate::retry::Failure;

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
    /// Wait before a newer change is taken on, when the release follows at once; as in [`Ledger::release`](crate::ledger::Ledger::release).
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
