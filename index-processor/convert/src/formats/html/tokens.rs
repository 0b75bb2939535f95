//! Cuts HTML into tags and text, without building a tree: linear in the size, no recursion, no allocation.
//!
//! A reduction of the tokenizer in the HTML standard to what finding tags takes:
//! <https://html.spec.whatwg.org/multipage/parsing.html#tokenization>.

use std::ops::Range;

/// A piece of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Characters outside tags, with entities as written.
    Text(&'a str),
    /// `<name attributes>`.
    Open {
        /// The name as written.
        name: &'a str,
        /// What stands between the name and `>`.
        attributes: &'a str,
    },
    /// `</name>`.
    Close {
        /// The name as written.
        name: &'a str,
    },
    /// The content of an element without markup inside: a script, a style sheet, a title.
    Raw {
        /// The element, as written.
        name: &'a str,
        /// Its content.
        content: &'a str,
    },
}

/// Elements whose content has no tags.
const RAW: [&str; 8] = [
    "script", "style", "title", "textarea", "iframe", "xmp", "noembed", "noframes",
];

/// The tokens of a page, each with the range of bytes that it takes. Comments and declarations are left out.
pub(super) struct Tokens<'a> {
    html: &'a str,
    at: usize,
    /// The raw element whose content comes next.
    raw: Option<&'a str>,
    /// Does a title end from here on? What is found out once need not be for each of many.
    titles_end: bool,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(html: &'a str) -> Self {
        Self {
            html,
            at: 0,
            raw: None,
            titles_end: true,
        }
    }

    /// The content up to the end tag of the raw element; to the end of the page when it has none, as browsers do, but
    /// only to the next tag for a title.
    fn raw_content(&mut self, name: &'a str) -> (Token<'a>, Range<usize>) {
        let rest = &self.html[self.at..];
        let length = if name.eq_ignore_ascii_case("title") {
            let end = if self.titles_end {
                end_tag(rest, name)
            } else {
                None
            };
            self.titles_end = end.is_some();
            end.or_else(|| rest.find('<'))
        } else {
            end_tag(rest, name)
        };
        let length = length.unwrap_or(rest.len());
        let range = self.at..self.at + length;
        self.at = range.end;
        (
            Token::Raw {
                name,
                content: &rest[..length],
            },
            range,
        )
    }

    /// The tag, comment or declaration at `self.at`, which is a `<`; `None` for markup without meaning here.
    fn markup(&mut self) -> Option<(Token<'a>, Range<usize>)> {
        let start = self.at;
        let rest = &self.html[start..];
        let skipped = if let Some(comment) = rest.strip_prefix("<!--") {
            // `<!-->` and `<!--->` are empty comments.
            let end = if comment.starts_with('>') || comment.starts_with("->") {
                comment.find('>').map(|at| at + 5)
            } else {
                comment.find("-->").map(|at| at + 7)
            };
            Some(end)
        } else if let Some(data) = rest.strip_prefix("<![CDATA[") {
            Some(data.find("]]>").map(|at| at + 12))
        } else if rest.starts_with("<!") || rest.starts_with("<?") {
            Some(rest.find('>').map(|at| at + 1))
        } else {
            None
        };
        if let Some(end) = skipped {
            self.at = end.map_or(self.html.len(), |end| start + end);
            return None;
        }
        let is_close = rest.starts_with("</");
        let tag = &rest[if is_close { 2 } else { 1 }..];
        let name = &tag[..tag
            .find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'))
            .unwrap_or(tag.len())];
        let attributes = &tag[name.len()..];
        let length = tag_end(attributes);
        self.at = (self.html.len() - attributes.len() + length + 1).min(self.html.len());
        let range = start..self.at;
        if is_close {
            return Some((Token::Close { name }, range));
        }
        let attributes = &attributes[..length];
        if RAW.iter().any(|raw| raw.eq_ignore_ascii_case(name)) && !attributes.ends_with('/') {
            self.raw = Some(name);
        }
        Some((Token::Open { name, attributes }, range))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (Token<'a>, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(name) = self.raw.take() {
            return Some(self.raw_content(name));
        }
        while self.at < self.html.len() {
            let length = next_markup(&self.html[self.at..]);
            if length > 0 {
                let range = self.at..self.at + length;
                self.at = range.end;
                return Some((Token::Text(&self.html[range.clone()]), range));
            }
            if let Some(token) = self.markup() {
                return Some(token);
            }
        }
        None
    }
}

/// Where the next `<` that begins markup is; the others are text.
fn next_markup(text: &str) -> usize {
    let mut at = 0;
    while let Some(found) = text[at..].find('<') {
        at += found;
        let begins = match text.as_bytes().get(at + 1) {
            Some(b'!' | b'?') => true,
            Some(b'/') => text.as_bytes().get(at + 2).is_some_and(u8::is_ascii_alphabetic),
            Some(byte) => byte.is_ascii_alphabetic(),
            None => false,
        };
        if begins {
            return at;
        }
        at += 1;
    }
    text.len()
}

/// Where the `>` is that ends a tag: not one inside a quoted value. The length when the tag is never closed.
fn tag_end(attributes: &str) -> usize {
    let mut quote = None;
    let mut before = b' ';
    for (at, byte) in attributes.bytes().enumerate() {
        match quote {
            Some(open) if byte == open => quote = None,
            Some(_) => {}
            None if byte == b'>' => return at,
            // Elsewhere, a quotation mark is a part of a name.
            None if matches!(byte, b'"' | b'\'') && before == b'=' => quote = Some(byte),
            None => {}
        }
        if !byte.is_ascii_whitespace() {
            before = byte;
        }
    }
    attributes.len()
}

/// Where `</name` begins.
fn end_tag(text: &str, name: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text[at..].find("</") {
        at += found;
        let after = &text.as_bytes()[at + 2..];
        if after
            .get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        {
            return Some(at);
        }
        at += 2;
    }
    None
}

/// Where the value of an attribute is, without quotation marks; an empty range when it has none. `None` when the
/// attribute is not there.
pub(super) fn attribute(attributes: &str, wanted: &str) -> Option<Range<usize>> {
    let bytes = attributes.as_bytes();
    let skip = |mut at: usize, skipped: fn(u8) -> bool| {
        while bytes.get(at).is_some_and(|byte| skipped(*byte)) {
            at += 1;
        }
        at
    };
    let mut at = 0;
    loop {
        let name = skip(at, |byte| byte.is_ascii_whitespace() || byte == b'/');
        if name >= bytes.len() {
            return None;
        }
        // A `=` in front is part of the name, as in the standard; so is every other odd character.
        let name_end = skip(name + 1, |byte| {
            !byte.is_ascii_whitespace() && !matches!(byte, b'=' | b'/')
        });
        let equals = skip(name_end, |byte| byte.is_ascii_whitespace());
        let mut value = name_end..name_end;
        at = name_end;
        if bytes.get(equals) == Some(&b'=') {
            let start = skip(equals + 1, |byte| byte.is_ascii_whitespace());
            value = match bytes.get(start) {
                Some(b'"') => start + 1..skip(start + 1, |byte| byte != b'"'),
                Some(b'\'') => start + 1..skip(start + 1, |byte| byte != b'\''),
                _ => start..skip(start, |byte| !byte.is_ascii_whitespace()),
            };
            at = value.end + usize::from(value.start > start);
        }
        if bytes[name..name_end].eq_ignore_ascii_case(wanted.as_bytes()) {
            return Some(value);
        }
    }
}

#[cfg(test)]
mod tests;
