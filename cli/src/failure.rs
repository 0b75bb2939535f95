//! Why a command did not work, in the terms of the API, and how it ends then.

use control_plane::http::errors::{ErrorCode, Problem};
use serde_json::{Value, json};

use crate::exit::Exit;

/// Why a command did not work, as far as its exit code depends on it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The API said so.
    #[error("{}", .0.detail)]
    Problem(Problem),
    /// Something that is no control plane answered.
    #[error("{1}")]
    Strange(u16, String),
    /// Nobody answers.
    #[error("{0}")]
    Unreachable(String),
    /// The command line leaves something open, or says it wrongly.
    #[error("{0}")]
    Usage(String),
    /// What was named is not there.
    #[error("{0}")]
    NotFound(String),
}

impl Failure {
    /// A command line that makes no sense; the text says what to write.
    pub(crate) fn usage(text: impl Into<String>) -> anyhow::Error {
        Self::Usage(text.into()).into()
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Problem(problem) => Exit::of_status(problem.status),
            Self::Strange(status, _) => Exit::of_status(*status),
            Self::Unreachable(_) => Exit::Unavailable,
            Self::Usage(_) => Exit::Usage,
            Self::NotFound(_) => Exit::NotFound,
        }
    }
}

fn failure(error: &anyhow::Error) -> Option<&Failure> {
    error.chain().find_map(|cause| cause.downcast_ref())
}

/// How a command ends with this error.
pub(crate) fn exit(error: &anyhow::Error) -> Exit {
    failure(error).map_or(Exit::Failed, Failure::exit)
}

/// Did the API answer with this code?
pub(crate) fn is(error: &anyhow::Error, code: ErrorCode) -> bool {
    matches!(failure(error), Some(Failure::Problem(problem)) if problem.code == code.name())
}

/// What people are told beside the error itself: what its code means, what to do, and where the logs have it.
pub(crate) fn notes(error: &anyhow::Error) -> Vec<String> {
    let Some(Failure::Problem(problem)) = failure(error) else {
        return Vec::new();
    };
    let known = ErrorCode::ALL.iter().find(|code| code.name() == problem.code);
    let remedy = known.map_or("", |code| code.remedy());
    let mut notes = vec![format!("{} {remedy}", problem.title).trim_end().to_owned()];
    notes.push(match &problem.request_id {
        Some(request) => format!("code {}, request {request}", problem.code),
        None => format!("code {}", problem.code),
    });
    notes
}

/// The error for programs: the API's problem as it came, anything else in the same shape.
pub(crate) fn json(error: &anyhow::Error) -> Value {
    let made = |code: &str| json!({ "code": code, "detail": format!("{error:#}") });
    match failure(error) {
        Some(Failure::Problem(problem)) => serde_json::to_value(problem).unwrap_or_default(),
        Some(Failure::Strange(status, text)) => {
            json!({ "code": "not_a_control_plane", "status": status, "detail": text })
        }
        Some(Failure::Unreachable(_)) => made("unreachable"),
        Some(Failure::Usage(_)) => made("usage"),
        Some(Failure::NotFound(_)) => made("not_found"),
        None => made("failed"),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use control_plane::http::errors::ApiError;

    use super::*;

    #[test]
    fn an_answer_of_the_api_decides_whatever_stands_around_it() {
        let problem = ApiError::new(ErrorCode::IndexNotFound, "there is no index x").problem();
        let error = anyhow::Error::from(Failure::Problem(problem));
        let error = Err::<(), _>(error).context("looking").unwrap_err();
        assert_eq!(exit(&error), Exit::NotFound);
        assert!(is(&error, ErrorCode::IndexNotFound) && !is(&error, ErrorCode::RunNotFound));
        assert_eq!(json(&error)["code"], "index_not_found");
        let notes = notes(&error);
        assert!(notes[0].contains("GET /indexes"), "{notes:?}");
        assert_eq!(notes[1], "code index_not_found");
        assert_eq!(exit(&anyhow::anyhow!("disk full")), Exit::Failed);
        assert_eq!(exit(&Failure::usage("say which")), Exit::Usage);
    }
}
