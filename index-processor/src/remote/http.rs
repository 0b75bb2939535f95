//! The HTTP edge of the services: addresses below one base, a key in a header, places for so many conversions.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, RequestBuilder, Url};
use serde::de::DeserializeOwned;
use shared::outbound::{Answer, Transport};

use super::error::{RemoteError, codes};
use super::media::Media;
use super::places::Places;
use super::refusal::{Service, refused};
use super::settings::{ServiceSettings, base_url, check_key};
use super::{RemoteRequest, pages};

const URL_SETTING: &str = "REMOTE_CONVERTER_URL";
const KEY_SETTING: &str = "REMOTE_CONVERTER_KEY";

/// Answers of more bytes than this take a while to read.
const LONG_ANSWER: usize = 1 << 20;

/// One service.
pub(super) struct Http {
    pub(super) service: Service,
    settings: ServiceSettings,
    base: Url,
    key: Option<(HeaderName, HeaderValue)>,
    transport: Transport,
    places: Places,
}

/// What is known of a conversion that was begun.
pub(super) enum Progress<T> {
    /// Ask again, not before this wait if there is one.
    Pending(Option<Duration>),
    Done(T),
}

impl Http {
    /// `key_header` carries the key; one request takes at most `request_timeout`.
    pub(super) fn new(
        name: &str,
        key_header: &'static str,
        request_timeout: Duration,
        settings: ServiceSettings,
    ) -> Result<Self, String> {
        let base = base_url(&settings.url, URL_SETTING, KEY_SETTING)?;
        check_key(settings.key.as_ref(), KEY_SETTING)?;
        let transport = Transport::new(request_timeout, settings.max_reply)
            .map_err(|error| format!("no http client: {error}"))?;
        let key = match &settings.key {
            Some(key) => {
                let mut value = HeaderValue::from_str(key.expose())
                    .map_err(|_| format!("{KEY_SETTING} cannot be sent in a header"))?;
                value.set_sensitive(true);
                Some((HeaderName::from_static(key_header), value))
            }
            None => None,
        };
        let service = Service {
            what: format!("{name} at {}", base.as_str().trim_end_matches('/')),
            url_setting: URL_SETTING,
            key_setting: KEY_SETTING,
            key: settings.key.clone(),
            timeout: request_timeout,
        };
        let places = Places::new(settings.max_in_flight, settings.timeout, settings.retry.clone());
        Ok(Self {
            service,
            settings,
            base,
            key,
            transport,
            places,
        })
    }

    /// An address below the base; segments are escaped.
    pub(super) fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    pub(super) fn post(&self, url: Url) -> RequestBuilder {
        self.transport.client().post(url)
    }

    pub(super) fn get(&self, url: Url) -> RequestBuilder {
        self.transport.client().get(url)
    }

