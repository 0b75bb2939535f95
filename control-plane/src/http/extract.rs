//! What handlers take from a request: the extractors of axum, with problems in place of their plain-text rejections.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request, rejection};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::errors::{ApiError, ErrorCode, of_rejection};

/// A JSON body. Its type denies unknown fields, so that a misspelt one is told and not passed over.
pub(super) struct Body<T>(pub(super) T);

/// The query string. Its type denies unknown fields.
pub(super) struct Query<T>(pub(super) T);

/// Parts of the path.
pub(super) struct Path<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let measured = Request::from_parts(parts.clone(), body);
        let read = Bytes::from_request(measured, state).await.map_err(|error| {
            let code = of_rejection(error.status(), ErrorCode::InvalidBody);
            let detail = match code {
                ErrorCode::TooLarge => {
                    "the body is larger than --max-body-kib allows; send less at a time".to_owned()
                }
                _ => error.body_text(),
            };
            ApiError::new(code, detail)
        })?;
        if has_zero(&String::from_utf8_lossy(&read)) {
            let detail = "the body holds a zero character (\\u0000), which no text here has";
            return Err(ApiError::new(ErrorCode::InvalidBody, detail));
        }
        let whole = Request::from_parts(parts, axum::body::Body::from(read));
        let parsed = Json::from_request(whole, state).await;
        let Json(body) = parsed.map_err(|error: rejection::JsonRejection| {
            ApiError::new(
                of_rejection(error.status(), ErrorCode::InvalidBody),
                error.body_text(),
            )
        })?;
        Ok(Self(body))
    }
}

/// Does some text of a JSON document hold U+0000? PostgreSQL takes none.
fn has_zero(json: &str) -> bool {
    // In JSON it can only be written in one way; a backslash before it that is itself escaped makes it something else.
    json.match_indices("\\u0000").any(|(at, _)| {
        let slashes = json[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        slashes % 2 == 0
    })
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|query| Self(query.0))
            .map_err(|error| ApiError::new(ErrorCode::InvalidQuery, error.body_text()))
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|path| Self(path.0))
            .map_err(|error| ApiError::new(ErrorCode::InvalidPath, error.body_text()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_characters_are_found_and_nothing_else() {
        for (json, expected) in [
            (r#"{"a": "b\u0000"}"#, true),
            (r#"{"a\u0000": 1}"#, true),
            (r#"["\\\u0000"]"#, true),
            (r#"["\\u0000"]"#, false),
            (r#"["u0000"]"#, false),
            ("[]", false),
        ] {
            assert_eq!(has_zero(json), expected, "{json}");
        }
    }
}
