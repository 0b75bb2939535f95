//! `POST /events/azure`, `/events/s3`, `/events/gcs`, and `/events` for any of them: where sources report.
//!
//! 200 with counts means that everything in the body is taken over, or set aside where people see it. Everything else means that the
//! sender has to keep it: 400 (no such format), 401, 413, 415, and 503 with `Retry-After` when the ledger does not
//! answer. Nothing that a body names is fetched.
//!
//! `OPTIONS` on the same addresses is the handshake of
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md>: a sender asks whether it is welcome. Whoever
//! does not know the key is not.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use shared::ledger::LedgerError;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::Caller;
use super::errors::{ApiError, ErrorCode, Problem};
use crate::intake::accept::{IndexPlaces, Intake, Receipt};
use crate::intake::events::{self, Batch, Unreadable, cloud_events, gcs, s3};
use crate::intake::router::IndexPlace;

/// Largest body in bytes. Event Grid sends at most 1 MiB, SNS and Pub/Sub less per message.
pub const MAX_BODY: usize = 2 * 1024 * 1024;
/// Seconds after which a sender may try again when the ledger did not answer.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("10");

/// The routes on an intake.
pub(super) fn routes(intake: Intake) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(any, any_handshake))
        .routes(routes!(azure, azure_handshake))
        .routes(routes!(s3_bucket, s3_handshake))
        .routes(routes!(gcs_push, gcs_handshake))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(Arc::new(intake))
}

/// What a sender of events is answered.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum EventsAnswer {
    /// What became of the batch.
    Taken(Receipt),
    /// The answer to Event Grid's question whether it may send.
    Validated {
        /// The code that it sent.
        #[serde(rename = "validationResponse")]
        #[schema(rename = "validationResponse")]
        validation_response: String,
    },
}

/// A handler pair of an address: reports, and the handshake.
macro_rules! inlet {
    ($report:ident, $handshake:ident, $inlet:ident, $path:literal, $what:literal, [$($kind:literal),+]) => {
        #[doc = $what]
        #[utoipa::path(
            post,
            path = $path,
            tag = "events",
            request_body(content($((serde_json::Value = $kind)),+)),
            responses((status = OK, description = "Everything in the body is taken over, or set aside where people see it", body = EventsAnswer), (status = "default", description = "A problem; the sender has to keep the events", body = Problem, content_type = "application/problem+json")),
            security(("key" = ["ingest"]), ("events_key" = []))
        )]
        pub(super) async fn $report(State(intake): State<Arc<Intake>>, caller: Caller, request: Request) -> Result<Response, ApiError> {
            receive(&intake, caller, Inlet::$inlet, request).await
        }

        /// The handshake of CloudEvents web hooks: grants the origin that asks, at any rate.
        #[utoipa::path(
            options,
            path = $path,
            tag = "events",
            params(("WebHook-Request-Origin" = Option<String>, Header, description = "Who asks", example = "eventgrid.azure.net")),
            responses((status = OK, description = "Welcome"), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
            security(("key" = ["ingest"]), ("events_key" = []))
        )]
        pub(super) async fn $handshake(headers: HeaderMap) -> Response {
            welcome(&headers)
        }
    };
}

inlet!(
    any,
    any_handshake,
    Any,
    "/events",
    "Takes events in any of the known formats.",
    [
        "application/json",
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
        "text/plain"
    ]
);
inlet!(
    azure,
    azure_handshake,
    Azure,
    "/events/azure",
    "Takes events of Azure Event Grid, in its own schema or as CloudEvents.",
    [
        "application/json",
        "application/cloudevents+json",
        "application/cloudevents-batch+json"
    ]
);
inlet!(
    s3_bucket,
    s3_handshake,
    S3,
    "/events/s3",
    "Takes notifications of S3 and MinIO, directly, through EventBridge or SNS.",
    ["application/json", "text/plain"]
);
inlet!(
    gcs_push,
    gcs_handshake,
    Gcs,
    "/events/gcs",
    "Takes notifications of Google Cloud Storage that Pub/Sub pushes.",
    ["application/json"]
);

/// An address for events.
#[derive(Clone, Copy)]
enum Inlet {
    Any,
    Azure,
    S3,
    Gcs,
}

const JSON: &str = "application/json";
const CLOUD_EVENT: &str = "application/cloudevents+json";
const CLOUD_EVENTS: &str = "application/cloudevents-batch+json";
/// SNS says so of its JSON.
const TEXT: &str = "text/plain";

