//! Texts: headings, paragraphs, lists, tables, notes.

use std::rc::Rc;

use roxmltree::Node;

use super::styles::Styles;
use super::{attribute, is};
use crate::formats::inline::{Runs, Style};
use crate::formats::table;

/// How deep elements may be nested; what is deeper is taken as plain text.
const MAX_DEPTH: usize = 120;

/// How often a cell or a row may repeat, and how many spaces may be one element.
const MAX_REPEAT: usize = 1000;

/// The blocks of a text and, after them, its notes.
pub(super) fn document(body: Node<'_, '_>, styles: &Styles<'_>) -> String {
    let mut writer = Writer::new(styles);
    writer.blocks(body, 0);
    writer.finish()
}

/// Writes blocks, each followed by a blank line.
pub(super) struct Writer<'s, 'a> {
    styles: &'s Styles<'a>,
    out: String,
    notes: Vec<(String, String)>,
    /// The style and depth of the list that we are in.
    list: (Option<&'a str>, usize),
}

impl<'s, 'a: 's> Writer<'s, 'a> {
    pub(super) fn new(styles: &'s Styles<'a>) -> Self {
        Self {
            styles,
            out: String::new(),
            notes: Vec::new(),
            list: (None, 0),
        }
    }

    pub(super) fn finish(mut self) -> String {
        for (label, text) in std::mem::take(&mut self.notes) {
            let text = text.trim().replace("\n\n", "\n\n    ");
            self.block(&format!("[^{label}]: {text}"));
        }
        self.out
    }

    fn block(&mut self, markdown: &str) {
        let markdown = markdown.trim_end();
        if !markdown.trim().is_empty() {
            self.out.push_str(markdown);
            self.out.push_str("\n\n");
        }
    }

    /// What `write` writes, by itself.
    fn apart(&mut self, write: impl FnOnce(&mut Self)) -> String {
        let before = std::mem::take(&mut self.out);
        write(self);
        std::mem::replace(&mut self.out, before)
    }

    pub(super) fn blocks(&mut self, parent: Node<'a, '_>, depth: usize) {
        if depth > MAX_DEPTH {
            let mut runs = Runs::default();
            for text in parent
                .descendants()
                .filter_map(|node| node.text().filter(|_| node.is_text()))
            {
                push_collapsed(&mut runs, text, Style::default(), None);
                push_collapsed(&mut runs, " ", Style::default(), None);
            }
            return self.block(&runs.markdown());
        }
        for node in parent.children().filter(Node::is_element) {
            self.block_of(node, depth);
        }
    }

    /// A block or what holds some.
    pub(super) fn block_of(&mut self, node: Node<'a, '_>, depth: usize) {
        match node.tag_name().name() {
            "h" => self.heading(node, depth),
            "p" => self.paragraph(node, depth),
            "list" => {
                let text = self.list(node, depth);
                self.block(&text);
            }
            "table" => {
                let rows = self.table(node, depth);
                let mut text = String::new();
                table::push_table(&mut text, &rows);
                self.block(&text);
            }
            // What was deleted, said about the text, or says where the headings are; and what is not shown.
            "tracked-changes" | "annotation" | "table-of-content" | "forms" | "sequence-decls" | "notes"
            | "event-listeners" | "variable-decls" | "user-field-decls" | "title" | "desc" => {}
            "section" if attribute(node, "display") == Some("none") => {}
            "image" | "object" => {}
            "frame" => self.frame(node, depth),
            _ => self.blocks(node, depth + 1),
        }
    }

    /// A text box, or what is said of a picture.
    fn frame(&mut self, node: Node<'a, '_>, depth: usize) {
        let before = self.out.len();
        self.blocks(node, depth + 1);
        if self.out.len() == before
            && let Some(text) = node
                .children()
                .find(|node| is(*node, "desc"))
                .and_then(|node| node.text())
        {
            let mut runs = Runs::default();
            push_collapsed(&mut runs, text, Style::default(), None);
            self.block(&runs.markdown());
        }
    }

    fn heading(&mut self, node: Node<'a, '_>, depth: usize) {
        let level = attribute(node, "outline-level")
            .and_then(|level| level.parse().ok())
            .unwrap_or(1usize);
        let (runs, aside) = self.runs(node, Style::default(), depth);
        self.push_heading(level, runs);
        self.out.push_str(&aside);
    }

