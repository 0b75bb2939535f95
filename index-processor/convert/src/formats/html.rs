//! HTML, by `html-to-markdown-rs`, with what that crate does not do: charsets, page furniture, and pages that are nested
//! too deep for it.
//!
//! One pass over the tags ([`page`]) measures the nesting, finds the title and cuts out scripts, styles and navigation.
//! The crate skips what is nested deeper than 1,024 elements, and its output for nested lists and quotations grows with
//! the square of their depth; a page past the limits below goes to [`plain`] instead, which keeps headings and paragraphs.

mod entities;
mod page;
mod plain;
mod tokens;

use std::panic::catch_unwind;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use html_to_markdown_rs::options::InlineDataMedia;
use html_to_markdown_rs::{ConversionOptions, WarningKind};
use page::Page;

use super::{markdown, text};
use crate::context::Context;
use crate::format::Format;
use crate::{ConvertError, Converted, Converter, DocumentKind, Input, charset};

pub(crate) const CONVERTER: Converter = Converter {
    name: "html",
    version: 1,
    run,
};

/// Deepest nesting of elements that the crate is given. It counts more of them than [`page`] does, by a factor of four
/// at most (`table`, `tbody`, `tr`, `td`), and skips what is deeper than 1,024.
const MAX_DEPTH: usize = 250;

/// Deepest nesting of lists and quotations: each level indents every line below it.
const MAX_INDENT: usize = 40;

/// How far into a page its charset may be declared, in bytes; browsers look at 1,024.
const CHARSET_WINDOW: usize = 4096;

fn run(input: &Input<'_>, _: Format, _: &Context<'_>) -> Result<Converted, ConvertError> {
    let charset::Decoded { text, mut warnings } = charset::decode(input, declared_charset)?;
    let page = Page::read(&text);
    let markdown = to_markdown(&page, &mut warnings);
    let title = page.title.clone().or_else(|| markdown::first_heading(&markdown));
    Ok(Converted {
        markdown,
        kind: DocumentKind::Html,
        mime: "text/html",
        title,
        warnings,
        parts: Vec::new(),
    })
}

fn to_markdown(page: &Page<'_>, warnings: &mut Vec<String>) -> String {
    let content = page.content();
    let markdown = if page.depth > MAX_DEPTH || page.indent > MAX_INDENT {
        Err("it is nested too deep".to_owned())
    } else {
        by_crate(&content)
    };
    let markdown = markdown.unwrap_or_else(|why| {
        warnings.push(format!(
            "tables, links and formatting were dropped from the page: {why}"
        ));
        without_break_hints(plain::text(&content))
    });
    if markdown.trim().is_empty() && page.has_navigation() {
        // A page of nothing but navigation, such as a site map, is worth finding.
        return without_break_hints(plain::text(page.source));
    }
    markdown
}

fn by_crate(html: &str) -> Result<String, String> {
    // The crate handles attacks well, but a bug in it must not cost more than the formatting of one page.
    let converted = catch_unwind(|| html_to_markdown_rs::convert(html, options()))
        .map_err(|_| "the converter crashed".to_owned())?
        .map_err(|error| error.to_string())?;
    let truncated = converted.warnings.iter().find(|warning| {
        matches!(
            warning.kind,
            WarningKind::DepthLimitExceeded | WarningKind::TruncatedInput
        )
    });
    match truncated {
        Some(warning) => Err(warning.message.clone()),
        None => Ok(without_break_hints(converted.content.unwrap_or_default())),
    }
}

/// Soft hyphens and zero-width spaces say where a word may be broken; left in, no search finds the word.
fn without_break_hints(mut markdown: String) -> String {
    let is_hint = |character| matches!(character, '\u{AD}' | '\u{200B}');
    if markdown.contains(is_hint) {
        markdown.retain(|character| !is_hint(character));
    }
    markdown
}

fn options() -> ConversionOptions {
    let mut options = ConversionOptions::builder()
        // The metadata would be a front matter that repeats on the first chunk what the title says.
        .extract_metadata(false)
        // Padding costs tokens and says nothing.
        .compact_tables(true)
        .inline_data_media(InlineDataMedia::AltTextOnly)
        .build();
    // Its clean-up drops forms, which hold whole pages on some sites, and anything with a class like "menu" or "sidebar".
    options.preprocessing.enabled = false;
    options
}

/// The charset in `<meta charset="…">`, `<meta http-equiv="Content-Type" content="…; charset=…">` or an XML declaration.
fn declared_charset(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(CHARSET_WINDOW)]).to_ascii_lowercase();
    let in_meta = head.split("<meta").skip(1).find_map(|meta| {
        let tag = &meta[..meta.find('>').unwrap_or(meta.len())];
        let (_, value) = tag.split_once("charset")?;
        let value = value
            .trim_start()
            .strip_prefix('=')?
            .trim_start()
            .trim_start_matches(['"', '\'']);
        let label = value.split(['"', '\'', ';', ' ', '/']).next()?;
        Encoding::for_label(label.as_bytes())
    });
    let encoding = in_meta.or_else(|| text::declared_in_xml(bytes))?;
    // The declaration was read as ASCII, so the page cannot be in UTF-16 (the HTML standard says the same).
    Some(if encoding == UTF_16LE || encoding == UTF_16BE {
        UTF_8
    } else {
        encoding
    })
}

#[cfg(test)]
mod tests;
