//! A file's lifecycle: eight states and one pure transition function.
//!
//! ```text
//!            enqueue                claim                commit                   release
//!  (new) ───────────────▶ PENDING ─────────▶ PROCESSING ─────────▶ PUBLISHING ─────────────▶ INDEXED
//!                          ▲  ▲ │  claim, old points left ─────────────▲    │               ▶ SKIPPED
//!                          │  │ └────────────────────────────────────────────                ▶ DELETED
//!             enqueue,     │  └── fail or sweep, to be tried again ◀───┤    │
//!             retry,       │                                          │    │
//!             approve      └── INDEXED, SKIPPED, DELETED, FAILED      └────┴──▶ FAILED
//! ```
//!
//! A file that is PENDING only because a run asked goes back to what it was when the run is cancelled.
//!
//! The ledger's SQL makes the same decisions as conditional updates under the row's lock; a property test holds the SQL
//! against this function.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a file is in its life. The text form is what users see, in upper case.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FileState {
    /// Work is wanted; nobody holds the file.
    Pending,
    /// An attempt holds the file and prepares its next version.
    Processing,
    /// The next version is committed (search shows it); the points of the previous one are being removed.
    Publishing,
    /// Searchable, and as new as anything that we were told of.
    Indexed,
    /// Given up, with the reason in `last_error`, until the content changes or somebody asks.
    Failed,
    /// Not indexed by policy, with the reason in `last_error`.
    Skipped,
    /// Gone from the source and from the index; the row stays as a tombstone.
    Deleted,
    /// Its removal waits for somebody's approval.
    AwaitingApproval,
}

impl FileState {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Processing,
        Self::Publishing,
        Self::Indexed,
        Self::Failed,
        Self::Skipped,
        Self::Deleted,
        Self::AwaitingApproval,
    ];

    /// The name as stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Processing => "PROCESSING",
            Self::Publishing => "PUBLISHING",
            Self::Indexed => "INDEXED",
            Self::Failed => "FAILED",
            Self::Skipped => "SKIPPED",
            Self::Deleted => "DELETED",
            Self::AwaitingApproval => "AWAITING_APPROVAL",
        }
    }

    /// Does an attempt hold the file?
    #[must_use]
    pub fn is_running(self) -> bool {
        match self {
            Self::Processing | Self::Publishing => true,
            Self::Pending
            | Self::Indexed
            | Self::Failed
            | Self::Skipped
            | Self::Deleted
            | Self::AwaitingApproval => false,
        }
    }

    /// Is there nothing left to do until something changes?
    #[must_use]
    pub fn is_settled(self) -> bool {
        match self {
            Self::Indexed | Self::Failed | Self::Skipped | Self::Deleted => true,
            Self::Pending | Self::Processing | Self::Publishing | Self::AwaitingApproval => false,
        }
    }
}

impl fmt::Display for FileState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text names no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a file state; the states are PENDING, PROCESSING, PUBLISHING, INDEXED, FAILED, SKIPPED, DELETED, AWAITING_APPROVAL"
)]
pub struct UnknownFileState(pub String);

impl FromStr for FileState {
    type Err = UnknownFileState;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownFileState(name.to_owned()))
    }
}

/// What a committed version turned out to be; the state that its release leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// Indexed, or found unchanged.
    Indexed,
    /// Not indexed by policy.
    Skipped,
    /// The blob does not exist.
    Deleted,
}

impl Outcome {
    /// The state of a file that was released with this outcome.
    #[must_use]
    pub fn state(self) -> FileState {
        match self {
            Self::Indexed => FileState::Indexed,
            Self::Skipped => FileState::Skipped,
            Self::Deleted => FileState::Deleted,
        }
    }
}

