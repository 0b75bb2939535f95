//! Why a child broke, from how it ended and what it printed.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::Signal;

use super::SandboxSettings;
use crate::ConvertError;

/// Why a child broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It took longer than allowed, by the wall clock or in processor time.
    TimedOut,
    /// It asked for more memory than there is for it, or the system took it for the largest process.
    OutOfMemory,
    StackOverflow,
    /// It has more to say than is listened to.
    OutputTooLarge,
    /// What it said makes no sense.
    Nonsense(String),
    /// Anything else: how it ended, and its last line.
    Crashed(String),
}

/// How much of a child's last line goes into a reason, in characters.
const LAST_LINE: usize = 200;

impl Cause {
    /// Of a child that ended by itself.
    pub(super) fn of(status: ExitStatus, last_words: &str) -> Self {
        let is = |signal: Signal| status.signal() == Some(signal.as_raw());
        if is(Signal::XCPU) {
            return Self::TimedOut;
        }
        if last_words.contains("has overflowed its stack") {
            return Self::StackOverflow;
        }
        let no_memory = last_words.contains("memory allocation of ") && last_words.contains(" failed");
        if no_memory || is(Signal::KILL) {
            return Self::OutOfMemory;
        }
        let last_line = last_words.lines().rfind(|line| !line.trim().is_empty());
        let last_line =
            last_line.map_or_else(String::new, |line| format!(", {}", printable(line, LAST_LINE)));
        Self::Crashed(format!("{status}{last_line}"))
    }

    /// Could the documents before this one be the reason, or somebody who killed the child?
    pub(super) fn may_be_of_others(&self) -> bool {
        match self {
            Self::OutOfMemory | Self::Crashed(_) | Self::Nonsense(_) => true,
            Self::TimedOut | Self::StackOverflow | Self::OutputTooLarge => false,
        }
    }

    /// What the file's owner is told.
    pub(super) fn into_error(self, settings: &SandboxSettings, bytes: usize) -> ConvertError {
        match self {
            Self::TimedOut => ConvertError::failed(
                "converter_timeout",
                format!(
                    "converting this file took longer than {} seconds; split it, or raise the time limit",
                    settings.wall_of(bytes).as_secs()
                ),
            ),
            Self::OutOfMemory => ConvertError::failed(
                "converter_out_of_memory",
                format!(
                    "converting this file took more than {} MiB of memory; split it, or raise the memory limit",
                    settings.memory_bytes >> 20
                ),
            ),
            Self::StackOverflow => ConvertError::failed(
                "converter_stack_overflow",
                "this file nests too deeply to be converted; save it in another format, or anew",
            ),
            Self::OutputTooLarge => ConvertError::failed(
                "output_too_large",
                format!(
                    "the file has more than {} MiB of text: split it",
                    settings.max_output_bytes >> 20
                ),
            ),
            Self::Nonsense(what) => ConvertError::failed(
                "converter_crashed",
                format!("the converter broke on this file ({what}); save it anew"),
            ),
            Self::Crashed(how) => ConvertError::failed(
                "converter_crashed",
                format!("the converter broke on this file ({how}); save it anew, or in another format"),
            ),
        }
    }
}

/// The start of a text, without what a terminal or a log would act on.
pub(super) fn printable(text: &str, most: usize) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().map(visible).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(signal: Signal) -> ExitStatus {
        ExitStatus::from_raw(signal.as_raw())
    }

    #[test]
    fn the_end_and_the_last_words_tell_why() {
        let overflow =
            "\nthread 'convert' (7) has overflowed its stack\nfatal runtime error: stack overflow\n";
        assert_eq!(Cause::of(signal(Signal::ABORT), overflow), Cause::StackOverflow);
        let memory = "memory allocation of 8589934592 bytes failed\n";
        assert_eq!(Cause::of(signal(Signal::ABORT), memory), Cause::OutOfMemory);
        assert_eq!(Cause::of(signal(Signal::KILL), ""), Cause::OutOfMemory);
        assert_eq!(Cause::of(signal(Signal::XCPU), memory), Cause::TimedOut);
        let crashed = |how: &str| Cause::Crashed(how.to_owned());
        let segv = Cause::of(signal(Signal::SEGV), "one\nt\u{1b}wo\n\n");
        assert_eq!(segv, crashed("signal: 11 (SIGSEGV), t wo"));
        let exit = Cause::of(ExitStatus::from_raw(3 << 8), "");
        assert_eq!(exit, crashed("exit status: 3"));
    }

    #[test]
    fn a_long_last_line_is_cut() {
        assert_eq!(printable(&"ä".repeat(300), LAST_LINE).chars().count(), LAST_LINE);
    }
}
