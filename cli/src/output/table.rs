//! Tables and lists of fields for people.

use console::{Style, measure_text_width, truncate_str};

use super::{line, terminal_width};

/// Where a column's cells stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

struct Column {
    title: &'static str,
    align: Align,
    width: usize,
}

/// A table. The last column is not padded, and what stands behind it is cut where the terminal ends.
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Row>,
    has_header: bool,
}

struct Row {
    cells: Vec<String>,
    /// Columns of the last cell that are shown however narrow the terminal is.
    keep: usize,
}

impl Table {
    /// A table without rows. Titles are in capitals; those of numbers begin with `>`.
    pub(crate) fn new(titles: &[&'static str]) -> Self {
        let column = |title: &&'static str| {
            let (title, align) = match title.strip_prefix('>') {
                Some(title) => (title, Align::Right),
                None => (*title, Align::Left),
            };
            Column {
                title,
                align,
                width: measure_text_width(title),
            }
        };
        Self {
            columns: titles.iter().map(column).collect(),
            rows: Vec::new(),
            has_header: false,
        }
    }

    /// Adds a row; cells may be styled.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.row_with(cells, "");
    }

    /// Adds a row with something behind its last cell that need not be shown whole.
    pub(crate) fn row_with<const N: usize>(&mut self, mut cells: [String; N], more: &str) {
        debug_assert_eq!(N, self.columns.len());
        for (column, cell) in self.columns.iter_mut().zip(&cells) {
            column.width = column.width.max(measure_text_width(cell));
        }
        let keep = cells.last().map_or(0, |last| measure_text_width(last));
        if let Some(last) = cells.last_mut() {
            last.push_str(more);
        }
        let cells = cells.to_vec();
        self.rows.push(Row { cells, keep });
    }

    /// Prints the rows so far, below the titles if those are not there yet. More may follow.
    pub(crate) fn print(&mut self) {
        for text in self.lines(terminal_width()) {
            line(&text);
        }
    }

    fn lines(&mut self, most: Option<usize>) -> Vec<String> {
        let mut lines = Vec::new();
        if self.rows.is_empty() {
            return lines;
        }
        if !self.has_header {
            let titles: Vec<String> = self
                .columns
                .iter()
                .map(|column| column.title.to_owned())
                .collect();
            let titles = self.line(&titles, 0, most);
            lines.push(Style::new().dim().apply_to(titles).to_string());
            self.has_header = true;
        }
        for row in std::mem::take(&mut self.rows) {
            lines.push(self.line(&row.cells, row.keep, most));
        }
        lines
    }

    fn line(&self, cells: &[String], keep: usize, most: Option<usize>) -> String {
        let mut text = String::new();
        let last = cells.len().saturating_sub(1);
        let mut used = 0;
        for (at, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
            let padding = " ".repeat(column.width.saturating_sub(measure_text_width(cell)));
            match (column.align, at == last) {
                (Align::Right, _) => text.push_str(&format!("{padding}{cell}")),
                (Align::Left, false) => text.push_str(&format!("{cell}{padding}")),
                (Align::Left, true) => match most {
                    // What is wanted of it is at its beginning.
                    Some(most) => {
                        let left = most.saturating_sub(used).max(keep);
                        text.push_str(&truncate_str(cell, left, "…"));
                    }
                    None => text.push_str(cell),
                },
            }
            used += column.width + 2;
            if at < last {
                text.push_str("  ");
            }
        }
        text.trim_end().to_owned()
    }
}

/// Prints names and what they stand for, one below the other; those with nothing are left out.
pub(crate) fn fields(fields: &[(&str, String)]) {
    let shown = || fields.iter().filter(|(_, value)| !value.is_empty());
    let widest = shown().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in shown() {
        let name = Style::new().dim().apply_to(format!("{name:<widest$}"));
        line(&format!("{name}  {value}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let mut table = Table::new(&["NAME", ">FILES", "WHY"]);
        assert!(table.lines(Some(80)).is_empty(), "no titles over nothing");
        table.row(["a".into(), "1,000".into(), "it is what it is".into()]);
        table.row(["longer".into(), "7".into(), String::new()]);
        assert_eq!(
            table.lines(Some(36)),
            [
                "NAME    FILES  WHY",
                "a       1,000  it is what it is",
                "longer      7"
            ]
        );
        table.row(["b".into(), "2".into(), "x".repeat(40)]);
        assert_eq!(
            table.lines(Some(36)),
            [format!("b           2  {}", "x".repeat(40))]
        );
        table.row_with(["c".into(), "3".into(), "x".repeat(10)], &"y".repeat(30));
        table.row_with(["d".into(), "4".into(), "p".repeat(30)], "  why");
        assert_eq!(
            table.lines(Some(36)),
            [
                format!("c           3  {}{}…", "x".repeat(10), "y".repeat(10)),
                format!("d           4  {}…", "p".repeat(29)),
            ]
        );
        table.row_with(["e".into(), "5".into(), "p".repeat(30)], "  why");
        assert_eq!(
            table.lines(None),
            [format!("e           5  {}  why", "p".repeat(30))]
        );
    }
}
