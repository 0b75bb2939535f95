//! From a file's bytes to text that can be cut into chunks.
//!
//! `convert` decides what a file is (`detect`: by content first, then by name), then hands it to the one
//! `Converter` of that format. Whatever has no converter is refused with a reason that names the type found.
//! A new format is a new file with a `Converter` in it, a `Format` variant, and a line in `CONVERTERS`.
//!
//! Conversion is a pure function: the same bytes, name and content type give the same document, in time linear in
//! the size, and no input makes it panic. What changes its output must change [`fingerprint`], so that the files
//! converted before are converted again.

mod charset;
mod code;
mod csv;
mod detect;
mod front_matter;
mod html;
mod json;
mod markdown;
mod names;
mod text;

use crate::document::{DocumentKind, Language};

/// A file as it was fetched.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Its name or path; only the last segment is looked at.
    pub name: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
    /// Its type as the source states it: a hint, used where content and name say nothing.
    pub content_type: Option<&'a str>,
}

/// A converted file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The text: Markdown, or what [`kind`](Self::kind) says. Lines end in `\n`, and there is no byte order mark.
    pub markdown: String,
    /// How the text is built.
    pub kind: DocumentKind,
    /// Media type of the file it was made from.
    pub mime: &'static str,
    /// Title, when the file states one.
    pub title: Option<String>,
    /// Name of the converter that made it.
    pub converter: &'static str,
    /// What was lost or guessed on the way, for people.
    pub warnings: Vec<String>,
}

/// Why a file has no document. Codes are stable names in snake case; the texts are for people and say what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// Nothing to index here, or nothing that this build can read: the file is skipped.
    #[error("{reason}")]
    Unsupported {
        /// Stable name of the reason.
        code: &'static str,
        /// What was found.
        reason: String,
    },
    /// A type that is not indexed on purpose: the file is skipped.
    #[error("{reason}")]
    Blocked {
        /// Stable name of the reason.
        code: &'static str,
        /// What was found, and what to provide in its place.
        reason: String,
    },
    /// A type that is indexed, but this file could not be converted; trying again gives the same.
    #[error("{message}")]
    Failed {
        /// Stable name of the failure.
        code: &'static str,
        /// What went wrong.
        message: String,
    },
}

impl ConvertError {
    /// The stable name of the reason.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unsupported { code, .. } | Self::Blocked { code, .. } | Self::Failed { code, .. } => code,
        }
    }

    fn empty() -> Self {
        Self::Unsupported {
            code: "empty",
            reason: "the file is empty, there is nothing to index".to_owned(),
        }
    }
}

/// What a file turned out to be, among the formats that can be converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Html,
    Markdown,
    Json,
    JsonLines,
    /// Comma-separated values, or whatever separates them.
    Csv,
    Code(Language),
    /// Plain text of this media type.
    Text(&'static str),
}

/// The conversion of one format.
struct Converter {
    /// Name in documents and in the fingerprint.
    name: &'static str,
    /// Raised whenever the output for any input may change; part of the fingerprint.
    version: u32,
    /// Does the work.
    run: fn(&Input<'_>, Format) -> Result<Converted, ConvertError>,
}

/// What a converter returns; [`convert`] adds the rest.
struct Converted {
    markdown: String,
    kind: DocumentKind,
    mime: &'static str,
    title: Option<String>,
    warnings: Vec<String>,
}

/// All converters.
const CONVERTERS: [&Converter; 6] = [
    &html::CONVERTER,
    &markdown::CONVERTER,
    &json::CONVERTER,
    &csv::CONVERTER,
    &code::CONVERTER,
    &text::CONVERTER,
];

/// Raised when detection or charset handling changes; converters have their own versions.
const VERSION: u32 = 1;

impl Format {
    fn converter(self) -> &'static Converter {
        match self {
            Self::Html => &html::CONVERTER,
            Self::Markdown => &markdown::CONVERTER,
            Self::Json | Self::JsonLines => &json::CONVERTER,
            Self::Csv => &csv::CONVERTER,
            Self::Code(_) => &code::CONVERTER,
            Self::Text(_) => &text::CONVERTER,
        }
    }
}

/// Converts a file.
///
/// # Errors
/// [`ConvertError::Unsupported`] and [`ConvertError::Blocked`] for what is not indexed, [`ConvertError::Failed`] for a
/// file that should be but cannot.
pub fn convert(input: &Input<'_>) -> Result<Document, ConvertError> {
    let format = detect::detect(input)?;
    let converter = format.converter();
    let converted = (converter.run)(input, format)?;
    if converted.markdown.trim().is_empty() {
        return Err(ConvertError::Unsupported {
            code: "empty",
            reason: "no text was found in the file, there is nothing to index".to_owned(),
        });
    }
    Ok(Document {
        markdown: converted.markdown,
        kind: converted.kind,
        mime: converted.mime,
        title: converted.title,
        converter: converter.name,
        warnings: converted.warnings,
    })
}

/// The version of the whole conversion: files converted under another one are converted again.
#[must_use]
pub fn fingerprint() -> String {
    let mut text = format!("convert/{VERSION}");
    for converter in CONVERTERS {
        text.push_str(&format!(" {}/{}", converter.name, converter.version));
    }
    text
}

#[cfg(test)]
mod tests;
