//! Poppler's programs: a second opinion on the text of a PDF, the size of its pages, and pictures of them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Instant;

use super::run::{Directory, Trouble};
use super::{Tools, document, lines, needed};
use crate::{ConvertError, Document, Input, Options, Part, Place, quality};

/// Raised whenever the outcome for any file may change with the same program.
pub(super) const VERSION: u32 = 1;

const PACKAGE: &str = "poppler-utils";

/// Most bytes that a description of the pages may have: some 50 for each.
const MAX_INFO: u64 = 16 << 20;

pub(super) fn text(
    tools: &Tools,
    input: &Input<'_>,
    options: &Options,
    deadline: Instant,
) -> Result<Document, ConvertError> {
    let program = needed(tools.pdftotext.as_ref(), PACKAGE)?;
    let directory = Directory::new(input.bytes)?;
    // Not `-layout`: it keeps columns side by side, and no sentence survives that.
    let arguments: [OsString; 6] = [
        "-q".into(),
        "-enc".into(),
        "UTF-8".into(),
        "-eol".into(),
        "unix".into(),
        directory.input().into(),
    ];
    let arguments = arguments.into_iter().chain(["-".into()]);
    let output = directory
        .run(program, arguments, options.max_output_bytes, deadline)
        .map_err(refusal)?;
    let text = String::from_utf8_lossy(&output);
    // A form feed ends each page.
    let text = text.strip_suffix('\u{C}').unwrap_or(&text);
    let pages = text.split('\u{C}').zip(1..).map(|(page, number)| {
        let text = paragraphs(page);
        let unread = quality::judge(&text).err();
        let text = if unread.is_some() { String::new() } else { text };
        let part = Part {
            start: 0,
            place: Place::page(number),
            unread,
        };
        (part, text)
    });
    Ok(document("poppler", "application/pdf", pages.collect()))
}

fn paragraphs(page: &str) -> String {
    let page = page.replace(['\u{AD}', '\u{200B}', '\0'], "");
    let paragraphs = page.split("\n\n").map(|paragraph| lines::join(paragraph.lines()));
    paragraphs
        .filter(|paragraph| !paragraph.is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// The longer edge of each page, in points of 1/72 inch, by its number.
pub(super) fn pages(
    tools: &Tools,
    directory: &Directory,
    deadline: Instant,
) -> Result<BTreeMap<u32, f64>, ConvertError> {
    let program = needed(tools.pdfinfo.as_ref(), PACKAGE)?;
    let arguments: [OsString; 5] = [
        "-f".into(),
        "1".into(),
        "-l".into(),
        i32::MAX.to_string().into(),
        directory.input().into(),
    ];
    let output = directory
        .run(program, arguments, MAX_INFO, deadline)
        .map_err(refusal)?;
    let said = String::from_utf8_lossy(&output);
    let pages: BTreeMap<u32, f64> = said.lines().filter_map(page_size).collect();
    if pages.is_empty() {
        return Err(ConvertError::corrupt("PDF", "it has no pages"));
    }
    Ok(pages)
}

/// Reads `Page    3 size:  612 x 792 pts (letter)`.
fn page_size(line: &str) -> Option<(u32, f64)> {
    let mut words = line.strip_prefix("Page ")?.split_whitespace();
    let number = words.next()?.parse().ok()?;
    if words.next()? != "size:" {
        return None;
    }
    let width: f64 = words.next()?.parse().ok()?;
    let height: f64 = words.nth(1)?.parse().ok()?;
    Some((number, width.max(height)))
}

/// How large a page is drawn.
#[derive(Clone, Copy)]
pub(super) enum Size {
    /// In colour, so many pixels on the longer edge.
    LongerEdge(u32),
    /// In shades of grey, in dots per inch.
    Resolution(u32),
}

/// Draws a page; returns where the PNG is.
pub(super) fn draw(
    tools: &Tools,
    directory: &Directory,
    page: u32,
    size: Size,
    deadline: Instant,
) -> Result<PathBuf, ConvertError> {
    let program = needed(tools.pdftoppm.as_ref(), PACKAGE)?;
    let page = page.to_string();
    let mut arguments: Vec<OsString> = ["-q", "-png", "-singlefile", "-f", &page, "-l", &page]
        .map(OsString::from)
        .to_vec();
    match size {
        Size::LongerEdge(pixels) => arguments.extend(["-scale-to".into(), pixels.to_string().into()]),
        Size::Resolution(dots) => arguments.extend(["-gray".into(), "-r".into(), dots.to_string().into()]),
    }
    let path = directory.path("page");
    arguments.extend([directory.input().into(), path.clone().into()]);
    directory
        .run(program, arguments, MAX_INFO, deadline)
        .map_err(refusal)?;
    let path = path.with_extension("png");
    if !path.is_file() {
        return Err(ConvertError::failed(
            "no_such_page",
            format!("there is no page {page} that can be drawn"),
        ));
    }
    Ok(path)
}

fn refusal(trouble: Trouble) -> ConvertError {
    match trouble {
        Trouble::Failed(said) if said.contains("Incorrect password") => {
            ConvertError::password_protected("PDF")
        }
        Trouble::Failed(said) if said.contains("Wrong page range") => {
            ConvertError::failed("no_such_page", "there is no such page")
        }
        Trouble::Failed(said) => {
            let last = said.lines().last().unwrap_or(&said).to_owned();
            ConvertError::corrupt("PDF", last)
        }
        other => other.into(),
    }
}
