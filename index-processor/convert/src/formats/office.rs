//! Word, PowerPoint and Excel: documents and slides by `undoc`, workbooks of today by `calamine`'s stream of cells.
//!
//! `docs/decisions/office.md` says why there are two, and what is done here beside them.

mod equations;
mod number_format;
mod slides;
mod word;
mod workbook;

use super::markdown;
use super::package::Package;
use crate::context::Context;
use crate::format::Format;
use crate::tidy::Builder;
use crate::{ConvertError, Converted, Converter, DocumentKind, Input};

pub(crate) const CONVERTER: Converter = Converter {
    name: "office",
    version: 1,
    run,
};

fn run(input: &Input<'_>, format: Format, context: &Context<'_>) -> Result<Converted, ConvertError> {
    let bytes = input.bytes;
    let (what, mime) = match format {
        Format::Pptx => (
            "PowerPoint file",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ),
        Format::Xlsx => (
            "Excel file",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
        Format::Doc => ("Word file", "application/msword"),
        Format::Ppt => ("PowerPoint file", "application/vnd.ms-powerpoint"),
        Format::Xls => ("Excel file", "application/vnd.ms-excel"),
        _ => (
            "Word file",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
    };
    let mut made = Made {
        builder: Builder::new(),
        title: None,
        warnings: Vec::new(),
        what,
    };
    if !matches!(format, Format::Doc | Format::Ppt | Format::Xls) {
        Package::open(bytes, what)?.count_all(context)?;
    }
    match format {
        Format::Xlsx => workbook::convert(bytes, context, &mut made)?,
        Format::Pptx => slides::convert(bytes, context, &mut made)?,
        _ => word::convert(bytes, context, &mut made)?,
    }
    let (markdown, parts) = made.builder.finish();
    let title = match format {
        // The first heading is the name of a sheet.
        Format::Xlsx | Format::Xls => made.title,
        _ => made.title.or_else(|| markdown::first_heading(&markdown)),
    };
    Ok(Converted {
        markdown,
        kind: DocumentKind::Office,
        mime,
        title,
        warnings: made.warnings,
        parts,
    })
}

/// What a conversion has made so far.
struct Made {
    builder: Builder,
    title: Option<String>,
    warnings: Vec<String>,
    /// The kind of file, for people.
    what: &'static str,
}

#[cfg(test)]
mod tests;
