//! Spreadsheets: every sheet as a table, with the text that a cell shows. A cell or row may stand for millions like it.

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::WHAT;
use crate::context::Context;
use crate::formats::sheet::Cells;
use crate::tidy::Builder;
use crate::{ConvertError, Place};

/// The most columns that a spreadsheet has, and so how often a cell may repeat.
const MAX_COLUMNS: u32 = 16_384;

/// How often the same row is worth repeating.
const MAX_SAME_ROWS: u32 = 1000;

pub(super) fn convert(
    content: &str,
    context: &Context<'_>,
    builder: &mut Builder,
    warnings: &mut Vec<String>,
) -> Result<(), ConvertError> {
    let mut reader = Reader::from_str(content);
    let mut sheet: Option<Sheet> = None;
    let mut state = Cell::default();
    // Elements within a cell whose text it does not show: comments, drawings.
    let mut aside = 0usize;
    let mut in_paragraph = 0usize;
    loop {
        let event = reader
            .read_event()
            .map_err(|error| ConvertError::corrupt(WHAT, error))?;
        match event {
            Event::Eof if sheet.is_some() => {
                return Err(ConvertError::corrupt(WHAT, "it ends within a sheet"));
            }
            Event::Eof => break,
            Event::Start(element) if aside > 0 || is_aside(&element) => aside += 1,
            Event::End(_) if aside > 0 => aside -= 1,
            _ if aside > 0 => {}
            Event::Start(element) => match element.local_name().as_ref() {
                "table" if sheet.is_none() => {
                    sheet = Some(Sheet::new(attribute(&element, "name").unwrap_or_default()))
                }
                "table-row" => {
                    if let Some(sheet) = &mut sheet {
                        sheet.start_row(&element);
                    }
                }
                "table-cell" | "covered-table-cell" => state = Cell::new(&element),
                "p" => {
                    if state.paragraphs > 0 {
                        state.text.push('\n');
                    }
                    state.paragraphs += 1;
                    in_paragraph += 1;
                }
                _ => {}
            },
            Event::Empty(element) => match element.local_name().as_ref() {
                "table-row" => {
                    if let Some(sheet) = &mut sheet {
                        sheet.start_row(&element);
                        sheet.end_row(context)?;
                    }
                }
                "table-cell" | "covered-table-cell" => {
                    if let Some(sheet) = &mut sheet {
                        sheet.push(&Cell::new(&element));
                    }
                }
                "s" | "tab" => state.text.push(' '),
                "line-break" => state.text.push('\n'),
                _ => {}
            },
            Event::End(element) => match element.local_name().as_ref() {
                "table" => {
                    if let Some(sheet) = sheet.take() {
                        if sheet.is_cut {
                            warnings.push(format!(
                                "rows of sheet {:?} that are the same were taken {MAX_SAME_ROWS} times",
                                sheet.name
                            ));
                        }
                        builder.part(Place::sheet(&sheet.name));
                        builder.block(&format!("## {}", sheet.name));
                        let limit = usize::try_from(context.options.max_output_bytes).unwrap_or(usize::MAX);
                        builder.block(&sheet.cells.markdown(limit));
                        context.output(builder.len())?;
                    }
                }
                "table-row" => {
                    if let Some(sheet) = &mut sheet {
                        sheet.end_row(context)?;
                    }
                }
                "table-cell" | "covered-table-cell" => {
                    if let Some(sheet) = &mut sheet {
                        sheet.push(&std::mem::take(&mut state));
                    }
                }
                "p" => in_paragraph = in_paragraph.saturating_sub(1),
                _ => {}
            },
            Event::Text(text) if in_paragraph > 0 => {
                state.text.push_str(&text);
            }
            Event::CData(text) if in_paragraph > 0 => state.text.push_str(&text),
            Event::GeneralRef(reference) if in_paragraph > 0 => {
                if let Ok(Some(character)) = reference.resolve_char_ref() {
                    state.text.push(character);
                } else if let Some(text) = quick_xml::escape::resolve_predefined_entity(&reference) {
                    state.text.push_str(text);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_aside(element: &BytesStart<'_>) -> bool {
    matches!(
        element.local_name().as_ref(),
        "annotation" | "shapes" | "frame" | "tracked-changes" | "forms" | "dde-links" | "content-validations"
    )
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = element
        .attributes()
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == name)?;
    let value = quick_xml::escape::unescape(&attribute.value).map(|value| value.into_owned());
    Some(value.unwrap_or_else(|_| attribute.value.to_string()))
}

fn repeated(element: &BytesStart<'_>, name: &str) -> u32 {
    let times = attribute(element, name)
        .and_then(|times| times.parse::<u64>().ok())
        .unwrap_or(1);
    u32::try_from(times).unwrap_or(u32::MAX).max(1)
}

struct Sheet {
    name: String,
    cells: Cells,
    row: u32,
    row_repeat: u32,
    column: u32,
    /// The cells of this row: their first column, how many columns show it, the text.
    current: Vec<(u32, u32, String)>,
    is_cut: bool,
}

impl Sheet {
    fn new(name: String) -> Self {
        Self {
            name,
            cells: Cells::default(),
            row: 0,
            row_repeat: 1,
            column: 0,
            current: Vec::new(),
            is_cut: false,
        }
    }

    fn start_row(&mut self, element: &BytesStart<'_>) {
        self.row_repeat = repeated(element, "number-rows-repeated");
        self.column = 0;
        self.current.clear();
    }

    fn push(&mut self, cell: &Cell) {
        let text = cell.shown();
        if !text.is_empty() && self.column < MAX_COLUMNS {
            let times = cell.repeat.min(MAX_COLUMNS - self.column);
            self.current.push((self.column, times, text));
        }
        self.column = self.column.saturating_add(cell.repeat);
    }

    fn end_row(&mut self, context: &Context<'_>) -> Result<(), ConvertError> {
        let rows = if self.current.is_empty() {
            0
        } else {
            self.row_repeat.min(MAX_SAME_ROWS)
        };
        self.is_cut |= rows > 0 && self.row_repeat > MAX_SAME_ROWS;
        for row in 0..rows {
            for (column, times, text) in &self.current {
                for column in *column..column + times {
                    self.cells.push(self.row.saturating_add(row), column, text);
                }
                context.output(self.cells.len())?;
            }
        }
        self.row = self.row.saturating_add(self.row_repeat);
        self.current.clear();
        self.row_repeat = 1;
        Ok(())
    }
}

#[derive(Default)]
struct Cell {
    repeat: u32,
    paragraphs: usize,
    /// What the cell shows.
    text: String,
    /// The value, for files that do not say how it is shown.
    value: Option<String>,
}

impl Cell {
    fn new(element: &BytesStart<'_>) -> Self {
        let value = [
            "string-value",
            "date-value",
            "time-value",
            "boolean-value",
            "value",
        ]
        .into_iter()
        .find_map(|name| attribute(element, name));
        Self {
            repeat: repeated(element, "number-columns-repeated"),
            paragraphs: 0,
            text: String::new(),
            value,
        }
    }

    fn shown(&self) -> String {
        let text = self.text.trim();
        if text.is_empty() && self.paragraphs == 0 {
            return self.value.as_deref().unwrap_or_default().trim().to_owned();
        }
        text.to_owned()
    }
}
