//! PDF, by `unpdf`, with what that crate leaves to its caller: a header that is not at the first byte, running headers and
//! footers, pages that crash the parser, and the decision which pages have not really been read.
//!
//! A page is a part of the document. Whatever is wrong with one is said on that part, so that OCR or a model can be asked
//! for that page alone; the text of the others stands.

mod furniture;
mod joined;
mod pages;
mod scan;

use pages::Reading;

use super::markdown;
use crate::context::Context;
use crate::format::Format;
use crate::{ConvertError, Converted, Converter, DocumentKind, Input, Part, Place, Unread};

pub(crate) const CONVERTER: Converter = Converter {
    name: "pdf",
    version: 1,
    run,
};

/// How far into a file its header may be, in bytes, as in Adobe's own viewer.
const HEADER_WINDOW: usize = 1024;

fn run(input: &Input<'_>, _: Format, context: &Context<'_>) -> Result<Converted, ConvertError> {
    let limit = usize::try_from(context.options.max_output_bytes).unwrap_or(usize::MAX);
    let mut reading = pages::read(from_header(input.bytes), limit)?;
    furniture::remove(&mut reading.pages);
    Ok(put_together(reading))
}

/// The document without what is before its header: offsets in it count from there.
fn from_header(bytes: &[u8]) -> &[u8] {
    const HEADER: &[u8] = b"%PDF-";
    let window = &bytes[..bytes.len().min(HEADER_WINDOW + HEADER.len())];
    match window.windows(HEADER.len()).position(|piece| piece == HEADER) {
        Some(at) => &bytes[at..],
        None => bytes,
    }
}

fn put_together(reading: Reading) -> Converted {
    let cleaner = pages::Cleaner::new();
    let mut text = String::new();
    let mut parts = Vec::with_capacity(reading.pages.len());
    for mut page in reading.pages {
        let blocks = joined::join(std::mem::take(&mut page.blocks));
        let content = cleaner.clean(&blocks.concat());
        let unread = scan::judge(&page.facts, &content);
        let is_rubbish = unread.as_ref().is_some_and(|unread| !scan::may_keep_text(unread));
        parts.push(Part {
            start: start_paragraph(&mut text),
            place: Place::page(page.number),
            unread,
        });
        if !is_rubbish {
            text.push_str(&content);
        }
    }
    if !reading.fields.is_empty() {
        // What was filled in belongs to no page: the fields do not say where they are.
        parts.push(Part {
            start: start_paragraph(&mut text),
            place: Place::default(),
            unread: None,
        });
        text.push_str(&reading.fields);
    }
    if let Some(reason) = reading.missing {
        parts.push(Part {
            start: text.len(),
            place: Place::default(),
            unread: Some(Unread {
                code: "pages_missing".to_owned(),
                reason,
            }),
        });
    }
    text.truncate(text.trim_end().len());
    for part in &mut parts {
        part.start = part.start.min(text.len());
    }
    let title = reading.title.or_else(|| markdown::first_heading(&text));
    Converted {
        markdown: text,
        kind: DocumentKind::Office,
        mime: "application/pdf",
        title,
        warnings: reading.warnings,
        parts,
    }
}

/// Ends the paragraph before, if there is any; returns where the next one starts.
fn start_paragraph(text: &mut String) -> usize {
    text.truncate(text.trim_end().len());
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    text.len()
}

#[cfg(test)]
mod tests;
