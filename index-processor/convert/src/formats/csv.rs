//! Comma-separated values, whatever separates them, as a GitHub table: one record per line, the header in the first two.
//!
//! `docs/decisions/csv-as-markdown.md` says why. Rows may be ragged: short ones stay short, which GitHub tables allow and
//! which keeps the output linear in the input; the header is widened to the longest row, so that no cell falls outside.

mod dialect;

use csv::StringRecord;
use dialect::Dialect;

use super::text;
use crate::context::Context;
use crate::format::Format;
use crate::{ConvertError, Converted, Converter, DocumentKind, Input, charset, names};

pub(crate) const CONVERTER: Converter = Converter {
    name: "csv",
    version: 1,
    run,
};

fn run(input: &Input<'_>, _: Format, _: &Context<'_>) -> Result<Converted, ConvertError> {
    let charset::Decoded { text, mut warnings } = charset::decode(input, |_| None)?;
    let extension = names::extension(input.name)
        .unwrap_or_default()
        .to_ascii_lowercase();
    let promised = match extension.as_str() {
        "tsv" | "tab" => b'\t',
        "psv" => b'|',
        _ => b',',
    };
    let Some(dialect) = Dialect::sniff(&text, promised) else {
        return Ok(text::kept_as_text(
            text,
            warnings,
            "indexed as plain text: no columns were found".to_owned(),
        ));
    };
    if !dialect.quoted {
        warnings.push("quotation marks do not pair up; they were taken as plain characters".to_owned());
    }
    let table = table(dialect.body(&text), dialect)
        .map_err(|error| ConvertError::failed("invalid_csv", error.to_string()))?;
    let mime = if dialect.delimiter == b'\t' {
        "text/tab-separated-values"
    } else {
        "text/csv"
    };
    Ok(Converted {
        markdown: table,
        kind: DocumentKind::Csv,
        mime,
        title: None,
        warnings,
        parts: Vec::new(),
    })
}

fn table(text: &str, dialect: Dialect) -> Result<String, csv::Error> {
    // The records are read twice, as the header must be as wide as the widest of them.
    let mut record = StringRecord::new();
    let mut reader = dialect.reader(text);
    let mut width = 0;
    while reader.read_record(&mut record)? {
        width = width.max(record.len());
    }

    let mut reader = dialect.reader(text);
    let mut out = String::with_capacity(text.len() + text.len() / 2);
    if !reader.read_record(&mut record)? {
        return Ok(out);
    }
    if is_header(&record) {
        let unnamed = width - record.len();
        push_row(&mut out, record.iter().chain(std::iter::repeat_n("", unnamed)));
        push_row(&mut out, std::iter::repeat_n("---", width));
    } else {
        let names: Vec<String> = (1..=width).map(|number| format!("column {number}")).collect();
        push_row(&mut out, names.iter().map(String::as_str));
        push_row(&mut out, std::iter::repeat_n("---", width));
        push_row(&mut out, record.iter());
    }
    while reader.read_record(&mut record)? {
        // A line of nothing but delimiters, as spreadsheets write at the end.
        if record.iter().any(|cell| !cell.trim().is_empty()) {
            push_row(&mut out, record.iter());
        }
    }
    Ok(out)
}

/// Does the first record name the columns? Names are not numbers, and at least half of the columns have one.
fn is_header(record: &StringRecord) -> bool {
    let named = record.iter().filter(|cell| !cell.trim().is_empty()).count();
    named * 2 >= record.len() && !record.iter().any(|cell| cell.trim().parse::<f64>().is_ok())
}

fn push_row<'a>(out: &mut String, cells: impl Iterator<Item = &'a str>) {
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
    while let Some(at) = rest.find(['|', '\n']) {
        out.push_str(&rest[..at]);
        out.push_str(if rest.as_bytes()[at] == b'|' {
            "\\|"
        } else {
            "<br>"
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests;
