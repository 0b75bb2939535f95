//! Errors as problem details ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)), with a stable code and a detail that says
//! what to do.

mod codes;

use axum::Extension;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
pub use codes::ErrorCode;
use serde::{Deserialize, Serialize};
use shared::ledger::LedgerError;
use shared::vectors::VectorsError;
use utoipa::ToSchema;

use crate::indexes::IndexError;
use crate::reconciler::ReconcileError;
use crate::search::SearchError;
use crate::search::document::DocumentError;

/// Content type of a problem.
const PROBLEM: &str = "application/problem+json";

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:longshore:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:longshore:problem:index_not_found")]
    pub kind: String,
    /// The code in words; the same for every problem of its kind.
    pub title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// Stable name; `docs/errors.md` says what to do about each.
    #[schema(example = "index_not_found")]
    pub code: String,
    /// What happened this time, and what to do.
    pub detail: String,
    /// The request's id, as in the logs of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "0198c0de-7a11-7000-8000-000000000001")]
    pub request_id: Option<String>,
}

/// Goes with the answer to a refused request, inside the process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal(pub(super) ErrorCode);

/// Why a request is refused, on its way to being a [`Problem`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    code: ErrorCode,
    detail: String,
}

impl ApiError {
    /// An error with what happened and what to do. Never put a secret into the detail.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }

    /// 400 with the code `bad_request`.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest, detail)
    }

    /// 409 with the code `conflict`.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::Conflict, detail)
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// What the answer's body will be.
    #[must_use]
    pub fn problem(&self) -> Problem {
        Problem {
            kind: format!("urn:longshore:problem:{}", self.code.name()),
            title: self.code.title().to_owned(),
            status: self.code.status().as_u16(),
            code: self.code.name().to_owned(),
            detail: self.detail.clone(),
            request_id: super::guard::current_request_id(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        // A problem is strings and a number: writing it cannot fail.
        let body = serde_json::to_vec(&self.problem()).unwrap_or_default();
        let refusal = Extension(Refusal(self.code));
        (self.code.status(), refusal, [(CONTENT_TYPE, PROBLEM)], body).into_response()
    }
}

impl From<LedgerError> for ApiError {
    fn from(error: LedgerError) -> Self {
        let code = match &error {
            LedgerError::UnknownIndex(_) => ErrorCode::IndexNotFound,
            LedgerError::Unavailable(_) => ErrorCode::LedgerUnavailable,
            LedgerError::NewerSchema { .. } | LedgerError::Corrupt(_) => ErrorCode::Internal,
        };
        Self::new(code, error.to_string())
    }
}

impl From<VectorsError> for ApiError {
    fn from(error: VectorsError) -> Self {
        Self::new(ErrorCode::VectorsUnavailable, error.to_string())
    }
}

impl From<SearchError> for ApiError {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::BadRequest(detail) => Self::bad_request(detail),
            SearchError::TimedOut(_) => Self::new(ErrorCode::SearchTimeout, error.to_string()),
            SearchError::Embedder(_) => Self::new(ErrorCode::EmbedderUnavailable, error.to_string()),
            SearchError::Vectors(error) => error.into(),
            SearchError::Ledger(error) => error.into(),
        }
    }
}

impl From<DocumentError> for ApiError {
    fn from(error: DocumentError) -> Self {
        let code = match error {
            DocumentError::NotFound(_) => ErrorCode::FileNotFound,
            DocumentError::NotIndexed { .. } => ErrorCode::DocumentNotIndexed,
            DocumentError::Changed { .. } => ErrorCode::DocumentChanged,
            DocumentError::Incomplete(_) => ErrorCode::VectorsUnavailable,
            DocumentError::Vectors(error) => return error.into(),
            DocumentError::Ledger(error) => return error.into(),
        };
        Self::new(code, error.to_string())
    }
}

impl From<ReconcileError> for ApiError {
    fn from(error: ReconcileError) -> Self {
        match error {
            ReconcileError::Source(_) => Self::new(ErrorCode::SourceUnavailable, error.to_string()),
            ReconcileError::Ledger(error) => error.into(),
            ReconcileError::Settings(_) => Self::new(ErrorCode::IndexUnusable, error.to_string()),
        }
    }
}

impl From<IndexError> for ApiError {
    fn from(error: IndexError) -> Self {
        let code = match error {
            IndexError::Unknown(ref id, _) => {
                // Which others there are, not every key may know.
                let detail = format!("there is no index {id}; GET /indexes lists those that there are");
                return Self::new(ErrorCode::IndexNotFound, detail);
            }
            IndexError::Deleting(_) => ErrorCode::IndexDeleting,
            IndexError::Unusable(..) => ErrorCode::IndexUnusable,
            IndexError::Ledger(error) => return error.into(),
        };
        Self::new(code, error.to_string())
    }
}

/// No such route.
pub(super) async fn no_route(uri: Uri) -> ApiError {
    let detail = format!("there is nothing at {}; see /openapi.json", uri.path());
    ApiError::new(ErrorCode::NotFound, detail)
}

/// A route, but not for this method. The router adds `Allow`.
pub(super) async fn no_method(method: Method, uri: Uri) -> ApiError {
    let detail = format!("{} does not take {method}", uri.path());
    ApiError::new(ErrorCode::MethodNotAllowed, detail)
}

/// The code that a status of a library's own rejection stands for.
pub(super) fn of_rejection(status: StatusCode, otherwise: ErrorCode) -> ErrorCode {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ErrorCode::UnsupportedType,
        _ => otherwise,
    }
}
