//! What a refused request means for the file and for the operator. Decisions only.

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;
use shared::outbound::{Refusal, Said};
use shared::secret::Secret;

use super::error::{RemoteError, codes};

/// How a service is spoken of, and which settings lead to it.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    /// `docling at http://localhost:5001`.
    pub(crate) what: String,
    /// The setting with its address.
    pub(crate) url_setting: &'static str,
    /// The setting with its key.
    pub(crate) key_setting: &'static str,
    /// Its key.
    pub(crate) key: Option<Secret>,
    /// Longest time for one request.
    pub(crate) timeout: Duration,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// The error that a refusal is, in words that hold neither key nor content.
pub(crate) fn refused(refusal: &Refusal, service: &Service) -> RemoteError {
    match refusal {
        Refusal::Status {
            status,
            retry_after,
            body,
        } => with_wait(by_status(*status, &Said::read(body), service), *retry_after),
        Refusal::TimedOut => RemoteError::unavailable(
            codes::UNAVAILABLE,
            format!(
                "{service} did not answer within {} s",
                service.timeout.as_secs_f32()
            ),
        ),
        Refusal::Unreachable(why) => {
            RemoteError::unavailable(codes::UNAVAILABLE, format!("{service} cannot be reached: {why}"))
        }
        Refusal::TooLong => RemoteError::refused(
            codes::OUTPUT_TOO_LARGE,
            format!("{service} makes more text from the file than can be indexed: split it"),
        ),
    }
}

fn by_status(status: StatusCode, said: &Said, service: &Service) -> RemoteError {
    let quote = said.quote(service.key.as_ref(), &[]);
    let Service {
        url_setting,
        key_setting,
        ..
    } = service;
    let has_word = |words: &[&str]| said.mentions(words);
    match status {
        // What is said about keys tends to hold a part of the key.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => refused_key(service, status),
        _ if is_bad_request(status) && has_word(&["api key", "api_key", "apikey"]) => {
            refused_key(service, status)
        }
        StatusCode::PAYMENT_REQUIRED => quota_spent(service, &quote),
        StatusCode::TOO_MANY_REQUESTS if has_word(&["insufficient_quota", "out of call volume quota"]) => {
            quota_spent(service, &quote)
        }
        StatusCode::TOO_MANY_REQUESTS => {
            RemoteError::unavailable(codes::THROTTLED, format!("{service} asks to slow down{quote}"))
        }
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => RemoteError::misconfigured(
            codes::MISCONFIGURED,
            format!(
                "{service} has no such path ({status}), check {url_setting}: it is the address in front of the API's path"
            ),
        ),
        StatusCode::PAYLOAD_TOO_LARGE => RemoteError::refused(
            codes::TOO_LARGE,
            format!("the file is larger than {service} takes: split it, or raise the limit there"),
        ),
        StatusCode::REQUEST_TIMEOUT
        | StatusCode::CONFLICT
        | StatusCode::TOO_EARLY
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            RemoteError::unavailable(codes::UNAVAILABLE, format!("{service} is unavailable ({status})"))
        }
        _ if status.is_server_error() => RemoteError::failed(
            codes::SERVER_ERROR,
            format!("{service} broke on the request ({status}), see its log{quote}"),
        ),
        _ if status.is_redirection() => RemoteError::misconfigured(
            codes::MISCONFIGURED,
            format!("{service} redirects elsewhere, set {url_setting} to the final address"),
        ),
        _ if is_bad_request(status) && has_word(&["password", "encrypted"]) => RemoteError::refused(
            codes::PASSWORD_PROTECTED,
            "the file is protected with a password; save it without one",
        ),
        // A form that is not understood: FastAPI lists the places of the fields, Azure names the argument.
        _ if is_bad_request(status)
            && has_word(&["\"loc\"", "\"invalidargument\"", "\"invalidparameter\""]) =>
        {
            RemoteError::misconfigured(
                codes::MISCONFIGURED,
                format!(
                    "{service} does not understand the request ({status}), check its version and {url_setting}{quote}"
                ),
            )
        }
        _ if is_bad_request(status) || status == StatusCode::UNSUPPORTED_MEDIA_TYPE => RemoteError::refused(
            codes::REFUSED,
            format!("{service} refuses the file ({status}){quote}"),
        ),
        _ => RemoteError::misconfigured(
            codes::MISCONFIGURED,
            format!("{service} refuses the request ({status}), check {url_setting} and {key_setting}{quote}"),
        ),
    }
}

fn is_bad_request(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY)
}

fn refused_key(service: &Service, status: StatusCode) -> RemoteError {
    let what = if service.key.is_some() {
        "refuses the key"
    } else {
        "wants a key"
    };
    RemoteError::misconfigured(
        codes::REFUSED_KEY,
        format!("{service} {what} ({status}), set {}", service.key_setting),
    )
}

fn quota_spent(service: &Service, quote: &str) -> RemoteError {
    RemoteError::misconfigured(
        codes::QUOTA_SPENT,
        format!("the quota of {service} is used up, raise it at the provider{quote}"),
    )
}

fn with_wait(error: RemoteError, wait: Option<Duration>) -> RemoteError {
    match error {
        RemoteError::Unavailable { code, reason, .. } => RemoteError::Unavailable {
            code,
            reason,
            retry_after: wait,
        },
        other => other,
    }
}
