//! Everything that is printed goes through here, so that progress bars, logs and results do not write over each other.

pub(crate) mod ask;
pub(crate) mod table;
pub(crate) mod times;

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use console::{Style, Term};
use indicatif::MultiProgress;

use crate::failure;

/// Is nothing but results and errors printed?
static QUIET: AtomicBool = AtomicBool::new(false);

/// Prints nothing but results and errors from now on.
pub(crate) fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// The bars of this process; logs are printed above them.
pub(crate) fn bars() -> &'static MultiProgress {
    static BARS: OnceLock<MultiProgress> = OnceLock::new();
    BARS.get_or_init(MultiProgress::new)
}

/// Does a person watch standard error?
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal() && !QUIET.load(Ordering::Relaxed)
}

/// Prints a result.
pub(crate) fn line(text: &str) {
    // A reader that went away (`| head`) is no error.
    drop(writeln!(io::stdout().lock(), "{text}"));
}

/// Prints something for the person, not for a program.
pub(crate) fn note(text: &str) {
    if !QUIET.load(Ordering::Relaxed) {
        complain(text);
    }
}

fn complain(text: &str) {
    bars().suspend(|| drop(writeln!(io::stderr().lock(), "{text}")));
}

/// Prints an error with its causes, what its code means and what to do; for programs as one line of JSON.
pub(crate) fn error(error: &anyhow::Error, json: bool) {
    if json {
        complain(&failure::json(error).to_string());
        return;
    }
    let label = Style::new().for_stderr().red().bold().apply_to("error:");
    let mut text = format!("{label} {error}");
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(&format!("\n  because: {cause}"));
        }
    }
    for note in failure::notes(error) {
        text.push_str(&format!("\n  {}", Style::new().for_stderr().dim().apply_to(note)));
    }
    complain(&text);
}

/// Columns of the terminal that standard output goes to; 100 when it goes elsewhere.
pub(crate) fn width() -> usize {
    Term::stdout()
        .size_checked()
        .map_or(100, |(_, columns)| usize::from(columns))
        .clamp(40, 120)
}

/// The same, if it is a terminal: what goes elsewhere is not cut.
fn terminal_width() -> Option<usize> {
    Term::stdout()
        .size_checked()
        .map(|(_, columns)| usize::from(columns))
}

/// Logs on standard error, above the bars.
#[derive(Default)]
pub(crate) struct LogWriter(Vec<u8>);

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let text = std::mem::take(&mut self.0);
        if text.is_empty() {
            return Ok(());
        }
        bars().suspend(|| io::stderr().lock().write_all(&text))
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        drop(self.flush());
    }
}

/// A count with the right form of its noun.
pub(crate) fn plural(count: u64, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{} {noun}s", grouped(count))
    }
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A time span as people say it: `850 ms`, `12.3 s`, `4 min 10 s`, `3 h 5 min`, `2 d 4 h`.
pub(crate) fn span(millis: i64) -> String {
    let millis = millis.max(0);
    let seconds = millis / 1000;
    match seconds {
        0 => format!("{millis} ms"),
        1..60 => format!("{}.{} s", seconds, millis % 1000 / 100),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// `how long ago` for a table.
pub(crate) fn ago(now: i64, at: i64) -> String {
    let passed = (now - at).max(0);
    if passed < 1000 {
        "just now".to_owned()
    } else {
        format!("{} ago", span(passed))
    }
}

/// Bytes as people say them.
pub(crate) fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(
            ["0", "999", "1,000", "1,234,567"],
            [0, 999, 1000, 1_234_567]
                .map(grouped)
                .each_ref()
                .map(String::as_str)
        );
        assert_eq!(plural(1, "file"), "1 file");
        assert_eq!(plural(2000, "file"), "2,000 files");
        let spans = [850, 12_340, 250_000, 11_100_000, 187_200_000].map(span);
        assert_eq!(spans, ["850 ms", "12.3 s", "4 min 10 s", "3 h 5 min", "2 d 4 h"]);
        assert_eq!(ago(5000, 4800), "just now");
        assert_eq!(ago(65_000, 0), "1 min 5 s ago");
    }
}
