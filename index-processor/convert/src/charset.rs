//! From bytes to text: which charset a file is in, and what to do with bytes that do not fit it.
//!
//! The order: byte order mark; valid UTF-8, since hardly any text in another charset is valid UTF-8 by chance, whereas
//! pages with a wrong label are common; the label that the source or the file gives; a guess by `chardetng`. A text that
//! is UTF-8 but for a few broken places stays UTF-8: guessing would turn all of its other letters to rubbish.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_2022_JP, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE};

use crate::{ConvertError, Input};

/// Above this share of unreadable characters, the content is not text in the charset that was found.
const MAX_UNREADABLE_PERCENT: usize = 5;

/// At this many well-formed multi-byte sequences for each broken one, a text is taken for damaged UTF-8.
const DAMAGED_UTF8_RATIO: usize = 4;

/// Where a guess has seen enough, in bytes.
const GUESS_WINDOW: usize = 64 * 1024;

/// A file's text.
pub(super) struct Decoded {
    /// The text with `\n` line ends and no byte order mark.
    pub(super) text: String,
    /// What was guessed or replaced.
    pub(super) warnings: Vec<String>,
}

/// A text's charset as its first bytes tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wide {
    /// UTF-8 with a byte order mark.
    Utf8,
    /// UTF-16, little end first; the number of bytes that the mark takes.
    Utf16Le(usize),
    /// UTF-16, big end first.
    Utf16Be(usize),
    /// UTF-32, little end first.
    Utf32Le,
    /// UTF-32, big end first.
    Utf32Be,
}

/// Decodes the text of `input`. `label` finds the charset that the content itself declares, if any.
pub(super) fn decode(
    input: &Input<'_>,
    label: impl FnOnce(&[u8]) -> Option<&'static Encoding>,
) -> Result<Decoded, ConvertError> {
    let bytes = input.bytes;
    let mut warnings = Vec::new();
    let text = match wide(bytes) {
        Some(Wide::Utf8) => with_encoding(&bytes[3..], UTF_8, &mut warnings)?,
        Some(Wide::Utf16Le(mark)) => with_encoding(&bytes[mark..], UTF_16LE, &mut warnings)?,
        Some(Wide::Utf16Be(mark)) => with_encoding(&bytes[mark..], UTF_16BE, &mut warnings)?,
        Some(Wide::Utf32Le) => utf32(&bytes[4..], u32::from_le_bytes, &mut warnings)?.into(),
        Some(Wide::Utf32Be) => utf32(&bytes[4..], u32::from_be_bytes, &mut warnings)?.into(),
        None => unmarked(input, label, &mut warnings)?,
    };
    let text = unix_lines(text);
    if text.trim().is_empty() {
        return Err(ConvertError::empty());
    }
    Ok(Decoded { text, warnings })
}

/// Recognises a byte order mark, and UTF-16 without one by its pattern of NUL bytes.
pub(super) fn wide(bytes: &[u8]) -> Option<Wide> {
    match bytes {
        [0xEF, 0xBB, 0xBF, ..] => Some(Wide::Utf8),
        // Before UTF-16, whose mark it starts with. A UTF-16 text that starts with a NUL character is no text.
        [0xFF, 0xFE, 0, 0, ..] => Some(Wide::Utf32Le),
        [0, 0, 0xFE, 0xFF, ..] => Some(Wide::Utf32Be),
        [0xFF, 0xFE, ..] => Some(Wide::Utf16Le(2)),
        [0xFE, 0xFF, ..] => Some(Wide::Utf16Be(2)),
        _ => unmarked_utf16(bytes),
    }
}

/// Mostly Latin text in UTF-16 has a NUL in nearly every second byte, and none in the others.
fn unmarked_utf16(bytes: &[u8]) -> Option<Wide> {
    let sample = &bytes[..bytes.len().min(4096) & !1];
    if sample.len() < 4 || !bytes.len().is_multiple_of(2) {
        return None;
    }
    let pairs = sample.len() / 2;
    let (mut first, mut second) = (0, 0);
    for pair in sample.chunks_exact(2) {
        first += usize::from(pair[0] == 0);
        second += usize::from(pair[1] == 0);
    }
    match (first, second) {
        (0, nuls) if nuls * 4 >= pairs * 3 => Some(Wide::Utf16Le(0)),
        (nuls, 0) if nuls * 4 >= pairs * 3 => Some(Wide::Utf16Be(0)),
        _ => None,
    }
}

