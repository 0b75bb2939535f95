//! Measures parts of one document in the unit of the chunk size.
//!
//! A splitter asks for the size of thousands of overlapping slices. Tokenising each anew makes splitting quadratic, so
//! the document is tokenised once, and a slice is measured by looking up where it begins and ends.

use std::cell::RefCell;
use std::ops::Range;

use bpe_openai::{Tokenizer, cl100k_base};
use text_splitter::ChunkSizer;

use super::settings::Size;

/// Measures slices of the text it was made for quickly, and any other text correctly.
pub(super) struct Sizer<'t> {
    text: &'t str,
    measure: Measure,
}

enum Measure {
    Characters(Characters),
    Tokens(Pieces),
}

impl<'t> Sizer<'t> {
    pub(super) fn new(text: &'t str, size: Size) -> Self {
        let measure = match size {
            Size::Characters(_) => Measure::Characters(Characters::new(text)),
            Size::Tokens(_) => Measure::Tokens(Pieces::new(text, cl100k_base())),
        };
        Self { text, measure }
    }

    /// The size of a part of the text.
    pub(super) fn of(&self, range: Range<usize>) -> usize {
        #[cfg(test)]
        work::add(1);
        match &self.measure {
            Measure::Characters(characters) => characters.count(self.text, range),
            Measure::Tokens(pieces) => pieces.count(self.text, range),
        }
    }

    /// The size of a text that is made of parts of the document, such as rows below a repeated header.
    pub(super) fn of_other(&self, text: &str) -> usize {
        #[cfg(test)]
        work::add(text.len());
        match &self.measure {
            Measure::Characters(_) => text.chars().count(),
            Measure::Tokens(pieces) => pieces.tokenizer.count(text),
        }
    }

    /// Where in the text a slice of it lies.
    fn locate(&self, slice: &str) -> Option<Range<usize>> {
        let start = slice.as_ptr().addr().checked_sub(self.text.as_ptr().addr())?;
        let end = start + slice.len();
        (end <= self.text.len()).then_some(start..end)
    }
}

impl ChunkSizer for Sizer<'_> {
    fn size(&self, slice: &str) -> usize {
        match self.locate(slice) {
            Some(range) => self.of(range),
            None => self.of_other(slice),
        }
    }
}

/// The number of characters before every [`Characters::STEP`] bytes, or nothing if every byte is one character.
struct Characters(Vec<usize>);

impl Characters {
    const STEP: usize = 256;

    fn new(text: &str) -> Self {
        if text.is_ascii() {
            return Self(Vec::new());
        }
        let mut count = 0;
        Self(
            text.as_bytes()
                .chunks(Self::STEP)
                .map(|step| {
                    let before = count;
                    count += starts(step);
                    before
                })
                .collect(),
        )
    }

    fn count(&self, text: &str, range: Range<usize>) -> usize {
        if self.0.is_empty() {
            return range.len();
        }
        self.before(text, range.end) - self.before(text, range.start)
    }

    fn before(&self, text: &str, end: usize) -> usize {
        let step = (end / Self::STEP).min(self.0.len() - 1);
        self.0[step] + starts(&text.as_bytes()[step * Self::STEP..end])
    }
}

/// How many characters start in these bytes of UTF-8.
fn starts(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .filter(|&&byte| byte & 0b1100_0000 != 0b1000_0000)
        .count()
}

/// The pieces (about one word each) that the tokenizer cuts a text into before it merges bytes into tokens.
struct Pieces {
    tokenizer: &'static Tokenizer,
    /// Where each piece ends; ascending, the first is 0.
    ends: Vec<usize>,
    /// The number of tokens up to there.
    tokens: Vec<usize>,
}

impl Pieces {
    fn new(text: &str, tokenizer: &'static Tokenizer) -> Self {
        let guess = text.len() / 4 + 1;
        let (mut ends, mut tokens) = (Vec::with_capacity(guess), Vec::with_capacity(guess));
        let (mut end, mut count) = (0, 0);
        ends.push(end);
        tokens.push(count);
        COUNTS.with_borrow_mut(|counts| {
            while end < text.len() {
                let length = first_piece(tokenizer, &text[end..]);
                count += counts.count(tokenizer, &text.as_bytes()[end..end + length]);
                end += length;
                ends.push(end);
                tokens.push(count);
            }
        });
        Self {
            tokenizer,
            ends,
            tokens,
        }
    }

