//! Places where a text may be cut, from bad to good.

use std::ops::Range;

use super::sizer::Sizer;

/// What begins at a place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Boundary {
    Character,
    Word,
    Sentence,
    Line,
    Paragraph,
}

impl Boundary {
    /// What begins at this byte; `None` inside of a character, in white space and at the ends of the text.
    pub(super) fn at(text: &str, at: usize) -> Option<Self> {
        let bytes = text.as_bytes();
        let (before, after) = (*bytes.get(at.checked_sub(1)?)?, *bytes.get(at)?);
        if before == b'\n' {
            return match bytes[..at - 1]
                .iter()
                .rev()
                .find(|byte| !matches!(byte, b' ' | b'\t' | b'\r'))
            {
                _ if matches!(after, b'\n' | b'\r') => None,
                Some(b'\n') | None => Some(Self::Paragraph),
                Some(_) => Some(Self::Line),
            };
        }
        if after.is_ascii_whitespace() || !text.is_char_boundary(at) {
            return None;
        }
        if before.is_ascii_whitespace() {
            let end = bytes[..at].trim_ascii_end();
            return Some(if ends_sentence(end) {
                Self::Sentence
            } else {
                Self::Word
            });
        }
        Some(if !before.is_ascii() && ends_wide_sentence(&bytes[..at]) {
            Self::Sentence
        } else {
            Self::Character
        })
    }
}

fn ends_sentence(text: &[u8]) -> bool {
    let unquoted = text
        .last()
        .is_some_and(|byte| matches!(byte, b')' | b'"' | b'\'' | b']'));
    let text = if unquoted { &text[..text.len() - 1] } else { text };
    matches!(text.last(), Some(b'.' | b'!' | b'?')) || ends_wide_sentence(text)
}

/// Scripts that put no space after a sentence end it with one of these.
fn ends_wide_sentence(text: &[u8]) -> bool {
    ["。", "！", "？"]
        .iter()
        .any(|mark| text.ends_with(mark.as_bytes()))
}

/// Where to begin so as to repeat at most `overlap` of what comes before `range.end`, inside of `range`.
///
/// It is the best boundary within reach and, of those, the farthest; `range.end` if there is none.
pub(super) fn overlap_start(text: &str, sizer: &Sizer<'_>, overlap: usize, range: Range<usize>) -> usize {
    let mut best = (Boundary::Word, range.end);
    for at in range.clone().rev() {
        let Some(boundary) = Boundary::at(text, at).filter(|boundary| *boundary >= Boundary::Word) else {
            continue;
        };
        if sizer.of(at..range.end) > overlap {
            break;
        }
        if boundary >= best.0 {
            best = (boundary, at);
        }
    }
    best.1
}
