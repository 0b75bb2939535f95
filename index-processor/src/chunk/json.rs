//! Cuts JSON by its structure.
//!
//! An object or array that fits is kept whole. One that does not is cut into runs of members, each wrapped in brackets
//! so that it is valid JSON again, and members that do not fit are cut in turn. A chunk's heading path is the path of
//! the value: keys as they are, places in arrays as `[12]`, or `[12-14]` for a run.
//!
//! A chunk's range covers the members alone. Its text is that part of the document, in brackets if it is a run of
//! members and in quotes if it is a part of a string.

use std::ops::Range;

use serde::de::IgnoredAny;
use serde_json::Deserializer;

use super::Chunk;
use super::leaf::{Grammar, Source};
use super::pack::{content_key, pack};

/// Values nested deeper than this are cut as text: each level of values that do not fit is scanned once more.
const DEPTH: usize = 64;
/// Brackets or quotes around a part cost at most this many tokens or characters, or else the part is cut again.
const WRAPPING: usize = 4;
/// The longest escape, a surrogate pair: `\ud83d\ude00`.
const ESCAPE: usize = 12;

/// Cuts a JSON value, or several values in a row; `None` if the text is neither.
pub(super) fn chunks(source: &Source<'_>) -> Option<Vec<Chunk>> {
    let mut values = top_level(source.text)?;
    let mut cutter = Cutter {
        source,
        path: Vec::new(),
        chunks: Vec::new(),
    };
    if values.len() == 1 {
        cutter.value(values.remove(0), 0);
    } else {
        let members: Vec<Member> = values
            .into_iter()
            .map(|range| Member {
                key: None,
                value: range.clone(),
                range,
            })
            .collect();
        cutter.members(&members, Container::Lines, 0);
    }
    Some(cutter.chunks)
}

/// The values of a valid text. `IgnoredAny` neither recurses nor allocates, however deep the nesting is.
fn top_level(text: &str) -> Option<Vec<Range<usize>>> {
    let mut values = Vec::new();
    let mut stream = Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let mut end = 0;
    while let Some(value) = stream.next() {
        value.ok()?;
        let start = end + skip_blank(&text.as_bytes()[end..]);
        end = stream.byte_offset();
        values.push(start..end);
    }
    (!values.is_empty()).then_some(values)
}

/// What members stand in.
#[derive(Clone, Copy, PartialEq)]
enum Container {
    Object,
    Array,
    Lines,
}

struct Member {
    /// With its quotes.
    key: Option<Range<usize>>,
    value: Range<usize>,
    /// Key and value.
    range: Range<usize>,
}

struct Cutter<'a> {
    source: &'a Source<'a>,
    path: Vec<String>,
    chunks: Vec<Chunk>,
}

