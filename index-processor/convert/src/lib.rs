//! From a file's bytes to text that can be cut into chunks.
//!
//! [`convert`] decides what a file is (`detect`: by content first, then by name), then hands it to the one `Converter` of that
//! format (`formats`). Whatever has none is refused with a reason that names the type found. A new format is a new file in
//! `formats/` with a `Converter` in it, a `Format` variant, and a line in `formats::converter_of`.
//!
//! Conversion is a pure function: the same bytes, name and content type give the same document. What changes its output must
//! change [`fingerprint`], so that the files converted before are converted again. The parsers of office formats are not ours,
//! and some input makes some of them panic, hang, or fill the memory: whoever converts what strangers wrote does it in a child
//! process. Only formats [of plain text](convert_plain) are converted where they are, in time linear in the size.

mod charset;
pub mod child;
mod context;
mod detect;
mod document;
mod error;
#[cfg(feature = "fixtures")]
pub mod fixtures;
mod format;
mod formats;
mod names;
#[cfg(test)]
mod pdf_fixture;
mod protocol;
pub mod quality;
pub mod sandbox;
#[cfg(test)]
mod testing;
mod tidy;
pub mod tools;

pub use context::Options;
pub use document::{About, Document, DocumentKind, Language, Part, Place, Unread};
pub use error::ConvertError;
pub use format::FileType;
pub use protocol::{Answer, Confinement, Outcome, Profile, Request, Strength, Task};

use context::Context;
use format::Format;

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

/// The conversion of one format.
struct Converter {
    /// Name in documents and in the fingerprint.
    name: &'static str,
    /// Raised whenever the output for any input may change; part of the fingerprint.
    version: u32,
    /// Does the work.
    run: fn(&Input<'_>, Format, &Context<'_>) -> Result<Converted, ConvertError>,
}

/// What a converter returns; [`convert`] adds the rest.
struct Converted {
    markdown: String,
    kind: DocumentKind,
    mime: &'static str,
    title: Option<String>,
    warnings: Vec<String>,
    parts: Vec<Part>,
}

/// Raised when detection or charset handling changes; converters have their own versions.
const VERSION: u32 = 2;

/// What the content and the name of a file say that it is.
///
/// # Errors
/// When it is empty, or nothing that could be converted by anything.
pub fn file_type(input: &Input<'_>) -> Result<FileType, ConvertError> {
    detect::detect(input).map(Format::file_type)
}

/// Converts a file.
///
/// # Errors
/// [`ConvertError::Unsupported`] and [`ConvertError::Blocked`] for what is not indexed, [`ConvertError::Failed`] for a
/// file that should be but cannot.
pub fn convert(input: &Input<'_>, options: &Options) -> Result<Document, ConvertError> {
    convert_within(input, &Context::new(options))
}

/// Converts a file of plain text, without any parser of somebody else's format: in time linear in the size, and safe whatever
/// is in it. `None` when it is something else.
pub fn convert_plain(
    input: &Input<'_>,
    options: &Options,
) -> Option<(FileType, Result<Document, ConvertError>)> {
    let format = detect::plain(input)?;
    let converted = run(format, input, &Context::new(options));
    Some((format.file_type(), converted))
}

fn convert_within(input: &Input<'_>, context: &Context<'_>) -> Result<Document, ConvertError> {
    let format = detect::detect(input)?;
    detect::refuse_blocked(format, &context.options.open)?;
    run(format, input, context)
}

fn run(format: Format, input: &Input<'_>, context: &Context<'_>) -> Result<Document, ConvertError> {
    let converter = formats::converter_of(format.file_type()).ok_or_else(|| detect::no_converter(format))?;
    let converted = (converter.run)(input, format, context)?;
    let is_partial = converted.parts.iter().any(|part| part.unread.is_some());
    if converted.markdown.trim().is_empty() && !is_partial {
        return Err(ConvertError::unsupported(
            "empty",
            "no text was found in the file, there is nothing to index",
        ));
    }
    context.output(converted.markdown.len())?;
    let document = Document {
        markdown: converted.markdown,
        about: About {
            kind: converted.kind,
            mime: converted.mime.to_owned(),
            title: converted.title,
            converter: converter.name.to_owned(),
            warnings: converted.warnings,
            parts: converted.parts,
        },
    };
    Ok(document.tidied())
}

/// The version of the conversion of one type; that of a type with files of any other inside names all of them.
#[must_use]
pub fn fingerprint_of(file_type: FileType) -> String {
    let holds_others = matches!(
        file_type,
        FileType::Eml | FileType::Msg | FileType::Zip | FileType::Epub | FileType::Ipynb
    );
    match formats::converter_of(file_type) {
        Some(converter) if !holds_others => {
            format!("convert/{VERSION} {}/{}", converter.name, converter.version)
        }
        Some(_) => fingerprint(),
        None => format!("convert/{VERSION}"),
    }
}

/// The version of the whole conversion: files converted under another one are converted again.
#[must_use]
pub fn fingerprint() -> String {
    let mut text = format!("convert/{VERSION}");
    for converter in formats::CONVERTERS {
        text.push_str(&format!(" {}/{}", converter.name, converter.version));
    }
    text
}

#[cfg(test)]
mod tests;
