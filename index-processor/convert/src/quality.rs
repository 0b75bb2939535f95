//! Is a text what a file says, or only what came out of it?
//!
//! A long text may be rubbish (a font without a map of its characters), a short one may be all that there is. So a text is
//! held against what it is made of: printable characters, and not a message about why the content is not there.

mod merge;

use crate::{Document, DocumentKind, Place, Unread};

pub use merge::merge;

/// What a document is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of the content is there, as far as can be told.
    Sufficient,
    /// The content of these places is missing.
    Partial(Vec<Place>),
    /// There is no content to speak of; why.
    Insufficient(Unread),
}

/// Most characters in a hundred that may be unprintable, of unknown meaning, or replaced.
const MAX_BAD_PERCENT: usize = 10;

/// Fewest characters that are told from the share of letters among them.
const MIN_FOR_LETTERS: usize = 200;

/// Fewest characters in a hundred of such a text that are letters or digits, rules and dot leaders not counted.
const MIN_LETTERS_PERCENT: usize = 40;

/// Judges a document, the parts of which have been judged where they were made.
#[must_use]
pub fn sufficient(document: &Document) -> Verdict {
    let places: Vec<Place> = document.unread().map(|(place, _)| place.clone()).collect();
    let is_all_unread = !places.is_empty() && places.len() == document.about.parts.len();
    if let Some((_, first)) = document.unread().next()
        && (is_all_unread || document.markdown.trim().is_empty())
    {
        return Verdict::Insufficient(first.clone());
    }
    if document.markdown.trim().is_empty() {
        return Verdict::Insufficient(unread("empty", "no text was found in the file"));
    }
    // What is written as text is what its author wrote, however it looks.
    if matches!(document.about.kind, DocumentKind::Office | DocumentKind::Html)
        && let Err(why) = judge(&document.markdown)
    {
        return Verdict::Insufficient(why);
    }
    if places.is_empty() {
        Verdict::Sufficient
    } else {
        Verdict::Partial(places)
    }
}

/// The numbers of the pages whose content is missing, in files that are not inside another: those that OCR can be asked for.
#[must_use]
pub fn unread_pages(document: &Document) -> Vec<u32> {
    document
        .unread()
        .filter(|(place, _)| place.attachment.is_none())
        .filter_map(|(place, _)| place.page)
        .collect()
}

/// Judges the text of a page or of a document. No text at all is not a bad one: that depends on what is on the page.
///
/// # Errors
/// What is wrong with it: `text_unreadable` or `placeholder_text`.
pub fn judge(text: &str) -> Result<(), Unread> {
    let share = Share::of(text);
    if share.bad * 100 > share.visible * MAX_BAD_PERCENT {
        return Err(unread(
            "text_unreadable",
            "the text is made of characters without a meaning: OCR can read what is shown",
        ));
    }
    let countable = share.letters + share.symbols;
    if countable >= MIN_FOR_LETTERS && share.letters * 100 < countable * MIN_LETTERS_PERCENT {
        return Err(unread(
            "text_unreadable",
            "the text has signs in place of letters: OCR can read what is shown",
        ));
    }
    match placeholder(text) {
        Some(what) => Err(unread("placeholder_text", what)),
        None => Ok(()),
    }
}

/// What a text is made of, in characters.
#[derive(Default)]
struct Share {
    /// All but white space.
    visible: usize,
    /// Replaced, of private meaning, or control characters.
    bad: usize,
    letters: usize,
    /// Punctuation and signs that are not used to draw rules, leaders and tables.
    symbols: usize,
}

impl Share {
    fn of(text: &str) -> Self {
        let mut share = Self::default();
        for character in text.chars() {
            if character.is_whitespace() {
                continue;
            }
            share.visible += 1;
            if is_bad(character) {
                share.bad += 1;
            } else if is_letter(character) {
                share.letters += 1;
            } else if !matches!(
                character,
                '|' | '-' | '.' | '_' | '=' | '*' | '#' | '·' | '…' | '\\'
            ) {
                share.symbols += 1;
            }
        }
        // Each mark stands for one character that could not be told: `(cid:31)`.
        for mark in text.split("(cid:").skip(1) {
            let digits = mark.bytes().take_while(u8::is_ascii_digit).count();
            if digits > 0 && mark[digits..].starts_with(')') {
                share.bad += "(cid:)".len() + digits;
            }
        }
        share
    }
}

fn is_bad(character: char) -> bool {
    let is_private = matches!(character, '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{10FFFF}');
    let is_no_character = matches!(character, '\u{FFF0}'..='\u{FFFF}');
    is_private || is_no_character || character.is_control()
}

/// Letters and digits, and the marks without which many scripts cannot be written.
fn is_letter(character: char) -> bool {
    character.is_alphanumeric() || unicode_normalization::char::is_combining_mark(character)
}

/// A message that stands where content should be.
struct Placeholder {
    /// All of these are in it, in lower case.
    words: &'static [&'static str],
    /// Longest text that is this message and nothing else, in bytes.
    longest: usize,
    reason: &'static str,
}

const XFA: &str = "the file is a form that Adobe Reader alone shows (XFA): print it to a PDF";
const PORTFOLIO: &str = "the file is a cover of other files (a PDF portfolio): index them by themselves";
const SCRIPT: &str = "the page is made by a script in the browser: save what the browser shows";
const SERVER: &str = "the file is an error message of a server: fetch it again";

const PLACEHOLDERS: [Placeholder; 17] = [
    message(&["if this message is not eventually replaced"], 2500, XFA),
    message(&["this document requires adobe reader"], 1500, XFA),
    message(
        &["to view the full contents of this document, you need a later version"],
        2500,
        XFA,
    ),
    message(
        &["the document you are trying to load requires adobe reader"],
        2500,
        XFA,
    ),
    message(&["open this pdf portfolio in"], 1500, PORTFOLIO),
    message(&["you need to enable javascript to run this app"], 600, SCRIPT),
    message(&["enable javascript"], 300, SCRIPT),
    message(&["javascript is disabled"], 600, SCRIPT),
    message(&["checking your browser before accessing"], 800, SERVER),
    message(&["404", "not found"], 300, SERVER),
    message(&["403 forbidden"], 300, SERVER),
    message(&["401 unauthorized"], 300, SERVER),
    message(&["500 internal server error"], 600, SERVER),
    message(&["502 bad gateway"], 300, SERVER),
    message(&["503 service"], 400, SERVER),
    message(&["504 gateway"], 300, SERVER),
    message(&["<error>", "<code>", "<requestid>"], 1000, SERVER),
];

const fn message(words: &'static [&'static str], longest: usize, reason: &'static str) -> Placeholder {
    Placeholder {
        words,
        longest,
        reason,
    }
}

fn placeholder(text: &str) -> Option<&'static str> {
    let text = text.trim();
    let longest = PLACEHOLDERS.iter().map(|placeholder| placeholder.longest).max()?;
    if text.len() > longest {
        return None;
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let lower = words.join(" ").to_lowercase();
    PLACEHOLDERS
        .iter()
        .find(|placeholder| {
            text.len() <= placeholder.longest && placeholder.words.iter().all(|words| lower.contains(words))
        })
        .map(|placeholder| placeholder.reason)
}

fn unread(code: &str, reason: &str) -> Unread {
    Unread {
        code: code.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests;
