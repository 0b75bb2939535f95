//! Cuts delimited rows, repeating the header row above each run of rows.
//!
//! A chunk's range covers its rows. Its text is the header row, a line break and that part of the document; the text of
//! the first chunk is its range as it is, since the header is in it. A header of more than half a chunk is not
//! repeated, and a row that does not fit below its header is cut as text, without one.
//!
//! Only quotes and line breaks matter here, so any delimiter will do, as in
//! [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180).

use std::ops::Range;

use super::Chunk;
use super::leaf::{Grammar, Source};
use super::pack::{content_key, pack};

/// Cuts rows, the first of which is the header.
pub(super) fn chunks(source: &Source<'_>) -> Vec<Chunk> {
    let rows = rows(source.text);
    let Some(header) = rows.first().cloned() else {
        return Vec::new();
    };
    let repeated = source.sizer.of(header.clone()) <= source.capacity / 2;
    let header = if repeated { &source.text[header] } else { "" };
    // One for the line break, one because tokens on both sides of it may come out otherwise.
    let capacity = source.capacity
        - if repeated {
            source.sizer.of_other(header) + 2
        } else {
            0
        };
    let span = |run: Range<usize>| rows[run.start].start..rows[run.end - 1].end;
    let size = |run: Range<usize>| source.sizer.of(span(run));
    let key = |row: usize| content_key(&source.text.as_bytes()[rows[row].clone()]);
    let mut chunks = Vec::new();
    for run in pack(rows.len(), capacity, size, key) {
        let first = run.start == 0;
        let range = span(run);
        let part = &source.text[range.clone()];
        let text = if first || header.is_empty() {
            part.to_owned()
        } else {
            format!("{header}\n{part}")
        };
        if source.sizer.of_other(&text) <= source.capacity {
            chunks.push(Chunk {
                text,
                heading_path: Vec::new(),
                range,
            });
        } else {
            chunks.extend(
                source
                    .split(range, &Grammar::Text)
                    .into_iter()
                    .map(|range| source.chunk(range, &[])),
            );
        }
    }
    chunks
}

/// The rows that are not blank, without their line breaks. A quoted field may hold line breaks.
fn rows(text: &str) -> Vec<Range<usize>> {
    let mut rows = Vec::new();
    let mut push = |row: Range<usize>| {
        let visible = text[row.clone()].trim_end();
        if !visible.is_empty() {
            rows.push(row.start..row.start + visible.len());
        }
    };
    let (mut start, mut quoted) = (0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => {
                push(start..at);
                start = at + 1;
            }
            _ => {}
        }
    }
    push(start..text.len());
    rows
}
