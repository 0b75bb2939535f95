//! How commands end, as the number that scripts see.

use std::process::ExitCode;

/// The end of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Ok,
    /// Something did not work.
    Failed,
    /// The command line makes no sense; clap ends with the same number.
    Usage,
    /// Done, but not for everything.
    Partly,
    /// What was named is not there.
    NotFound,
    /// The key is missing, wrong, or not for this.
    Refused,
    /// The control plane, or something that it needs, does not answer.
    Unavailable,
    /// What was asked for does not fit the state that something is in.
    Conflict,
}

impl Exit {
    /// Every end, by number.
    pub(crate) const ALL: [Self; 8] = [
        Self::Ok,
        Self::Failed,
        Self::Usage,
        Self::Partly,
        Self::NotFound,
        Self::Refused,
        Self::Unavailable,
        Self::Conflict,
    ];

    /// The number. It stays: scripts go by it.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partly => 3,
            Self::NotFound => 4,
            Self::Refused => 5,
            Self::Unavailable => 6,
            Self::Conflict => 7,
        }
    }

    /// What it means, in a sentence.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "Done.",
            Self::Failed => "It did not work; the message says why and what to do.",
            Self::Usage => "The command line makes no sense.",
            Self::Partly => "Done in part: some files failed, or wait for approval.",
            Self::NotFound => {
                "What was named is not there: an index, a file, a run, a key. Of `why`: search does not find the document."
            }
            Self::Refused => "Refused: the API key is missing, wrong, or not for this.",
            Self::Unavailable => {
                "The control plane, or something that it needs, does not answer: try again later."
            }
            Self::Conflict => {
                "It does not fit the state of something: decided already, changed meanwhile, busy."
            }
        }
    }

    /// The end that goes with a status of an HTTP answer.
    pub(crate) fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Ok,
            401 | 403 => Self::Refused,
            404 => Self::NotFound,
            409 | 410 | 412 => Self::Conflict,
            429 | 502..=504 => Self::Unavailable,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

/// The numbers, for `--help`.
pub(crate) fn help() -> String {
    let lines = Exit::ALL.map(|exit| format!("  {}  {}", exit.number(), exit.meaning()));
    format!("Exit codes:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_statuses() {
        let numbers = Exit::ALL.map(Exit::number);
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7], "scripts go by these");
        let ends = [202, 400, 401, 403, 404, 409, 410, 412, 429, 500, 503].map(Exit::of_status);
        assert_eq!(
            ends.map(Exit::number),
            [0, 1, 5, 5, 4, 7, 7, 7, 6, 1, 6],
            "an internal error is none of those that pass by themselves"
        );
    }
}
