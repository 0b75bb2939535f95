//! Why a file has no document.

use serde::{Deserialize, Serialize};

/// Why a file has no document. Codes are stable names in snake case; the texts are for people and say what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "error")]
pub enum ConvertError {
    /// Nothing to index here, or nothing that this build can read: the file is skipped.
    #[error("{reason}")]
    Unsupported {
        /// Stable name of the reason.
        code: String,
        /// What was found.
        reason: String,
    },
    /// A type that is not indexed on purpose: the file is skipped.
    #[error("{reason}")]
    Blocked {
        /// Stable name of the reason.
        code: String,
        /// What was found, and what to provide in its place.
        reason: String,
    },
    /// A type that is indexed, but this file could not be converted; trying again gives the same.
    #[error("{reason}")]
    Failed {
        /// Stable name of the failure.
        code: String,
        /// What went wrong.
        reason: String,
    },
}

impl ConvertError {
    /// The stable name of the reason.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Unsupported { code, .. } | Self::Blocked { code, .. } | Self::Failed { code, .. } => code,
        }
    }

    /// Nothing that this build can read.
    #[must_use]
    pub fn unsupported(code: &str, reason: impl Into<String>) -> Self {
        Self::Unsupported {
            code: code.to_owned(),
            reason: reason.into(),
        }
    }

    /// Not indexed on purpose.
    #[must_use]
    pub fn blocked(code: &str, reason: impl Into<String>) -> Self {
        Self::Blocked {
            code: code.to_owned(),
            reason: reason.into(),
        }
    }

    /// Should be indexed, and cannot.
    #[must_use]
    pub fn failed(code: &str, reason: impl Into<String>) -> Self {
        Self::Failed {
            code: code.to_owned(),
            reason: reason.into(),
        }
    }

    /// The content does not keep to its format.
    #[must_use]
    pub fn corrupt(what: &str, why: impl std::fmt::Display) -> Self {
        Self::failed(
            "corrupt",
            format!("this {what} is damaged and cannot be read ({why}); save it anew"),
        )
    }

    /// The content is encrypted.
    #[must_use]
    pub fn password_protected(what: &str) -> Self {
        Self::failed(
            "password_protected",
            format!("this {what} is protected with a password; save it without one"),
        )
    }

    pub(crate) fn empty() -> Self {
        Self::unsupported("empty", "the file is empty, there is nothing to index")
    }
}
