//! What a converted document is; the language that conversion and chunking share.

use std::fmt;

/// How a document's text is built, which decides how it is cut into chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DocumentKind {
    /// Markdown as its author wrote it.
    Markdown,
    /// Markdown made from HTML.
    Html,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
