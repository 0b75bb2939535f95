//! Groups, destinations, character sets.

mod words;

use std::collections::HashMap;
use std::rc::Rc;

use encoding_rs::{Encoding, WINDOWS_1252};

use super::codepage;
use super::layout::{Layout, Paragraph};
use super::tokens::{Token, Tokens};
use crate::formats::inline::Style;

/// How deep groups may be nested; deeper ones share the state of the last.
const MAX_DEPTH: usize = 4096;

/// How many texts may be within each other: notes of notes, boxes in boxes.
const MAX_ASIDES: usize = 32;

pub(super) struct Read {
    pub(super) markdown: String,
    pub(super) title: Option<String>,
    /// Whether all groups were closed.
    pub(super) is_whole: bool,
}

pub(super) fn read(bytes: &[u8]) -> Read {
    let mut reader = Reader::default();
    let mut tokens = Tokens::new(bytes);
    while let Some(token) = tokens.next() {
        match token {
            Token::Open => reader.open(),
            Token::Close => {
                reader.close();
                if reader.stack.is_empty() {
                    // What follows the document is not part of it.
                    break;
                }
            }
            Token::Word("bin", Some(length)) => tokens.leave_out(usize::try_from(length).unwrap_or(0)),
            Token::Word(word, number) => reader.word(word, number),
            Token::Symbol(symbol) => reader.symbol(symbol),
            Token::Byte(byte) => reader.byte(byte),
        }
    }
    let is_whole = reader.stack.is_empty();
    while !reader.stack.is_empty() {
        reader.close();
    }
    reader.finish(is_whole)
}

/// What the text of a group is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Destination {
    #[default]
    Text,
    Nothing,
    Fonts,
    Styles,
    Title,
    /// The instructions of a field.
    Field,
    /// The number or bullet of an item.
    Marker,
    Note,
    Box,
}

#[derive(Clone, Debug, Default)]
struct State {
    destination: Destination,
    /// Did this group start its destination?
    is_start: bool,
    style: Style,
    is_hidden: bool,
    /// How many characters stand in for a Unicode one, if not one.
    stand_ins: Option<usize>,
    font: i32,
    link: Option<Rc<str>>,
}

struct Outer {
    layout: Layout,
    paragraph: Paragraph,
    row_is_open: bool,
    note: Option<usize>,
}

#[derive(Default)]
struct Reader {
    state: State,
    stack: Vec<State>,
    /// Groups beyond the deepest that have a state.
    too_deep: usize,
    /// After `\*`: a destination that may be left out by who does not know it.
    is_optional: bool,
    /// Characters to leave out, as they stand in for a Unicode one.
    skip: usize,
    /// The first half of a character outside the basic plane.
    surrogate: Option<u16>,
    bytes: Vec<u8>,
    encoding: Option<&'static Encoding>,
    fonts: HashMap<i32, &'static Encoding>,
    symbol_fonts: HashMap<i32, bool>,
    headings: HashMap<i32, usize>,
    /// The style that the stylesheet is defining: its number, level, name.
    defined: (i32, Option<usize>, String),
    paragraph: Paragraph,
    row_is_open: bool,
    layout: Layout,
    /// The texts around this one, and which note this one is.
    outer: Vec<Outer>,
    field: String,
    title: String,
    notes: Vec<String>,
}

impl Reader {
    fn open(&mut self) {
        self.flush();
        self.skip = 0;
        if self.stack.len() >= MAX_DEPTH {
            self.too_deep += 1;
            return;
        }
        self.stack.push(self.state.clone());
        self.state.is_start = false;
    }

    fn close(&mut self) {
        self.flush();
        self.skip = 0;
        self.is_optional = false;
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        let Some(outer) = self.stack.pop() else {
            return;
        };
        let inner = std::mem::replace(&mut self.state, outer);
        if inner.destination == Destination::Styles && !inner.is_start {
            self.end_style();
        }
        if inner.is_start {
            match inner.destination {
                Destination::Field => self.state.link = link(&std::mem::take(&mut self.field)).map(Rc::from),
                Destination::Note | Destination::Box => self.leave(),
                _ => {}
            }
        }
    }

    /// Starts a text within the text.
    fn enter(&mut self, destination: Destination) {
        if self.outer.len() >= MAX_ASIDES {
            return;
        }
        self.start(destination);
        self.outer.push(Outer {
            layout: std::mem::take(&mut self.layout),
            paragraph: std::mem::take(&mut self.paragraph),
            row_is_open: std::mem::take(&mut self.row_is_open),
            note: (destination == Destination::Note).then(|| self.notes.len().saturating_sub(1)),
        });
    }

    fn leave(&mut self) {
        let Some(outer) = self.outer.pop() else {
            return;
        };
        let text = std::mem::replace(&mut self.layout, outer.layout).finish(self.paragraph);
        self.paragraph = outer.paragraph;
        self.row_is_open = outer.row_is_open;
        match outer.note.and_then(|note| self.notes.get_mut(note)) {
            Some(note) => *note = text,
            None => {
                let in_table = self.paragraph.in_table || self.row_is_open;
                self.layout.push_aside(&text, in_table);
            }
        }
    }

