//! Why a service gave no document, and who has to do something about it.

use std::time::Duration;

use convert::ConvertError;
use shared::retry::Failure;

/// The failures of remote conversion and of the vision model, by their stable names.
pub mod codes {
    /// The service refuses our key (401, 403).
    pub const REFUSED_KEY: &str = "remote_refused_key";
    /// The service is not where, or not what, the settings say.
    pub const MISCONFIGURED: &str = "remote_misconfigured";
    /// The account's quota is used up.
    pub const QUOTA_SPENT: &str = "remote_quota_spent";
    /// The service asks to slow down (429).
    pub const THROTTLED: &str = "remote_throttled";
    /// The service is down, overloaded or unreachable.
    pub const UNAVAILABLE: &str = "remote_unavailable";
    /// The service broke on this request (500).
    pub const SERVER_ERROR: &str = "remote_server_error";
    /// The conversion took longer than allowed.
    pub const TOO_SLOW: &str = "remote_too_slow";
    /// The answer is not what was asked for.
    pub const BAD_REPLY: &str = "remote_bad_reply";
    /// The service forgot a conversion that it had begun.
    pub const TASK_LOST: &str = "remote_task_lost";
    /// The service gave up on this conversion, without saying that the file is at fault.
    pub const CONVERSION_FAILED: &str = "remote_conversion_failed";
    /// The service does not want this content.
    pub const REFUSED: &str = "remote_refused";
    /// The file is larger than the service takes.
    pub const TOO_LARGE: &str = "remote_too_large";
    /// The file is encrypted.
    pub const PASSWORD_PROTECTED: &str = "password_protected";
    /// More text than a document may have.
    pub const OUTPUT_TOO_LARGE: &str = "output_too_large";
    /// Nothing to index in the file.
    pub const EMPTY: &str = "empty";
    /// The model does not want to read this image.
    pub const VISION_REFUSED: &str = "vision_refused";
}

/// Why there is no document. Reasons are for people, say what to do, and hold neither key nor content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// The content is at fault: again gives the same.
    #[error("{reason}")]
    Refused {
        /// Stable name.
        code: &'static str,
        /// What was found, and what to do.
        reason: String,
    },
    /// It went wrong with this content, which may or may not be at fault: worth another attempt, and counted as one, since
    /// a file that breaks a service must not be tried for ever.
    #[error("{reason}")]
    Failed {
        /// Stable name.
        code: &'static str,
        /// What happened.
        reason: String,
    },
    /// The service is down or asks to wait: not the file's fault.
    #[error("{reason}")]
    Unavailable {
        /// Stable name.
        code: &'static str,
        /// What happened.
        reason: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// A person has to change a setting or an account: not the file's fault.
    #[error("{reason}")]
    Misconfigured {
        /// Stable name.
        code: &'static str,
        /// Which setting to look at.
        reason: String,
    },
}

impl RemoteError {
    /// The stable name.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused { code, .. }
            | Self::Failed { code, .. }
            | Self::Unavailable { code, .. }
            | Self::Misconfigured { code, .. } => code,
        }
    }

    /// What the refusal means for the file, or else the failure to plan the next attempt by.
    ///
    /// # Errors
    ///
    /// The failure, for everything that is not [`RemoteError::Refused`].
    pub fn into_convert_error(self) -> Result<ConvertError, Failure> {
        match self {
            Self::Refused { code, reason } if code == codes::EMPTY => {
                Ok(ConvertError::unsupported(code, reason))
            }
            Self::Refused { code, reason } => Ok(ConvertError::failed(code, reason)),
            other => Err(Failure::from(&other)),
        }
    }

    /// Whether to try again within seconds, in place.
    pub(crate) fn may_pass_soon(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::Misconfigured { .. } => false,
            Self::Failed { code, .. } => {
                [codes::SERVER_ERROR, codes::BAD_REPLY, codes::TASK_LOST].contains(code)
            }
            Self::Unavailable { .. } => true,
        }
    }

    pub(crate) fn refused(code: &'static str, reason: impl Into<String>) -> Self {
        Self::Refused {
            code,
            reason: reason.into(),
        }
    }

    pub(crate) fn failed(code: &'static str, reason: impl Into<String>) -> Self {
        Self::Failed {
            code,
            reason: reason.into(),
        }
    }

    pub(crate) fn unavailable(code: &'static str, reason: impl Into<String>) -> Self {
        Self::Unavailable {
            code,
            reason: reason.into(),
            retry_after: None,
        }
    }

    pub(crate) fn misconfigured(code: &'static str, reason: impl Into<String>) -> Self {
        Self::Misconfigured {
            code,
            reason: reason.into(),
        }
    }
}

impl From<&RemoteError> for Failure {
    fn from(error: &RemoteError) -> Self {
        match error {
            RemoteError::Refused { code, reason } => Self::permanent(code, reason),
            RemoteError::Failed { code, reason } => Self::transient(code, reason),
            RemoteError::Unavailable {
                code,
                reason,
                retry_after,
            } => Self::throttled(code, reason).retry_after(*retry_after),
            RemoteError::Misconfigured { code, reason } => Self::throttled(code, reason),
        }
    }
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        Self::from(&error)
    }
}