impl Cutter<'_> {
    /// Recurses through [`Self::members`], at most [`DEPTH`] deep.
    fn value(&mut self, range: Range<usize>, depth: usize) {
        if self.source.sizer.of(range.clone()) <= self.source.capacity {
            let text = self.source.text[range.clone()].to_owned();
            return self.emit(text, range);
        }
        match self.source.text.as_bytes()[range.start] {
            b'"' => self.string(range),
            b'{' if depth < DEPTH => {
                self.members(&members(self.source.text, range, true), Container::Object, depth);
            }
            b'[' if depth < DEPTH => {
                self.members(&members(self.source.text, range, false), Container::Array, depth);
            }
            _ => self.text(range),
        }
    }

    fn members(&mut self, members: &[Member], container: Container, depth: usize) {
        let capacity = self.source.capacity - WRAPPING;
        let span = |run: Range<usize>| members[run.start].range.start..members[run.end - 1].range.end;
        let size = |run: Range<usize>| self.source.sizer.of(span(run));
        let key = |at: usize| content_key(&self.source.text.as_bytes()[members[at].range.clone()]);
        for run in pack(members.len(), capacity, size, key) {
            let range = span(run.clone());
            let wrapped = self.wrap(&range, container, run.len());
            if self.source.sizer.of_other(&wrapped) <= self.source.capacity {
                self.path.extend(place(&run, container));
                self.emit(wrapped, range);
                self.path
                    .truncate(self.path.len() - usize::from(container != Container::Object));
                continue;
            }
            for at in run {
                let member = &members[at];
                self.path.push(match &member.key {
                    Some(key) => self.key(key.clone()),
                    None => format!("[{at}]"),
                });
                self.value(member.value.clone(), depth + 1);
                self.path.pop();
            }
        }
    }

    fn wrap(&self, range: &Range<usize>, container: Container, count: usize) -> String {
        let text = &self.source.text[range.clone()];
        match container {
            Container::Object => format!("{{{text}}}"),
            Container::Array if count > 1 => format!("[{text}]"),
            Container::Array | Container::Lines => text.to_owned(),
        }
    }

    fn key(&self, range: Range<usize>) -> String {
        let quoted = &self.source.text[range];
        serde_json::from_str(quoted).unwrap_or_else(|_| quoted.to_owned())
    }

    /// Cuts a string into strings, never inside of an escape.
    fn string(&mut self, range: Range<usize>) {
        let inside = range.start + 1..range.end - 1;
        let capacity = self.source.capacity - ESCAPE - WRAPPING;
        let pieces = self
            .source
            .split_within(inside.clone(), &Grammar::Text, capacity, 0);
        let mut escapes = Escapes {
            bytes: self.source.text.as_bytes(),
            at: inside.start,
        };
        for piece in pieces {
            let start = escapes.floor(piece.start);
            let end = escapes.floor(piece.end);
            let text = format!("\"{}\"", &self.source.text[start..end]);
            if self.source.sizer.of_other(&text) <= self.source.capacity {
                self.emit(text, start..end);
            } else {
                self.text(start..end);
            }
        }
    }

    fn text(&mut self, range: Range<usize>) {
        for range in self.source.split(range, &Grammar::Text) {
            self.emit(self.source.text[range.clone()].to_owned(), range);
        }
    }

    fn emit(&mut self, text: String, range: Range<usize>) {
        if !range.is_empty() {
            self.chunks.push(Chunk {
                text,
                heading_path: self.path.clone(),
                range,
            });
        }
    }
}

/// How a run of members is named, if its container's path is not enough.
fn place(run: &Range<usize>, container: Container) -> Option<String> {
    match container {
        Container::Object => None,
        _ if run.len() == 1 => Some(format!("[{}]", run.start)),
        _ => Some(format!("[{}-{}]", run.start, run.end - 1)),
    }
}

/// Walks over the escapes of one string, forward.
struct Escapes<'t> {
    bytes: &'t [u8],
    /// The beginning of an escape, or a character that is none.
    at: usize,
}

impl Escapes<'_> {
    /// This place, or where the escape around it begins. Places must be asked for in ascending order.
    fn floor(&mut self, place: usize) -> usize {
        while self.at < place {
            let next = self.at + self.length();
            if next > place {
                break;
            }
            self.at = next;
        }
        self.at.min(place)
    }

    fn length(&self) -> usize {
        let escape = |at: usize| match self.bytes.get(at..at + 2) {
            Some(b"\\u") => 6,
            Some([b'\\', _]) => 2,
            _ => 1,
        };
        let high = matches!(
            self.bytes.get(self.at..self.at + 4),
            Some([b'\\', b'u', b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B'])
        );
        escape(self.at) + if high && escape(self.at + 6) == 6 { 6 } else { 0 }
    }
}

/// The members of a valid object or array. Looks at every byte once and does not recurse.
fn members(text: &str, container: Range<usize>, keyed: bool) -> Vec<Member> {
    let bytes = text.as_bytes();
    let close = container.end - 1;
    let mut members = Vec::new();
    let mut at = container.start + 1;
    loop {
        at += skip_blank(&bytes[at..close]);
        if at >= close {
            return members;
        }
        let start = at;
        let mut key = None;
        if keyed {
            at = value_end(bytes, at);
            key = Some(start..at);
            at += skip_blank(&bytes[at..close]) + 1;
            at += skip_blank(&bytes[at..close]);
        }
        let value = at..value_end(bytes, at);
        at = value.end;
        members.push(Member {
            key,
            range: start..value.end,
            value,
        });
        at = close.min(at + skip_blank(&bytes[at..close]) + 1);
    }
}

fn skip_blank(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// Where the value that begins at `start` ends, in a valid text.
fn value_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = string_end(bytes, at),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            _ if depth == 0 => {
                // A number or a word.
                at += bytes[at..]
                    .iter()
                    .take_while(|byte| !b",]} \t\r\n".contains(byte))
                    .count()
                    .max(1);
            }
            _ => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            break;
        }
    }
    at.min(bytes.len())
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}
