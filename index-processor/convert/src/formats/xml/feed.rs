//! News feeds (RSS, Atom): a heading for each entry, where it is and from when, and what it says.

use roxmltree::Node;

use super::{Markdown, prose};
use crate::Input;
use crate::context::Context;
use crate::format::Format;
use crate::formats::{blocks, html};

pub(super) fn to_markdown(root: Node<'_, '_>, context: &Context<'_>) -> Markdown {
    let mut out = String::new();
    let channel = child(root, &["channel"]).unwrap_or(root);
    let title = child(channel, &["title"])
        .map(line)
        .filter(|title| !title.is_empty());
    if let Some(title) = &title {
        blocks::push_heading(&mut out, 1, title);
    }
    if let Some(about) = child(channel, &["description", "subtitle"]) {
        push_content(&mut out, about, context);
    }
    // Of an RSS 1.0 feed, the items are beside the channel.
    let entries = root
        .descendants()
        .filter(|node| matches!(node.tag_name().name(), "item" | "entry"));
    for entry in entries {
        push_entry(&mut out, entry, context);
    }
    Markdown { text: out, title }
}

fn push_entry(out: &mut String, entry: Node<'_, '_>, context: &Context<'_>) {
    let title = child(entry, &["title"]).map(line).unwrap_or_default();
    blocks::push_heading(out, 2, if title.is_empty() { "Untitled" } else { &title });
    let link = child(entry, &["link"]).map(|link| match link.attribute("href") {
        Some(target) => blocks::one_line(target),
        None => line(link),
    });
    let author =
        child(entry, &["author", "creator"]).map(|author| line(child(author, &["name"]).unwrap_or(author)));
    let date = child(entry, &["pubDate", "published", "updated", "date"]).map(line);
    for (name, value) in [("Link", link), ("Author", author), ("Date", date)] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            out.push_str(&format!("- {name}: {value}\n"));
        }
    }
    // The whole text, if the feed has it, or else what it says of it.
    if let Some(content) = child(entry, &["encoded", "content", "description", "summary"]) {
        push_content(out, content, context);
    }
}

/// Puts in text that may be HTML, written as text or as elements.
fn push_content(out: &mut String, content: Node<'_, '_>, context: &Context<'_>) {
    if content.children().any(|child| child.is_element()) {
        let text = prose::to_markdown(content).text;
        blocks::push_markdown(out, &text, 2, &[]);
        return;
    }
    let text: String = content.children().filter_map(|child| child.text()).collect();
    if !text.contains('<') {
        blocks::push_plain(out, text.trim());
        return;
    }
    let input = Input {
        name: "entry.html",
        bytes: text.as_bytes(),
        content_type: None,
    };
    if let Ok(converted) = (html::CONVERTER.run)(&input, Format::Html, context) {
        blocks::push_markdown(out, &converted.markdown, 2, &[]);
    }
}

/// The first child of the first of these names that there is.
fn child<'a, 'i>(node: Node<'a, 'i>, names: &[&str]) -> Option<Node<'a, 'i>> {
    names
        .iter()
        .find_map(|name| node.children().find(|child| child.tag_name().name() == *name))
}

fn line(node: Node<'_, '_>) -> String {
    let text: String = node
        .descendants()
        .filter(Node::is_text)
        .filter_map(|node| node.text())
        .collect();
    blocks::one_line(&text)
}
