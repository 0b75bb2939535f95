//! XML: documents and feeds become Markdown; data and configuration stay as they are, which is how people know them.
//!
//! What is a document is told by its vocabulary (DocBook, DITA, JATS, TEI, RSS, Atom), or by text that runs around elements.

mod feed;
mod prose;

use roxmltree::{Document, Node, ParsingOptions};

use super::text;
use crate::context::Context;
use crate::format::Format;
use crate::{ConvertError, Converted, Converter, DocumentKind, Input, charset};

pub(crate) const CONVERTER: Converter = Converter {
    name: "xml",
    version: 1,
    run,
};

/// Deepest nesting that is converted: it is walked by recursion.
const MAX_DEPTH: usize = 200;

/// Largest file that is parsed, in bytes; the tree takes several times as much.
const MAX_PARSED: usize = 64 << 20;

/// Most that entities may add to a document, in bytes.
const MAX_EXPANSION: usize = 16 << 20;

/// At this share of its letters around elements, a text of some length is a document.
const MIXED_PERCENT: usize = 15;
const MIXED_LETTERS: usize = 200;

fn run(input: &Input<'_>, _: Format, context: &Context<'_>) -> Result<Converted, ConvertError> {
    let decoded = charset::decode(input, text::declared_in_xml)?;
    match to_markdown(&decoded.text, context) {
        Ok(Some(Markdown { text, title })) => Ok(Converted {
            markdown: text,
            kind: DocumentKind::Office,
            mime: "application/xml",
            title,
            warnings: decoded.warnings,
            parts: Vec::new(),
        }),
        Ok(None) => Ok(kept(decoded, None)),
        Err(why) => Ok(kept(decoded, Some(format!("indexed as it is: {why}")))),
    }
}

fn kept(decoded: charset::Decoded, warning: Option<String>) -> Converted {
    let mut warnings = decoded.warnings;
    warnings.extend(warning);
    Converted {
        markdown: decoded.text,
        kind: DocumentKind::Text,
        mime: "application/xml",
        title: None,
        warnings,
        parts: Vec::new(),
    }
}

/// A document as Markdown.
struct Markdown {
    text: String,
    title: Option<String>,
}

/// `None` when it is data.
fn to_markdown(xml: &str, context: &Context<'_>) -> Result<Option<Markdown>, String> {
    if xml.len() > MAX_PARSED {
        return Err(format!("it has more than {} MiB", MAX_PARSED >> 20));
    }
    if depth(xml) > MAX_DEPTH {
        return Err(format!("it is nested more than {MAX_DEPTH} levels deep"));
    }
    if expansion(xml).is_none_or(|bytes| bytes > MAX_EXPANSION) {
        return Err("its entities expand to too much".to_owned());
    }
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(xml, options)
        .map_err(|error| format!("it is not well-formed XML ({error})"))?;
    // Entities may hold elements, which the text does not show.
    if tree_depth(document.root_element()) > MAX_DEPTH {
        return Err(format!("it is nested more than {MAX_DEPTH} levels deep"));
    }
    let root = document.root_element();
    let markdown = match class(root) {
        Class::Feed => feed::to_markdown(root, context),
        Class::Prose => prose::to_markdown(root),
        Class::Data => return Ok(None),
    };
    Ok(Some(markdown).filter(|markdown| !markdown.text.trim().is_empty()))
}

/// The nesting of elements, at most: closing tags count whether or not they fit.
fn depth(xml: &str) -> usize {
    let bytes = xml.as_bytes();
    let (mut depth, mut deepest) = (0usize, 0usize);
    let mut last = b' ';
    for (at, byte) in bytes.iter().enumerate() {
        match (byte, bytes.get(at + 1)) {
            (b'<', Some(b'/')) => depth = depth.saturating_sub(1),
            (b'<', Some(next)) if !matches!(next, b'!' | b'?') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            // `<empty/>`
            (b'>', _) if last == b'/' => depth = depth.saturating_sub(1),
            _ => {}
        }
        last = *byte;
    }
    deepest
}

fn tree_depth(root: Node<'_, '_>) -> usize {
    let (mut depth, mut deepest) = (1usize, 1usize);
    let mut node = root;
    loop {
        if let Some(child) = node.first_child() {
            node = child;
            depth += 1;
            deepest = deepest.max(depth);
            continue;
        }
        loop {
            if node == root {
                return deepest;
            }
            if let Some(next) = node.next_sibling() {
                node = next;
                break;
            }
            let Some(parent) = node.parent() else {
                return deepest;
            };
            node = parent;
            depth -= 1;
        }
    }
}

/// How many bytes entities add, at most; `None` when entities hold entities, whose number nobody can tell.
fn expansion(xml: &str) -> Option<usize> {
    let Some(first) = xml.find("<!ENTITY") else {
        return Some(0);
    };
    let end = xml[first..].find("]>").map_or(xml.len(), |end| first + end);
    let (definitions, rest) = (&xml[first..end], &xml[end..]);
    let nested = definitions.match_indices('&').any(|(at, _)| {
        let reference = &definitions[at + 1..];
        !["#", "lt;", "gt;", "amp;", "quot;", "apos;"]
            .iter()
            .any(|plain| reference.starts_with(plain))
    });
    if nested {
        return None;
    }
    let longest = definitions
        .split("<!ENTITY")
        .map(str::len)
        .max()
        .unwrap_or_default();
    Some(rest.matches('&').count().saturating_mul(longest))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// RSS or Atom.
    Feed,
    /// Text with headings and paragraphs.
    Prose,
    /// Records, settings, anything else.
    Data,
}

fn class(root: Node<'_, '_>) -> Class {
    let has = |names: &[&str]| {
        root.descendants()
            .any(|node| names.contains(&node.tag_name().name()))
    };
    match root.tag_name().name() {
        "rss" | "RDF" if has(&["item"]) && has(&["channel"]) => Class::Feed,
        "feed" if has(&["entry"]) => Class::Feed,
        "TEI" | "TEI.2" | "teiCorpus" => Class::Prose,
        "article" | "book" | "chapter" | "section" | "sect1" | "part" | "appendix" | "preface"
        | "refentry" | "set" | "topic" | "concept" | "task" | "reference" | "dita" | "glossentry"
        | "glossary" | "document"
            if has(&["p", "para", "simpara", "shortdesc", "refsect1", "body", "steps"]) =>
        {
            Class::Prose
        }
        _ if is_mixed(root) => Class::Prose,
        _ => Class::Data,
    }
}

/// Does text run around elements, as only people write it?
fn is_mixed(root: Node<'_, '_>) -> bool {
    let (mut all, mut mixed) = (0, 0);
    for parent in root.descendants().filter(Node::is_element) {
        let has_elements = parent.children().any(|child| child.is_element());
        let texts = parent
            .children()
            .filter(Node::is_text)
            .filter_map(|node| node.text());
        let letters: usize = texts
            .map(|text| text.chars().filter(|c| c.is_alphanumeric()).count())
            .sum();
        all += letters;
        mixed += if has_elements { letters } else { 0 };
    }
    all >= MIXED_LETTERS && mixed * 100 >= all * MIXED_PERCENT
}

#[cfg(test)]
mod tests;
