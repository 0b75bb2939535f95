//! Splits a part of a document that has no parts of its own: a section's text, a function, a plain text.

use std::ops::Range;

use text_splitter::{ChunkConfig, CodeSplitter, MarkdownSplitter, TextSplitter};

use super::Chunk;
use super::boundary::overlap_start;
use super::settings::{ChunkSettings, Size};
use super::sizer::Sizer;
use super::window::windows;

/// Windows are at least this long, in bytes: longer ones make splitting slower, shorter ones leave more chunks unfilled.
const WINDOW: usize = 16 * 1024;
/// Windows have room for about this many chunks.
const CHUNKS_PER_WINDOW: usize = 8;

/// What a leaf is written in.
#[derive(Clone, Debug)]
pub(super) enum Grammar {
    Text,
    Markdown,
    Code(tree_sitter::Language),
}

/// A text, its measure, and how large its chunks may be.
pub(super) struct Source<'t> {
    pub(super) text: &'t str,
    pub(super) sizer: Sizer<'t>,
    /// No chunk is larger.
    pub(super) capacity: usize,
    /// How much of the previous chunk a chunk may repeat.
    overlap: usize,
    window: usize,
}

impl<'t> Source<'t> {
    pub(super) fn new(text: &'t str, settings: &ChunkSettings) -> Self {
        let bytes_per_chunk = match settings.size() {
            Size::Tokens(size) => size * 4,
            Size::Characters(size) => size,
        };
        Self {
            text,
            sizer: Sizer::new(text, settings.size()),
            capacity: settings.size().get(),
            overlap: settings.overlap(),
            window: WINDOW.max(bytes_per_chunk * CHUNKS_PER_WINDOW),
        }
    }

    /// Whether this part, trimmed, can be a chunk.
    pub(super) fn fits(&self, range: Range<usize>) -> bool {
        self.size(range) <= self.capacity
    }

    /// The size of this part when trimmed.
    pub(super) fn size(&self, range: Range<usize>) -> usize {
        self.sizer.of(self.trim(range))
    }

    /// Leaves out white space at both ends, but keeps the indentation of the first line with text.
    pub(super) fn trim(&self, range: Range<usize>) -> Range<usize> {
        let text = &self.text[range.clone()];
        let visible = text.trim_end();
        let indented = visible.len() - visible.trim_start().len();
        let start = visible[..indented].rfind('\n').map_or(0, |newline| newline + 1);
        let start = if start == 0 && !self.starts_line(range.start) {
            indented
        } else {
            start
        };
        range.start + start..range.start + visible.len()
    }

    fn starts_line(&self, at: usize) -> bool {
        at == 0 || self.text.as_bytes()[at - 1] == b'\n'
    }

    /// This part, trimmed, as a chunk.
    pub(super) fn chunk(&self, range: Range<usize>, heading_path: &[String]) -> Chunk {
        let range = self.trim(range);
        Chunk {
            text: self.text[range.clone()].to_owned(),
            heading_path: heading_path.to_vec(),
            range,
        }
    }

    /// Splits a part into chunks that fit, in order; each may begin with the end of the one before it.
    pub(super) fn split(&self, range: Range<usize>, grammar: &Grammar) -> Vec<Range<usize>> {
        self.split_within(range, grammar, self.capacity, self.overlap)
    }

    /// As [`Self::split`], with another capacity and overlap.
    pub(super) fn split_within(
        &self,
        range: Range<usize>,
        grammar: &Grammar,
        capacity: usize,
        overlap: usize,
    ) -> Vec<Range<usize>> {
        let range = self.trim(range);
        if range.is_empty() {
            return Vec::new();
        }
        if self.sizer.of(range.clone()) <= capacity {
            return vec![range];
        }
        let mut chunks: Vec<Range<usize>> = Vec::new();
        let mut previous: Option<Range<usize>> = None;
        for window in windows(self.text, range, self.window) {
            let start = match previous {
                Some(before) if before.end == window.start && overlap > 0 => {
                    overlap_start(self.text, &self.sizer, overlap, before)
                }
                _ => window.start,
            };
            for chunk in self.split_window(start..window.end, grammar, capacity, overlap) {
                // All that an overlap repeats may be too far from what follows to share a chunk with it.
                if chunks.last().is_none_or(|last| last.end < chunk.end) {
                    chunks.push(chunk);
                }
            }
            previous = Some(window);
        }
        chunks
    }

    fn split_window(
        &self,
        window: Range<usize>,
        grammar: &Grammar,
        capacity: usize,
        overlap: usize,
    ) -> Vec<Range<usize>> {
        let text = &self.text[window.clone()];
        let config = || {
            let config = ChunkConfig::new(capacity).with_sizer(&self.sizer);
            config
                .with_overlap(overlap)
                .unwrap_or_else(|_| ChunkConfig::new(capacity).with_sizer(&self.sizer))
        };
        let at = |(start, chunk): (usize, &str)| window.start + start..window.start + start + chunk.len();
        let chunks: Vec<_> = match grammar {
            Grammar::Text => TextSplitter::new(config()).chunk_indices(text).map(at).collect(),
            Grammar::Markdown => MarkdownSplitter::new(config())
                .chunk_indices(text)
                .map(at)
                .collect(),
            Grammar::Code(language) => match CodeSplitter::new(language.clone(), config()) {
                Ok(splitter) => splitter.chunk_indices(text).map(at).collect(),
                Err(_) => TextSplitter::new(config()).chunk_indices(text).map(at).collect(),
            },
        };
        #[cfg(test)]
        super::sizer::work::add(text.len() * chunks.len());
        chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect()
    }
}
