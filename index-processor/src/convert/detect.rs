//! What a file is: content first, then name, then what the source says of it.
//!
//! Content that reads as text is text, whatever two-byte signature it happens to start with; only a handful of formats
//! that are written in text but are not for reading (PDF, RTF, PostScript) are recognised by signature all the same.
//! Among texts the name decides, except that a file which starts as an HTML document is one under any name that does not
//! promise source code or Markdown.

use file_format::{FileFormat, Kind};

use super::names::{self, Named};
use super::{ConvertError, Format, Input, charset};

/// Above this share of control characters, content is not text. Random bytes have 10 %.
const MAX_CONTROL_PERCENT: usize = 2;

/// How far into a file an HTML document may begin, behind comments and white space, in bytes.
const HTML_WINDOW: usize = 1024;

/// Decides the format.
pub(super) fn detect(input: &Input<'_>) -> Result<Format, ConvertError> {
    let bytes = input.bytes;
    if bytes.trim_ascii().is_empty() {
        return Err(ConvertError::empty());
    }
    let named = names::by_name(input.name);
    if charset::wide(bytes).is_none() {
        let signature = signature(bytes);
        if let Some(why) = not_text(bytes) {
            return Err(refuse_binary(input, signature, named, why));
        }
        if written_in_text(signature) {
            return Err(unsupported(signature_name(&signature)));
        }
    }
    if let Some(Named::Refused(what)) = named {
        return Err(unsupported(what));
    }
    Ok(text_format(input, named))
}

/// The format that the first bytes tell. A damaged container is still one.
fn signature(bytes: &[u8]) -> FileFormat {
    match FileFormat::from_bytes(bytes) {
        FileFormat::ArbitraryBinaryData if bytes.starts_with(b"PK\x03\x04") => FileFormat::Zip,
        FileFormat::ArbitraryBinaryData if bytes.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1") => {
            FileFormat::CompoundFileBinary
        }
        signature => signature,
    }
}

fn text_format(input: &Input<'_>, named: Option<Named>) -> Format {
    let by_name = match named {
        Some(Named::Known(format)) => Some(format),
        Some(Named::Refused(_)) | None => None,
    };
    match by_name {
        Some(Format::Text(_)) | None if starts_as_html(input.bytes) => Format::Html,
        Some(format) => format,
        None => names::by_shebang(input.bytes)
            .or_else(|| input.content_type.and_then(names::by_content_type))
            .unwrap_or(names::TEXT),
    }
}

/// Why the bytes are not text; `None` when they may be.
fn not_text(bytes: &[u8]) -> Option<&'static str> {
    if bytes.contains(&0) {
        return Some("it has NUL bytes");
    }
    let controls = bytes.iter().filter(|byte| is_odd_control(**byte)).count();
    (controls * 100 > bytes.len() * MAX_CONTROL_PERCENT).then_some("it has many control characters")
}

/// A control character that text does not have. Escape, bell and backspace are in captured terminal output, and escape
/// in ISO-2022-JP.
fn is_odd_control(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x07 | 0x08 | 0x0B | 0x0C | 0x1B) || byte == 0x7F
}

/// Formats made of printable characters that are not for reading.
fn written_in_text(signature: FileFormat) -> bool {
    matches!(
        signature,
        FileFormat::PortableDocumentFormat
            | FileFormat::RichTextFormat
            | FileFormat::Postscript
            | FileFormat::EncapsulatedPostscript
    )
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

/// The refusal of content that is not text.
fn refuse_binary(
    input: &Input<'_>,
    signature: FileFormat,
    named: Option<Named>,
    why: &'static str,
) -> ConvertError {
    let extension = names::extension(input.name)
        .unwrap_or_default()
        .to_ascii_lowercase();
    match (signature, extension.as_str()) {
        (FileFormat::MicrosoftWordDocument, _) | (FileFormat::CompoundFileBinary, "doc" | "dot") => {
            legacy("Word", "DOCX")
        }
        (FileFormat::MicrosoftExcelSpreadsheet, _) | (FileFormat::CompoundFileBinary, "xls" | "xlt") => {
            legacy("Excel", "XLSX")
        }
        (FileFormat::MicrosoftPowerpointPresentation, _)
        | (FileFormat::CompoundFileBinary, "ppt" | "pps") => legacy("PowerPoint", "PPTX"),
        (FileFormat::CompoundFileBinary, "docx" | "xlsx" | "pptx" | "docm" | "xlsm" | "pptm") => {
            ConvertError::Unsupported {
                code: "encrypted",
                reason: format!(
                    "this {} is protected with a password or damaged; save it without a password",
                    extension.to_ascii_uppercase()
                ),
            }
        }
        (FileFormat::CompoundFileBinary, "msg") => unsupported("Outlook message (MSG)"),
        (FileFormat::Zip, "epub") => unsupported("EPUB"),
        (FileFormat::ArbitraryBinaryData, _) => match named {
            Some(_) => ConvertError::Unsupported {
                code: "binary_content",
                reason: format!(
                    "the content is not text ({why}), although the name ends as that of a text file"
                ),
            },
            None => unsupported("binary file of unknown type"),
        },
        _ => match signature.kind() {
            Kind::Audio => recording("audio", signature),
            Kind::Video => recording("video", signature),
            // Containers of audio and video, whichever of them is inside.
            _ if matches!(
                signature,
                FileFormat::AdvancedSystemsFormat
                    | FileFormat::ExtensibleBinaryMetaLanguage
                    | FileFormat::Id3v2
                    | FileFormat::Mpeg4Part14
                    | FileFormat::OggMultiplexedMedia
                    | FileFormat::Realmedia
            ) =>
            {
                recording("audio or video", signature)
            }
            _ => unsupported(signature_name(&signature)),
        },
    }
}

fn signature_name(signature: &FileFormat) -> &str {
    signature.short_name().unwrap_or_else(|| signature.name())
}

fn unsupported(what: &str) -> ConvertError {
    ConvertError::Unsupported {
        code: "unsupported_type",
        reason: format!("{what} is not indexed by this build"),
    }
}

fn legacy(application: &str, modern: &str) -> ConvertError {
    ConvertError::Blocked {
        code: "legacy_office",
        reason: format!(
            "{application} files in the format of 1997 to 2003 are not indexed; save the file as {modern}"
        ),
    }
}

fn recording(what: &str, signature: FileFormat) -> ConvertError {
    ConvertError::Blocked {
        code: "audio_video",
        reason: format!(
            "{what} ({}) is not indexed; provide a transcript as text",
            signature_name(&signature)
        ),
    }
}

#[cfg(test)]
mod tests;
