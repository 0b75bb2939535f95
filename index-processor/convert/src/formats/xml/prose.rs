//! Documents of several vocabularies, by what their elements are called: most of them agree on that.

mod inline;
mod table;

use std::collections::HashSet;

use inline::inline;
use roxmltree::{Node, NodeId};

use super::Markdown;
use crate::formats::blocks;

/// Deepest list that is indented: every level indents all lines below it once more.
const MAX_LISTS: usize = 10;

/// What an element is in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// A part of the text that may have a title of its own.
    Section,
    Title,
    Paragraph,
    /// A list, and whether it is numbered.
    List(bool),
    Item,
    /// What the next element explains.
    Term,
    Code,
    Table,
    /// For machines.
    Hidden,
    /// A block of something else.
    Group,
    /// Within a line, or unknown.
    Other,
}

fn role(name: &str) -> Role {
    match name {
        "section" | "sect1" | "sect2" | "sect3" | "sect4" | "sect5" | "simplesect" | "chapter" | "part"
        | "appendix" | "preface" | "book" | "set" | "article" | "refentry" | "refsect1" | "refsect2"
        | "refsect3" | "refsection" | "refsynopsisdiv" | "sec" | "div" | "div1" | "div2" | "div3"
        | "div4" | "topic" | "concept" | "task" | "reference" | "abstract" | "ack" | "app" | "ref-list"
        | "bibliography" | "glossary" | "example" | "boxed-text" | "sidebar" => Role::Section,
        "title" | "head" | "article-title" | "refname" | "bridgehead" => Role::Title,
        "p" | "para" | "simpara" | "shortdesc" | "cmd" | "ab" | "l" | "refpurpose" | "subtitle"
        | "author" | "contrib" | "caption" | "mixed-citation" | "biblioentry" | "bibl" | "desc" => {
            Role::Paragraph
        }
        "itemizedlist" | "simplelist" | "ul" | "sl" | "list" | "steps-unordered" | "variablelist" | "dl"
        | "def-list" | "glosslist" | "parml" => Role::List(false),
        "orderedlist" | "procedure" | "ol" | "steps" | "substeps" => Role::List(true),
        "listitem" | "member" | "li" | "sli" | "item" | "list-item" | "step" | "substep" | "dd" | "def"
        | "glossdef" | "pd" => Role::Item,
        "term" | "dt" | "glossterm" | "pt" => Role::Term,
        "programlisting" | "screen" | "synopsis" | "literallayout" | "codeblock" | "msgblock"
        | "preformat" | "pre" | "eg" | "funcsynopsisinfo" => Role::Code,
        "table" | "informaltable" | "simpletable" | "properties" | "choicetable" => Role::Table,
        "indexterm" | "prolog" | "journal-meta" | "permissions" | "article-id" | "article-categories"
        | "pub-date" | "counts" | "encodingDesc" | "revisionDesc" | "profileDesc" | "publicationStmt"
        | "sourceDesc" | "remark" | "object-id" | "kwd-group" | "custom-meta-group" | "funding-group"
        | "history" | "teiHeader" | "script" | "style" | "metadata" | "refmeta" | "related-links"
        | "legalnotice" | "revhistory" | "data" => Role::Hidden,
        "body" | "text" | "front" | "back" | "front-matter" | "article-meta" | "title-group" | "info"
        | "articleinfo" | "bookinfo" | "chapterinfo" | "note" | "tip" | "warning" | "caution"
        | "important" | "blockquote" | "disp-quote" | "fig" | "figure" | "conbody" | "taskbody"
        | "refbody" | "table-wrap" | "lg" | "quote-block" | "authorgroup" | "contrib-group"
        | "formalpara" | "refnamediv" | "varlistentry" | "dlentry" | "def-item" | "glossentry"
        | "plentry" | "context" | "result" | "prereq" | "postreq" | "stepresult" | "dita" | "ref" => {
            Role::Group
        }
        _ => Role::Other,
    }
}

/// What the tree does not tell at once.
struct Outline {
    /// Elements with text beside the elements in them.
    with_text: HashSet<NodeId>,
    /// Elements that have blocks in them, and so are no part of a line.
    with_blocks: HashSet<NodeId>,
}

impl Outline {
    fn of(root: Node<'_, '_>) -> Self {
        let texts = root.descendants().filter(Node::is_text);
        let mut outline = Self {
            with_text: texts
                .filter(|node| node.text().is_some_and(|text| !text.trim().is_empty()))
                .filter_map(|node| Some(node.parent()?.id()))
                .collect(),
            with_blocks: HashSet::new(),
        };
        for node in root.descendants().filter(Node::is_element) {
            if outline.role(node) == Role::Other {
                continue;
            }
            for above in node.ancestors().skip(1) {
                if !outline.with_blocks.insert(above.id()) || above == root {
                    break;
                }
            }
        }
        outline
    }

    /// The role of an element where it stands: a title within a line is that of another work.
    fn role(&self, node: Node<'_, '_>) -> Role {
        let role = role(node.tag_name().name());
        let parent = node.parent().filter(Node::is_element);
        let (Role::Title, Some(parent)) = (role, parent) else {
            return role;
        };
        let around = self::role(parent.tag_name().name());
        let is_within_line = matches!(around, Role::Paragraph | Role::Title | Role::Term)
            || (matches!(around, Role::Other | Role::Item) && self.has_text(parent));
        if is_within_line { Role::Other } else { role }
    }