    /// Sends one request, with the key.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Answer, RemoteError> {
        let request = match &self.key {
            Some((name, value)) => request.header(name, value),
            None => request,
        };
        let request = request
            .build()
            .map_err(|error| self.bad_request(&error.without_url()))?;
        self.transport
            .exchange(request)
            .await
            .map_err(|refusal| refused(&refusal, &self.service))
    }

    /// Runs a conversion when there is a place for it, and again after failures that may pass soon. Each attempt has the
    /// whole time limit.
    pub(super) async fn conversion<T, Attempt>(
        &self,
        mut attempt: impl FnMut() -> Attempt,
    ) -> Result<T, RemoteError>
    where
        Attempt: Future<Output = Result<T, RemoteError>>,
    {
        let limit = self.settings.timeout;
        let limited = || {
            let attempt = tokio::time::timeout(limit, attempt());
            async { attempt.await.unwrap_or_else(|_| Err(self.too_slow())) }
        };
        self.places.attempts(&self.service, limited).await
    }

    /// Asks until it is done. A question that gets no answer is asked again; several in a row end it.
    pub(super) async fn poll<T, Question>(
        &self,
        first_wait: Option<Duration>,
        mut ask: impl FnMut() -> Question,
    ) -> Result<T, RemoteError>
    where
        Question: Future<Output = Result<Progress<T>, RemoteError>>,
    {
        const MAX_UNANSWERED: u32 = 5;
        let mut wait = self.settings.poll;
        let mut asked_wait = first_wait;
        let mut unanswered = 0;
        loop {
            // A service that asks for more than is left runs into the time limit, as it should.
            tokio::time::sleep(asked_wait.unwrap_or(wait)).await;
            wait = (wait * 3 / 2).min(self.settings.poll * 10);
            match ask().await {
                Ok(Progress::Done(value)) => return Ok(value),
                Ok(Progress::Pending(asked)) => {
                    asked_wait = asked;
                    unanswered = 0;
                }
                Err(RemoteError::Unavailable { retry_after, .. }) if unanswered < MAX_UNANSWERED => {
                    asked_wait = retry_after;
                    unanswered += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// An answer as JSON. Long ones are read on a thread for computing.
    pub(super) async fn json<T>(&self, body: Bytes) -> Result<T, RemoteError>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let is_long = body.len() > LONG_ANSWER;
        let read = move || serde_json::from_slice(&body);
        let value: Result<T, serde_json::Error> = if is_long {
            tokio::task::spawn_blocking(read)
                .await
                .map_err(|_| self.bad_reply("it cannot be read"))?
        } else {
            read()
        };
        // The parser's own text may quote the answer, so only the place is told.
        value.map_err(|error| {
            self.bad_reply(&format!(
                "{:?} error at line {} column {}",
                error.classify(),
                error.line(),
                error.column()
            ))
        })
    }

    pub(super) fn bad_reply(&self, why: &str) -> RemoteError {
        RemoteError::failed(
            codes::BAD_REPLY,
            format!(
                "{} sent an answer that is not what was asked for: {why}",
                self.service
            ),
        )
    }

    /// What a service says of a file, at the end of a text of ours: one line, not long, without the key.
    pub(super) fn quote(&self, said: &str) -> String {
        let said = serde_json::json!({ "error": said }).to_string();
        shared::outbound::Said::read(said.as_bytes()).quote(self.service.key.as_ref(), &[])
    }

    /// The file as a field of a form. Its name is not sent: it may be telling, and services need only the ending.
    pub(super) fn file_part(&self, request: &RemoteRequest<'_>) -> Result<Part, RemoteError> {
        let Media { ending, mime } = Media::of(request);
        let length = request.bytes.len() as u64;
        Part::stream_with_length(Body::from(request.bytes.clone()), length)
            .file_name(format!("document.{ending}"))
            .mime_str(mime)
            .map_err(|error| self.bad_request(&error))
    }

    /// A form of texts.
    pub(super) fn form(fields: &[(&'static str, &str)]) -> Form {
        fields.iter().fold(Form::new(), |form, (name, value)| {
            form.text(*name, (*value).to_owned())
        })
    }

    /// Refuses a whole file without text: there is nothing to index. Some pages of a file may well be blank.
    pub(super) fn not_empty(
        &self,
        request: &RemoteRequest<'_>,
        document: convert::Document,
    ) -> Result<convert::Document, RemoteError> {
        if request.pages.is_empty() && pages::is_empty(&document) {
            return Err(RemoteError::refused(
                codes::EMPTY,
                format!(
                    "{} found no text in the file, there is nothing to index",
                    self.service
                ),
            ));
        }
        if document.markdown.len() as u64 > convert::Options::default().max_output_bytes {
            return Err(RemoteError::refused(
                codes::OUTPUT_TOO_LARGE,
                format!(
                    "{} makes more text from the file than can be indexed: split it",
                    self.service
                ),
            ));
        }
        Ok(document)
    }

    fn too_slow(&self) -> RemoteError {
        RemoteError::failed(
            codes::TOO_SLOW,
            format!(
                "{} did not convert the file within {} s: raise REMOTE_CONVERTER_TIMEOUT_SECONDS, or split the file",
                self.service,
                self.settings.timeout.as_secs_f32()
            ),
        )
    }

    fn bad_request(&self, error: &dyn Error) -> RemoteError {
        RemoteError::misconfigured(
            codes::MISCONFIGURED,
            format!("{}: the request could not be written: {error}", self.service),
        )
    }
}

/// Without the settings: those hold the key, though masked.
impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Http").field(&self.service.what).finish()
    }
}
