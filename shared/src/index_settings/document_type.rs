//! The types of files, as settings name them. Index processors find out which one a file is, content first.

use serde::{Deserialize, Serialize};

/// Makes the enum and the list of its variants.
macro_rules! document_types {
    ($( $(#[doc = $about:literal])+ $name:ident, )*) => {
        /// The type of a file.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum DocumentType {
            $( $(#[doc = $about])+ $name, )*
        }

        impl DocumentType {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

document_types! {
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

impl DocumentType {
    /// The name in settings.
    #[must_use]
    pub fn name(self) -> String {
        // The derive decides the names; a unit variant is always written as a text.
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            Ok(_) | Err(_) => String::new(),
        }
    }
}
