//! What a file is: content first, then name, then what the source says of it.
//!
//! Content that reads as text is text, whatever two-byte signature it happens to start with; only a handful of formats
//! that are written in text but are not for reading (PDF, RTF, PostScript) are recognised by signature all the same.
//! Among texts the name decides, except that a file which starts as an HTML document is one under any name that does not
//! promise source code or Markdown, and that a message is one under any name if its first lines are headers.

mod binary;
mod compound;
mod text;

use file_format::FileFormat;

use crate::format::{FileType, Format};
use crate::names::{self, Named};
use crate::{ConvertError, Input, charset};

pub(crate) use binary::{no_converter, refuse_blocked};

/// Above this share of control characters, content is not text. Random bytes have 10 %.
const MAX_CONTROL_PERCENT: usize = 2;

/// How far into a file the header of a PDF may be, in bytes (PDF 32000-1, implementation note 13).
const PDF_WINDOW: usize = 1024;

/// What is looked at for a signature of text, in bytes.
const SIGNATURE_WINDOW: usize = 4096;

/// Decides the format.
pub(crate) fn detect(input: &Input<'_>) -> Result<Format, ConvertError> {
    let bytes = input.bytes;
    if bytes.trim_ascii().is_empty() {
        return Err(ConvertError::empty());
    }
    let named = names::by_name(input.name);
    if charset::wide(bytes).is_none() {
        if let Some(format) = by_first_bytes(input, named) {
            return Ok(format);
        }
        if let Some(why) = not_text(bytes) {
            return binary::format(input, named, why);
        }
        let signature = FileFormat::from_bytes(&bytes[..bytes.len().min(SIGNATURE_WINDOW)]);
        if matches!(
            signature,
            FileFormat::Postscript | FileFormat::EncapsulatedPostscript
        ) {
            return Err(binary::unsupported_signature(signature));
        }
    }
    if let Some(Named::Refused(what, instead)) = named {
        return Err(binary::unsupported(what, instead));
    }
    Ok(text::format(input, named))
}

/// The format of a file that is plain text, found without looking into any container; `None` for everything else.
pub(crate) fn plain(input: &Input<'_>) -> Option<Format> {
    let bytes = input.bytes;
    let is_text = charset::wide(bytes).is_some()
        || (!bytes.trim_ascii().is_empty()
            && !starts_otherwise(bytes)
            && by_first_bytes(input, names::by_name(input.name)).is_none()
            && not_text(bytes).is_none());
    let format = is_text.then(|| detect(input).ok()).flatten()?;
    format.is_plain().then_some(format)
}

/// Does it start as a format that is written in text?
fn starts_otherwise(bytes: &[u8]) -> bool {
    bytes.starts_with(b"%!PS") || bytes.starts_with(b"\xC5\xD0\xD3\xC6")
}

/// Formats that are written in text, in part, and are recognised by how they start.
fn by_first_bytes(input: &Input<'_>, named: Option<Named>) -> Option<Format> {
    let bytes = input.bytes;
    let window = &bytes[..bytes.len().min(PDF_WINDOW)];
    if bytes.starts_with(b"{\\rtf") {
        return Some(Format::Rtf);
    }
    // Its attachments may be sent as they are.
    if named == Some(Named::Known(Format::Eml)) && not_text(bytes).is_some() && text::headers(bytes) > 0 {
        return Some(Format::Eml);
    }
    let header = window.windows(5).position(|window| window == b"%PDF-")?;
    // Behind other bytes it may as well be a text about PDF.
    let is_pdf = header == 0
        || window[..header].trim_ascii().is_empty()
        || named == Some(Named::Known(Format::Pdf))
        || not_text(bytes).is_some();
    is_pdf.then_some(Format::Pdf)
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

#[cfg(test)]
mod tests;
