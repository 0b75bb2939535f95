//! Histories in the words of Durable Functions. Pure.

use serde::{Deserialize, Serialize};
use shared::clock::UnixMillis;
use shared::file_state::FileState;
use shared::ledger::{HistoryEntry, RunRecord};
use utoipa::ToSchema;

use super::instance::time;
use super::mapping::{self, RuntimeStatus};

/// The only function of a file: an attempt at its newest change.
const ATTEMPT: &str = "attempt";

/// Something that happened to an instance. Fields that say nothing about it are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct HistoryEvent {
    /// `ExecutionStarted`, `EventRaised`, `TaskScheduled`, `TaskCompleted`, `TaskFailed`, `TimerCreated`, `ContinueAsNew`,
    /// `ExecutionSuspended`, `ExecutionResumed`, `ExecutionRewound`, `ExecutionTerminated`, `ExecutionCompleted` or
    /// `GenericEvent`.
    #[schema(example = "TaskCompleted")]
    pub event_type: String,
    /// When.
    #[schema(format = DateTime, example = "2026-03-01T12:00:00Z")]
    pub timestamp: String,
    /// What ran: `file` or `run` for the instance itself, `attempt` for an attempt at a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_name: Option<String>,
    /// Of an attempt that ended: when it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub scheduled_time: Option<String>,
    /// Of `EventRaised`: `changed`, `approved`, `rejected`, `cancelled`; of `GenericEvent`: what happened in our words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Why, or who reported it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// More about a failure: its code and class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// Of `ExecutionCompleted`: how.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orchestration_status: Option<RuntimeStatus>,
    /// With `showHistoryOutput`: times and counts of the attempt, as JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
}

impl HistoryEvent {
    fn new(kind: &str, at: UnixMillis) -> Self {
        Self {
            event_type: kind.to_owned(),
            timestamp: time(at),
            ..Self::default()
        }
    }

    fn attempt(kind: &str, at: UnixMillis, began: Option<UnixMillis>) -> Self {
        Self {
            function_name: Some(ATTEMPT.to_owned()),
            scheduled_time: began.map(time),
            ..Self::new(kind, at)
        }
    }

    fn raised(name: &str, entry: &HistoryEntry) -> Self {
        Self {
            name: Some(name.to_owned()),
            reason: text(entry, "reason"),
            ..Self::new("EventRaised", entry.at)
        }
    }

    fn ended(at: UnixMillis, status: RuntimeStatus) -> Self {
        Self {
            orchestration_status: Some(status),
            ..Self::new("ExecutionCompleted", at)
        }
    }
}

/// A text of an entry's detail.
fn text(entry: &HistoryEntry, name: &str) -> Option<String> {
    Some(entry.detail.get(name)?.as_str()?.to_owned())
}

/// A text of the failure that an entry tells of.
fn of_failure(entry: &HistoryEntry, name: &str) -> Option<String> {
    Some(entry.detail.get("failure")?.get(name)?.as_str()?.to_owned())
}

/// The events of a file from its history, oldest first.
pub(super) fn of_file(history: &[HistoryEntry], show_output: bool) -> Vec<HistoryEvent> {
    let mut events = Vec::with_capacity(history.len() + 8);
    let mut began = None;
    for (at, entry) in history.iter().enumerate() {
        let status = || mapping::of_state(entry.state, false, of_failure(entry, "code").as_deref());
        match entry.event.as_str() {
            "enqueued" if at == 0 && entry.n <= 1 => events.push(HistoryEvent {
                function_name: Some("file".to_owned()),
                reason: text(entry, "reason"),
                ..HistoryEvent::new("ExecutionStarted", entry.at)
            }),
            "enqueued" => events.push(HistoryEvent::raised("changed", entry)),
            "claimed" => {
                began = Some(entry.at);
                events.push(HistoryEvent::attempt("TaskScheduled", entry.at, None));
            }
            "committed" => events.push(HistoryEvent {
                result: show_output.then(|| entry.detail.to_string()),
                ..HistoryEvent::attempt("TaskCompleted", entry.at, began)
            }),
            "released" if entry.state == FileState::Pending => {
                events.push(HistoryEvent::new("ContinueAsNew", entry.at));
            }
            "released" => events.push(HistoryEvent::ended(entry.at, status())),
            "failed" | "swept" => {
                let class = of_failure(entry, "class").unwrap_or_default();
                let code = of_failure(entry, "code").unwrap_or_default();
                events.push(HistoryEvent {
                    reason: of_failure(entry, "message"),
                    details: Some(format!("{code} ({class})")),
                    ..HistoryEvent::attempt("TaskFailed", entry.at, began)
                });
                events.push(if entry.state == FileState::Pending {
                    HistoryEvent::new("TimerCreated", entry.at)
                } else {
                    HistoryEvent::ended(entry.at, status())
                });
            }
            "retried" => events.push(HistoryEvent::new("ExecutionRewound", entry.at)),
            "approved" => events.push(HistoryEvent::raised("approved", entry)),
            "rejected" => {
                events.push(HistoryEvent::raised("rejected", entry));
                events.push(HistoryEvent::ended(entry.at, status()));
            }
            // Its run was cancelled: it is what it was, unless somebody else wants it.
            "cancelled" => {
                events.push(HistoryEvent::raised("cancelled", entry));
                if entry.state.is_settled() {
                    events.push(HistoryEvent::ended(entry.at, status()));
                }
            }
            "suspended" | "resumed" => {
                let kind = if entry.event == "suspended" {
                    "ExecutionSuspended"
                } else {
                    "ExecutionResumed"
                };
                events.push(HistoryEvent {
                    reason: text(entry, "reason"),
                    ..HistoryEvent::new(kind, entry.at)
                });
            }
            "terminated" => events.push(HistoryEvent {
                reason: of_failure(entry, "message"),
                ..HistoryEvent::new("ExecutionTerminated", entry.at)
            }),
            other => events.push(HistoryEvent {
                name: Some(other.to_owned()),
                ..HistoryEvent::new("GenericEvent", entry.at)
            }),
        }
    }
    events
}

