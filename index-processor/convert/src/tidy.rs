//! The last pass over Markdown that was made from office formats, and the builder that such Markdown is put together with.
//!
//! Office files carry what no search needs: spaces that keep words together, hints where a word may be broken, marks of the
//! writing direction, letters in two parts, ligatures, pages of blank lines. All of it goes here, in one place and in time
//! linear in the text, and the offsets of the parts stay true to the text.

mod characters;

use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::{ConvertError, Document, DocumentKind, Part, Place, Unread};

/// Puts a document together from blocks and remembers where its parts start.
///
/// A block is a paragraph, a heading, a list or a table; blocks are separated by one blank line. What is appended after
/// [`part`](Self::part) belongs to that part, until the next one.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    markdown: String,
    parts: Vec<Part>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Starts a part: what follows is from `place`.
    pub(crate) fn part(&mut self, place: Place) {
        self.end_block();
        self.parts.push(Part {
            start: self.markdown.len(),
            place,
            unread: None,
        });
    }

    /// Notes that the content of `place` is missing, under a stable `code`, with a reason for people.
    pub(crate) fn unread(&mut self, place: Place, code: &str, reason: impl Into<String>) {
        self.part(place);
        if let Some(part) = self.parts.last_mut() {
            part.unread = Some(Unread {
                code: code.to_owned(),
                reason: reason.into(),
            });
        }
    }

    /// Notes that the content of `place` could not be converted.
    pub(crate) fn failed(&mut self, place: Place, error: &ConvertError) {
        self.unread(place, error.code(), error.to_string());
    }

    /// Appends a block, set off by blank lines.
    pub(crate) fn block(&mut self, markdown: &str) {
        self.end_block();
        self.markdown.push_str(markdown);
        self.end_block();
    }

    /// The text so far, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.markdown.len()
    }

    /// The document, tidied.
    pub(crate) fn finish(mut self) -> (String, Vec<Part>) {
        let markdown = tidy(&self.markdown, &mut self.parts);
        (markdown, self.parts)
    }

    fn end_block(&mut self) {
        if !self.markdown.is_empty() {
            self.markdown.push_str("\n\n");
        }
    }
}

impl Document {
    /// The same document with tidy Markdown, if it is Markdown that a converter wrote: what people wrote is left as it is. Of web
    /// pages only the Unicode is composed (NFC), since white space at the end of a line is a line break there.
    #[must_use]
    pub fn tidied(mut self) -> Self {
        match self.about.kind {
            DocumentKind::Office => self.markdown = tidy(&self.markdown, &mut self.about.parts),
            DocumentKind::Html if self.about.parts.is_empty() && !is_nfc(&self.markdown) => {
                self.markdown = self.markdown.nfc().collect();
            }
            _ => {}
        }
        self
    }
}

/// Tidies Markdown: Unicode in its composed form (NFC), no control characters, ordinary spaces, no characters without
/// width, no white space at the ends of lines, no more than one blank line in a row, one line end at the end. Text is never
/// lost, and tidying twice is tidying once. The starts of `parts`, which are in the order of the text, move along: a part
/// then starts with its first character that is not white space.
pub(crate) fn tidy(markdown: &str, parts: &mut [Part]) -> String {
    let mut tidied = Tidied {
        out: String::with_capacity(markdown.len()),
        line_ends: 0,
        parts: parts.iter_mut(),
        waiting: Vec::new(),
    };
    let mut at = 0;
    while let Some(part) = tidied.parts.next() {
        let start = markdown.floor_char_boundary(part.start.max(at));
        tidied.text(&markdown[at..start]);
        tidied.waiting.push(part);
        at = start;
    }
    tidied.text(&markdown[at..]);
    tidied.finish()
}

struct Tidied<'a> {
    out: String,
    /// Line ends that are due before the next character; those at the end of the text never are.
    line_ends: usize,
    parts: std::slice::IterMut<'a, Part>,
    /// Parts that start at the next character.
    waiting: Vec<&'a mut Part>,
}

impl Tidied<'_> {
    fn text(&mut self, text: &str) {
        let mut clean = String::new();
        let mut lines = text.split(characters::is_line_end);
        if let Some(line) = lines.next() {
            self.line(line, &mut clean);
        }
        for line in lines {
            self.end_line();
            self.line(line, &mut clean);
        }
    }

    fn line(&mut self, line: &str, clean: &mut String) {
        let is_start = self.line_ends > 0 || self.out.is_empty();
        let line = characters::clean(line, is_start, clean);
        if line.trim().is_empty() {
            // White space within a line that a part boundary cuts; `end_line` takes it away if nothing follows.
            if !is_start {
                self.out.push_str(line);
            }
            return;
        }
        for _ in 0..self.line_ends.min(2) {
            self.out.push('\n');
        }
        self.line_ends = 0;
        for part in self.waiting.drain(..) {
            part.start = self.out.len();
        }
        self.out.push_str(line);
    }

    fn end_line(&mut self) {
        if self.out.is_empty() {
            return;
        }
        if self.line_ends == 0 {
            self.out.truncate(self.out.trim_end().len());
        }
        self.line_ends += 1;
    }

    fn finish(mut self) -> String {
        self.out.truncate(self.out.trim_end().len());
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        for part in self.waiting.drain(..) {
            part.start = self.out.len();
        }
        self.out
    }
}

#[cfg(test)]
mod tests;
