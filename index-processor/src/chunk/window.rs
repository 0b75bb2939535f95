//! Cuts text without structure into windows of bounded length.
//!
//! Splitters look at everything up to the end of what they are given, for every chunk; a window bounds that, so the
//! time is linear in the document. The cuts depend on the text around them and not on their offset (see
//! [`super::pack`]), so an edit changes the window it is in and, rarely, one or two after it.

use std::ops::Range;

use super::boundary::Boundary;
use super::pack::content_key;

/// White space as long as this separates windows: splitters are slow on it, and nothing around it belongs together.
const BLANK_RUN: usize = 256;

/// Cuts a part of a text into windows of at most `limit` bytes, in order, leaving out only white space.
pub(super) fn windows(text: &str, range: Range<usize>, limit: usize) -> Vec<Range<usize>> {
    let mut windows = Vec::new();
    for mut island in islands(text.as_bytes(), range) {
        while island.len() > limit {
            let cut = cut(text, island.start + limit / 2..island.start + limit);
            windows.push(island.start..cut);
            island.start = cut;
        }
        windows.push(island);
    }
    windows
}

/// The parts between long runs of white space.
fn islands(bytes: &[u8], range: Range<usize>) -> Vec<Range<usize>> {
    let mut islands = Vec::new();
    let (mut start, mut visible_end) = (range.start, range.start);
    for at in range.clone() {
        if bytes[at].is_ascii_whitespace() {
            continue;
        }
        if at - visible_end >= BLANK_RUN {
            if start < visible_end {
                islands.push(start..visible_end);
            }
            start = at;
        }
        visible_end = at + 1;
    }
    if start < visible_end {
        islands.push(start..visible_end);
    }
    islands
}

/// The best boundary in the zone; among equals, the one with the least hash of what follows.
fn cut(text: &str, zone: Range<usize>) -> usize {
    let bytes = text.as_bytes();
    let mut best = (Boundary::Character, u64::MAX, text.floor_char_boundary(zone.end));
    for at in zone {
        // Most of the time goes into this loop, and nothing but the beginning of a line beats one.
        if best.0 >= Boundary::Line && bytes[at - 1] != b'\n' {
            continue;
        }
        let Some(boundary) = Boundary::at(text, at).filter(|boundary| *boundary >= best.0) else {
            continue;
        };
        let key = content_key(&bytes[at..]);
        if boundary > best.0 || key < best.1 {
            best = (boundary, key, at);
        }
    }
    best.2
}
