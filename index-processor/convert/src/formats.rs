//! One file per format, and the table of them.

mod blocks;
mod code;
mod csv;
mod email;
mod epub;
#[cfg(test)]
mod fixtures;
mod front_matter;
mod html;
mod inline;
mod json;
mod links;
mod markdown;
mod members;
mod notebook;
mod office;
mod open_document;
mod package;
mod pdf;
mod rtf;
mod sheet;
mod table;
mod text;
mod xml;
mod zip;

use crate::Converter;
use crate::format::Format;

/// All converters.
pub(crate) const CONVERTERS: [&Converter; 15] = [
    &html::CONVERTER,
    &markdown::CONVERTER,
    &json::CONVERTER,
    &csv::CONVERTER,
    &code::CONVERTER,
    &text::CONVERTER,
    &pdf::CONVERTER,
    &office::CONVERTER,
    &open_document::CONVERTER,
    &rtf::CONVERTER,
    &epub::CONVERTER,
    &email::CONVERTER,
    &notebook::CONVERTER,
    &xml::CONVERTER,
    &zip::CONVERTER,
];

impl Format {
    /// The converter in this program; images, sound and moving pictures need something else.
    pub(crate) fn converter(self) -> Option<&'static Converter> {
        Some(match self {
            Self::Html => &html::CONVERTER,
            Self::Markdown => &markdown::CONVERTER,
            Self::Json | Self::JsonLines => &json::CONVERTER,
            Self::Csv => &csv::CONVERTER,
            Self::Code(_) => &code::CONVERTER,
            Self::Text(_) => &text::CONVERTER,
            Self::Pdf => &pdf::CONVERTER,
            Self::Docx | Self::Pptx | Self::Xlsx | Self::Doc | Self::Ppt | Self::Xls => &office::CONVERTER,
            Self::Odt | Self::Odp | Self::Ods => &open_document::CONVERTER,
            Self::Rtf => &rtf::CONVERTER,
            Self::Epub => &epub::CONVERTER,
            Self::Eml | Self::Msg => &email::CONVERTER,
            Self::Notebook => &notebook::CONVERTER,
            Self::Xml => &xml::CONVERTER,
            Self::Zip => &zip::CONVERTER,
            Self::Image(_) | Self::Audio(_) | Self::Video(_) => return None,
        })
    }

    /// Is it text that is kept as it is, or laid out by code of ours alone?
    pub(crate) fn is_plain(self) -> bool {
        matches!(
            self,
            Self::Markdown | Self::Json | Self::JsonLines | Self::Csv | Self::Code(_) | Self::Text(_)
        )
    }
}