    fn has_text(&self, node: Node<'_, '_>) -> bool {
        self.with_text.contains(&node.id())
    }
}

/// The Markdown of everything inside `root`.
pub(super) fn to_markdown(root: Node<'_, '_>) -> Markdown {
    let mut writer = Writer {
        out: String::new(),
        title: None,
        outline: Outline::of(root),
        root: root.id(),
        lists: 0,
    };
    if root.tag_name().name().starts_with("TEI") {
        let title = root.descendants().find(|node| node.tag_name().name() == "title");
        if let Some(title) = title {
            writer.heading(title, 1);
        }
    }
    writer.block(root, 1);
    Markdown {
        text: writer.out,
        title: writer.title,
    }
}

struct Writer {
    out: String,
    title: Option<String>,
    outline: Outline,
    root: NodeId,
    /// How many lists are around.
    lists: usize,
}

impl Writer {
    fn block(&mut self, node: Node<'_, '_>, level: usize) {
        match self.outline.role(node) {
            Role::Hidden => {}
            Role::Title => self.heading(node, level),
            Role::Section => {
                let is_titled = node.id() != self.root
                    && node
                        .children()
                        .any(|child| self.outline.role(child) == Role::Title);
                self.children(node, level + usize::from(is_titled));
            }
            Role::List(numbered) => self.list(node, numbered, level),
            Role::Code => {
                let text: String = node
                    .descendants()
                    .filter(Node::is_text)
                    .filter_map(|node| node.text())
                    .collect();
                let language = node.attribute("language").or_else(|| node.attribute("code-type"));
                let language = language.filter(|name| name.chars().all(char::is_alphanumeric));
                blocks::push_fenced(&mut self.out, language.unwrap_or_default(), &text);
            }
            Role::Table => match table::to_markdown(node) {
                Some(table) => {
                    if let Some(title) = node
                        .children()
                        .find(|child| self.outline.role(*child) == Role::Title)
                    {
                        self.paragraph(&inline([title]));
                    }
                    blocks::push_gap(&mut self.out);
                    self.out.push_str(&table);
                }
                None => self.children(node, level),
            },
            Role::Term => {
                let term = inline(node.children());
                self.paragraph(&format!("**{term}**"));
            }
            Role::Paragraph | Role::Item | Role::Group | Role::Other => self.children(node, level),
        }
    }

    /// The children of an element: blocks by themselves, and what is between them as paragraphs.
    fn children(&mut self, node: Node<'_, '_>, level: usize) {
        let mut line = Vec::new();
        for child in node.children() {
            let is_block = child.is_element()
                && (self.outline.with_blocks.contains(&child.id())
                    || self.outline.role(child) != Role::Other);
            if !is_block {
                line.push(child);
                continue;
            }
            self.paragraph(&inline(line.drain(..)));
            self.block(child, level);
        }
        if self.is_row(node) {
            // Fields of a record: a line each.
            for child in line {
                self.paragraph(&inline([child]));
            }
        } else {
            self.paragraph(&inline(line));
        }
    }

    /// Does it hold nothing but elements of unknown meaning, with no text between them?
    fn is_row(&self, node: Node<'_, '_>) -> bool {
        self.outline.role(node) == Role::Other && !self.outline.has_text(node)
    }

    fn paragraph(&mut self, text: &str) {
        if !text.is_empty() {
            blocks::push_plain(&mut self.out, text);
        }
    }

    fn heading(&mut self, node: Node<'_, '_>, level: usize) {
        let title = inline([node]);
        if title.is_empty() {
            return;
        }
        if self.title.is_none() {
            self.title = Some(blocks::one_line(&title));
        }
        blocks::push_heading(&mut self.out, level, &title);
    }

    fn list(&mut self, node: Node<'_, '_>, numbered: bool, level: usize) {
        let numbered = numbered
            || node
                .attribute("list-type")
                .or_else(|| node.attribute("rend"))
                .is_some_and(|kind| matches!(kind, "order" | "ordered" | "numbered"));
        if self.lists >= MAX_LISTS {
            self.children(node, level);
            return;
        }
        self.lists += 1;
        let mut number = 0;
        for child in node.children().filter(Node::is_element) {
            if self.outline.role(child) == Role::Title {
                self.paragraph(&inline([child]));
                continue;
            }
            number += 1;
            let marker = if numbered {
                format!("{number}. ")
            } else {
                "- ".to_owned()
            };
            let outer = std::mem::take(&mut self.out);
            self.block(child, level);
            let item = std::mem::replace(&mut self.out, outer);
            self.item(&marker, item.trim());
        }
        self.lists -= 1;
    }

    /// Sets in the text of an item, indented behind its marker.
    fn item(&mut self, marker: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        if !is_item_line(&self.out) {
            blocks::push_gap(&mut self.out);
        }
        let indent = " ".repeat(marker.len());
        self.out.push_str(marker);
        for (number, line) in text.lines().enumerate() {
            if number > 0 && !line.is_empty() {
                self.out.push_str(&indent);
            }
            self.out.push_str(line);
            self.out.push('\n');
        }
    }
}

/// Does the text end in an item, so that the next one follows without a gap?
fn is_item_line(out: &str) -> bool {
    let last = out.trim_end_matches('\n').rsplit('\n').next().unwrap_or_default();
    let last = last.trim_start();
    !out.ends_with("\n\n")
        && (last.starts_with("- ")
            || last
                .split_once(". ")
                .is_some_and(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit())))
}
