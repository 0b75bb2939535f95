//! The part of a chunk that shows why it was found.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Characters of a snippet.
pub(super) const SNIPPET_CHARS: usize = 320;
/// Most bytes of a tag.
const MAX_TAG_BYTES: usize = 200;

/// How matching words are marked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Highlight {
    /// Stands before each matching word.
    pub pre_tag: String,
    /// Stands after each matching word.
    pub post_tag: String,
    /// What becomes of the text between the tags.
    pub escape: Escape,
}

/// What becomes of the text of a marked-up snippet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Escape {
    /// `&`, `<`, `>` and quotes are escaped, so that a document cannot bring markup of its own.
    Html,
    /// Nothing: for tags that are no HTML.
    None,
}

impl Default for Highlight {
    fn default() -> Self {
        Self {
            pre_tag: "<mark>".to_owned(),
            post_tag: "</mark>".to_owned(),
            escape: Escape::Html,
        }
    }
}

impl Highlight {
    /// Checks the sizes of the tags.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.pre_tag.len().max(self.post_tag.len()) > MAX_TAG_BYTES {
            return Err(format!("a highlighting tag is longer than {MAX_TAG_BYTES} bytes"));
        }
        Ok(())
    }

    /// The snippet with its highlights, which ascend, between the tags.
    pub(super) fn mark(&self, snippet: &str, highlights: &[Range<usize>]) -> String {
        let mut out = String::with_capacity(snippet.len() * 2);
        let mut at = 0;
        for range in highlights {
            self.push(&mut out, &snippet[at..range.start]);
            out.push_str(&self.pre_tag);
            self.push(&mut out, &snippet[range.clone()]);
            out.push_str(&self.post_tag);
            at = range.end;
        }
        self.push(&mut out, &snippet[at..]);
        out
    }

    fn push(&self, out: &mut String, text: &str) {
        if self.escape == Escape::None {
            out.push_str(text);
            return;
        }
        for c in text.chars() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                other => out.push(other),
            }
        }
    }
}

/// The part of a text around its first matches, on one line, with the matches' places in it.
pub(super) fn snippet(text: &str, matches: &[Range<usize>]) -> (String, Vec<Range<usize>>) {
    let first = matches.first().map_or(0, |range| range.start);
    // Some words before the first match give it sense.
    let start = match text[..first].char_indices().rev().nth(SNIPPET_CHARS / 4) {
        None => 0,
        Some((reach, _)) => text[reach..first]
            .find(' ')
            .map_or(first, |blank| reach + blank + 1),
    };
    let end = text[start..]
        .char_indices()
        .nth(SNIPPET_CHARS)
        .map_or(text.len(), |(at, _)| start + at);

    let mut out = String::with_capacity(end - start + 8);
    if start > 0 {
        out.push('…');
    }
    let mut highlights: Vec<Range<usize>> = Vec::new();
    let mut inside = matches
        .iter()
        .filter(|range| range.start >= start && range.end <= end)
        .peekable();
    let mut blank = true;
    for (at, c) in text[start..end].char_indices().map(|(at, c)| (start + at, c)) {
        while inside.peek().is_some_and(|range| range.end <= at) {
            inside.next();
        }
        let at_match = inside.peek().is_some_and(|range| range.contains(&at));
        if c.is_whitespace() || c.is_control() {
            if !blank {
                out.push(' ');
            }
            blank = true;
            continue;
        }
        blank = false;
        let place = out.len();
        out.push(c);
        if at_match {
            match highlights.last_mut() {
                Some(last) if inside.peek().is_some_and(|range| range.start != at) => last.end = out.len(),
                _ => highlights.push(place..out.len()),
            }
        }
    }
    if end < text.len() {
        out.push('…');
    }
    (out.trim_end().to_owned(), highlights)
}

#[cfg(test)]
mod tests;