    /// The number of tokens of `text[range]` on its own: exact, yet only its two ends are tokenised.
    ///
    /// The pieces of the slice are those of the text, except at its ends. The tokenizer matches forward from where
    /// the last piece ended, so once a piece of the slice ends where a piece of the text ends, the next ones are the
    /// same, up to the piece that ends last before the slice's final word: its one character of look-ahead is still
    /// inside, and `\s+$` cannot match, because a visible character follows.
    fn count(&self, text: &str, range: Range<usize>) -> usize {
        let Range { mut start, end } = range;
        let mut count = 0;
        let mut first = self.ends.partition_point(|&boundary| boundary < start);
        while start < end && self.ends.get(first) != Some(&start) {
            let length = first_piece(self.tokenizer, &text[start..end]);
            count += self.tokenizer.bpe.count(&text.as_bytes()[start..start + length]);
            start += length;
            while self.ends.get(first).is_some_and(|&boundary| boundary < start) {
                first += 1;
            }
        }
        let visible_end = start + text[start..end].trim_end().len();
        let last = self
            .ends
            .partition_point(|&boundary| boundary < visible_end)
            .saturating_sub(1);
        if first < last {
            count += self.tokens[last] - self.tokens[first];
            start = self.ends[last];
        }
        if self.ends.get(last + 1) == Some(&end) && self.ends[last] == start {
            return count + self.tokens[last + 1] - self.tokens[last];
        }
        count + self.tokenizer.count(&text[start..end])
    }
}

/// The length of the first piece of a text that is not empty.
///
/// An ASCII word with at most one sign before it is a piece in every vocabulary's pattern
/// (`[^\r\n\p{L}\p{N}]?\p{L}+`), except after an apostrophe; that is most pieces of most texts, and spares the regex.
fn first_piece(tokenizer: &Tokenizer, text: &str) -> usize {
    let bytes = text.as_bytes();
    let sign = match bytes.first() {
        Some(b'\'' | b'\r' | b'\n' | b'0'..=b'9') | None => false,
        Some(byte) => byte.is_ascii() && !byte.is_ascii_alphabetic(),
    };
    let word = usize::from(sign);
    let letters = bytes[word..]
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let end = word + letters;
    if letters > 0 && bytes.get(end).is_none_or(u8::is_ascii) {
        return end;
    }
    tokenizer.split(text).next().map_or(text.len(), str::len)
}

/// Words whose number of tokens a thread remembers: a quarter of a megabyte.
const REMEMBERED_WORDS: usize = 8192;

thread_local! {
    /// Kept from document to document: most of a document's words were in the one before. There is one tokenizer.
    static COUNTS: RefCell<Counts> = RefCell::new(Counts(vec![(0, 0); REMEMBERED_WORDS]));
}

/// The numbers of tokens of words seen lately: most words of a text come again.
struct Counts(Vec<(u128, usize)>);

impl Counts {
    fn count(&mut self, tokenizer: &Tokenizer, piece: &[u8]) -> usize {
        let mut key = [0; 16];
        let Some(bytes) = key.get_mut(1..=piece.len()) else {
            return tokenizer.bpe.count(piece);
        };
        bytes.copy_from_slice(piece);
        // The length keeps a piece that ends in zeros apart from a shorter one, and every key from an unused slot.
        key[0] = u8::try_from(piece.len()).unwrap_or(u8::MAX);
        let key = u128::from_le_bytes(key);
        #[expect(clippy::cast_possible_truncation, reason = "half of a hash")]
        let hash = (key as u64 ^ (key >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let slot = usize::try_from(hash).unwrap_or(0) & (self.0.len() - 1);
        if self.0[slot].0 != key {
            self.0[slot] = (key, tokenizer.bpe.count(piece));
        }
        self.0[slot].1
    }
}

/// Counts what takes time, so that tests can hold it against the length of a document.
#[cfg(test)]
pub(super) mod work {
    use std::cell::Cell;

    thread_local!(static WORK: Cell<usize> = const { Cell::new(0) });

    /// Adds so many bytes looked at, or measurements made.
    pub(in super::super) fn add(work: usize) {
        WORK.set(WORK.get() + work);
    }

    /// What this takes.
    pub(in super::super) fn of<T>(doing: impl FnOnce() -> T) -> usize {
        let before = WORK.get();
        drop(doing());
        WORK.get() - before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_those_of_the_tokenizer() {
        let tokenizer = cl100k_base();
        let texts = [
            "it's don't 'twas it'sx don'table he'LLo 's",
            "a  b\tc \n\n d\r\ne   ",
            "(foo)_bar+baz12345 x1y 'a",
            "naïve cafés élan ABCé xé 字漢a a字",
            "\u{a0}word \u{301}word wo\u{301}rd \0word",
        ];
        for text in texts {
            let mut pieces = Vec::new();
            let mut rest = text;
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(first_piece(tokenizer, rest));
                pieces.push(piece);
                rest = after;
            }
            assert_eq!(pieces, tokenizer.split(text).collect::<Vec<_>>());
        }
    }
}
