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

use axum::extract::{DefaultBodyLimit, FromRequest, Query, Request, State};
use axum::http::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router, body::Bytes};
use serde::Deserialize;
use serde_json::json;
use shared::secret::Secret;

use super::errors::{ApiError, ErrorCode};
use crate::intake::accept::Intake;
use crate::intake::events::{self, Batch, Unreadable, cloud_events, gcs, s3};

/// Largest body in bytes. Event Grid sends at most 1 MiB, SNS and Pub/Sub less per message.
pub const MAX_BODY: usize = 2 * 1024 * 1024;
/// Seconds after which a sender may try again when the ledger did not answer.
const RETRY_SECONDS: &str = "10";
/// Carries the key where `Authorization` is taken.
const KEY_HEADER: &str = "x-longshore-key";

/// What the handlers work on.
pub struct EventsApi {
    /// Takes the events.
    pub intake: Intake,
    /// What senders must know; `None` lets everybody report. An empty one lets nobody.
    pub key: Option<Secret>,
}

/// The routes, to be merged into those of the control plane.
pub fn router(api: Arc<EventsApi>) -> Router {
    let welcome = |State(api): State<Arc<EventsApi>>, request: Request| async move { api.welcome(request) };
    let mut router = Router::new();
    for inlet in Inlet::ALL {
        let report = move |State(api): State<Arc<EventsApi>>, request: Request| async move {
            api.receive(inlet, request).await
        };
        router = router.route(inlet.path(), post(report).options(welcome));
    }
    router.layer(DefaultBodyLimit::max(MAX_BODY)).with_state(api)
}

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
    const ALL: [Self; 4] = [Self::Any, Self::Azure, Self::S3, Self::Gcs];

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

impl EventsApi {
    async fn receive(&self, inlet: Inlet, request: Request) -> Response {
        match self.taken(inlet, request).await {
            Ok(response) => response,
            Err(error) => error.into_response(),
        }
    }

    async fn taken(&self, inlet: Inlet, request: Request) -> Result<Response, ApiError> {
        let (parts, body) = request.into_parts();
        // Before the body is read: strangers do not get to send megabytes.
        self.authorize(&parts)?;
        let content_type = content_type(&parts.headers);
        if let Some(kind) = &content_type
            && !inlet.content_types().contains(&kind.as_str())
        {
            return Err(ApiError::new(
                ErrorCode::UnsupportedType,
                format!(
                    "content type {kind:?} is not accepted at {}; send {}",
                    inlet.path(),
                    inlet.content_types().join(", ")
                ),
            ));
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
                self.intake.unreadable(inlet.source());
                ApiError::bad_request(error.to_string())
            })?;
        let origin = format!("POST {}", inlet.path());
        match self.intake.take(&origin, &batch).await {
            Ok(receipt) => Ok(match batch.validation {
                Some(code) => answer(&json!({ "validationResponse": code })),
                None => answer(&receipt),
            }),
            Err(error) => Ok(([(RETRY_AFTER, RETRY_SECONDS)], ApiError::from(error)).into_response()),
        }
    }

    /// The handshake: grants the origin that asks, at any rate.
    fn welcome(&self, request: Request) -> Response {
        let (parts, _) = request.into_parts();
        if let Err(error) = self.authorize(&parts) {
            return error.into_response();
        }
        let mut response = StatusCode::OK.into_response();
        let headers = response.headers_mut();
        headers.insert(ALLOW, HeaderValue::from_static("POST, OPTIONS"));
        if let Some(origin) = parts.headers.get("webhook-request-origin") {
            headers.insert("webhook-allowed-origin", origin.clone());
            headers.insert("webhook-allowed-rate", HeaderValue::from_static("*"));
        }
        response
    }

    /// Does the sender know the key?
    fn authorize(&self, parts: &Parts) -> Result<(), ApiError> {
        let Some(key) = &self.key else {
            return Ok(());
        };
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = header(AUTHORIZATION.as_str())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        let query =
            Query::<KeyInUrl>::try_from_uri(&parts.uri).map_or_else(|_| KeyInUrl::default(), |query| query.0);
        let given = [
            bearer,
            header(KEY_HEADER),
            query.key.as_ref().map(Secret::expose),
            query.access_token.as_ref().map(Secret::expose),
        ];
        if !key.is_empty() && given.into_iter().flatten().any(|given| same(given, key)) {
            Ok(())
        } else {
            Err(ApiError::new(
                ErrorCode::Unauthorized,
                format!(
                    "the key is missing or wrong: send it as `Authorization: Bearer KEY`, as header `{KEY_HEADER}`, or where a sender \
                 takes nothing but an address, as `?key=KEY` in it"
                ),
            ))
        }
    }
}

/// A key in the query string; `access_token` is what the handshake's specification calls it.
#[derive(Default, Deserialize)]
struct KeyInUrl {
    key: Option<Secret>,
    access_token: Option<Secret>,
}

/// Compares in a time that does not tell how much is right: hashes are of equal length, and their comparison takes constant
/// time.
fn same(given: &str, key: &Secret) -> bool {
    blake3::hash(given.as_bytes()) == blake3::hash(key.expose().as_bytes())
}

/// The content type without parameters, in lower case.
fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?;
    let text = String::from_utf8_lossy(value.as_bytes());
    let essence = text.split(';').next().unwrap_or_default();
    Some(essence.trim().to_ascii_lowercase())
}

fn answer(body: &impl serde::Serialize) -> Response {
    // The address may have the key in it.
    ([(CACHE_CONTROL, "private, no-store")], Json(body)).into_response()
}

#[cfg(test)]
mod tests;
