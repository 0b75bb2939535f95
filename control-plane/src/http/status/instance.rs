//! Instances: files and runs under ids of their own, in the shape of Durable Functions.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::blob_path::BlobPath;
use shared::clock::UnixMillis;
use shared::file_state::FileState;
use shared::ids::{ClaimId, FileId, IndexId, RunId};
use shared::ledger::{FileRow, RunKind, RunOutcome, RunRecord, RunState, Suspended, Version};
use utoipa::ToSchema;

use super::events::HistoryEvent;
use super::mapping::{self, RuntimeStatus};

/// A time as Durable Functions write it: RFC 3339 in UTC.
pub(super) fn time(at: UnixMillis) -> String {
    Timestamp::from_millisecond(at).map_or_else(|_| Timestamp::MAX.to_string(), |time| time.to_string())
}

/// What an instance id names: a run by its id, a file by its index and its id with a colon between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum InstanceId {
    File(IndexId, FileId),
    Run(RunId),
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(index, file) => write!(f, "{index}:{file}"),
            Self::Run(run) => run.fmt(f),
        }
    }
}

impl FromStr for InstanceId {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once(':') {
            Some((index, file)) => {
                let index = IndexId::new(index).map_err(drop)?;
                Ok(Self::File(index, file.parse().map_err(drop)?))
            }
            None => text.parse().map(Self::Run).map_err(drop),
        }
    }
}

/// What an instance works on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceInput {
    /// The index.
    pub index: IndexId,
    /// Of a file: the blob. Of a run: its only file, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<BlobPath>,
    /// Of a file: the run that last asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Of a run: why it exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<RunKind>,
}

/// What our own words say beyond `runtimeStatus`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomStatus {
    /// Of a file: its state in our words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<FileState>,
    /// Of a file: attempts at the pending change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Of a file that is PENDING: the earliest time of the next attempt, in Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<UnixMillis>,
    /// Of a file: why the last attempt failed, or why it is not indexed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Of a file: since when nobody may work on it, and what has to be resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Suspended>,
    /// Of a run: its state in our words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_state: Option<RunState>,
    /// Of a run: files that are done, by outcome.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    #[schema(value_type = BTreeMap<String, u64>)]
    pub files: BTreeMap<RunOutcome, u64>,
    /// Of a run: files that joined it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Of a run: of those, files that are done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<u64>,
}

/// What became of an instance that has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceOutput {
    /// Of a file: what the version that search shows was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// Of a file: the claim whose points search shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live_claim: Option<ClaimId>,
    /// Of a file: why it failed, or why it is not indexed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Of a run: its files by outcome.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    #[schema(value_type = BTreeMap<String, u64>)]
    pub files: BTreeMap<RunOutcome, u64>,
}

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceStatus {
    /// `file` or `run`.
    #[schema(example = "file")]
    pub name: String,
    /// The run's id, or the file's: index and file id with a colon between.
    #[schema(example = "team-docs:5f0c1f6e-7a11-5000-8000-000000000001")]
    pub instance_id: String,
    /// Where it is.
    pub runtime_status: RuntimeStatus,
    /// What it works on; null with `showInput=false`.
    pub input: Option<InstanceInput>,
    /// The same in our own words.
    pub custom_status: CustomStatus,
    /// What became of it; null while it goes on.
    pub output: Option<InstanceOutput>,
    /// When it was first asked for.
    #[schema(format = DateTime, example = "2026-03-01T12:00:00Z")]
    pub created_time: String,
    /// When it last changed.
    #[schema(format = DateTime, example = "2026-03-01T12:00:01.5Z")]
    pub last_updated_time: String,
    /// What happened, oldest first, with `showHistory=true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history_events: Option<Vec<HistoryEvent>>,
}

impl InstanceStatus {
    /// A file.
    pub(super) fn of_file(index: &IndexId, row: FileRow, show_input: bool) -> Self {
        let runtime_status = mapping::of_file(&row);
        let failure = row.last_error.as_ref().map(ToString::to_string);
        let pending = row.state == FileState::Pending;
        Self {
            name: "file".to_owned(),
            instance_id: InstanceId::File(index.clone(), row.file_id).to_string(),
            runtime_status,
            input: show_input.then(|| InstanceInput {
                index: index.clone(),
                path: Some(row.path.clone()),
                run: row.run,
                kind: None,
            }),
            custom_status: CustomStatus {
                state: Some(row.state),
                attempts: Some(row.attempts),
                not_before: pending.then_some(row.not_before),
                last_error: failure.clone(),
                suspended: row.suspended,
                ..CustomStatus::default()
            },
            output: runtime_status.has_ended().then(|| InstanceOutput {
                version: row.version,
                live_claim: row.live_claim,
                failure,
                ..InstanceOutput::default()
            }),
            created_time: time(row.created_at),
            last_updated_time: time(row.updated_at),
            history_events: None,
        }
    }

    /// A run.
    pub(super) fn of_run(run: RunRecord, show_input: bool) -> Self {
        let runtime_status = mapping::of_run(&run);
        let last = run.completed_at.or(run.suspended_at).unwrap_or(run.opened_at);
        let mut counts = run.counts;
        let outcomes = RunOutcome::ALL.map(|outcome| (outcome, *counts.of(outcome)));
        let files: BTreeMap<_, _> = outcomes.into_iter().filter(|(_, files)| *files > 0).collect();
        Self {
            name: "run".to_owned(),
            instance_id: InstanceId::Run(run.id).to_string(),
            runtime_status,
            input: show_input.then(|| InstanceInput {
                index: run.index.clone(),
                path: run.path,
                run: None,
                kind: Some(run.kind),
            }),
            custom_status: CustomStatus {
                run_state: Some(run.state),
                files: files.clone(),
                total: Some(run.total),
                done: Some(run.done),
                ..CustomStatus::default()
            },
            output: runtime_status.has_ended().then(|| InstanceOutput {
                files,
                ..InstanceOutput::default()
            }),
            created_time: time(run.opened_at),
            last_updated_time: time(last),
            history_events: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_name_files_and_runs() {
        let index = IndexId::new("docs").unwrap();
        let path = BlobPath::new("a b/c:d.md").unwrap();
        let file = InstanceId::File(index.clone(), FileId::of(&index, &path));
        let run = InstanceId::Run(RunId::generate());
        for id in [file, run] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for bad in [
            "",
            ":",
            "docs:",
            "docs:a.md",
            "DOCS:x",
            "x",
            "a:b:c",
            "\0",
            "docs",
        ] {
            assert!(bad.parse::<InstanceId>().is_err(), "{bad:?}");
        }
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(1_750_000_000_123), "2025-06-15T15:06:40.123Z");
        assert!(!time(i64::MAX).is_empty());
    }
}
