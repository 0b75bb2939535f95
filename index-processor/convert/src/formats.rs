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
use crate::format::{FileType, Format};

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

/// The converter in this program; images, sound and moving pictures need something else.
pub(crate) fn converter_of(file_type: FileType) -> Option<&'static Converter> {
    Some(match file_type {
        FileType::Html => &html::CONVERTER,
        FileType::Markdown => &markdown::CONVERTER,
        FileType::Json => &json::CONVERTER,
        FileType::Csv => &csv::CONVERTER,
        FileType::Code => &code::CONVERTER,
        FileType::Text => &text::CONVERTER,
        FileType::Pdf => &pdf::CONVERTER,
        FileType::Docx | FileType::Pptx | FileType::Xlsx | FileType::Doc | FileType::Ppt | FileType::Xls => {
            &office::CONVERTER
        }
        FileType::Odt | FileType::Odp | FileType::Ods => &open_document::CONVERTER,
        FileType::Rtf => &rtf::CONVERTER,
        FileType::Epub => &epub::CONVERTER,
        FileType::Eml | FileType::Msg => &email::CONVERTER,
        FileType::Ipynb => &notebook::CONVERTER,
        FileType::Xml => &xml::CONVERTER,
        FileType::Zip => &zip::CONVERTER,
        FileType::Image | FileType::Audio | FileType::Video => return None,
    })
}

impl Format {
    /// Is it text that is kept as it is, or laid out by code of ours alone?
    pub(crate) fn is_plain(self) -> bool {
        matches!(
            self,
            Self::Markdown | Self::Json | Self::JsonLines | Self::Csv | Self::Code(_) | Self::Text(_)
        )
    }
}
