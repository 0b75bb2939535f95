//! What one pass over a page's tags finds: its title, its depth, and what of it is no content.

use std::borrow::Cow;
use std::ops::Range;

use super::entities;
use super::tokens::{Token, Tokens, attribute};

/// A page, measured.
pub(super) struct Page<'a> {
    /// The page as it was.
    pub(super) source: &'a str,
    /// The text of its first `<title>`.
    pub(super) title: Option<String>,
    /// Deepest nesting of elements, not counting those that HTML closes by itself.
    pub(super) depth: usize,
    /// Deepest nesting of lists and quotations.
    pub(super) indent: usize,
    /// What is no content, in order, without overlaps.
    noise: Vec<Range<usize>>,
    navigates: bool,
}

/// Elements that have no end tag.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr",
];

/// Elements that often have no end tag, as the next one closes them.
const CLOSED_BY_NEXT: [&str; 13] = [
    "p", "li", "dt", "dd", "td", "th", "tr", "thead", "tbody", "tfoot", "option", "optgroup", "colgroup",
];

/// Elements that indent the Markdown inside them.
const INDENTING: [&str; 6] = ["ul", "ol", "dl", "blockquote", "pre", "menu"];

/// Elements that may be noise: for what they are, or for their class or role.
const BOXES: [&str; 12] = [
    "nav", "svg", "template", "noscript", "div", "section", "header", "footer", "table", "ul", "aside",
    "form",
];

/// Classes of the bars above and below the pages that DocBook makes, of Sphinx's side bar, and of Javadoc's top bar.
const NAVIGATION_CLASSES: [&str; 6] = [
    "navheader",
    "navfooter",
    "sphinxsidebar",
    "headerlink",
    "topNav",
    "bottomNav",
];

impl<'a> Page<'a> {
    /// Reads a page.
    pub(super) fn read(source: &'a str) -> Self {
        let mut page = Self {
            source,
            title: None,
            depth: 0,
            indent: 0,
            noise: Vec::new(),
            navigates: false,
        };
        let (mut depth, mut indent) = (0usize, 0usize);
        // For each kind of box, where the open ones start that are noise; `None` for those that are content.
        let mut open: [Vec<Option<usize>>; BOXES.len()] = std::array::from_fn(|_| Vec::new());
        for (token, range) in Tokens::new(source) {
            match token {
                Token::Text(_) => {}
                Token::Raw { name, content } => page.raw(name, content, range),
                Token::Open { name, attributes } => {
                    // The text of a tooltip repeats that of its link or image, at the price of its tokens.
                    if one_of(&["a", "img"], name)
                        && let Some(value) = attribute(attributes, "title")
                    {
                        let start = range.start + 1 + name.len() + value.start;
                        page.noise.push(start..start + value.len());
                    }
                    let is_alone = attributes.ends_with('/') || one_of(&VOID, name);
                    if is_alone || one_of(&CLOSED_BY_NEXT, name) {
                        continue;
                    }
                    depth += 1;
                    page.depth = page.depth.max(depth);
                    indent += usize::from(one_of(&INDENTING, name));
                    page.indent = page.indent.max(indent);
                    if let Some(index) = box_index(name) {
                        open[index].push(is_noise(name, attributes).then_some(range.start));
                    }
                }
                Token::Close { name } => {
                    if one_of(&CLOSED_BY_NEXT, name) || one_of(&VOID, name) {
                        continue;
                    }
                    depth = depth.saturating_sub(1);
                    indent = indent.saturating_sub(usize::from(one_of(&INDENTING, name)));
                    // A box that is never closed is not cut: it would take the rest of the page with it.
                    if let Some(start) = box_index(name).and_then(|index| open[index].pop()).flatten() {
                        page.navigates |= !one_of(&["svg", "template", "noscript"], name);
                        page.noise.push(start..range.end);
                    }
                }
            }
        }
        page.noise.sort_unstable_by_key(|range| range.start);
        page
    }

    fn raw(&mut self, name: &str, content: &str, range: Range<usize>) {
        if name.eq_ignore_ascii_case("title") {
            if self.title.is_none() {
                let title = entities::decoded(content)
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ");
                self.title = Some(title).filter(|title| !title.is_empty());
            }
        } else if one_of(&["script", "style", "iframe"], name) {
            // The tags around it stay, and hold nothing.
            self.noise.push(range);
        }
    }

    /// Was navigation cut out?
    pub(super) fn has_navigation(&self) -> bool {
        self.navigates
    }

    /// The page without its noise.
    pub(super) fn content(&self) -> Cow<'a, str> {
        if self.noise.is_empty() {
            return Cow::Borrowed(self.source);
        }
        let mut out = String::with_capacity(self.source.len());
        let mut at = 0;
        for range in &self.noise {
            // Ranges may be nested, or overlap where tags do.
            if range.start > at {
                out.push_str(&self.source[at..range.start]);
            }
            at = at.max(range.end);
        }
        out.push_str(&self.source[at..]);
        Cow::Owned(out)
    }
}

fn one_of(names: &[&str], name: &str) -> bool {
    names.iter().any(|other| other.eq_ignore_ascii_case(name))
}

fn box_index(name: &str) -> Option<usize> {
    BOXES.iter().position(|other| other.eq_ignore_ascii_case(name))
}

fn is_noise(name: &str, attributes: &str) -> bool {
    if one_of(&["nav", "svg", "template", "noscript"], name) {
        return true;
    }
    let value = |name| attribute(attributes, name).map_or("", |range| &attributes[range]);
    one_of(&["navigation", "search"], value("role"))
        || value("class")
            .split_ascii_whitespace()
            .any(|class| NAVIGATION_CLASSES.contains(&class))
}

#[cfg(test)]
mod tests;
