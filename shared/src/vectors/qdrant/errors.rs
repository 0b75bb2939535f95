//! What the client's errors mean to the pipeline.
//!
//! Whatever may heal without a change of the request is [`VectorsError::Unavailable`], refused keys and collections that
//! are gone included: an operator sets them right, and no file must end FAILED over them. The rest is
//! [`VectorsError::Refused`].

use std::time::Duration;

use qdrant_client::QdrantError;
use qdrant_client::qdrant::{PointsOperationResponse, UpdateStatus};
use tonic::{Code, Status};

use crate::vectors::VectorsError;

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CallError {
    /// For whoever asked.
    pub(super) error: VectorsError,
    /// What the server said, if it was the server.
    pub(super) code: Option<Code>,
    /// Does it tell that the server is overloaded?
    pub(super) overload: bool,
    /// How long the server asked us to wait.
    pub(super) wait: Option<Duration>,
}

impl From<CallError> for VectorsError {
    fn from(failed: CallError) -> Self {
        failed.error
    }
}

impl CallError {
    /// Nothing was sent, or nobody answered.
    pub(super) fn unavailable(text: String) -> Self {
        Self {
            error: VectorsError::Unavailable(text),
            code: None,
            overload: true,
            wait: None,
        }
    }

    /// Classes an error of a call that concerned `collection`.
    pub(super) fn of(error: &QdrantError, collection: &str) -> Self {
        match error {
            QdrantError::ResponseError { status } => Self::of_status(status, collection, None),
            QdrantError::ResourceExhaustedError {
                status,
                retry_after_seconds,
            } => {
                // A server that asks for a day must not be able to stop us for a day.
                let wait = Duration::from_secs(*retry_after_seconds).min(Duration::from_secs(300));
                Self::of_status(status, collection, Some(wait))
            }
            QdrantError::Io(error) => Self::unavailable(error.to_string()),
            // Metadata is left out of every text on purpose, so the client's own Display is not used for responses.
            error => Self {
                error: VectorsError::Refused(error.to_string()),
                code: None,
                overload: false,
                wait: None,
            },
        }
    }

    fn of_status(status: &Status, collection: &str, wait: Option<Duration>) -> Self {
        let said = status.message();
        let code = status.code();
        let error = match code {
            Code::Unauthenticated | Code::PermissionDenied => VectorsError::Unavailable(format!(
                "the Qdrant server does not let us in ({said}): check QDRANT_API_KEY, whose key must be allowed to write \
                 and to manage collections"
            )),
            Code::NotFound => VectorsError::Unavailable(format!(
                "collection {collection} is gone from the Qdrant server ({said}), and with it the index's points: restore \
                 it from a snapshot, or restart, which makes it anew, and start a full run of the index, which fills it \
                 again"
            )),
            Code::InvalidArgument | Code::OutOfRange | Code::AlreadyExists | Code::Unimplemented => {
                VectorsError::Refused(format!("{said} (collection {collection})"))
            }
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss => VectorsError::Unavailable(format!("{said} (collection {collection})")),
        };
        Self {
            error,
            code: Some(code),
            overload: matches!(
                code,
                Code::Cancelled
                    | Code::Unknown
                    | Code::DeadlineExceeded
                    | Code::ResourceExhausted
                    | Code::Aborted
                    | Code::Internal
                    | Code::Unavailable
            ),
            wait,
        }
    }
}

/// Was the write applied, and not just received? A server that runs out of time answers without an error.
#[expect(clippy::result_large_err, reason = "the client's type of error")]
pub(super) fn completed(response: &PointsOperationResponse) -> Result<(), QdrantError> {
    let status = response.result.as_ref().map(|result| result.status());
    match status {
        Some(UpdateStatus::Completed) => Ok(()),
        Some(UpdateStatus::WaitTimeout | UpdateStatus::Acknowledged) => {
            Err(Status::deadline_exceeded("the write was received, but not applied in time").into())
        }
        Some(UpdateStatus::ClockRejected | UpdateStatus::UnknownUpdateStatus) | None => {
            Err(Status::aborted("the write was not applied").into())
        }
    }
}

#[cfg(test)]
mod tests {
    use qdrant_client::qdrant::UpdateResult;
    use tonic::metadata::MetadataMap;

    use super::*;

    const CODES: [Code; 17] = [
        Code::Ok,
        Code::Cancelled,
        Code::Unknown,
        Code::InvalidArgument,
        Code::DeadlineExceeded,
        Code::NotFound,
        Code::AlreadyExists,
        Code::PermissionDenied,
        Code::ResourceExhausted,
        Code::FailedPrecondition,
        Code::Aborted,
        Code::OutOfRange,
        Code::Unimplemented,
        Code::Internal,
        Code::Unavailable,
        Code::DataLoss,
        Code::Unauthenticated,
    ];

    fn of(status: Status) -> CallError {
        CallError::of(&QdrantError::from(status), "longshore_docs_g1")
    }

    #[test]
    fn only_senseless_requests_are_refused() {
        let refused: Vec<_> = CODES
            .into_iter()
            .filter(|code| matches!(of(Status::new(*code, "x")).error, VectorsError::Refused(_)))
            .collect();
        assert_eq!(
            refused,
            [
                Code::InvalidArgument,
                Code::AlreadyExists,
                Code::OutOfRange,
                Code::Unimplemented
            ]
        );
    }

    #[test]
    fn refused_keys_and_lost_collections_say_what_to_do() {
        for code in [Code::Unauthenticated, Code::PermissionDenied] {
            let failed = of(Status::new(code, "no"));
            assert!(!failed.overload);
            assert!(failed.error.to_string().contains("check QDRANT_API_KEY"));
        }
        let failed = of(Status::not_found("no"));
        assert!(!failed.overload);
        let text = failed.error.to_string();
        assert!(
            text.contains("longshore_docs_g1") && text.contains("full run"),
            "{text}"
        );
    }

    #[test]
    fn requested_waits_are_kept_within_reason() {
        for (asked, wait) in [("7", Some(7)), ("86400", Some(300)), ("soon", None)] {
            let mut metadata = MetadataMap::new();
            metadata.insert("retry-after", asked.parse().unwrap());
            let failed = of(Status::with_metadata(
                Code::ResourceExhausted,
                "slow down",
                metadata,
            ));
            assert!(failed.overload);
            assert_eq!(failed.wait, wait.map(Duration::from_secs));
            assert_eq!(
                failed.error,
                VectorsError::Unavailable("slow down (collection longshore_docs_g1)".to_owned())
            );
        }
    }

    #[test]
    fn only_applied_writes_count() {
        let response = |status: UpdateStatus| PointsOperationResponse {
            result: Some(UpdateResult {
                operation_id: None,
                status: status.into(),
            }),
            ..PointsOperationResponse::default()
        };
        assert!(completed(&response(UpdateStatus::Completed)).is_ok());
        for status in [
            UpdateStatus::Acknowledged,
            UpdateStatus::WaitTimeout,
            UpdateStatus::ClockRejected,
            UpdateStatus::UnknownUpdateStatus,
        ] {
            let error = completed(&response(status)).unwrap_err();
            let error = CallError::of(&error, "c").error;
            assert!(
                matches!(error, VectorsError::Unavailable(_)),
                "{status:?}: {error}"
            );
        }
        assert!(completed(&PointsOperationResponse::default()).is_err());
    }
}
