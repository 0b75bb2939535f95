//! What can go wrong, and what goes wrong with a request.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Record;

/// What goes wrong with one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Fault {
    /// 429, with `Retry-After` in seconds (a fraction is sent as one).
    Throttle {
        /// The value of the header, if any.
        #[serde(default)]
        retry_after: Option<f64>,
    },
    /// A status with a message.
    Status {
        /// The status.
        status: u16,
        /// What the error says.
        #[serde(default)]
        message: String,
    },
    /// No answer.
    Hang,
    /// The connection ends in the middle of the reply.
    BreakOff,
    /// The reply ends too early to be JSON.
    MalformedJson,
    /// One vector is missing.
    WrongCount,
    /// The last vector is one number short.
    WrongSize,
    /// The last vector holds a NaN.
    NotANumber,
    /// Two vectors have the same index.
    RepeatedIndex,
}

/// How a server behaves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// What goes wrong with the next requests, one each.
    pub next: VecDeque<Fault>,
    /// Time that each request takes at least, in milliseconds.
    pub latency_ms: u64,
    /// Refuses requests with a text that contains this (400).
    pub refuse_marker: Option<String>,
    /// Refuses requests of more texts than this (413).
    pub max_texts: Option<usize>,
    /// Refuses requests without this key (401).
    pub key: Option<String>,
    /// Knows only this model (404).
    pub model: Option<String>,
    /// Answers 429 while more requests than this are under way.
    pub max_in_flight: Option<u64>,
    /// Refuses `encoding_format` (400), as servers that do not know it.
    pub refuse_base64: bool,
    /// Answers floats when asked for base64.
    pub ignore_base64: bool,
    /// Answers with the vectors in reverse order, each with its index.
    pub reverse: bool,
    /// Takes no connections, and answers 503 on those that stand.
    pub down: bool,
}

impl Faults {
    /// What goes wrong with a request, apart from what its body says.
    pub(super) fn judge(&mut self, record: &Record) -> Option<Fault> {
        let status = |status, message: &str| {
            Some(Fault::Status {
                status,
                message: message.to_owned(),
            })
        };
        if self.down {
            return status(503, "down");
        }
        if let Some(fault) = self.next.pop_front() {
            return Some(fault);
        }
        if self.key.is_some() && self.key != record.key {
            let given = record.key.as_deref().unwrap_or_default();
            return status(401, &format!("incorrect key provided: {given}"));
        }
        if self.max_texts.is_some_and(|max| record.texts.len() > max) {
            return status(413, "batch size is above the maximum");
        }
        if let Some(marker) = &self.refuse_marker
            && let Some(text) = record.texts.iter().find(|text| text.contains(marker))
        {
            return status(
                400,
                &format!("this model's maximum context length is exceeded by: {text}"),
            );
        }
        None
    }
}
