//! Rich Text Format, read in one pass without recursion: groups are a stack of states.
//!
//! [`reader`] follows groups, destinations and characters; [`layout`] puts paragraphs, lists and tables together.

mod codepage;
mod layout;
mod reader;
mod tokens;

use super::markdown;
use crate::context::Context;
use crate::format::Format;
use crate::tidy::Builder;
use crate::{ConvertError, Converted, Converter, DocumentKind, Input};

pub(crate) const CONVERTER: Converter = Converter {
    name: "rtf",
    version: 1,
    run,
};

fn run(input: &Input<'_>, _: Format, context: &Context<'_>) -> Result<Converted, ConvertError> {
    let bytes = input.bytes.trim_ascii_start();
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if !bytes.starts_with(b"{\\rtf") {
        return Err(ConvertError::corrupt("RTF file", "it does not start with {\\rtf"));
    }
    let read = reader::read(bytes);
    context.output(read.markdown.len())?;
    let mut builder = Builder::new();
    builder.block(&read.markdown);
    let (markdown, parts) = builder.finish();
    let title = read.title.or_else(|| markdown::first_heading(&markdown));
    let mut warnings = Vec::new();
    if !read.is_whole {
        warnings.push("the file ends early; what there is was read".to_owned());
    }
    Ok(Converted {
        markdown,
        kind: DocumentKind::Office,
        mime: "application/rtf",
        title,
        warnings,
        parts,
    })
}

#[cfg(test)]
mod tests;
