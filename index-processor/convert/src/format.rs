//! The formats that files come in.

use std::fmt;
use std::str::FromStr;

use file_format::FileFormat;
use serde::{Deserialize, Serialize};

use crate::document::Language;

/// What a file turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Pdf,
    Docx,
    Pptx,
    Xlsx,
    /// Word up to 2003.
    Doc,
    /// PowerPoint up to 2003.
    Ppt,
    /// Excel up to 2003.
    Xls,
    Odt,
    Odp,
    Ods,
    Rtf,
    Epub,
    Html,
    /// A message as it is sent (RFC 5322).
    Eml,
    /// A message as Outlook saves it.
    Msg,
    /// A Jupyter notebook.
    Notebook,
    Zip,
    Image(FileFormat),
    Audio(FileFormat),
    Video(FileFormat),
    Markdown,
    Json,
    JsonLines,
    /// Comma-separated values, or whatever separates them.
    Csv,
    Xml,
    Code(Language),
    /// Plain text of this media type.
    Text(&'static str),
}

/// The type of a file, as settings, metrics and people name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileType {
    /// Portable Document Format.
    Pdf,
    /// Word.
    Docx,
    /// PowerPoint.
    Pptx,
    /// Excel.
    Xlsx,
    /// Word up to 2003.
    Doc,
    /// PowerPoint up to 2003.
    Ppt,
    /// Excel up to 2003.
    Xls,
    /// OpenDocument text.
    Odt,
    /// OpenDocument presentation.
    Odp,
    /// OpenDocument spreadsheet.
    Ods,
    /// Rich Text Format.
    Rtf,
    /// Electronic book.
    Epub,
    /// Web page.
    Html,
    /// Mail as it is sent.
    Eml,
    /// Mail as Outlook saves it.
    Msg,
    /// Jupyter notebook.
    Ipynb,
    /// Archive.
    Zip,
    /// Photograph, scan, drawing.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// Markdown.
    Markdown,
    /// JSON, or one JSON value per line.
    Json,
    /// Comma- or tab-separated values.
    Csv,
    /// XML.
    Xml,
    /// Source code.
    Code,
    /// Anything else that people can read.
    Text,
}

impl FileType {
    /// Every type.
    pub const ALL: [Self; 26] = [
        Self::Pdf,
        Self::Docx,
        Self::Pptx,
        Self::Xlsx,
        Self::Doc,
        Self::Ppt,
        Self::Xls,
        Self::Odt,
        Self::Odp,
        Self::Ods,
        Self::Rtf,
        Self::Epub,
        Self::Html,
        Self::Eml,
        Self::Msg,
        Self::Ipynb,
        Self::Zip,
        Self::Image,
        Self::Audio,
        Self::Video,
        Self::Markdown,
        Self::Json,
        Self::Csv,
        Self::Xml,
        Self::Code,
        Self::Text,
    ];

    /// The name in settings and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Docx => "docx",
            Self::Pptx => "pptx",
            Self::Xlsx => "xlsx",
            Self::Doc => "doc",
            Self::Ppt => "ppt",
            Self::Xls => "xls",
            Self::Odt => "odt",
            Self::Odp => "odp",
            Self::Ods => "ods",
            Self::Rtf => "rtf",
            Self::Epub => "epub",
            Self::Html => "html",
            Self::Eml => "eml",
            Self::Msg => "msg",
            Self::Ipynb => "ipynb",
            Self::Zip => "zip",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Markdown => "markdown",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Xml => "xml",
            Self::Code => "code",
            Self::Text => "text",
        }
    }

    /// Is it left alone unless a setting opens it?
    #[must_use]
    pub fn is_blocked_by_default(self) -> bool {
        matches!(
            self,
            Self::Doc | Self::Ppt | Self::Xls | Self::Audio | Self::Video
        )
    }
}

impl fmt::Display for FileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for FileType {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|file_type| file_type.name() == name)
            .ok_or_else(|| {
                let names = Self::ALL.map(Self::name).join(", ");
                format!("{name:?} is not a file type; there are {names}")
            })
    }
}

impl Format {
    pub(crate) fn file_type(self) -> FileType {
        match self {
            Self::Pdf => FileType::Pdf,
            Self::Docx => FileType::Docx,
            Self::Pptx => FileType::Pptx,
            Self::Xlsx => FileType::Xlsx,
            Self::Doc => FileType::Doc,
            Self::Ppt => FileType::Ppt,
            Self::Xls => FileType::Xls,
            Self::Odt => FileType::Odt,
            Self::Odp => FileType::Odp,
            Self::Ods => FileType::Ods,
            Self::Rtf => FileType::Rtf,
            Self::Epub => FileType::Epub,
            Self::Html => FileType::Html,
            Self::Eml => FileType::Eml,
            Self::Msg => FileType::Msg,
            Self::Notebook => FileType::Ipynb,
            Self::Zip => FileType::Zip,
            Self::Image(_) => FileType::Image,
            Self::Audio(_) => FileType::Audio,
            Self::Video(_) => FileType::Video,
            Self::Markdown => FileType::Markdown,
            Self::Json | Self::JsonLines => FileType::Json,
            Self::Csv => FileType::Csv,
            Self::Xml => FileType::Xml,
            Self::Code(_) => FileType::Code,
            Self::Text(_) => FileType::Text,
        }
    }
}
