//! A sheet: the cells that have a value, laid out as a table. Rows and columns without any value are left out.

use super::table;

/// The cells of a sheet that have a value.
#[derive(Default)]
pub(super) struct Cells {
    text: String,
    cells: Vec<Cell>,
}

struct Cell {
    row: u32,
    column: u32,
    /// Where its text ends; it starts where the one before ends.
    end: usize,
}

impl Cells {
    pub(super) fn push(&mut self, row: u32, column: u32, text: &str) {
        if !text.is_empty() {
            self.text.push_str(text);
            let end = self.text.len();
            self.cells.push(Cell { row, column, end });
        }
    }

    /// The text that the table will take, at least: each cell comes with a bar and spaces.
    pub(super) fn len(&self) -> usize {
        self.text.len() + 3 * self.cells.len()
    }

    /// The sheet as a table. What stands above it, one value to a row, is its title and legend. It ends early once it is
    /// longer than `limit`.
    pub(super) fn markdown(&self, limit: usize) -> String {
        let mut columns: Vec<u32> = self.cells.iter().map(|cell| cell.column).collect();
        columns.sort_unstable();
        columns.dedup();

        let mut starts = Vec::with_capacity(self.cells.len());
        let mut start = 0;
        for cell in &self.cells {
            starts.push(start);
            start = cell.end;
        }
        // Files may list rows and cells in any order.
        let mut order: Vec<usize> = (0..self.cells.len()).collect();
        if !self.cells.is_sorted_by_key(|cell| (cell.row, cell.column)) {
            order.sort_by_key(|at| (self.cells[*at].row, self.cells[*at].column));
        }
        let rows: Vec<&[usize]> = order
            .chunk_by(|a, b| self.cells[*a].row == self.cells[*b].row)
            .collect();
        let text = |at: usize| &self.text[starts[at]..self.cells[at].end];
        let place = |at: usize| columns.binary_search(&self.cells[at].column).unwrap_or_default();

        let mut out = String::with_capacity(self.text.len() + 3 * self.cells.len());
        let alone = rows.iter().take_while(|row| row.len() == 1).count();
        let (above, table) = if columns.len() == 1 {
            (&rows[..0], &rows[..])
        } else {
            rows.split_at(alone)
        };
        for row in above {
            out.push_str(text(row[0]));
            out.push_str("\n\n");
        }
        let width = table
            .iter()
            .filter_map(|row| row.last())
            .map(|at| place(*at) + 1)
            .max()
            .unwrap_or_default();
        let mut line: Vec<&str> = Vec::with_capacity(width);
        for (number, row) in table.iter().enumerate() {
            line.clear();
            for at in *row {
                line.resize(place(*at), "");
                line.push(text(*at));
            }
            if number == 0 {
                line.resize(width, "");
            }
            table::push_row(&mut out, line.iter().copied());
            if number == 0 {
                table::push_separator(&mut out, width);
            }
            if out.len() > limit {
                break;
            }
        }
        out
    }
}
