//! The text of a page without a tree: headings, paragraphs and list items. For pages that are nested too deep to convert.

use super::entities;
use super::tokens::{Token, Tokens};

/// Elements that do not break the line around them.
const INLINE: [&str; 31] = [
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font",
    "i", "ins", "kbd", "label", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time",
    "tt", "u", "var",
];

/// The text, with Markdown for headings and list items.
pub(super) fn text(html: &str) -> String {
    let mut out = Writer {
        out: String::with_capacity(html.len() / 2),
        space: false,
        marker: None,
    };
    for (token, _) in Tokens::new(html) {
        match token {
            Token::Text(text) => out.text(&entities::decoded(text)),
            Token::Raw { .. } => {}
            Token::Open { name, .. }
                if name.eq_ignore_ascii_case("td") || name.eq_ignore_ascii_case("th") =>
            {
                out.space = true;
            }
            Token::Open { name, .. } => {
                if !is_inline(name) {
                    out.end_block();
                    out.marker = marker(name);
                }
            }
            Token::Close { name } => {
                if !is_inline(name) {
                    out.end_block();
                }
            }
        }
    }
    let end = out.out.trim_end().len();
    out.out.truncate(end);
    if !out.out.is_empty() {
        out.out.push('\n');
    }
    out.out
}

fn is_inline(name: &str) -> bool {
    INLINE.iter().any(|inline| inline.eq_ignore_ascii_case(name))
        || name.eq_ignore_ascii_case("td")
        || name.eq_ignore_ascii_case("th")
}

/// What a block of this element begins with.
fn marker(name: &str) -> Option<&'static str> {
    match name.as_bytes() {
        [b'h' | b'H', level @ b'1'..=b'6'] => Some(&"###### "[usize::from(b'6' - level)..]),
        [b'l' | b'L', b'i' | b'I'] => Some("- "),
        _ => None,
    }
}

struct Writer {
    out: String,
    /// White space is owed before the next word.
    space: bool,
    /// What the next block begins with.
    marker: Option<&'static str>,
}

impl Writer {
    fn text(&mut self, text: &str) {
        for word in text.split_inclusive(char::is_whitespace) {
            let bare = word.trim_end();
            if !bare.is_empty() {
                if let Some(marker) = self.marker.take() {
                    self.out.push_str(marker);
                } else if self.space && !self.out.is_empty() && !self.out.ends_with('\n') {
                    self.out.push(' ');
                }
                self.out.push_str(bare);
                self.space = false;
            }
            self.space |= bare.len() < word.len();
        }
    }

    fn end_block(&mut self) {
        self.space = false;
        self.marker = None;
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push_str("\n\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_paragraphs_and_items_stay() {
        let html = "<h2>A <b>b</b>c</h2><p>one\n two<script>no()</script><ul><li>x<li>y</ul><table><tr><td>1<td>2</table>";
        assert_eq!(text(html), "## A bc\n\none two\n\n- x\n\n- y\n\n1 2\n");
    }
}
