//! From our states to those of Durable Functions. Pure; every pair is spelled out.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use shared::file_state::FileState;
use shared::ledger::{FileRow, RunRecord, RunState, TERMINATED};
use utoipa::ToSchema;

/// What Durable Functions call the state of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub enum RuntimeStatus {
    /// Wanted, and not begun.
    Pending,
    /// Under way.
    Running,
    /// Ended well.
    Completed,
    /// Given up.
    Failed,
    /// Cancelled.
    Canceled,
    /// Ended by somebody.
    Terminated,
    /// Held until somebody resumes it.
    Suspended,
}

impl RuntimeStatus {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Canceled,
        Self::Terminated,
        Self::Suspended,
    ];

    /// The name as shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Canceled => "Canceled",
            Self::Terminated => "Terminated",
            Self::Suspended => "Suspended",
        }
    }

    /// Will nothing change until somebody asks, or something changes?
    #[must_use]
    pub fn has_ended(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Canceled | Self::Terminated => true,
            Self::Pending | Self::Running | Self::Suspended => false,
        }
    }
}

impl fmt::Display for RuntimeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text names no runtime status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a runtimeStatus; there are Pending, Running, Completed, Failed, Canceled, Terminated, Suspended"
)]
pub struct UnknownRuntimeStatus(pub String);

impl FromStr for RuntimeStatus {
    type Err = UnknownRuntimeStatus;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|status| status.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownRuntimeStatus(name.to_owned()))
    }
}

/// A file's status from its state, whether it is suspended, and the code of its last failure.
#[deny(clippy::wildcard_enum_match_arm)]
pub(super) fn of_state(state: FileState, suspended: bool, code: Option<&str>) -> RuntimeStatus {
    match (state, suspended) {
        (FileState::Pending, false) => RuntimeStatus::Pending,
        // An attempt that is under way may end; nothing follows it.
        (
            FileState::Pending | FileState::Processing | FileState::Publishing | FileState::AwaitingApproval,
            true,
        ) => RuntimeStatus::Suspended,
        // An instance that waits for a person is running, as there.
        (FileState::Processing | FileState::Publishing | FileState::AwaitingApproval, false) => {
            RuntimeStatus::Running
        }
        // What has ended stays so; `customStatus` tells that a later change would wait.
        (FileState::Indexed | FileState::Skipped | FileState::Deleted, false | true) => {
            RuntimeStatus::Completed
        }
        (FileState::Failed, false | true) if code == Some(TERMINATED) => RuntimeStatus::Terminated,
        (FileState::Failed, false | true) => RuntimeStatus::Failed,
    }
}

/// A file's status.
pub(super) fn of_file(row: &FileRow) -> RuntimeStatus {
    let code = row.last_error.as_ref().map(|failure| failure.code.as_str());
    of_state(row.state, row.suspended.is_some(), code)
}

/// The states that files of a status may be in: what has to be listed to find them. Suspended ones have a list of their own.
#[deny(clippy::wildcard_enum_match_arm)]
pub(super) fn states_of(status: RuntimeStatus) -> &'static [FileState] {
    match status {
        RuntimeStatus::Pending => &[FileState::Pending],
        RuntimeStatus::Running => &[
            FileState::Processing,
            FileState::Publishing,
            FileState::AwaitingApproval,
        ],
        RuntimeStatus::Completed => &[FileState::Indexed, FileState::Skipped, FileState::Deleted],
        RuntimeStatus::Failed | RuntimeStatus::Terminated => &[FileState::Failed],
        RuntimeStatus::Suspended | RuntimeStatus::Canceled => &[],
    }
}

/// A run's status from its state and whether it is suspended.
#[deny(clippy::wildcard_enum_match_arm)]
pub(super) fn of_run_state(state: RunState, suspended: bool) -> RuntimeStatus {
    match (state, suspended) {
        (RunState::Listing | RunState::Running, true) => RuntimeStatus::Suspended,
        // What is cancelled holds nothing back any more; files that have begun are being finished.
        (RunState::Listing | RunState::Running, false) | (RunState::Cancelling, false | true) => {
            RuntimeStatus::Running
        }
        (RunState::Completed, false | true) => RuntimeStatus::Completed,
        (RunState::Cancelled, false | true) => RuntimeStatus::Canceled,
    }
}

/// A run's status.
pub(super) fn of_run(run: &RunRecord) -> RuntimeStatus {
    of_run_state(run.state, run.suspended_at.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// State, then not suspended and suspended. Written from the documentation, not from the function.
    const TABLE: [(FileState, &str, &str); 8] = [
        (FileState::Pending, "Pending", "Suspended"),
        (FileState::Processing, "Running", "Suspended"),
        (FileState::Publishing, "Running", "Suspended"),
        (FileState::Indexed, "Completed", "Completed"),
        (FileState::Failed, "Failed", "Failed"),
        (FileState::Skipped, "Completed", "Completed"),
        (FileState::Deleted, "Completed", "Completed"),
        (FileState::AwaitingApproval, "Running", "Suspended"),
    ];

    /// As above, of runs.
    const RUNS: [(RunState, &str, &str); 5] = [
        (RunState::Listing, "Running", "Suspended"),
        (RunState::Running, "Running", "Suspended"),
        (RunState::Completed, "Completed", "Completed"),
        (RunState::Cancelling, "Running", "Running"),
        (RunState::Cancelled, "Canceled", "Canceled"),
    ];

    #[test]
    fn each_state_of_a_run_has_its_status() {
        for (state, free, held) in RUNS {
            assert_eq!(of_run_state(state, false).name(), free, "{state}");
            assert_eq!(of_run_state(state, true).name(), held, "{state}");
            assert_eq!(of_run_state(state, false).has_ended(), state.is_over());
        }
        assert_eq!(RUNS.map(|(state, ..)| state), RunState::ALL);
    }

    #[test]
    fn each_state_has_its_status() {
        for (state, free, held) in TABLE {
            assert_eq!(of_state(state, false, Some("too_large")).name(), free, "{state}");
            assert_eq!(of_state(state, true, None).name(), held, "{state}");
            let status = of_state(state, false, None);
            assert!(
                states_of(status).contains(&state),
                "{state} is found among {status}"
            );
            assert_eq!(status.has_ended(), state.is_settled());
        }
        assert_eq!(
            of_state(FileState::Failed, false, Some(TERMINATED)),
            RuntimeStatus::Terminated
        );
        let listed: usize = RuntimeStatus::ALL
            .iter()
            .map(|status| states_of(*status).len())
            .sum();
        assert_eq!(listed, FileState::ALL.len() + 1, "FAILED is in two");
        for status in RuntimeStatus::ALL {
            assert_eq!(status.name().to_lowercase().parse(), Ok(status));
        }
    }
}
