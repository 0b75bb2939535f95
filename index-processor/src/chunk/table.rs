//! Cuts a table, one record a line, repeating its header above each run of rows.
//!
//! A chunk's range covers its rows. Its text is the header, a line break and that part of the document; the text of the
//! first chunk is its range as it is, since the header is in it. A header of more than half a chunk is not repeated, and
//! a row that does not fit below its header is cut as text, without one.
//!
//! The header is the first line and, in a [GitHub table](https://github.github.com/gfm/#tables-extension-), the
//! delimiter row below it.

use std::ops::Range;

use super::Chunk;
use super::leaf::{Grammar, Source};
use super::pack::{content_key, pack};

/// The tables in a stretch of Markdown, as the ranges of their lines; those in fenced code are none.
pub(super) fn tables(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let mut tables = Vec::new();
    let mut fence: Option<&str> = None;
    // The lines of the table that may be under way, and whether its second line made it one.
    let mut open: Option<(Range<usize>, usize)> = None;
    let mut start = range.start;
    for line in text[range].split_inclusive('\n') {
        let trimmed = line.trim();
        let marker = ["```", "~~~"]
            .into_iter()
            .find(|marker| trimmed.starts_with(marker));
        match (fence, marker) {
            (Some(of), Some(marker)) if of == marker => fence = None,
            (None, Some(marker)) => fence = Some(marker),
            _ => {}
        }
        let end = start + line.trim_end().len();
        let is_row = fence.is_none() && trimmed.starts_with('|');
        open = match open.take() {
            Some((table, 1)) if is_row && is_delimiter_row(trimmed) => Some((table.start..end, 2)),
            Some((table, lines)) if is_row && lines >= 2 => Some((table.start..end, lines + 1)),
            ended => {
                tables.extend(ended.filter(|(_, lines)| *lines >= 3).map(|(table, _)| table));
                is_row.then_some((start..end, 1))
            }
        };
        start += line.len();
    }
    tables.extend(open.filter(|(_, lines)| *lines >= 3).map(|(table, _)| table));
    tables
}

/// Cuts the rows of a table below their header.
pub(super) fn chunks(source: &Source<'_>, table: Range<usize>, heading_path: &[String]) -> Vec<Chunk> {
    let mut rows = rows(source.text, table);
    if rows.len() > 1 && is_delimiter_row(&source.text[rows[1].clone()]) {
        let header = rows[0].start..rows[1].end;
        rows.splice(0..2, [header]);
    }
    let Some(header) = rows.first().cloned() else {
        return Vec::new();
    };
    let repeated = rows.len() > 1 && source.sizer.of(header.clone()) <= source.capacity / 2;
    let start = header.start;
    let header = if repeated {
        rows.remove(0);
        &source.text[header]
    } else {
        ""
    };
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
        let range = if first { start..span(run).end } else { span(run) };
        let part = &source.text[range.clone()];
        let text = if first || header.is_empty() {
            part.to_owned()
        } else {
            format!("{header}\n{part}")
        };
        if source.sizer.of_other(&text) <= source.capacity {
            chunks.push(Chunk {
                text,
                heading_path: heading_path.to_vec(),
                range,
            });
        } else {
            chunks.extend(
                source
                    .split(range, &Grammar::Text)
                    .into_iter()
                    .map(|range| source.chunk(range, heading_path)),
            );
        }
    }
    chunks
}

/// The lines that are not blank, without their line breaks.
fn rows(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let mut rows = Vec::new();
    let mut start = range.start;
    for line in text[range].split_inclusive('\n') {
        let visible = line.trim_end();
        if !visible.is_empty() {
            rows.push(start..start + visible.len());
        }
        start += line.len();
    }
    rows
}

/// `| --- | :-: |`
fn is_delimiter_row(line: &str) -> bool {
    line.contains('-') && line.bytes().all(|byte| matches!(byte, b'|' | b'-' | b':' | b' '))
}
