//! Cuts a document into chunks: the pieces that are embedded and found.
//!
//! A chunk is as large as the settings allow and as whole as the document's structure allows. Everything here is pure:
//! plain text and settings in, plain chunks out, the same ones every time.
//!
//! - **Exact.** [`Chunk::range`] says which part of the document a chunk is. Every visible byte of the document is in at
//!   least one chunk, except for the punctuation and keys around JSON values that were cut apart (the keys are in the
//!   heading paths). No chunk is over the size.
//! - **Stable.** An edit changes the chunks of its section, or its window in a long text, and leaves the others as they
//!   were, so that they need not be embedded again. See `pack`.
//! - **Linear.** The time is in proportion to the length of the document, whatever is in it. See `sizer` and
//!   `window`.
//!
//! | kind | module |
//! |---|---|
//! | Markdown, HTML | `markdown` finds the headings, `section` cuts by them |
//! | code | `code` finds the items, `section` cuts by them |
//! | JSON, NDJSON | `json` |
//! | CSV, large tables in Markdown | `table` |
//! | prose, on request | [`semantic`] |
//! | anything else, and what has no parts | `leaf` |

mod boundary;
mod code;
mod grammars;
mod json;
mod leaf;
mod markdown;
mod pack;
mod section;
pub mod semantic;
mod settings;
mod sizer;
mod table;
#[cfg(test)]
mod tests;
mod window;

use std::ops::Range;

pub use settings::{ChunkSettings, SettingsError, Size, Strategy};

use convert::DocumentKind;
use leaf::{Grammar, Source};
use section::Section;

/// A part of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// What is embedded, and shown when found.
    pub text: String,
    /// Where it stands: the headings above it, the path of a JSON value, the names of the items around code. Not in
    /// [`Self::text`], unless the heading is in the chunk itself.
    pub heading_path: Vec<String>,
    /// Which bytes of the document it is: `document[range]` is [`Self::text`], but for the header row above rows of
    /// CSV, and the brackets or quotes around parts of JSON.
    pub range: Range<usize>,
}

/// Cuts a document into chunks, in order.
///
/// [`Strategy::Semantic`] takes embeddings; without them, that is here, it is [`Strategy::Auto`]. Where
/// [`semantic::applies`], use [`semantic::sentences`] and [`semantic::group`] instead.
#[must_use]
pub fn chunk(document: &str, kind: DocumentKind, settings: &ChunkSettings) -> Vec<Chunk> {
    // Nothing to cut, and no reason to load the tokenizer.
    if document.trim().is_empty() {
        return Vec::new();
    }
    let source = Source::new(document, settings);
    let structured = match (settings.strategy(), kind) {
        (Strategy::Recursive, _) | (_, DocumentKind::Text) => None,
        (_, DocumentKind::Markdown) => Some((markdown::outline(document, true), Grammar::Markdown)),
        (_, DocumentKind::Html | DocumentKind::Office) => {
            Some((markdown::outline(document, false), Grammar::Markdown))
        }
        (_, DocumentKind::Json) => match json::chunks(&source) {
            Some(chunks) => return chunks,
            None => None,
        },
        (_, DocumentKind::Csv) => return table::chunks(&source, 0..document.len(), &[]),
        (_, DocumentKind::Code(language)) => grammars::grammar(language).and_then(|grammar| {
            code::outline(document, language, &grammar).map(|outline| (outline, Grammar::Code(grammar)))
        }),
    };
    let (outline, grammar) = structured.unwrap_or_else(|| (Section::text(0..document.len()), Grammar::Text));
    section::chunks(&source, &outline, &grammar)
}
