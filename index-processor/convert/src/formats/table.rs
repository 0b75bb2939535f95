//! Tables in GitHub's form.
//!
//! Rows may be ragged: short ones stay short, which GitHub tables allow and which keeps the text linear in the cells. The
//! header is as wide as the widest row, so that no cell falls outside.

/// Appends a table, its first row as the header; nothing when no cell has text. Cells are Markdown of one line or more.
pub(super) fn push_table<C: AsRef<str>>(out: &mut String, rows: &[Vec<C>]) {
    let width = rows.iter().map(|row| filled(row)).max().unwrap_or_default();
    let mut rows = rows
        .iter()
        .map(|row| &row[..filled(row)])
        .skip_while(|row| row.is_empty());
    let (Some(header), true) = (rows.next(), width > 0) else {
        return;
    };
    push_row(
        out,
        header
            .iter()
            .map(AsRef::as_ref)
            .chain(std::iter::repeat_n("", width - header.len())),
    );
    push_separator(out, width);
    for row in rows.filter(|row| !row.is_empty()) {
        push_row(out, row.iter().map(AsRef::as_ref));
    }
}

/// How many cells a row has up to the last one with text.
fn filled<C: AsRef<str>>(row: &[C]) -> usize {
    row.iter()
        .rposition(|cell| !cell.as_ref().trim().is_empty())
        .map_or(0, |last| last + 1)
}

/// The line between the header and the rows.
pub(super) fn push_separator(out: &mut String, width: usize) {
    push_row(out, std::iter::repeat_n("---", width));
}

pub(super) fn push_row<'a>(out: &mut String, cells: impl Iterator<Item = &'a str>) {
    out.push('|');
    for cell in cells {
        out.push(' ');
        push_cell(out, cell.trim());
        out.push_str(" |");
    }
    out.push('\n');
}

/// A cell must stay on its line and between its bars.
fn push_cell(out: &mut String, cell: &str) {
    let mut rest = cell;
    while let Some(at) = rest.find(['|', '\n', '\r']) {
        let before = &rest[..at];
        out.push_str(before);
        match rest.as_bytes()[at] {
            b'|' if ends_in_escape(before) => out.push('|'),
            b'|' => out.push_str("\\|"),
            b'\n' => {
                let end = out.trim_end().len();
                out.truncate(end);
                if !out.ends_with("<br>") {
                    out.push_str("<br>");
                }
            }
            _ => {}
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

/// An odd number of backslashes escapes what follows.
fn ends_in_escape(text: &str) -> bool {
    (text.len() - text.trim_end_matches('\\').len()) % 2 == 1
}
