//! The HTTP edge beneath `async-openai`: one request, one answer, no retries.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use reqwest::header::AUTHORIZATION;
use reqwest::{Client, Response, StatusCode};

use super::refusal::asked_wait;

/// Longest reply that is read: 2,048 vectors of 4,096 printed floats are about 100 MB.
const MAX_REPLY: usize = 256 << 20;
/// Longest error text that is read.
const MAX_REFUSAL: usize = 64 << 10;

/// Why there is no reply to read.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The endpoint said no.
    Status {
        /// Its status.
        status: StatusCode,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
        /// What it says; may echo anything that was sent, so it is never shown as it is.
        body: Vec<u8>,
    },
    /// No answer within the time limit.
    TimedOut,
    /// No connection, or one that broke. Says why, without addresses.
    Unreachable(String),
    /// The reply was longer than any reply should be.
    TooLong,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no reply")
    }
}

impl Error for Refusal {}

/// Sends requests.
#[derive(Clone)]
pub(super) struct Transport {
    http: Client,
    has_key: bool,
}

impl Transport {
    /// Redirects are not followed: they would carry the `api-key` header to wherever they point.
    pub(super) fn new(timeout: Duration, has_key: bool) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout.min(Duration::from_secs(10)))
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, has_key })
    }

    /// The form that `async-openai` takes.
    pub(super) fn into_service(
        self,
    ) -> impl tower::Service<
        HttpRequestFactory,
        Response = Response,
        Error = OpenAIError,
        Future: Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static {
        tower::service_fn(move |request| {
            let transport = self.clone();
            async move { transport.send(request).await }
        })
    }

    async fn send(&self, request: HttpRequestFactory) -> Result<Response, OpenAIError> {
        let mut request = request.build().await?;
        if !self.has_key {
            request.headers_mut().remove(AUTHORIZATION);
        }
        self.exchange(request)
            .await
            .map_err(|refusal| OpenAIError::Boxed(Box::new(refusal)))
    }

    async fn exchange(&self, request: reqwest::Request) -> Result<Response, Refusal> {
        let response = self.http.execute(request).await.map_err(Refusal::from)?;
        let status = response.status();
        if status.is_success() {
            let body = read(response, MAX_REPLY).await?.ok_or(Refusal::TooLong)?;
            return Ok(Response::from(http::Response::new(body)));
        }
        let retry_after = asked_wait(response.headers());
        let body = read(response, MAX_REFUSAL)
            .await
            .ok()
            .flatten()
            .unwrap_or_default();
        Err(Refusal::Status {
            status,
            retry_after,
            body,
        })
    }
}

/// Reads a body, unless it is longer than `limit` bytes.
async fn read(mut response: Response, limit: usize) -> Result<Option<Vec<u8>>, Refusal> {
    let announced = response
        .content_length()
        .and_then(|length| usize::try_from(length).ok())
        .unwrap_or(0);
    if announced > limit {
        return Ok(None);
    }
    let mut body = Vec::with_capacity(announced);
    while let Some(part) = response.chunk().await? {
        if body.len() + part.len() > limit {
            return Ok(None);
        }
        body.extend_from_slice(&part);
    }
    Ok(Some(body))
}

impl From<reqwest::Error> for Refusal {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::TimedOut;
        }
        let error = error.without_url();
        let mut innermost: &dyn Error = &error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        Self::Unreachable(innermost.to_string())
    }
}
