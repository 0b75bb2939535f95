//! `file.wake.v1` as it travels: what is in the properties, what is in the body, and what is not understood.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use serde::Deserialize;
use uuid::Uuid;

use super::super::QueueError;
use crate::clock::UnixMillis;
use crate::trace::{TRACEPARENT, context};
use crate::work_message::{Lane, WORK_MESSAGE_VERSION, WorkMessage};

/// The message type that this build writes and reads.
const TYPE: &str = "file.wake.v1";
/// Written to disk, so that a restart of the broker does not cost the re-wake period.
const PERSISTENT: u8 = 2;

/// Properties and body of a wake-up.
pub(super) fn encode(
    lane: Lane,
    message: &WorkMessage,
    now: UnixMillis,
) -> Result<(BasicProperties, Vec<u8>), QueueError> {
    let mut headers = FieldTable::default();
    headers.insert("x-longshore-seq".into(), AMQPValue::LongLongInt(message.seq));
    headers.insert(
        "x-longshore-reason".into(),
        AMQPValue::LongString(reason(lane).into()),
    );
    if let Some(sender) = context::traceparent() {
        headers.insert(TRACEPARENT.into(), AMQPValue::LongString(sender.into()));
    }
    let properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_type(TYPE.into())
        .with_content_type("application/json".into())
        .with_message_id(short(Uuid::new_v4()))
        .with_correlation_id(short(message.file_id))
        .with_timestamp(u64::try_from(now / 1000).unwrap_or(0))
        .with_headers(headers);
    let body = serde_json::to_vec(message)
        .map_err(|error| QueueError::Unavailable(format!("a wake-up cannot be written: {error}")))?;
    Ok((properties, body))
}

/// Why a file is woken, for people who look into a queue.
fn reason(lane: Lane) -> &'static str {
    match lane {
        Lane::Fast => "event",
        Lane::Bulk => "backfill",
    }
}

/// The span that sent a message, if it says so. Builds without tracing pass the header over, and send none.
pub(super) fn traceparent(properties: &BasicProperties) -> Option<String> {
    let headers = properties.headers().as_ref()?;
    match headers.inner().get(TRACEPARENT)? {
        AMQPValue::LongString(value) => std::str::from_utf8(value.as_bytes()).ok().map(str::to_owned),
        AMQPValue::ShortString(value) => Some(value.as_str().to_owned()),
        _ => None,
    }
}

/// The wake-up in a message. Fields that a later build has added are passed over.
///
/// # Errors
/// What is not understood, for the log and for who looks at the dead letters.
pub(super) fn decode(properties: &BasicProperties, body: &[u8]) -> Result<WorkMessage, String> {
    #[derive(Deserialize)]
    struct Version {
        v: u64,
    }
    match properties.kind() {
        Some(kind) if kind.as_str() == TYPE => {}
        Some(kind) => {
            return Err(format!(
                "the message type is {:?}, this build reads {TYPE}",
                kind.as_str()
            ));
        }
        None => return Err(format!("the message has no type, this build reads {TYPE}")),
    }
    let unreadable = |error: serde_json::Error| format!("the body is no wake-up: {error}");
    let Version { v } = serde_json::from_slice(body).map_err(unreadable)?;
    if v != u64::from(WORK_MESSAGE_VERSION) {
        return Err(format!(
            "the body has version {v}, this build reads {WORK_MESSAGE_VERSION}"
        ));
    }
    serde_json::from_slice(body).map_err(unreadable)
}

fn short(id: impl std::fmt::Display) -> ShortString {
    ShortString::from(id.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::super::conformance::message;
    use super::*;

    #[test]
    fn a_wake_up_survives_the_way() {
        let (properties, body) = encode(Lane::Bulk, &message(7), 1_700_000_000_123).unwrap();
        assert_eq!(decode(&properties, &body), Ok(message(7)));
        assert_eq!(properties.timestamp(), &Some(1_700_000_000));
        assert_eq!(properties.delivery_mode(), &Some(PERSISTENT));
        assert_eq!(
            properties.correlation_id().as_ref().map(ShortString::as_str),
            Some(message(7).file_id.to_string().as_str())
        );
        let headers = properties.headers().clone().unwrap_or_default();
        assert_eq!(
            super::super::headers::to_json(&headers),
            serde_json::json!({ "x-longshore-seq": 7, "x-longshore-reason": "backfill" })
        );
    }

    #[test]
    fn the_senders_span_travels_beside_the_body() {
        use opentelemetry::Context;
        use opentelemetry::trace::TraceContextExt as _;

        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let span = context::sender(text).unwrap();
        let (old_properties, old_body) = encode(Lane::Fast, &message(1), 0).unwrap();
        let (properties, body) = {
            let _running = Context::new().with_remote_span_context(span).attach();
            encode(Lane::Fast, &message(1), 0).unwrap()
        };
        assert_eq!(traceparent(&properties).as_deref(), Some(text));
        assert_eq!(traceparent(&old_properties), None);
        assert_eq!(body, old_body, "what older builds read is as it was");
        assert_eq!(decode(&properties, &body), Ok(message(1)));
        let mut odd = FieldTable::default();
        odd.insert(TRACEPARENT.into(), AMQPValue::Boolean(true));
        assert_eq!(traceparent(&BasicProperties::default().with_headers(odd)), None);
    }

    #[test]
    fn later_fields_are_passed_over_and_the_rest_is_refused_with_a_reason() {
        let (properties, body) = encode(Lane::Fast, &message(1), 0).unwrap();
        let mut later: serde_json::Value = serde_json::from_slice(&body).unwrap();
        later["priority"] = 9.into();
        assert_eq!(decode(&properties, later.to_string().as_bytes()), Ok(message(1)));
        later["v"] = 2.into();
        let untyped = BasicProperties::default();
        let other = BasicProperties::default().with_type("file.wake.v2".into());
        for (properties, body, why) in [
            (&properties, later.to_string(), "version 2"),
            (&properties, "garbage".to_owned(), "no wake-up"),
            (&properties, r#"{"v":1}"#.to_owned(), "missing field"),
            (&properties, r#"{"v":1,"index":"a.b"}"#.to_owned(), "index name"),
            (&untyped, String::new(), "no type"),
            (&other, String::new(), "file.wake.v2"),
        ] {
            let error = decode(properties, body.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
