//! Workbooks: every sheet a table under its name, values as the number formats show them.
//!
//! Cells come as a stream and only those with a value are kept, so that neither a sheet of a million rows nor one with a
//! single value in its last corner takes more than it holds. Rows and columns without any value are left out.

use std::io::Cursor;

use calamine::{DataRef, Reader, SheetType, SheetVisible, Xlsx, XlsxError};

use super::Made;
use super::number_format::NumberFormat;
use crate::context::Context;
use crate::formats::table;
use crate::{ConvertError, Place};

pub(super) fn convert(bytes: &[u8], context: &Context<'_>, made: &mut Made) -> Result<(), ConvertError> {
    let what = made.what;
    let mut workbook = Xlsx::new(Cursor::new(bytes)).map_err(|error| refused(what, &error))?;
    let is_1904 = workbook.has_1904_epoch();
    let sheets = workbook.sheets_metadata().to_vec();
    let mut formats: Option<Vec<NumberFormat>> = None;
    for sheet in sheets {
        if !matches!(sheet.typ, SheetType::WorkSheet) || matches!(sheet.visible, SheetVisible::VeryHidden) {
            continue;
        }
        let place = Place::sheet(&sheet.name);
        match read(&mut workbook, &sheet.name, &mut formats, is_1904, context) {
            Ok(cells) => {
                made.builder.part(place);
                made.builder.block(&format!("## {}", sheet.name));
                let limit = context.options.max_output_bytes as usize;
                made.builder.block(&cells.markdown(limit));
                context.output(made.builder.len())?;
            }
            Err(Unreadable::Sheet(XlsxError::NotAWorksheet(_))) => {}
            Err(Unreadable::Sheet(error)) => made.builder.failed(place, &refused("sheet", &error)),
            Err(Unreadable::File(error)) => return Err(error),
        }
    }
    Ok(())
}

fn refused(what: &str, error: &XlsxError) -> ConvertError {
    match error {
        XlsxError::Password => ConvertError::password_protected(what),
        error => ConvertError::corrupt(what, error),
    }
}

enum Unreadable {
    /// This sheet; there may be others.
    Sheet(XlsxError),
    /// The file is over a limit.
    File(ConvertError),
}

fn read(
    workbook: &mut Xlsx<Cursor<&[u8]>>,
    name: &str,
    formats: &mut Option<Vec<NumberFormat>>,
    is_1904: bool,
    context: &Context<'_>,
) -> Result<Cells, Unreadable> {
    let mut reader = workbook.worksheet_cells_reader(name).map_err(Unreadable::Sheet)?;
    let formats = formats.get_or_insert_with(|| {
        let styles = reader.styles().iter();
        styles
            .map(|style| match &style.number_format {
                Some(format) => NumberFormat::of(format.format_id, &format.format_code),
                None => NumberFormat::general(),
            })
            .collect()
    });
    let general = NumberFormat::general();
    let mut cells = Cells::default();
    let mut cell = String::new();
    while let Some((found, style)) = reader.next_cell_with_style_id().map_err(Unreadable::Sheet)? {
        let format = formats.get(style).unwrap_or(&general);
        cell.clear();
        match found.get_value() {
            DataRef::Empty => continue,
            DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
                cell.push_str(text)
            }
            DataRef::SharedString(text) => cell.push_str(text),
            DataRef::Bool(true) => cell.push_str("TRUE"),
            DataRef::Bool(false) => cell.push_str("FALSE"),
            DataRef::Error(error) => cell.push_str(&error.to_string()),
            DataRef::Int(number) => format.push(&mut cell, *number as f64, is_1904),
            DataRef::Float(number) => format.push(&mut cell, *number, is_1904),
            DataRef::DateTime(date) => format.push(&mut cell, date.as_f64(), is_1904),
        }
        let (row, column) = found.get_position();
        cells.push(row, column, cell.trim());
        // Each cell comes with a bar and spaces.
        context
            .output(cells.text.len() + 3 * cells.cells.len())
            .map_err(Unreadable::File)?;
    }
    Ok(cells)
}

/// The cells of a sheet that have a value.
#[derive(Default)]
pub(in crate::formats) struct Cells {
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
    pub(in crate::formats) fn push(&mut self, row: u32, column: u32, text: &str) {
        if !text.is_empty() {
            self.text.push_str(text);
            let end = self.text.len();
            self.cells.push(Cell { row, column, end });
        }
    }

    /// The sheet as a table. What stands above it, one value to a row, is its title and legend. It ends early once it is
    /// longer than `limit`.
    pub(in crate::formats) fn markdown(&self, limit: usize) -> String {
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