fn unmarked<'a>(
    input: &Input<'a>,
    label: impl FnOnce(&[u8]) -> Option<&'static Encoding>,
    warnings: &mut Vec<String>,
) -> Result<Cow<'a, str>, ConvertError> {
    let bytes = input.bytes;
    if let Ok(text) = std::str::from_utf8(bytes) {
        // ISO-2022-JP is ASCII with escape sequences, so it is valid UTF-8 too.
        if !bytes.contains(&0x1B) || guess(bytes) != ISO_2022_JP {
            return Ok(Cow::Borrowed(text));
        }
        return with_encoding(bytes, ISO_2022_JP, warnings);
    }
    let declared = input
        .content_type
        .and_then(charset_of_content_type)
        .or_else(|| label(bytes));
    if let Some(encoding) = declared.filter(|encoding| *encoding != UTF_8 && *encoding != REPLACEMENT) {
        return with_encoding(bytes, encoding, warnings);
    }
    if is_damaged_utf8(bytes) {
        return with_encoding(bytes, UTF_8, warnings);
    }
    let encoding = guess(bytes);
    warnings.push(format!(
        "the charset is not declared; it was read as {}",
        encoding.name()
    ));
    with_encoding(bytes, encoding, warnings)
}

/// The encoding in a `Content-Type` such as `text/html; charset=iso-8859-1`.
fn charset_of_content_type(content_type: &str) -> Option<&'static Encoding> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        Encoding::for_label(value.trim().trim_matches(['"', '\'']).as_bytes()).filter(|_| is_charset)
    })
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    // What tells charsets apart are the bytes above ASCII, which may come late in a file that is mostly ASCII.
    let from = bytes
        .iter()
        .position(|byte| !byte.is_ascii() || *byte == 0x1B)
        .unwrap_or(0);
    let window = &bytes[from..bytes.len().min(from.saturating_add(GUESS_WINDOW))];
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(window, true);
    detector.guess(None, Utf8Detection::Deny)
}

fn is_damaged_utf8(bytes: &[u8]) -> bool {
    let (mut whole, mut broken) = (0usize, 0usize);
    for chunk in bytes.utf8_chunks() {
        // Every character above ASCII has exactly one byte that starts it: 11xxxxxx.
        whole += chunk.valid().bytes().filter(|byte| *byte >= 0xC0).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    whole >= broken.saturating_mul(DAMAGED_UTF8_RATIO)
}

fn with_encoding<'a>(
    bytes: &'a [u8],
    encoding: &'static Encoding,
    warnings: &mut Vec<String>,
) -> Result<Cow<'a, str>, ConvertError> {
    let (text, damaged) = encoding.decode_without_bom_handling(bytes);
    if damaged {
        judge_replacements(&text, encoding.name(), warnings)?;
    }
    Ok(text)
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32, warnings: &mut Vec<String>) -> Result<String, ConvertError> {
    let (units, rest) = bytes.as_chunks::<4>();
    let mut damaged = !rest.is_empty();
    let mut text = String::with_capacity(units.len());
    for bytes in units {
        text.push(char::from_u32(unit(*bytes)).unwrap_or_else(|| {
            damaged = true;
            char::REPLACEMENT_CHARACTER
        }));
    }
    if damaged {
        judge_replacements(&text, "UTF-32", warnings)?;
    }
    Ok(text)
}

/// Turns replaced bytes into a warning or, when there are too many of them, into a refusal.
fn judge_replacements(text: &str, charset: &str, warnings: &mut Vec<String>) -> Result<(), ConvertError> {
    let replaced = text.matches(char::REPLACEMENT_CHARACTER).count();
    let characters = text.chars().count();
    if replaced * 100 > characters * MAX_UNREADABLE_PERCENT {
        return Err(ConvertError::unsupported(
            "binary_content",
            format!(
                "{replaced} of {characters} characters are not readable as {charset}, so the content is not text"
            ),
        ));
    }
    warnings.push(format!(
        "{replaced} places are not valid {charset} and were replaced"
    ));
    Ok(())
}

/// `\r\n` and lone `\r` become `\n`.
pub(crate) fn unix_lines(text: Cow<'_, str>) -> String {
    if !text.contains('\r') {
        return text.into_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut lines = text.split('\r');
    out.push_str(lines.next().unwrap_or_default());
    for line in lines {
        if !line.starts_with('\n') {
            out.push('\n');
        }
        out.push_str(line);
    }
    out
}

#[cfg(test)]
mod tests;