impl Inlet {
    fn path(self) -> &'static str {
        match self {
            Self::Any => "/events",
            Self::Azure => "/events/azure",
            Self::S3 => "/events/s3",
            Self::Gcs => "/events/gcs",
        }
    }

    /// The name in metrics of what could not be read.
    fn source(self) -> &'static str {
        match self {
            Self::Any => "unknown",
            Self::Azure => "event_grid",
            Self::S3 => "s3",
            Self::Gcs => "gcs",
        }
    }

    fn content_types(self) -> &'static [&'static str] {
        match self {
            Self::Any => &[JSON, CLOUD_EVENT, CLOUD_EVENTS, TEXT],
            Self::Azure => &[JSON, CLOUD_EVENT, CLOUD_EVENTS],
            Self::S3 => &[JSON, TEXT],
            Self::Gcs => &[JSON],
        }
    }

    fn parse(
        self,
        headers: &HeaderMap,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Batch, Unreadable> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let structured = content_type.is_some_and(|kind| [CLOUD_EVENT, CLOUD_EVENTS].contains(&kind));
        let binary = !structured && header("ce-specversion").is_some();
        match self {
            Self::Any | Self::Azure if binary => cloud_events::parse_binary(header, body),
            Self::Any => events::parse(body, content_type),
            Self::Azure => events::azure(body, content_type),
            Self::S3 => s3::parse(body),
            Self::Gcs => gcs::parse(body),
        }
    }
}

/// Takes a report.
async fn receive(
    intake: &Intake,
    caller: Caller,
    inlet: Inlet,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let content_type = content_type(&parts.headers);
    if let Some(kind) = &content_type
        && !inlet.content_types().contains(&kind.as_str())
    {
        let (path, accepted) = (inlet.path(), inlet.content_types().join(", "));
        let detail = format!("content type {kind:?} is not accepted at {path}; send {accepted}");
        return Err(ApiError::new(ErrorCode::UnsupportedType, detail));
    }
    let headers = parts.headers.clone();
    let body = Bytes::from_request(Request::from_parts(parts, body), &())
        .await
        .map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(
                ErrorCode::TooLarge,
                format!("the body has more than {MAX_BODY} bytes; send smaller batches"),
            ),
            _ => ApiError::bad_request(format!("the body could not be read: {}", rejection.body_text())),
        })?;
    let batch = inlet
        .parse(&headers, content_type.as_deref(), &body)
        .map_err(|error| {
            intake.unreadable(inlet.source());
            ApiError::bad_request(error.to_string())
        })?;
    let origin = format!("POST {}", inlet.path());
    match visible(intake, caller).take(&origin, &batch).await {
        Ok(receipt) => Ok(answer(match batch.validation {
            Some(code) => EventsAnswer::Validated {
                validation_response: code,
            },
            None => EventsAnswer::Taken(receipt),
        })),
        Err(error) => {
            let mut response = ApiError::from(error).into_response();
            response
                .headers_mut()
                .insert(axum::http::header::RETRY_AFTER, RETRY_SECONDS);
            Ok(response)
        }
    }
}

/// The handshake.
fn welcome(asked: &HeaderMap) -> Response {
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static("POST, OPTIONS"));
    if let Some(origin) = asked.get("webhook-request-origin") {
        headers.insert("webhook-allowed-origin", origin.clone());
        headers.insert("webhook-allowed-rate", HeaderValue::from_static("*"));
    }
    response
}

/// The intake as a sender may use it: with a key for some indexes, the others own nothing.
fn visible(intake: &Intake, caller: Caller) -> Intake {
    let all = Arc::clone(&intake.indexes);
    Intake {
        indexes: Arc::new(Visible { all, caller }),
        ..intake.clone()
    }
}

struct Visible {
    all: Arc<dyn IndexPlaces>,
    caller: Caller,
}

#[async_trait]
impl IndexPlaces for Visible {
    async fn index_places(&self) -> Result<Vec<IndexPlace>, LedgerError> {
        let mut places = self.all.index_places().await?;
        places.retain(|place| self.caller.sees(&place.index));
        Ok(places)
    }
}

/// The content type without parameters, in lower case.
fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?;
    let text = String::from_utf8_lossy(value.as_bytes());
    let essence = text.split(';').next().unwrap_or_default();
    Some(essence.trim().to_ascii_lowercase())
}

fn answer(body: EventsAnswer) -> Response {
    // The address may have the key in it.
    ([(CACHE_CONTROL, "private, no-store")], Json(body)).into_response()
}

#[cfg(test)]
mod tests;
