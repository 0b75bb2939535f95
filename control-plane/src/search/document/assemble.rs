//! Chunks, in order, into the text that they were cut from.
//!
//! A chunk is a range of the file's Markdown, but for the header that is repeated above rows of a table and the brackets
//! around values of JSON. Chunks may overlap, and between them white space was left out.

use shared::vectors::Payload;

use super::DocumentSection;

/// A text that grows until it is full.
pub(super) struct Assembly {
    text: String,
    sections: Vec<DocumentSection>,
    /// How far the text reaches, in bytes of the Markdown.
    reached: u64,
    max_bytes: usize,
    /// Where the text had to end before the document did.
    next: Option<u64>,
}

impl Assembly {
    /// An empty text that is to begin at byte `from` of the Markdown.
    pub(super) fn new(from: u64, max_bytes: usize) -> Self {
        Self {
            text: String::new(),
            sections: Vec::new(),
            reached: from,
            max_bytes,
            next: None,
        }
    }

    /// Is there no room for more?
    pub(super) fn is_full(&self) -> bool {
        self.next.is_some()
    }

    /// Adds what the chunk has beyond what is there.
    pub(super) fn add(&mut self, chunk: &Payload) {
        if self.is_full() || chunk.end <= self.reached {
            return;
        }
        let (body, start) = match cut(chunk) {
            Body::Range(body) => {
                let known = self.reached.saturating_sub(chunk.start);
                let skipped = floor(body, known);
                (&body[skipped..], chunk.start + skipped as u64)
            }
            Body::Whole(text) => (text, chunk.start),
        };
        let gap = self.gap_before(start);
        let room = self.max_bytes.saturating_sub(self.text.len() + gap.len());
        let taken = match cut(chunk) {
            _ if body.len() <= room => body.len(),
            // What cannot be divided is shown whole when it comes first, or nobody would ever get past it.
            Body::Whole(_) if self.text.is_empty() => body.len(),
            Body::Whole(_) => 0,
            Body::Range(_) => match floor(body, room as u64) {
                0 if self.text.is_empty() => body.chars().next().map_or(0, char::len_utf8),
                taken => taken,
            },
        };
        if taken < body.len() {
            self.next = Some(start + taken as u64);
        }
        if taken == 0 {
            return;
        }
        self.text.push_str(gap);
        self.sections.push(DocumentSection {
            ordinal: chunk.ordinal,
            heading_path: chunk.heading_path.clone(),
            place: chunk.place.clone(),
            at: self.text.len() as u64,
            range: chunk.start..chunk.end,
        });
        self.text.push_str(&body[..taken]);
        self.reached = chunk.end;
    }

    /// The text, where its parts are from, and where it goes on.
    pub(super) fn finish(self) -> (String, Vec<DocumentSection>, Option<u64>) {
        (self.text, self.sections, self.next)
    }

    /// What stands for the white space that was left out before a chunk.
    fn gap_before(&self, start: u64) -> &'static str {
        if self.text.is_empty() {
            return "";
        }
        match start.saturating_sub(self.reached) {
            0 => "",
            1 => "\n",
            _ => "\n\n",
        }
    }
}

/// What of a chunk's text is the document's.
enum Body<'a> {
    /// The chunk's range, byte for byte.
    Range(&'a str),
    /// Text around the range as well; not to be divided.
    Whole(&'a str),
}

fn cut(chunk: &Payload) -> Body<'_> {
    let text = chunk.text.as_str();
    let length = usize::try_from(chunk.end.saturating_sub(chunk.start)).unwrap_or(usize::MAX);
    let Some(extra) = text.len().checked_sub(length) else {
        return Body::Whole(text);
    };
    let bracketed = extra == 2 && text.starts_with(['{', '[', '"']);
    match text.split_at_checked(extra) {
        // The header of a table, on lines of its own.
        Some((header, rows)) if !bracketed && (extra == 0 || header.ends_with('\n')) => Body::Range(rows),
        _ => Body::Whole(text),
    }
}

/// The end of the last character that ends within so many bytes.
fn floor(text: &str, bytes: u64) -> usize {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    text.floor_char_boundary(bytes.min(text.len()))
}