    pub(super) fn push_heading(&mut self, level: usize, runs: Runs) {
        let text = runs.without_emphasis().markdown().replace('\n', " ");
        if !text.trim().is_empty() {
            self.block(&format!("{} {}", "#".repeat(level.clamp(1, 6)), text.trim()));
        }
    }

    fn paragraph(&mut self, node: Node<'a, '_>, depth: usize) {
        let style = attribute(node, "style-name");
        let is_title = self.styles.is_kind_of(style, "Title");
        let (runs, aside) = self.runs(
            node,
            self.styles.look("paragraph", style, Style::default()),
            depth,
        );
        if is_title {
            self.push_heading(1, runs);
        } else if self.styles.is_kind_of(style, "Quotations") {
            let quoted = runs.markdown().replace('\n', "\n> ");
            if !quoted.is_empty() {
                self.block(&format!("> {quoted}"));
            }
        } else {
            self.block(&runs.markdown());
        }
        self.out.push_str(&aside);
    }

    /// The text of a paragraph, and the blocks of the boxes that are anchored in it.
    pub(super) fn runs(&mut self, node: Node<'a, '_>, style: Style, depth: usize) -> (Runs, String) {
        let mut runs = Runs::default();
        let aside = self.apart(|writer| writer.inline(node, style, None, depth + 1, &mut runs));
        (runs, aside)
    }

    fn inline(
        &mut self,
        parent: Node<'a, '_>,
        style: Style,
        link: Option<&Rc<str>>,
        depth: usize,
        runs: &mut Runs,
    ) {
        if depth > MAX_DEPTH {
            for text in parent
                .descendants()
                .filter_map(|node| node.text().filter(|_| node.is_text()))
            {
                push_collapsed(runs, text, style, link);
            }
            return;
        }
        for node in parent.children() {
            if node.is_text() {
                push_collapsed(runs, node.text().unwrap_or_default(), style, link);
                continue;
            }
            match node.tag_name().name() {
                "s" => {
                    let count = attribute(node, "c")
                        .and_then(|count| count.parse().ok())
                        .unwrap_or(1usize);
                    runs.push(&" ".repeat(count.min(MAX_REPEAT)), style, link);
                }
                "tab" => runs.push(" ", style, link),
                "line-break" => runs.push("\n", style, link),
                "span" => {
                    let name = attribute(node, "style-name");
                    if !self.styles.is_hidden("text", name) {
                        self.inline(node, self.styles.look("text", name, style), link, depth + 1, runs);
                    }
                }
                "a" => {
                    let target = attribute(node, "href").map(Rc::from);
                    self.inline(node, style, target.as_ref().or(link), depth + 1, runs);
                }
                "note" => self.note(node, depth, runs),
                "frame" => self.frame(node, depth),
                "custom-shape" | "text-box" | "rect" | "ellipse" | "g" | "line" | "polygon" | "path"
                | "connector" => {
                    self.blocks(node, depth + 1);
                }
                "annotation" | "ruby-text" | "hidden-text" | "title" | "desc" => {}
                _ => self.inline(node, style, link, depth + 1, runs),
            }
        }
    }

    fn note(&mut self, node: Node<'a, '_>, depth: usize, runs: &mut Runs) {
        let number = self.notes.len() + 1;
        let label = match attribute(node, "note-class") {
            Some("endnote") => format!("e{number}"),
            _ => number.to_string(),
        };
        runs.push_markdown(&format!("[^{label}]"));
        // The place comes first: a note may hold notes.
        self.notes.push((label, String::new()));
        if let Some(body) = node.children().find(|node| is(*node, "note-body")) {
            let text = self.apart(|writer| writer.blocks(body, depth + 1));
            if let Some((_, place)) = self.notes.get_mut(number - 1) {
                *place = text;
            }
        }
    }

