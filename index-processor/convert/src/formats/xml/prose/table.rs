//! Tables, of the CALS kind (`row`, `entry`), the HTML kind (`tr`, `td`) and that of DITA (`strow`, `stentry`).

use roxmltree::Node;

use super::inline::inline;

/// Most columns: what is wider is no table for reading.
const MAX_COLUMNS: usize = 200;

/// A GitHub table; `None` when there are no rows, or tables within the table.
pub(super) fn to_markdown(table: Node<'_, '_>) -> Option<String> {
    let is_nested = table
        .descendants()
        .skip(1)
        .any(|node| matches!(node.tag_name().name(), "table" | "informaltable" | "simpletable"));
    if is_nested {
        return None;
    }
    let rows: Vec<Vec<String>> = table
        .descendants()
        .filter(|node| matches!(node.tag_name().name(), "row" | "tr" | "strow" | "sthead"))
        .map(|row| row.children().filter(|cell| is_cell(*cell)).map(cell).collect())
        .collect();
    let width = rows.iter().map(Vec::len).max().filter(|width| *width > 0)?;
    if width > MAX_COLUMNS {
        return None;
    }
    let mut out = String::new();
    for (number, row) in rows.iter().enumerate() {
        out.push('|');
        for cell in row {
            out.push(' ');
            out.push_str(cell);
            out.push_str(" |");
        }
        // The header is as wide as the widest row; the others may be short.
        if number == 0 {
            out.extend(std::iter::repeat_n("  |", width - row.len()));
            out.push_str("\n|");
            out.extend(std::iter::repeat_n(" --- |", width));
        }
        out.push('\n');
    }
    Some(out)
}

fn is_cell(node: Node<'_, '_>) -> bool {
    matches!(node.tag_name().name(), "entry" | "td" | "th" | "stentry")
}

fn cell(node: Node<'_, '_>) -> String {
    inline(node.children()).replace('|', "\\|")
}
