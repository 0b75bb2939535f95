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
            // Something in front of a control plane that is down, perhaps.
            Self::Strange(502..=504, _) => Exit::Unavailable,
            Self::Strange(..) => Exit::Failed,
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

/// What people are told beside the error itself: what its code means, what to do, and where the logs have it.
pub(crate) fn notes(error: &anyhow::Error) -> Vec<String> {
    let Some(Failure::Problem(problem)) = failure(error) else {
        return Vec::new();
    };
    let title = problem.title.trim_end_matches('.').to_lowercase();
    let mut notes = Vec::new();
    if !problem.detail.to_lowercase().contains(&title) {
        notes.push(problem.title.clone());
    }
    let known = ErrorCode::ALL.iter().find(|code| code.name() == problem.code);
    notes.extend(known.map(|code| remedy(*code).to_owned()));
    notes.push(match &problem.request_id {
        Some(request) => format!("code {}, request {request}", problem.code),
        None => format!("code {}", problem.code),
    });
    notes
}

/// What to do, where there is a command for it; otherwise as the API says it.
fn remedy(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::Unauthorized => {
            "Put a valid key into LONGSHORE_API_KEY, or name its file with --api-key-file; `longshore keys create` makes one."
        }
        ErrorCode::IndexNotFound => "`longshore index list` lists those that there are.",
        ErrorCode::GenerationNotFound => "`longshore index generations list` lists those that there are.",
        ErrorCode::GenerationBusy => {
            "Wait until it is live, or `longshore index generations rollback`; `longshore index generations list` shows how far it is."
        }
        ErrorCode::FileNotFound | ErrorCode::DocumentNotIndexed => {
            "`longshore files` lists those that there are; a path is relative to the source, without a leading slash."
        }
        ErrorCode::RunNotFound => "`longshore runs` lists the newest.",
        ErrorCode::ApprovalNotFound => "`longshore approvals` lists those that there are.",
        ErrorCode::KeyNotFound => "`longshore keys list` lists those that there are.",
        ErrorCode::InvalidSettings => {
            "Change the settings that are named; `longshore index settings` says what each may hold."
        }
        other => other.remedy(),
    }
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
        assert_eq!(json(&error)["code"], "index_not_found");
        let notes = notes(&error);
        assert_eq!(notes[0], "There is no index of this name.");
        assert!(notes[1].contains("longshore index list"), "{notes:?}");
        assert_eq!(notes[2], "code index_not_found");
        assert_eq!(exit(&anyhow::anyhow!("disk full")), Exit::Failed);
        assert_eq!(exit(&Failure::usage("say which")), Exit::Usage);
    }
}
