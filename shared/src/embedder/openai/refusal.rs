//! What a refused request means for the file, for the batch and for the operator. Decisions only.

use reqwest::StatusCode;

use super::EmbeddingSettings;
use crate::embedder::codes;
use crate::outbound::{Refusal, Said};
use crate::retry::Failure;

/// What had been asked when the refusal came.
pub(super) struct Asked<'a> {
    pub(super) settings: &'a EmbeddingSettings,
    pub(super) texts: &'a [String],
}

/// Whether the endpoint may not know base64.
pub(super) fn blames_encoding(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Status { status, body, .. } if is_bad_request(*status)
            && Said::read(body).mentions(&["encoding_format", "base64"]))
}

/// The failure that this is, in words that hold neither key nor text.
pub(super) fn failure(refusal: &Refusal, asked: &Asked<'_>) -> Failure {
    let Asked { settings, .. } = asked;
    match refusal {
        Refusal::Status {
            status,
            retry_after,
            body,
        } => status_failure(*status, &Said::read(body), asked).retry_after(*retry_after),
        Refusal::TimedOut => Failure::throttled(
            codes::UNAVAILABLE,
            format!(
                "{settings} did not answer within {} s",
                settings.timeout.as_secs_f64()
            ),
        ),
        Refusal::Unreachable(why) => {
            Failure::throttled(codes::UNAVAILABLE, format!("{settings} cannot be reached: {why}"))
        }
        Refusal::TooLong => Failure::transient(codes::BAD_REPLY, format!("{settings} sent too long a reply")),
    }
}

fn status_failure(status: StatusCode, said: &Said, asked: &Asked<'_>) -> Failure {
    let Asked { settings, .. } = asked;
    let quote = said.quote(settings.api_key.as_ref(), asked.texts);
    match status {
        // What is said about keys tends to hold a part of the key.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => refused_key(settings, status),
        _ if is_bad_request(status) && said.mentions(&["api key", "api_key"]) => {
            refused_key(settings, status)
        }
        StatusCode::NOT_FOUND => Failure::throttled(
            codes::MODEL_UNKNOWN,
            format!("{settings} is unknown, check EMBEDDING_MODEL and EMBEDDING_BASE_URL{quote}"),
        ),
        StatusCode::TOO_MANY_REQUESTS if said.mentions(&["insufficient_quota"]) => Failure::throttled(
            codes::QUOTA_SPENT,
            format!("the quota of {settings} is used up, raise it at the provider{quote}"),
        ),
        StatusCode::TOO_MANY_REQUESTS => {
            Failure::throttled(codes::THROTTLED, format!("{settings} asks to slow down{quote}"))
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT | StatusCode::TOO_EARLY => {
            unavailable(settings, status)
        }
        _ if status.is_server_error() => unavailable(settings, status),
        _ if status.is_redirection() => Failure::throttled(
            codes::MISCONFIGURED,
            format!("{settings} redirects elsewhere, set EMBEDDING_BASE_URL to the final address"),
        ),
        _ if is_bad_request(status) && said.mentions(&["model_not_found", "unknown model"]) => {
            Failure::throttled(
                codes::MODEL_UNKNOWN,
                format!("{settings} is unknown, check EMBEDDING_MODEL{quote}"),
            )
        }
        _ if is_bad_request(status)
            && (said.is_about(&["dimensions", "api-version", "model"])
                || said.message_mentions("dimensions")) =>
        {
            Failure::throttled(
                codes::MISCONFIGURED,
                format!(
                    "{settings} refuses a setting, check EMBEDDING_DIMENSIONS and EMBEDDING_MODEL{quote}"
                ),
            )
        }
        // Also a batch that is too large: it is split, and what is left says which text it was.
        _ if is_bad_request(status) || status == StatusCode::PAYLOAD_TOO_LARGE => Failure::permanent(
            codes::TEXT_REFUSED,
            format!("{settings} refuses the text ({status}){quote}"),
        ),
        _ => Failure::throttled(
            codes::MISCONFIGURED,
            format!("{settings} refuses the request ({status}), check EMBEDDING_BASE_URL{quote}"),
        ),
    }
}

fn is_bad_request(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY)
}

fn refused_key(settings: &EmbeddingSettings, status: StatusCode) -> Failure {
    let what = if settings.api_key.is_some() {
        "refuses the key"
    } else {
        "wants a key"
    };
    Failure::throttled(
        codes::REFUSED_KEY,
        format!("{settings} {what} ({status}), set EMBEDDING_API_KEY"),
    )
}

fn unavailable(settings: &EmbeddingSettings, status: StatusCode) -> Failure {
    Failure::throttled(
        codes::UNAVAILABLE,
        format!("{settings} is unavailable ({status})"),
    )
}

#[cfg(test)]
mod tests;
