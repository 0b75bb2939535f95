//! Workbooks: every sheet a table under its name, values as the number formats show them.
//!
//! Cells come as a stream and only those with a value are kept, so that neither a sheet of a million rows nor one with a
//! single value in its last corner takes more than it holds. Rows and columns without any value are left out.

use std::io::Cursor;

use calamine::{DataRef, Reader, SheetType, SheetVisible, Xlsx, XlsxError};

use super::Made;
use super::number_format::NumberFormat;
use crate::context::Context;
use crate::formats::sheet::Cells;
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
                let limit = usize::try_from(context.options.max_output_bytes).unwrap_or(usize::MAX);
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
        context.output(cells.len()).map_err(Unreadable::File)?;
    }
    Ok(cells)
}
