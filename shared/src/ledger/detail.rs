//! What the history says about each event, as JSON objects; the same for every backend.

use serde_json::{Map, Value, json};

use super::{Change, Fail, SweepPolicy};
use crate::blob_path::BlobPath;
use crate::ids::RunId;
use crate::retry::Failure;

/// Of `enqueued`; `renamed_to` on the old path of a rename.
pub(super) fn enqueued(change: &Change, renamed_to: Option<&BlobPath>) -> Value {
    let mut detail = Map::new();
    detail.insert("reason".into(), change.reason.into());
    detail.insert("lane".into(), change.lane.name().into());
    let optional = [
        ("sequencer", change.sequencer.clone()),
        ("run", change.run.map(|run| run.to_string())),
        ("renamed_to", renamed_to.map(ToString::to_string)),
        (
            "renamed_from",
            change
                .renamed_from
                .as_ref()
                .filter(|_| renamed_to.is_none())
                .map(ToString::to_string),
        ),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            detail.insert(key.into(), value.into());
        }
    }
    Value::Object(detail)
}

/// Of `claimed`.
pub(super) fn claimed(owner: &str, attempts: u32) -> Value {
    json!({ "owner": owner, "attempts": attempts })
}

/// Of `failed`.
pub(super) fn failed(fail: &Fail) -> Value {
    let mut detail = Map::new();
    detail.insert("failure".into(), json!(fail.failure));
    if fail.standing {
        detail.insert("unchanged".into(), true.into());
    }
    Value::Object(detail)
}

/// Of `terminated`.
pub(super) fn terminated(failure: &Failure) -> Value {
    json!({ "failure": failure })
}

/// Of `swept`.
pub(super) fn swept(owner: &str, failure: &Failure) -> Value {
    json!({ "owner": owner, "failure": failure })
}

/// Of `cancelled`.
pub(super) fn given_back(run: RunId) -> Value {
    json!({ "run": run.to_string() })
}

/// Of what somebody asked for, with the reason given.
pub(super) fn asked(reason: &str) -> Value {
    if reason.is_empty() {
        nothing()
    } else {
        json!({ "reason": reason })
    }
}

/// Of events that say it all by their name.
pub(super) fn nothing() -> Value {
    Value::Object(Map::new())
}

/// Why a claim was swept, for the file's `last_error`.
pub(super) fn lease_lost(policy: &SweepPolicy) -> Failure {
    Failure::transient(
        "lease_lost",
        format!(
            "the worker that held this file died or froze, or took longer than {} s; if the file is tried again and \
             ends here again, it is likely the cause: look at its size and type",
            policy.stale_after.as_secs()
        ),
    )
}

/// What an attempt cost, of the detail of its commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AttemptCost {
    /// Counted by the embedding model.
    pub(super) tokens: i64,
    /// Chunks sent to it.
    pub(super) embedded: i64,
    /// Chunks whose vectors were there.
    pub(super) reused: i64,
}

impl AttemptCost {
    /// Reads the words that the pipeline writes.
    pub(super) fn of(detail: &Value) -> Self {
        let of = |name: &str| detail.get(name).and_then(Value::as_i64).unwrap_or(0).max(0);
        Self {
            tokens: of("tokens"),
            embedded: of("embedded"),
            reused: of("reused"),
        }
    }
}
