//! Cuts a document by its outline: the tree of headings of a manual, or of items of a source file.
//!
//! - A section that fills at least half a chunk begins a chunk of its own, and ends one.
//! - Smaller neighbours under the same parent share chunks.
//! - A section over the size is cut into its own text and its sub-sections, and so on; text over the size is split as
//!   a leaf.
//! - A heading without text of its own goes with what follows it.
//!
//! So what the chunks of a large section are depends on nothing outside of it.

use std::ops::Range;

use super::Chunk;
use super::leaf::{Grammar, Source};
use super::pack::{content_key, pack};
use super::table;

/// A part of a document with a title, and its parts. The parts follow each other without a gap, up to its end.
#[derive(Debug, PartialEq)]
pub(super) struct Section {
    pub(super) range: Range<usize>,
    /// Where the text after the heading begins.
    pub(super) body: usize,
    pub(super) title: Option<String>,
    pub(super) parts: Vec<Section>,
}

impl Section {
    /// A part without heading or parts.
    pub(super) fn text(range: Range<usize>) -> Self {
        Self {
            body: range.start,
            range,
            title: None,
            parts: Vec::new(),
        }
    }
}

/// Cuts a document with this outline, the root of which covers all of it.
pub(super) fn chunks(source: &Source<'_>, root: &Section, grammar: &Grammar) -> Vec<Chunk> {
    let mut cutter = Cutter {
        source,
        grammar,
        path: Vec::new(),
        chunks: Vec::new(),
    };
    cutter.section(root, root.range.start);
    cutter.chunks
}

struct Cutter<'a> {
    source: &'a Source<'a>,
    grammar: &'a Grammar,
    path: Vec<String>,
    chunks: Vec<Chunk>,
}

/// A part that is not cut yet.
struct Part<'a> {
    range: Range<usize>,
    /// `None` for the text between a heading and the first part.
    section: Option<&'a Section>,
}

impl Cutter<'_> {
    /// Cuts a section that begins at `start`: before its heading, if it takes in the heading above.
    ///
    /// Outlines bound their depth, so this may recurse.
    fn section(&mut self, section: &Section, start: usize) {
        self.path.extend(section.title.clone());
        let range = start..section.range.end;
        if self.source.fits(range.clone()) {
            self.whole(section, range);
        } else if section.parts.is_empty() {
            self.leaf(range);
        } else {
            self.parts(&self.parts_of(section, start));
        }
        if section.title.is_some() {
            self.path.pop();
        }
    }

    /// Keeps a section whole. If all of its text is in one sub-section, that is where the chunk stands.
    fn whole(&mut self, section: &Section, range: Range<usize>) {
        let depth = self.path.len();
        let mut section = section;
        while let [part] = &section.parts[..]
            && self.is_blank(section.body.min(part.range.start)..part.range.start)
        {
            self.path.extend(part.title.clone());
            section = part;
        }
        self.emit(range);
        self.path.truncate(depth);
    }

    fn parts_of<'s>(&self, section: &'s Section, start: usize) -> Vec<Part<'s>> {
        let mut parts = Vec::with_capacity(section.parts.len() + 1);
        let mut start = start;
        let first = section
            .parts
            .first()
            .map_or(section.range.end, |part| part.range.start);
        if !self.is_blank(section.body.min(first)..first) {
            parts.push(Part {
                range: start..first,
                section: None,
            });
            start = first;
        }
        for part in &section.parts {
            parts.push(Part {
                range: start..part.range.end,
                section: Some(part),
            });
            start = part.range.end;
        }
        parts
    }

    fn parts(&mut self, parts: &[Part<'_>]) {
        let size = |packed: Range<usize>| {
            self.source
                .size(parts[packed.start].range.start..parts[packed.end - 1].range.end)
        };
        let key = |part: usize| content_key(&self.source.text.as_bytes()[parts[part].range.clone()]);
        for packed in pack(parts.len(), self.source.capacity, size, key) {
            match &parts[packed.clone()] {
                [
                    Part {
                        range,
                        section: Some(section),
                    },
                ] => self.section(section, range.start),
                [Part { range, section: None }] => self.leaf(range.clone()),
                packed => self.emit(packed[0].range.start..packed[packed.len() - 1].range.end),
            }
        }
    }

    /// Splits text that has no sections. A table that is too large for a chunk is cut between its rows, each piece below the
    /// header: rows without it say little.
    fn leaf(&mut self, range: Range<usize>) {
        let mut start = range.start;
        if matches!(self.grammar, Grammar::Markdown) {
            for table in table::tables(self.source.text, range.clone()) {
                if !self.source.fits(table.clone()) {
                    self.text(start..table.start);
                    start = table.end;
                    self.chunks.extend(table::chunks(self.source, table, &self.path));
                }
            }
        }
        self.text(start..range.end);
    }

    fn text(&mut self, range: Range<usize>) {
        for chunk in self.source.split(range, self.grammar) {
            self.emit(chunk);
        }
    }

    fn emit(&mut self, range: Range<usize>) {
        let chunk = self.source.chunk(range, &self.path);
        if !chunk.text.is_empty() {
            self.chunks.push(chunk);
        }
    }

    fn is_blank(&self, range: Range<usize>) -> bool {
        self.source.text[range].trim().is_empty()
    }
}
