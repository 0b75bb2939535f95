//! What handlers take from a request: the extractors of axum, with problems in place of their plain-text rejections.

use axum::Json;
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
        let Json(body) =
            Json::from_request(request, state)
                .await
                .map_err(|error: rejection::JsonRejection| {
                    ApiError::new(
                        of_rejection(error.status(), ErrorCode::InvalidBody),
                        error.body_text(),
                    )
                })?;
        Ok(Self(body))
    }
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