/// Something that happens to a file, with the facts of its row that the decision needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A change was reported; `hold` when it is a removal that needs approval.
    Enqueue {
        /// Wait for approval instead of becoming due.
        hold: bool,
    },
    /// A worker takes the file; `dirty` when a commit's clean-up was left unfinished.
    Claim {
        /// Old points are left to remove, so the version is already committed.
        dirty: bool,
    },
    /// The new version becomes the one that search shows.
    Commit,
    /// The clean-up is done.
    Release {
        /// What the committed version is.
        outcome: Outcome,
        /// More was reported since the claim.
        newer_wanted: bool,
    },
    /// The attempt failed, or its lease ran out; `spent` when it was the last one.
    Fail {
        /// No attempt is left, or the failure is permanent.
        spent: bool,
        /// More was reported since the claim.
        newer_wanted: bool,
    },
    /// Somebody asked for another try.
    Retry,
    /// Somebody asked for it who does not want it any more, and nobody else does.
    GiveBack {
        /// What it was before.
        to: FileState,
    },
    /// Somebody ended what goes on.
    Terminate,
    /// Somebody decided on a held removal.
    Decide {
        /// Remove (true) or keep (false).
        approved: bool,
        /// What the version that search shows is.
        current: Outcome,
        /// Old points are left to remove; that is done first, whatever was decided.
        dirty: bool,
    },
}

/// The step cannot happen in this state; the caller has lost the file or asks for nonsense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step:?} cannot happen to a file that is {state}")]
pub struct IllegalStep {
    /// The state that the file is in.
    pub state: FileState,
    /// What was tried.
    pub step: Step,
}

/// The state after `step` in `state`.
///
/// # Errors
/// [`IllegalStep`] when the pair makes no sense; the row must then stay as it is.
#[deny(clippy::wildcard_enum_match_arm)]
pub fn transition(state: FileState, step: Step) -> Result<FileState, IllegalStep> {
    use FileState::{AwaitingApproval, Deleted, Failed, Indexed, Pending, Processing, Publishing, Skipped};
    let illegal = Err(IllegalStep { state, step });
    match (state, step) {
        // A running attempt is never interrupted: the release sees the newer sequence.
        (Processing | Publishing, Step::Enqueue { .. }) => Ok(state),
        (Pending | Indexed | Failed | Skipped | Deleted | AwaitingApproval, Step::Enqueue { hold }) => {
            Ok(if hold { AwaitingApproval } else { Pending })
        }

        (Pending, Step::Claim { dirty }) => Ok(if dirty { Publishing } else { Processing }),
        (
            Processing | Publishing | Indexed | Failed | Skipped | Deleted | AwaitingApproval,
            Step::Claim { .. },
        ) => illegal,

        (Processing, Step::Commit) => Ok(Publishing),
        (Pending | Publishing | Indexed | Failed | Skipped | Deleted | AwaitingApproval, Step::Commit) => {
            illegal
        }

        (
            Publishing,
            Step::Release {
                outcome,
                newer_wanted,
            },
        ) => Ok(if newer_wanted { Pending } else { outcome.state() }),
        (
            Pending | Processing | Indexed | Failed | Skipped | Deleted | AwaitingApproval,
            Step::Release { .. },
        ) => illegal,

        (Processing | Publishing, Step::Fail { spent, newer_wanted }) => {
            Ok(if spent && !newer_wanted { Failed } else { Pending })
        }
        (Pending | Indexed | Failed | Skipped | Deleted | AwaitingApproval, Step::Fail { .. }) => illegal,

        (Failed, Step::Retry) => Ok(Pending),
        (Pending | Processing | Publishing | Indexed | Skipped | Deleted | AwaitingApproval, Step::Retry) => {
            illegal
        }

        (Pending, Step::GiveBack { to }) if to.is_settled() => Ok(to),
        (
            Pending | Processing | Publishing | Indexed | Failed | Skipped | Deleted | AwaitingApproval,
            Step::GiveBack { .. },
        ) => illegal,

        // A version that is committed stays so; what is settled has nothing to end; a held removal is decided on.
        (Pending | Processing, Step::Terminate) => Ok(Failed),
        (Publishing | Indexed | Failed | Skipped | Deleted | AwaitingApproval, Step::Terminate) => illegal,

        (
            AwaitingApproval,
            Step::Decide {
                approved,
                current,
                dirty,
            },
        ) => Ok(if approved || dirty {
            Pending
        } else {
            current.state()
        }),
        (Pending | Processing | Publishing | Indexed | Failed | Skipped | Deleted, Step::Decide { .. }) => {
            illegal
        }
    }
}

#[cfg(test)]
mod tests;
