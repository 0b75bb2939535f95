//! Which text a text is.

use crate::Input;
use crate::format::Format;
use crate::names::{self, Named};

/// How far into a file an HTML document may begin, behind comments and white space, in bytes.
const HTML_WINDOW: usize = 1024;

/// How much of a file is looked at for the headers of a message, in bytes.
const HEADER_WINDOW: usize = 4096;

/// Headers that every message has some of, in lower case.
const HEADERS: [&str; 9] = [
    "from",
    "to",
    "date",
    "subject",
    "message-id",
    "mime-version",
    "received",
    "return-path",
    "delivered-to",
];

/// The format of a text.
pub(super) fn format(input: &Input<'_>, named: Option<Named>) -> Format {
    let by_name = match named {
        Some(Named::Known(format)) => Some(format),
        Some(Named::Refused(_)) | None => None,
    };
    match by_name {
        Some(Format::Text(_) | Format::Xml) | None if starts_as_html(input.bytes) => Format::Html,
        Some(Format::Eml) if headers(input.bytes) > 0 => Format::Eml,
        Some(Format::Text("text/plain")) | None if headers(input.bytes) >= 3 => Format::Eml,
        // OpenDocument in one XML file.
        Some(format @ (Format::Odt | Format::Odp | Format::Ods)) if is_flat_open_document(input.bytes) => {
            format
        }
        Some(format)
            if format.is_plain() || matches!(format, Format::Html | Format::Notebook | Format::Xml) =>
        {
            format
        }
        // A name that promises something else than text, and text.
        Some(_) if starts_as_html(input.bytes) => Format::Html,
        Some(_) | None if starts_as_xml(input.bytes) => Format::Xml,
        Some(_) | None => names::by_shebang(input.bytes)
            .or_else(|| input.content_type.and_then(names::by_content_type))
            .unwrap_or(names::TEXT),
    }
}

/// How many different headers of a message the text starts with.
fn headers(bytes: &[u8]) -> usize {
    let window = &bytes[..bytes.len().min(HEADER_WINDOW)];
    let mut found = [false; HEADERS.len()];
    for (number, line) in window.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            break;
        }
        // A header goes on in lines that start with white space; mailboxes start with a line of their own.
        if line[0].is_ascii_whitespace() || (number == 0 && line.starts_with(b"From ")) {
            continue;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return 0;
        };
        let name = &line[..colon];
        if name.is_empty()
            || !name
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        {
            return 0;
        }
        let known = HEADERS
            .iter()
            .position(|header| header.as_bytes().eq_ignore_ascii_case(name));
        if let Some(at) = known {
            found[at] = true;
        }
    }
    found.into_iter().filter(|found| *found).count()
}

fn is_flat_open_document(bytes: &[u8]) -> bool {
    let window = &bytes[..bytes.len().min(HEADER_WINDOW)];
    window.windows(16).any(|window| window == b"<office:document")
}

fn starts_as_xml(bytes: &[u8]) -> bool {
    bytes
        .strip_prefix(b"\xEF\xBB\xBF")
        .unwrap_or(bytes)
        .trim_ascii_start()
        .starts_with(b"<?xml")
}

/// Does the text start as an HTML document: a `<!DOCTYPE html` or `<html` behind white space, comments and an XML
/// declaration?
fn starts_as_html(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut rest = &bytes[..bytes.len().min(HTML_WINDOW)];
    loop {
        rest = rest.trim_ascii_start();
        let end: &[u8] = if rest.starts_with(b"<!--") {
            b"-->"
        } else if rest.starts_with(b"<?xml") {
            b"?>"
        } else {
            let starts_with = |tag: &[u8]| {
                rest.get(..tag.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(tag))
            };
            return starts_with(b"<!doctype html") || starts_with(b"<html>") || starts_with(b"<html ");
        };
        let Some(at) = rest.windows(end.len()).position(|window| window == end) else {
            return false;
        };
        rest = &rest[at + end.len()..];
    }
}
