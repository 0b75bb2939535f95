//! The state of an analysis, as far as it is needed.

use serde::Deserialize;

use super::super::error::{RemoteError, codes};
use super::super::http::Http;

/// What the service answers when asked how far it is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Operation {
    pub(super) status: String,
    #[serde(default)]
    error: Option<Problem>,
    #[serde(default)]
    pub(super) analyze_result: Option<Analysis>,
}

/// What it found.
#[derive(Debug, Deserialize)]
pub(super) struct Analysis {
    #[serde(default)]
    pub(super) content: String,
    #[serde(default)]
    pub(super) pages: Vec<Page>,
    #[serde(default)]
    warnings: Vec<Problem>,
}

/// One page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    pub(super) page_number: u32,
    #[serde(default)]
    pub(super) spans: Vec<Span>,
}

/// A stretch of the content, in code points.
#[derive(Debug, Deserialize)]
pub(super) struct Span {
    pub(super) offset: usize,
}

/// Something that went wrong.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    code: String,
    message: String,
    innererror: Option<Box<Problem>>,
    details: Vec<Problem>,
}

impl Problem {
    /// Itself, what is inside it, and its details; one level of each, as the service nests no deeper.
    fn all(&self) -> impl Iterator<Item = &Self> {
        let details = self.details.iter();
        let inner = self.innererror.as_deref();
        let inner_of_details = details.clone().filter_map(|detail| detail.innererror.as_deref());
        std::iter::once(self)
            .chain(inner)
            .chain(details)
            .chain(inner_of_details)
    }

    /// The most telling text.
    fn message(&self) -> &str {
        self.all()
            .skip(1)
            .chain(std::iter::once(self))
            .map(|problem| problem.message.as_str())
            .find(|message| !message.is_empty())
            .unwrap_or_default()
    }
}

impl Operation {
    /// Why there is no result. The service names content as at fault with codes of their own
    /// ([list](https://learn.microsoft.com/azure/ai-services/document-intelligence/v3-error-guide)).
    pub(super) fn error(self, http: &Http) -> RemoteError {
        let problem = self.error.unwrap_or_default();
        let quote = http.quote(problem.message());
        if problem.message().to_ascii_lowercase().contains("password") {
            return RemoteError::refused(
                codes::PASSWORD_PROTECTED,
                "the file is protected with a password; save it without one",
            );
        }
        let blames_content = problem.all().any(|problem| {
            [
                "InvalidContent",
                "InvalidRequest",
                "UnsupportedContent",
                "ContentProcessing",
            ]
            .iter()
            .any(|code| problem.code.starts_with(code))
        });
        if blames_content {
            return RemoteError::refused(
                codes::REFUSED,
                format!("{} cannot convert the file{quote}", http.service),
            );
        }
        RemoteError::failed(
            codes::CONVERSION_FAILED,
            format!("{} failed on the file{quote}", http.service),
        )
    }
}

impl Analysis {
    /// What it warns of, for people.
    pub(super) fn warnings(&self, http: &Http) -> Vec<String> {
        self.warnings
            .iter()
            .take(20)
            .map(|problem| format!("{} warns{}", http.service, http.quote(problem.message())))
            .collect()
    }
}
