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
        Some(Named::Refused(..)) | None => None,
    };
    let bytes = input.bytes;
    let says_nothing = matches!(by_name, None | Some(Format::Text("text/plain")));
    match by_name {
        Some(Format::Text(_) | Format::Xml) | None if starts_as_html(bytes) => Format::Html,
        Some(Format::Eml) if headers(bytes) > 0 => Format::Eml,
        Some(Format::Msg) if headers(bytes) >= 3 => Format::Eml,
        _ if says_nothing && headers(bytes) >= 3 => Format::Eml,
        Some(Format::Json) | None if is_notebook(bytes) => Format::Notebook,
        Some(format) if format.is_plain() || matches!(format, Format::Html | Format::Notebook) => format,
        _ => flat_open_document(bytes).unwrap_or_else(|| unpromised(input, by_name)),
    }
}

/// The format of a text whose name promises something else, or nothing.
fn unpromised(input: &Input<'_>, by_name: Option<Format>) -> Format {
    let bytes = input.bytes;
    match by_name {
        Some(Format::Xml) => Format::Xml,
        Some(_) if starts_as_html(bytes) => Format::Html,
        _ if starts_as_xml(bytes) => Format::Xml,
        // Programs export tables as text under the name of a spreadsheet.
        Some(Format::Xls | Format::Xlsx | Format::Ods) => Format::Csv,
        _ => names::by_shebang(bytes)
            .or_else(|| input.content_type.and_then(names::by_content_type))
            .or_else(|| is_json(bytes).then_some(Format::Json))
            .unwrap_or(names::TEXT),
    }
}

/// Is it an object or array of JSON, or one on each of its first lines?
fn is_json(bytes: &[u8]) -> bool {
    let is_json = |bytes: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok();
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii();
    if !bytes.starts_with(b"{") && !bytes.starts_with(b"[") {
        return false;
    }
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or(bytes);
    // An array on a line of its own may as well be a heading of a settings file: `[section]` is no JSON, `[1]` is.
    is_json(bytes) || (first.len() < bytes.len() && first.starts_with(b"{") && is_json(first))
}

/// Does it have the fields of a notebook, which are at the start or, as Jupyter sorts them, at the end?
fn is_notebook(bytes: &[u8]) -> bool {
    let holds = |window: &[u8], key: &[u8]| window.windows(key.len()).any(|piece| piece == key);
    let start = &bytes[..bytes.len().min(HEADER_WINDOW)];
    let end = &bytes[bytes.len() - start.len()..];
    start.trim_ascii_start().starts_with(b"{")
        && (holds(start, b"\"nbformat\"") || holds(end, b"\"nbformat\""))
        && (holds(start, b"\"cells\"") || holds(start, b"\"worksheets\"") || holds(end, b"\"worksheets\""))
}

/// How many different headers of a message the text starts with.
pub(super) fn headers(bytes: &[u8]) -> usize {
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

/// Which document of OpenDocument it is, in one file of XML.
fn flat_open_document(bytes: &[u8]) -> Option<Format> {
    let window = &bytes[..bytes.len().min(HEADER_WINDOW)];
    let holds = |text: &[u8]| window.windows(text.len()).any(|piece| piece == text);
    if !window.trim_ascii_start().starts_with(b"<") || !holds(b"<office:document") {
        return None;
    }
    [
        (&b"application/vnd.oasis.opendocument.text"[..], Format::Odt),
        (b"application/vnd.oasis.opendocument.presentation", Format::Odp),
        (b"application/vnd.oasis.opendocument.spreadsheet", Format::Ods),
    ]
    .into_iter()
    .find(|(mime, _)| holds(mime))
    .map(|(_, format)| format)
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