/// The events of a run.
pub(super) fn of_run(run: &RunRecord) -> Vec<HistoryEvent> {
    let mut events = vec![HistoryEvent {
        function_name: Some("run".to_owned()),
        reason: Some(run.kind.name().to_owned()),
        ..HistoryEvent::new("ExecutionStarted", run.opened_at)
    }];
    if let Some(at) = run.suspended_at {
        events.push(HistoryEvent::new("ExecutionSuspended", at));
    }
    if let Some(at) = run.completed_at {
        events.push(HistoryEvent::ended(at, mapping::of_run(run)));
    }
    events
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(n: i64, event: &str, state: FileState, detail: serde_json::Value) -> HistoryEntry {
        HistoryEntry {
            n,
            at: n * 1000,
            event: event.to_owned(),
            state,
            seq: 1,
            claim_id: None,
            detail,
        }
    }

    #[test]
    fn a_life_is_told_in_their_words() {
        let failure = json!({ "failure": { "code": "fetch", "class": "transient", "message": "reset" } });
        let ended = json!({ "failure": { "code": "terminated", "class": "permanent", "message": "enough" } });
        let history = [
            entry(1, "enqueued", FileState::Pending, json!({ "reason": "scan" })),
            entry(2, "claimed", FileState::Processing, json!({})),
            entry(3, "failed", FileState::Pending, failure),
            entry(4, "claimed", FileState::Processing, json!({})),
            entry(5, "committed", FileState::Publishing, json!({ "chunks": 2 })),
            entry(6, "released", FileState::Indexed, json!({})),
            entry(7, "enqueued", FileState::Pending, json!({ "reason": "event" })),
            entry(8, "suspended", FileState::Pending, json!({ "reason": "later" })),
            entry(9, "resumed", FileState::Pending, json!({})),
            entry(10, "terminated", FileState::Failed, ended),
            entry(11, "retried", FileState::Pending, json!({})),
            entry(12, "invented", FileState::Pending, json!({})),
        ];
        let events = of_file(&history, true);
        let kinds: Vec<_> = events.iter().map(|event| event.event_type.as_str()).collect();
        assert_eq!(
            kinds,
            [
                "ExecutionStarted",
                "TaskScheduled",
                "TaskFailed",
                "TimerCreated",
                "TaskScheduled",
                "TaskCompleted",
                "ExecutionCompleted",
                "EventRaised",
                "ExecutionSuspended",
                "ExecutionResumed",
                "ExecutionTerminated",
                "ExecutionRewound",
                "GenericEvent",
            ]
        );
        assert_eq!(events[2].reason.as_deref(), Some("reset"));
        assert_eq!(events[2].scheduled_time.as_deref(), Some("1970-01-01T00:00:02Z"));
        assert_eq!(events[5].result.as_deref(), Some("{\"chunks\":2}"));
        assert_eq!(events[6].orchestration_status, Some(RuntimeStatus::Completed));
        assert_eq!(events[10].reason.as_deref(), Some("enough"));
        assert_eq!(of_file(&history, false)[5].result, None);
        let json = serde_json::to_value(&events[1]).unwrap();
        let wanted = json!({ "EventType": "TaskScheduled", "Timestamp": "1970-01-01T00:00:02Z", "FunctionName": "attempt" });
        assert_eq!(json, wanted);
    }
}
