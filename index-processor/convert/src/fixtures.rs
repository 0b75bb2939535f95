//! Files of every format with one known text, and files made to harm: what tests, fuzzing and benchmarks convert.
//!
//! Compiled with the feature `fixtures` only, which no production build turns on. The writers are as small as their formats
//! allow and share no code with the converters, so that both sides cannot be wrong in the same way. The same call gives the
//! same bytes.
//!
//! ```
//! use convert::fixtures::{self, Text};
//!
//! let file = fixtures::docx(&Text::new("Quillwharf"));
//! # assert!(file.starts_with(b"PK"));
//! for fixture in fixtures::all() {
//!     println!("{}: {} bytes", fixture.name, fixture.bytes.len());
//! }
//! ```

mod archive;
pub mod damage;
pub mod hostile;
mod image;
mod legacy;
mod mail;
mod office;
mod open_document;
mod pdf;
mod plain;
pub mod promises;
mod text;
mod web;

use crate::format::Format;

pub use archive::{zip, zip_of};
pub use image::{png, scanned};
pub use legacy::{compound, doc, ppt, xls};
pub use mail::{eml, msg};
pub use office::{docx, pptx, xlsx};
pub use open_document::{odp, ods, odt};
pub use pdf::{mixed_pdf, pdf, scanned_pdf};
pub use plain::{csv, ipynb, json, json_lines, markdown, plain, rtf, rust, xml};
pub use text::{Row, Text};
pub use web::{epub, html};

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixture {
    /// Name with an extension.
    pub name: &'static str,
    /// Content.
    pub bytes: Vec<u8>,
}

/// Writes a text in one format.
type Writer = fn(&Text) -> Vec<u8>;

/// The known text in every format. Each holds [`Text::known`]'s word, those that need OCR for it included.
#[must_use]
pub fn all() -> Vec<Fixture> {
    let text = Text::known();
    let writers: [(&'static str, Writer); 28] = [
        ("report.pdf", pdf),
        ("scanned.pdf", scanned_pdf),
        ("mixed.pdf", mixed_pdf),
        ("report.docx", docx),
        ("report.pptx", pptx),
        ("report.xlsx", xlsx),
        ("report.doc", doc),
        ("report.ppt", ppt),
        ("report.xls", xls),
        ("report.odt", odt),
        ("report.odp", odp),
        ("report.ods", ods),
        ("report.rtf", rtf),
        ("report.html", html),
        ("report.epub", epub),
        ("report.eml", eml),
        ("report.msg", msg),
        ("report.ipynb", ipynb),
        ("report.csv", csv),
        ("report.json", json),
        ("report.jsonl", json_lines),
        ("report.xml", xml),
        ("report.md", markdown),
        ("report.txt", plain),
        ("report.rs", rust),
        ("report.zip", zip),
        ("report.png", png),
        ("windows-1252.txt", windows_1252),
    ];
    writers
        .into_iter()
        .map(|(name, write)| Fixture {
            name,
            bytes: write(&text),
        })
        .collect()
}

fn windows_1252(text: &Text) -> Vec<u8> {
    let plain = plain(text);
    let (bytes, _, _) = encoding_rs::WINDOWS_1252.encode(std::str::from_utf8(&plain).unwrap_or_default());
    bytes.into_owned()
}

/// Text for an XML or HTML document.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Has a file converted by the converter of `file_type`, whatever its content says: fuzzing one parser must not end at detection.
///
/// # Errors
/// As [`convert`](crate::convert).
pub fn convert_as(
    file_type: crate::FileType,
    input: &crate::Input<'_>,
    options: &crate::Options,
) -> Result<crate::Document, crate::ConvertError> {
    use crate::FileType as Type;
    let format = match file_type {
        Type::Pdf => Format::Pdf,
        Type::Docx => Format::Docx,
        Type::Pptx => Format::Pptx,
        Type::Xlsx => Format::Xlsx,
        Type::Doc => Format::Doc,
        Type::Ppt => Format::Ppt,
        Type::Xls => Format::Xls,
        Type::Odt => Format::Odt,
        Type::Odp => Format::Odp,
        Type::Ods => Format::Ods,
        Type::Rtf => Format::Rtf,
        Type::Epub => Format::Epub,
        Type::Html => Format::Html,
        Type::Eml => Format::Eml,
        Type::Msg => Format::Msg,
        Type::Ipynb => Format::Notebook,
        Type::Zip => Format::Zip,
        Type::Markdown => Format::Markdown,
        Type::Json => Format::Json,
        Type::Csv => Format::Csv,
        Type::Xml => Format::Xml,
        Type::Code => Format::Code(crate::Language::Other),
        Type::Text => Format::Text("text/plain"),
        Type::Image | Type::Audio | Type::Video => return crate::convert(input, options),
    };
    crate::run(format, input, &crate::context::Context::new(options))
}