    fn start(&mut self, destination: Destination) {
        self.state.destination = destination;
        self.state.is_start = true;
    }

    fn symbol(&mut self, symbol: u8) {
        match symbol {
            b'*' => {
                self.is_optional = true;
                return;
            }
            b'\\' | b'{' | b'}' => return self.byte(symbol),
            _ => {}
        }
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        match symbol {
            b'~' => self.text("\u{A0}"),
            b'_' => self.text("-"),
            b'\r' | b'\n' => self.end_paragraph(),
            b'\t' => self.text(" "),
            _ => {}
        }
    }

    fn byte(&mut self, byte: u8) {
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        self.is_optional = false;
        if self.state.destination != Destination::Nothing {
            self.bytes.push(byte);
        }
    }

    /// Decodes the bytes so far, which are all of one group.
    fn flush(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.bytes);
        let font = self.state.font;
        if self.symbol_fonts.contains_key(&font) && self.state.destination == Destination::Text {
            // The letters of such fonts are pictures, of which bullets are the common ones.
            let text: String = bytes
                .iter()
                .map(|byte| if *byte >= 0x80 { '•' } else { char::from(*byte) })
                .collect();
            return self.text(&text);
        }
        let encoding = self
            .fonts
            .get(&font)
            .copied()
            .or(self.encoding)
            .unwrap_or(WINDOWS_1252);
        let (text, _) = encoding.decode_without_bom_handling(&bytes);
        self.text(&text);
    }

    fn text(&mut self, text: &str) {
        self.flush();
        match self.state.destination {
            Destination::Text | Destination::Note | Destination::Box => {
                if !self.state.is_hidden {
                    self.layout.push(text, self.state.style, self.state.link.as_ref());
                }
            }
            Destination::Marker => self.layout.push_marker(text),
            Destination::Field => self.field.push_str(text),
            Destination::Title => self.title.push_str(text),
            Destination::Styles => self.defined.2.push_str(text),
            Destination::Nothing | Destination::Fonts => {}
        }
    }

    fn end_style(&mut self) {
        let (number, level, name) = std::mem::take(&mut self.defined);
        let name = name.trim().trim_end_matches(';').to_lowercase();
        let by_name = match name.strip_prefix("heading ") {
            Some(level) => level
                .split_whitespace()
                .next()
                .and_then(|level| level.parse().ok()),
            None => (name == "title").then_some(1),
        };
        if let Some(level) = level.or(by_name) {
            self.headings.insert(number, level);
        }
    }

    fn is_text(&self) -> bool {
        matches!(
            self.state.destination,
            Destination::Text | Destination::Note | Destination::Box
        )
    }

    fn end_paragraph(&mut self) {
        self.flush();
        if self.is_text() {
            let in_table = self.paragraph.in_table || self.row_is_open;
            self.layout.end_paragraph(Paragraph {
                in_table,
                ..self.paragraph
            });
        } else {
            self.text(" ");
        }
    }

    fn font_charset(&mut self, charset: i32) {
        let font = self.state.font;
        if charset == 2 {
            self.symbol_fonts.insert(font, true);
        } else if let Some(encoding) = codepage::by_charset(charset) {
            self.fonts.insert(font, encoding);
        }
    }

    fn unicode(&mut self, number: i32) {
        self.flush();
        let unit = u16::try_from(number.rem_euclid(0x1_0000)).unwrap_or_default();
        let character = match (self.surrogate.take(), unit) {
            (_, 0xD800..=0xDBFF) => {
                self.surrogate = Some(unit);
                None
            }
            (Some(high), 0xDC00..=0xDFFF) => char::decode_utf16([high, unit]).next().and_then(Result::ok),
            _ => char::from_u32(u32::from(unit)),
        };
        if let Some(character) = character
            && self.state.destination != Destination::Nothing
        {
            self.text(character.encode_utf8(&mut [0; 4]));
        }
        self.skip = self.state.stand_ins.unwrap_or(1);
    }

    fn finish(mut self, is_whole: bool) -> Read {
        while !self.outer.is_empty() {
            self.leave();
        }
        let mut markdown = self.layout.finish(self.paragraph);
        for (number, note) in (1..).zip(&self.notes) {
            let note = note.trim().replace("\n\n", "\n\n    ");
            if !note.is_empty() {
                markdown.push_str(&format!("\n[^{number}]: {note}\n"));
            }
        }
        let title = self.title.trim();
        Read {
            markdown,
            title: (!title.is_empty()).then(|| title.to_owned()),
            is_whole,
        }
    }
}

/// The target of `HYPERLINK "…"`.
fn link(field: &str) -> Option<String> {
    let rest = field.trim().strip_prefix("HYPERLINK")?.trim_start();
    let (is_anchor, rest) = match rest.strip_prefix("\\l") {
        Some(rest) => (true, rest.trim_start()),
        None => (false, rest),
    };
    let target = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split_whitespace().next()?,
    };
    Some(if is_anchor {
        format!("#{target}")
    } else {
        target.to_owned()
    })
}