    /// A list; items of nothing but headings are numbered headings.
    fn list(&mut self, node: Node<'a, '_>, depth: usize) -> String {
        let outer = self.list;
        let name = attribute(node, "style-name").or(outer.0);
        self.list = (name, outer.1 + 1);
        let is_numbered = name.is_some_and(|name| self.styles.is_numbered(name, outer.1 + 1));
        let mut number = 1usize;
        let mut text = String::new();
        for item in node
            .children()
            .filter(|node| is(*node, "list-item") || is(*node, "list-header"))
        {
            if let Some(start) = attribute(item, "start-value").and_then(|start| start.parse().ok()) {
                number = start;
            }
            let content = self.apart(|writer| writer.blocks(item, depth + 1));
            let content = content.trim();
            if content.is_empty() {
                continue;
            }
            let is_heading = item.descendants().any(|node| is(node, "h"));
            if is_heading || is(item, "list-header") {
                text.push_str(&format!("{content}\n\n"));
                continue;
            }
            let has_own_text = item.children().any(|node| node.is_element() && !is(node, "list"));
            if !has_own_text {
                // An item that only holds the next level, as texts have that start within one.
                text.push_str(&format!("{content}\n"));
                continue;
            }
            let marker = if is_numbered {
                format!("{number}. ")
            } else {
                "- ".to_owned()
            };
            number += 1;
            text.push_str(&marker);
            push_indented(&mut text, content, marker.len());
        }
        self.list = outer;
        text
    }

    fn table(&mut self, node: Node<'a, '_>, depth: usize) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        // Tables within cells have rows, too, which are not of this table.
        let mut waiting: Vec<Node<'a, '_>> = vec![node];
        while let Some(node) = waiting.pop() {
            match node.tag_name().name() {
                "table-row" => {
                    let row = self.row(node, depth);
                    let repeat = repeated(node, "number-rows-repeated");
                    let times = if row.is_empty() { 1 } else { repeat };
                    rows.extend(std::iter::repeat_n(row, times));
                }
                "table" | "table-header-rows" | "table-rows" | "table-row-group" => {
                    waiting.extend(node.children().rev().filter(Node::is_element));
                }
                _ => {}
            }
        }
        rows
    }

    fn row(&mut self, node: Node<'a, '_>, depth: usize) -> Vec<String> {
        let mut row = Vec::new();
        for cell in node.children() {
            if !(is(cell, "table-cell") || is(cell, "covered-table-cell")) {
                continue;
            }
            let content = self.apart(|writer| writer.blocks(cell, depth + 2));
            let text = content.trim();
            // In presentations, the text of each cell is a list of its own.
            let text = match text.strip_prefix("- ") {
                Some(only) if !only.contains('\n') => only.to_owned(),
                _ => text.replace("\n\n", "\n"),
            };
            row.extend(std::iter::repeat_n(
                text,
                repeated(cell, "number-columns-repeated"),
            ));
        }
        while row.last().is_some_and(String::is_empty) {
            row.pop();
        }
        row
    }
}

fn repeated(node: Node<'_, '_>, name: &str) -> usize {
    let times = attribute(node, name).and_then(|times| times.parse().ok());
    times.unwrap_or(1usize).min(MAX_REPEAT)
}

/// White space of XML is one space, and none at the start.
fn push_collapsed(runs: &mut Runs, text: &str, style: Style, link: Option<&Rc<str>>) {
    let mut collapsed = String::with_capacity(text.len());
    let mut after_space = runs.ends_blank();
    for character in text.chars() {
        if matches!(character, ' ' | '\t' | '\n' | '\r') {
            if !after_space {
                collapsed.push(' ');
            }
            after_space = true;
        } else {
            collapsed.push(character);
            after_space = false;
        }
    }
    runs.push(&collapsed, style, link);
}

/// The lines of an item, those after the first within it.
fn push_indented(out: &mut String, content: &str, width: usize) {
    let mut after_blank = false;
    for (number, line) in content.lines().enumerate() {
        let is_item = line.trim_start().starts_with("- ")
            || line
                .trim_start()
                .trim_start_matches(|character: char| character.is_ascii_digit())
                .starts_with(". ");
        if line.is_empty() {
            after_blank = true;
            continue;
        }
        // Paragraphs of an item keep their distance, items of the next level do not need it.
        if after_blank && !is_item {
            out.push('\n');
        }
        after_blank = false;
        if number > 0 {
            out.extend(std::iter::repeat_n(' ', width));
        }
        out.push_str(line);
        out.push('\n');
    }
}
