//! What a converted document is; the language that conversion and chunking share.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A converted file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The text: Markdown, or what [`kind`](About::kind) says. Lines end in `\n`, and there is no byte order mark.
    pub markdown: String,
    /// Everything else.
    pub about: About,
}

/// What is known of a document beside its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// How the text is built.
    pub kind: DocumentKind,
    /// Media type of the file it was made from.
    pub mime: String,
    /// Title, when the file states one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Name of the converter that made it.
    pub converter: String,
    /// What was lost or guessed on the way, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Pages, slides, sheets, attachments, in the order of the text; none when the file has no parts. What is before the first
    /// one belongs to the file as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// A stretch of a document's text that comes from one place of the file; it ends where the next one starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Where it starts in the text, in bytes.
    pub start: usize,
    /// Where it comes from.
    pub place: Place,
    /// Why its content is missing from the text; `None` when nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<Unread>,
}

/// Why the content of a part is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// Stable name of the reason.
    pub code: String,
    /// The reason, for people.
    pub reason: String,
}

/// Where in its file a part is. A page of an attachment has both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Path of the attachment or archive member that the part is in, outermost first, joined by `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment: Option<String>,
    /// Page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// Slide, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slide: Option<u32>,
    /// Name of the sheet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
}

impl Document {
    /// The parts whose content is missing from the text.
    pub fn unread(&self) -> impl Iterator<Item = (&Place, &Unread)> {
        let parts = self.about.parts.iter();
        parts.filter_map(|part| Some((&part.place, part.unread.as_ref()?)))
    }

    /// The same document with the text and the parts of another one behind its own.
    #[must_use]
    pub fn followed_by(mut self, other: Self) -> Self {
        if !self.markdown.is_empty() && !self.markdown.ends_with("\n\n") {
            let gap = if self.markdown.ends_with('\n') {
                "\n"
            } else {
                "\n\n"
            };
            self.markdown.push_str(gap);
        }
        let shift = self.markdown.len();
        self.markdown.push_str(&other.markdown);
        self.about.warnings.extend(other.about.warnings);
        self.about
            .parts
            .extend(other.about.parts.into_iter().map(|part| Part {
                start: part.start + shift,
                ..part
            }));
        self
    }

    /// Where the text at `offset` bytes comes from; the default place when the file has no parts there.
    #[must_use]
    pub fn place_at(&self, offset: usize) -> Place {
        let behind = self.about.parts.partition_point(|part| part.start <= offset);
        behind
            .checked_sub(1)
            .and_then(|at| self.about.parts.get(at))
            .map(|part| part.place.clone())
            .unwrap_or_default()
    }
}

impl Place {
    /// A page.
    #[must_use]
    pub fn page(number: u32) -> Self {
        Self {
            page: Some(number),
            ..Self::default()
        }
    }

    /// A slide.
    #[must_use]
    pub fn slide(number: u32) -> Self {
        Self {
            slide: Some(number),
            ..Self::default()
        }
    }

    /// A sheet.
    #[must_use]
    pub fn sheet(name: impl Into<String>) -> Self {
        Self {
            sheet: Some(name.into()),
            ..Self::default()
        }
    }

    /// The same place of a file that is inside another one.
    #[must_use]
    pub fn inside(self, attachment: &str) -> Self {
        let attachment = match self.attachment {
            Some(inner) => format!("{attachment}/{inner}"),
            None => attachment.to_owned(),
        };
        Self {
            attachment: Some(attachment),
            ..self
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        if let Some(attachment) = &self.attachment {
            words.push(attachment.clone());
        }
        if let Some(page) = self.page {
            words.push(format!("page {page}"));
        }
        if let Some(slide) = self.slide {
            words.push(format!("slide {slide}"));
        }
        if let Some(sheet) = &self.sheet {
            words.push(format!("sheet {sheet}"));
        }
        f.pad(&words.join(", "))
    }
}

/// How a document's text is built, which decides how it is cut into chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// Markdown as its author wrote it.
    Markdown,
    /// Markdown made from HTML.
    Html,
    /// Markdown made from pages, slides or paragraphs of an office format.
    Office,
    /// JSON, or one JSON value per line.
    Json,
    /// A GitHub table with one record per line, made from comma- or tab-separated values.
    Csv,
    /// Source code.
    Code(Language),
    /// Anything else that people can read.
    Text,
}

/// A programming language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Rust.
    Rust,
    /// Python.
    Python,
    /// JavaScript, with or without JSX.
    JavaScript,
    /// TypeScript.
    TypeScript,
    /// TypeScript with JSX.
    Tsx,
    /// Go.
    Go,
    /// Java.
    Java,
    /// C.
    C,
    /// C++.
    Cpp,
    /// C#.
    CSharp,
    /// Ruby.
    Ruby,
    /// Bash and other Bourne shells.
    Bash,
    /// PHP.
    Php,
    /// Code in a language without a grammar here.
    Other,
}

impl DocumentKind {
    /// The name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Office => "office",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Code(_) => "code",
            Self::Text => "text",
        }
    }
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 14] = [
        Self::Rust,
        Self::Python,
        Self::JavaScript,
        Self::TypeScript,
        Self::Tsx,
        Self::Go,
        Self::Java,
        Self::C,
        Self::Cpp,
        Self::CSharp,
        Self::Ruby,
        Self::Bash,
        Self::Php,
        Self::Other,
    ];

    /// The name in lower case, as used after the fence of a Markdown code block.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::JavaScript => "javascript",
            Self::TypeScript => "typescript",
            Self::Tsx => "tsx",
            Self::Go => "go",
            Self::Java => "java",
            Self::C => "c",
            Self::Cpp => "cpp",
            Self::CSharp => "csharp",
            Self::Ruby => "ruby",
            Self::Bash => "bash",
            Self::Php => "php",
            Self::Other => "code",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
