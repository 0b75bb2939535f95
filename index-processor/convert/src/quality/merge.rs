//! Two readings of one file become one.

use crate::{Document, Part};

/// Fills the gaps of `base` with `better`: parts of `base` that are not read are replaced by the same places of `better` that
/// are. The text of the other parts stays as it is, and so do their order and number. When `base` has neither text nor parts,
/// the outcome is `better`.
///
/// The names of the converters are joined by `+` when something was taken, and warnings are joined.
#[must_use]
pub fn merge(base: Document, better: Document) -> Document {
    let Document { markdown, mut about } = base;
    let is_nothing = markdown.trim().is_empty() && about.parts.is_empty();
    if is_nothing {
        return with_both_names(better, &about.converter, &about.warnings);
    }
    let head = about.parts.first().map_or(markdown.len(), |part| part.start);
    let mut text = markdown[..head].to_owned();
    let mut taken = false;
    // After a part that was taken, the next text is a paragraph of its own.
    let mut is_behind_taken = false;
    let ends = ends(&about.parts, markdown.len());
    for (part, end) in about.parts.iter_mut().zip(ends) {
        let own = &markdown[part.start..end];
        let found = part.unread.as_ref().and_then(|_| read_in(&better, part, own));
        if let Some(content) = found {
            part.start = start_paragraph(&mut text, !content.is_empty());
            part.unread = None;
            text.push_str(content);
            taken = true;
            is_behind_taken = true;
            continue;
        }
        part.start = start_paragraph(&mut text, is_behind_taken && !own.trim().is_empty());
        text.push_str(own);
        is_behind_taken &= own.trim().is_empty();
    }
    if taken {
        about.converter = format!("{}+{}", about.converter, better.about.converter);
        about.title = about.title.or(better.about.title);
        join(&mut about.warnings, better.about.warnings);
    }
    Document {
        markdown: text,
        about,
    }
}

/// Where each part ends.
fn ends(parts: &[Part], length: usize) -> Vec<usize> {
    let starts = parts.iter().skip(1).map(|part| part.start);
    starts.chain([length]).collect()
}

/// The text of the same place in the better reading, when it was read there; the longer one of both texts.
fn read_in<'a>(better: &'a Document, wanted: &Part, own: &'a str) -> Option<&'a str> {
    let parts = &better.about.parts;
    let at = parts
        .iter()
        .position(|part| part.place == wanted.place && part.unread.is_none())?;
    let end = parts.get(at + 1).map_or(better.markdown.len(), |next| next.start);
    let text = better.markdown.get(parts[at].start..end)?.trim();
    // A picture may have no text; a page of which something else is known to be wrong has.
    let is_picture = wanted
        .unread
        .as_ref()
        .is_some_and(|unread| unread.code == "needs_ocr");
    if text.is_empty() && !is_picture {
        return None;
    }
    let letters = |text: &str| {
        text.chars()
            .filter(|character| character.is_alphanumeric())
            .count()
    };
    Some(if letters(text) < letters(own) {
        own.trim()
    } else {
        text
    })
}

/// Ends the paragraph before when another one `follows`; returns where that one starts.
fn start_paragraph(text: &mut String, follows: bool) -> usize {
    if follows && !text.is_empty() {
        while !text.ends_with("\n\n") {
            text.push('\n');
        }
    }
    text.len()
}

fn with_both_names(mut document: Document, before: &str, warnings: &[String]) -> Document {
    document.about.converter = format!("{before}+{}", document.about.converter);
    let own = std::mem::replace(&mut document.about.warnings, warnings.to_vec());
    join(&mut document.about.warnings, own);
    document
}

fn join(warnings: &mut Vec<String>, more: Vec<String>) {
    for warning in more {
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
}
