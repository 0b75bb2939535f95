//! Programs of the system that read what this crate cannot: poppler's for PDF, and tesseract for text in images.
//!
//! They run on private temporary directories below `TMPDIR`, without a shell, with an environment of their own, and until a
//! deadline. What they use of memory and files is limited by whoever limits this process.

mod lines;
mod poppler;
mod run;
mod tesseract;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::{About, ConvertError, Document, DocumentKind, FileType, Input, Options, Part};
use run::Directory;

/// The programs that are installed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tools {
    /// Reads text in images.
    pub tesseract: Option<Program>,
    /// Languages that tesseract has data for, by its names, sorted.
    pub languages: Vec<String>,
    /// Reads the text of PDFs.
    pub pdftotext: Option<Program>,
    /// Draws pages of PDFs.
    pub pdftoppm: Option<Program>,
    /// Counts and measures pages of PDFs.
    pub pdfinfo: Option<Program>,
}

/// A program that is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Where.
    pub path: PathBuf,
    /// As it says itself, such as `5.3.0`.
    pub version: String,
}

/// How long a program may take to say its version.
const PATIENCE: Duration = Duration::from_secs(20);

impl Tools {
    /// Looks for the programs on `PATH` and asks them for their versions: a few dozen milliseconds.
    #[must_use]
    pub fn find() -> Self {
        let path = env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/local/bin:/usr/bin:/bin"));
        let find = &|name: &str, ask| {
            let path = env::split_paths(&path)
                .filter(|directory| directory.is_absolute())
                .map(|directory| directory.join(name))
                .find(|path| path.is_file())?;
            Program::ask(path, ask)
        };
        // All at once: every start of a process that converts waits for this.
        thread::scope(|scope| {
            let poppler =
                ["pdftotext", "pdftoppm", "pdfinfo"].map(|name| scope.spawn(move || find(name, "-v")));
            let tesseract = find("tesseract", "--version");
            let languages = tesseract.as_ref().map(tesseract::languages).unwrap_or_default();
            let [pdftotext, pdftoppm, pdfinfo] = poppler.map(|asked| asked.join().ok().flatten());
            Self {
                languages,
                tesseract,
                pdftotext,
                pdftoppm,
                pdfinfo,
            }
        })
    }

    /// The programs and their versions: files converted with others are converted again.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let programs = [
            ("poppler", poppler::VERSION, &self.pdftotext),
            ("tesseract", tesseract::VERSION, &self.tesseract),
        ];
        let versions = programs
            .iter()
            .filter_map(|(name, ours, program)| Some(format!("{name}/{ours}-{}", program.as_ref()?.version)));
        versions.collect::<Vec<_>>().join(" ")
    }

    /// Can text in images be read?
    #[must_use]
    pub fn can_ocr(&self, file_type: FileType) -> bool {
        match file_type {
            FileType::Image => self.tesseract.is_some(),
            FileType::Pdf => self.tesseract.is_some() && self.pdftoppm.is_some() && self.pdfinfo.is_some(),
            _ => false,
        }
    }

    /// The text of a PDF as poppler reads it, page by page, in its reading order: without headings and tables.
    ///
    /// # Errors
    /// When the program is not installed (`needs_ocr`) or not done at the deadline (`converter_timeout`), and when the file
    /// is `password_protected` or `corrupt`.
    pub fn pdftotext(
        &self,
        input: &Input<'_>,
        options: &Options,
        deadline: Instant,
    ) -> Result<Document, ConvertError> {
        poppler::text(self, input, options, deadline)
    }

    /// The text that is seen in an image, or on pages of a PDF (from 1; all when there are none in `pages`).
    ///
    /// `languages` are names of tesseract's, joined by `+`. A page that fails is a part that is not read; the others go on.
    ///
    /// # Errors
    /// When a program (`needs_ocr`) or a language (`ocr_language`) is not installed, when the file cannot be opened
    /// (`password_protected`, `corrupt`), and for an image that tesseract does not know (`unsupported_image`), that it was
    /// not done with at the deadline (`converter_timeout`), or that has no text (`empty`).
    pub fn ocr(
        &self,
        input: &Input<'_>,
        file_type: FileType,
        pages: &[u32],
        languages: &str,
        deadline: Instant,
    ) -> Result<Document, ConvertError> {
        match file_type {
            FileType::Image => tesseract::image(self, input, pages, languages, deadline),
            FileType::Pdf => tesseract::pdf(self, input, pages, languages, deadline),
            other => Err(ConvertError::unsupported(
                "unsupported_type",
                format!("OCR reads images and PDFs, and this is {other}"),
            )),
        }
    }

    /// A page of a PDF as a PNG in colour, its longer edge `max_edge_pixels` long.
    ///
    /// # Errors
    /// As [`pdftotext`](Self::pdftotext), and when there is no such page (`no_such_page`).
    pub fn render(
        &self,
        input: &Input<'_>,
        page: u32,
        max_edge_pixels: u32,
        deadline: Instant,
    ) -> Result<Vec<u8>, ConvertError> {
        let directory = Directory::new(input.bytes)?;
        let size = poppler::Size::LongerEdge(max_edge_pixels);
        let path = poppler::draw(self, &directory, page, size, deadline)?;
        directory.read(&path)
    }
}

impl Program {
    fn ask(path: PathBuf, question: &str) -> Option<Self> {
        let said = run::ask(&path, &[question], Instant::now() + PATIENCE)?;
        let version = said
            .split_whitespace()
            .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?
            .to_owned();
        Some(Self { path, version })
    }
}

/// The program, or what to install.
fn needed<'a>(program: Option<&'a Program>, what: &str) -> Result<&'a Path, ConvertError> {
    let program = program.ok_or_else(|| {
        ConvertError::unsupported(
            "needs_ocr",
            format!("this needs a program that is not installed: install {what}"),
        )
    })?;
    Ok(&program.path)
}

/// A document from the texts of parts, in their order.
fn document(converter: &str, mime: &str, parts: Vec<(Part, String)>) -> Document {
    let mut markdown = String::new();
    let parts = parts
        .into_iter()
        .map(|(mut part, text)| {
            let text = text.trim();
            if !text.is_empty() && !markdown.is_empty() {
                markdown.push_str("\n\n");
            }
            part.start = markdown.len();
            markdown.push_str(text);
            part
        })
        .collect();
    Document {
        markdown,
        about: About {
            kind: DocumentKind::Office,
            mime: mime.to_owned(),
            title: None,
            converter: converter.to_owned(),
            warnings: Vec::new(),
            parts,
        },
    }
}

#[cfg(test)]
mod tests;
