//! How the tools reach the HTTP interface.

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderValue, Request, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tower::ServiceExt;

/// Largest answer that is read, in bytes; far above any that the tools ask for.
pub const MAX_ANSWER_BYTES: usize = 1 << 26;
/// What needs no encoding in a path, besides letters and digits.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A request to the HTTP interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Path and query, encoded, with a leading slash.
    pub uri: String,
    /// What is sent by POST as JSON; without it the request is a GET.
    pub body: Option<Value>,
}

impl Question {
    /// Reads something. The parts of the path must hold no empty segments and none that are dots.
    pub(super) fn get(path: &[&str], query: &[(&str, String)]) -> Self {
        let mut uri = encoded(path);
        for (separator, (name, value)) in std::iter::once('?').chain(std::iter::repeat('&')).zip(query) {
            uri.push(separator);
            uri.push_str(name);
            uri.push('=');
            uri.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
        }
        Self { uri, body: None }
    }

    /// Asks something that takes a body.
    pub(super) fn post(path: &[&str], body: Value) -> Self {
        Self {
            uri: encoded(path),
            body: Some(body),
        }
    }
}

fn encoded(path: &[&str]) -> String {
    path.iter()
        .map(|part| format!("/{}", utf8_percent_encode(part, PATH)))
        .collect()
}

/// What the HTTP interface answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its body.
    pub body: Vec<u8>,
}

/// There is no answer. The text says why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(pub String);

/// A way to the HTTP interface, with the key of whoever asks.
#[async_trait]
pub trait Reach: Send + Sync + 'static {
    /// Sends a request.
    ///
    /// # Errors
    /// When nothing answers.
    async fn ask(&self, question: Question) -> Result<Answer, Unreachable>;
}

/// The interface in this process.
pub(crate) struct Within {
    /// Everything that a request from outside passes, the check of its key first.
    pub(crate) routes: Router,
    /// The key of whoever asks, as it came.
    pub(crate) authorization: Option<HeaderValue>,
}

#[async_trait]
impl Reach for Within {
    async fn ask(&self, question: Question) -> Result<Answer, Unreachable> {
        let mut request = match question.body {
            None => Request::get(&question.uri).body(Body::empty()),
            Some(body) => Request::post(&question.uri)
                .header(CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_string())),
        }
        .map_err(|error| Unreachable(error.to_string()))?;
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        let Ok(response) = self.routes.clone().oneshot(request).await;
        let status = response.status();
        let body = to_bytes(response.into_body(), MAX_ANSWER_BYTES)
            .await
            .map_err(|error| Unreachable(format!("the answer broke off: {error}")))?;
        Ok(Answer {
            status,
            body: body.to_vec(),
        })
    }
}
