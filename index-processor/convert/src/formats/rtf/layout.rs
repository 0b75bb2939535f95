//! From runs of text to paragraphs, lists and tables.

use std::rc::Rc;

use crate::formats::inline::{Runs, Style};
use crate::formats::table;

/// The deepest level of a list; the format has nine.
const MAX_LEVEL: usize = 8;

/// What a paragraph is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Paragraph {
    /// Level of the heading, from 1.
    pub(super) heading: Option<usize>,
    /// Level within a list, from 0, as it is stated; many lists only state the indent.
    pub(super) level: i64,
    /// Indent from the left, in twentieths of a point.
    pub(super) indent: i64,
    pub(super) in_table: bool,
}

/// A text in the making: the body, or a note.
#[derive(Debug, Default)]
pub(super) struct Layout {
    out: String,
    runs: Runs,
    marker: String,
    /// The indents of the items that this one is within; empty outside of lists.
    levels: Vec<i64>,
    cell: String,
    row: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Layout {
    pub(super) fn push(&mut self, text: &str, style: Style, link: Option<&Rc<str>>) {
        self.runs.push(text, style, link);
    }

    pub(super) fn push_markdown(&mut self, markdown: &str) {
        self.runs.push_markdown(markdown);
    }

    /// The number or bullet that the writing program made for this paragraph.
    pub(super) fn push_marker(&mut self, text: &str) {
        self.marker.push_str(text);
    }

    pub(super) fn end_paragraph(&mut self, paragraph: Paragraph) {
        if paragraph.in_table {
            return self.end_line();
        }
        self.end_table();
        let runs = std::mem::take(&mut self.runs);
        let marker = std::mem::take(&mut self.marker);
        if runs.is_blank() {
            return;
        }
        let marker = marker.trim();
        if let Some(level) = paragraph.heading {
            let text = runs.without_emphasis().markdown().replace('\n', " ");
            let number = if marker.contains(char::is_alphanumeric) {
                format!("{marker} ")
            } else {
                String::new()
            };
            return self.block(&format!(
                "{} {number}{}",
                "#".repeat(level.clamp(1, 6)),
                text.trim()
            ));
        }
        let text = runs.markdown();
        if marker.is_empty() {
            return self.block(text.trim());
        }
        let level = self.item_level(paragraph);
        self.out.extend(std::iter::repeat_n("   ", level));
        self.out.push_str(&item_marker(marker));
        let indent = format!("\n{}", " ".repeat(3 * level + 2));
        self.out.push_str(&text.trim().replace('\n', &indent));
        self.out.push('\n');
    }

    fn item_level(&mut self, paragraph: Paragraph) -> usize {
        let indent = paragraph
            .indent
            .saturating_mul(16)
            .saturating_add(paragraph.level);
        self.levels.retain(|outer| *outer < indent);
        self.levels.push(indent);
        (self.levels.len() - 1).min(MAX_LEVEL)
    }

    fn block(&mut self, markdown: &str) {
        if !self.levels.is_empty() {
            self.levels.clear();
            self.out.push('\n');
        }
        self.out.push_str(markdown);
        self.out.push_str("\n\n");
    }

    /// Ends a line within a cell.
    fn end_line(&mut self) {
        let runs = std::mem::take(&mut self.runs);
        let marker = std::mem::take(&mut self.marker);
        if runs.is_blank() {
            return;
        }
        if !self.cell.is_empty() {
            self.cell.push('\n');
        }
        if !marker.trim().is_empty() {
            self.cell.push_str(&item_marker(marker.trim()));
        }
        self.cell.push_str(runs.markdown().trim());
    }

    pub(super) fn end_cell(&mut self) {
        self.end_line();
        self.row.push(std::mem::take(&mut self.cell));
    }

    pub(super) fn end_row(&mut self) {
        if !self.runs.is_blank() || !self.cell.is_empty() {
            self.end_cell();
        }
        let row = std::mem::take(&mut self.row);
        self.rows.push(row);
    }

    fn end_table(&mut self) {
        if !self.row.is_empty() || !self.cell.is_empty() {
            let runs = std::mem::take(&mut self.runs);
            self.end_row();
            self.runs = runs;
        }
        if self.rows.is_empty() {
            return;
        }
        let rows = std::mem::take(&mut self.rows);
        let mut text = String::new();
        table::push_table(&mut text, &rows);
        if !text.is_empty() {
            self.block(text.trim_end());
        }
    }

    /// A text of its own that is anchored here.
    pub(super) fn push_aside(&mut self, text: &str, in_table: bool) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        if in_table {
            self.cell.push_str(&text.replace("\n\n", "\n"));
        } else {
            self.end_table();
            self.block(text);
        }
    }

    pub(super) fn finish(mut self, paragraph: Paragraph) -> String {
        self.end_paragraph(Paragraph {
            in_table: false,
            ..paragraph
        });
        self.end_table();
        self.out
    }
}

/// Numbers stay what they are; Markdown knows no letters, and one bullet.
fn item_marker(marker: &str) -> String {
    let number = marker.trim_end_matches(['.', ')']);
    if number.len() < 10 && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("{number}. ")
    } else if marker.len() > 1 && marker.contains(|character: char| character.is_ascii_alphanumeric()) {
        format!("- {marker} ")
    } else {
        "- ".to_owned()
    }
}
