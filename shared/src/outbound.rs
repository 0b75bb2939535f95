//! Requests to services that we do not run: one request, one answer of bounded size, no retries, no redirects.
//!
//! A redirect would carry keys in headers to wherever it points, and answers of strangers may have any length. What a
//! refusal says may echo what was sent, so it is only shown through [`Said`].

mod said;
mod waits;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use bytes::Bytes;
use http::HeaderMap;
use reqwest::header::AUTHORIZATION;
use reqwest::{Client, Response, StatusCode};

use crate::trace::context;

pub use said::Said;
pub use waits::asked_wait;

/// Longest error text that is read.
const MAX_REFUSAL: usize = 64 << 10;
/// Longest time for a connection, its TLS handshake included.
const MAX_CONNECT: Duration = Duration::from_secs(10);

/// Why there is no reply to read.
#[derive(Debug)]
pub enum Refusal {
    /// The endpoint said no.
    Status {
        /// Its status.
        status: StatusCode,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
        /// What it says; may echo anything that was sent, so it is never shown as it is.
        body: Vec<u8>,
    },
    /// A connection, but no answer within the time limit.
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

/// An answer to read.
#[derive(Debug)]
pub struct Answer {
    /// A status of success.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// All of its body.
    pub body: Bytes,
}

/// Sends requests.
#[derive(Clone, Debug)]
pub struct Transport {
    http: Client,
    max_reply: usize,
}

impl Transport {
    /// Requests take at most `timeout` from the first byte sent to the last byte read; answers are at most `max_reply` bytes.
    ///
    /// # Errors
    ///
    /// When the system has no TLS to offer.
    pub fn new(timeout: Duration, max_reply: usize) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout.min(MAX_CONNECT))
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, max_reply })
    }

    /// What requests are built with.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.http
    }

    /// One request, one answer.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] for every status that is not one of success, and for whatever else keeps the answer away.
    pub async fn exchange(&self, mut request: reqwest::Request) -> Result<Answer, Refusal> {
        context::send_along(request.headers_mut());
        let response = self.http.execute(request).await.map_err(Refusal::from)?;
        let status = response.status();
        if status.is_success() {
            let headers = response.headers().clone();
            let body = read(response, self.max_reply).await?.ok_or(Refusal::TooLong)?;
            return Ok(Answer {
                status,
                headers,
                body: body.into(),
            });
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

    /// The form that `async-openai` takes. Without a key, the header for it is left out: the crate sends an empty one.
    pub fn into_openai(
        self,
        has_key: bool,
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
            async move { transport.send(request, has_key).await }
        })
    }

    async fn send(&self, request: HttpRequestFactory, has_key: bool) -> Result<Response, OpenAIError> {
        let mut request = request.build().await?;
        if !has_key {
            request.headers_mut().remove(AUTHORIZATION);
        }
        let answer = self
            .exchange(request)
            .await
            .map_err(|refusal| OpenAIError::Boxed(Box::new(refusal)))?;
        Ok(Response::from(http::Response::new(answer.body)))
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

impl Refusal {
    /// The refusal inside an error of `async-openai`, if it came from this transport.
    #[must_use]
    pub fn of(error: &OpenAIError) -> Option<&Self> {
        match error {
            OpenAIError::Boxed(boxed) => boxed.downcast_ref(),
            _ => None,
        }
    }
}

impl From<reqwest::Error> for Refusal {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() && !error.is_connect() {
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
