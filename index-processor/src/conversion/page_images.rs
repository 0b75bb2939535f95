//! Pages that were read one by one, as a document.

use convert::{About, ConvertError, Document, DocumentKind, Part, Place, Unread};

/// Pages in the order in which they come.
pub(super) struct Pages {
    converter: &'static str,
    markdown: String,
    parts: Vec<Part>,
    warnings: Vec<String>,
}

impl Pages {
    pub(super) fn new(converter: &'static str) -> Self {
        Self {
            converter,
            markdown: String::new(),
            parts: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// A page that was read; `warning` says what is lacking.
    pub(super) fn push(&mut self, page: u32, markdown: &str, warning: Option<String>) {
        self.part(page, None);
        let text = markdown.trim();
        if !text.is_empty() {
            self.markdown.push_str(text);
            self.markdown.push_str("\n\n");
        }
        self.warnings
            .extend(warning.map(|warning| format!("page {page}: {warning}")));
    }

    /// A page that could not be read.
    pub(super) fn failed(&mut self, page: u32, error: &ConvertError) {
        self.part(
            page,
            Some(Unread {
                code: error.code().to_owned(),
                reason: error.to_string(),
            }),
        );
    }

    fn part(&mut self, page: u32, unread: Option<Unread>) {
        self.parts.push(Part {
            start: self.markdown.len(),
            place: Place::page(page),
            unread,
        });
    }

    pub(super) fn into_document(self, mime: &str) -> Document {
        let document = Document {
            markdown: self.markdown,
            about: About {
                kind: DocumentKind::Office,
                mime: mime.to_owned(),
                title: None,
                converter: self.converter.to_owned(),
                warnings: self.warnings,
                parts: self.parts,
            },
        };
        document.tidied()
    }
}
