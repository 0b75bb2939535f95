//! Markdown, as it is.

use super::front_matter;
use crate::context::Context;
use crate::format::Format;
use crate::{ConvertError, Converted, Converter, DocumentKind, Input, charset};

pub(crate) const CONVERTER: Converter = Converter {
    name: "markdown",
    version: 1,
    run,
};

fn run(input: &Input<'_>, _: Format, _: &Context<'_>) -> Result<Converted, ConvertError> {
    let decoded = charset::decode(input, |_| None)?;
    let (settings, body) = front_matter::split(&decoded.text).unwrap_or(("", &decoded.text));
    let title = front_matter::title(settings).or_else(|| first_heading(body));
    Ok(Converted {
        markdown: decoded.text,
        kind: DocumentKind::Markdown,
        mime: "text/markdown",
        title,
        warnings: decoded.warnings,
        parts: Vec::new(),
    })
}

/// The text of the first heading, of either form, outside code blocks.
pub(super) fn first_heading(markdown: &str) -> Option<String> {
    let mut fence: Option<&str> = None;
    let mut above = "";
    for line in markdown.lines() {
        let text = line.trim();
        let is_indented_code = line.starts_with("    ") || line.starts_with('\t');
        let marker = ["```", "~~~"].into_iter().find(|marker| text.starts_with(marker));
        match (fence, marker) {
            (Some(open), Some(close)) if open == close => fence = None,
            (None, Some(open)) => fence = Some(open),
            _ => {}
        }
        if fence.is_some() || marker.is_some() || is_indented_code {
            above = "";
            continue;
        }
        if let Some(heading) = atx_heading(text) {
            return Some(heading.to_owned());
        }
        let is_underline =
            !text.is_empty() && ['=', '-'].iter().any(|c| text.chars().all(|other| other == *c));
        if is_underline && !above.is_empty() {
            return Some(above.to_owned());
        }
        let may_be_heading = !text.starts_with(['-', '*', '+', '>', '|', '<']) && !is_underline;
        above = if may_be_heading { text } else { "" };
    }
    None
}

/// The text of `## A heading ##`.
fn atx_heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    let is_heading = (1..=6).contains(&level) && text.starts_with([' ', '\t']);
    let text = text.trim().trim_end_matches('#').trim_end();
    (is_heading && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests;
