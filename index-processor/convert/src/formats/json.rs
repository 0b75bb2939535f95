//! JSON: kept when somebody has laid it out, laid out otherwise, so that a chunk shows whole lines.
//!
//! The text is never rebuilt from parsed values: laying out only moves white space, so that big numbers keep their
//! digits, strings their escapes, and objects their order and repeated keys.

use super::text;
use crate::context::Context;
use crate::format::Format;
use crate::{ConvertError, Converted, Converter, DocumentKind, Input, charset};

mod layout;

pub(crate) const CONVERTER: Converter = Converter {
    name: "json",
    version: 1,
    run,
};

/// Deeper nesting is kept as text: `serde_json`, which cuts JSON into chunks, stops there.
const MAX_DEPTH: usize = 127;

/// A longer line is laid out anew, in bytes.
const MAX_LINE: usize = 400;

fn run(input: &Input<'_>, format: Format, _: &Context<'_>) -> Result<Converted, ConvertError> {
    let charset::Decoded { text, warnings } = charset::decode(input, |_| None)?;
    match check(&text) {
        Ok(Shape::Document) => {
            let markdown = if is_laid_out(&text) {
                None
            } else {
                layout::laid_out(&text)
            };
            Ok(json(markdown.unwrap_or(text), "application/json", warnings))
        }
        Ok(Shape::Lines) => Ok(json(text, "application/x-ndjson", warnings)),
        Err(why) => {
            let what = if format == Format::JsonLines {
                "JSON lines"
            } else {
                "JSON"
            };
            Ok(text::kept_as_text(
                text,
                warnings,
                format!("indexed as plain text: {what}: {why}"),
            ))
        }
    }
}

fn json(markdown: String, mime: &'static str, warnings: Vec<String>) -> Converted {
    Converted {
        markdown,
        kind: DocumentKind::Json,
        mime,
        title: None,
        warnings,
        parts: Vec::new(),
    }
}

enum Shape {
    /// One value.
    Document,
    /// One value per line.
    Lines,
}

/// Decides what the text is from the text alone, as a `.json` file may hold lines and a `.jsonl` file one document.
fn check(text: &str) -> Result<Shape, String> {
    if layout::depth(text) > MAX_DEPTH {
        return Err(format!("it is nested more than {MAX_DEPTH} levels deep"));
    }
    // `IgnoredAny` reads without recursion, and builds nothing.
    let Err(whole) = serde_json::from_str::<serde::de::IgnoredAny>(text) else {
        return Ok(Shape::Document);
    };
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    let is_lines = text.trim().contains('\n')
        && lines.peek().is_some()
        && lines.all(|line| serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok());
    if is_lines {
        Ok(Shape::Lines)
    } else {
        Err(whole.to_string())
    }
}

fn is_laid_out(text: &str) -> bool {
    text.trim_end().contains('\n') && text.lines().all(|line| line.len() <= MAX_LINE)
        || text.len() <= layout::INLINE_WIDTH
}

#[cfg(test)]
mod tests;
