//! From a file's bytes to Markdown, by whatever converters this process has.
//!
//! Plain text is converted where it is. Everything else goes through the chain of its type ([`chain`]): parsers and OCR in
//! child processes ([`convert::sandbox`]), then services and models over the network. What came out can be kept
//! ([`artifacts`]). Which converter won, and why the others did not, goes into the file's history.

pub mod artifacts;
pub mod chain;
mod links;
mod page_images;
pub mod settings;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use convert::sandbox::Sandbox;
use convert::tools::Tools;
use convert::{ConvertError, Document, FileType, Input, Options};
use shared::circuit::Circuits;
use shared::retry::Failure;

use self::artifacts::{Artifacts, Key};
use self::chain::{Chains, Link, Tried, Unread};
use self::links::FileLinks;
use crate::remote::RemoteConverter;
use crate::vision::Vision;

/// How OCR and page images are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadingSettings {
    /// Languages for `tesseract`, joined by `+`.
    pub languages: String,
    /// Most pages of one file that are read as images, by OCR and by a vision model each. Pages beyond stay unread.
    pub max_pages: u32,
    /// Longer edge of a page image for a vision model, in pixels.
    pub max_edge: u32,
}

impl Default for ReadingSettings {
    fn default() -> Self {
        Self {
            languages: "eng".to_owned(),
            max_pages: 500,
            max_edge: 2000,
        }
    }
}

/// The converters of a process.
#[derive(Default)]
pub struct Conversion {
    /// What conversions may do.
    pub options: Options,
    /// In which order.
    pub chains: Chains,
    /// Where parsers and OCR run. Without one, parsers run where they are called: for simulations, whose documents are
    /// their own.
    pub sandbox: Option<Sandbox>,
    /// Programs of the system that the sandbox may run.
    pub tools: Tools,
    /// How pages are read as images.
    pub reading: ReadingSettings,
    /// A conversion service.
    pub remote: Option<Arc<dyn RemoteConverter>>,
    /// A vision model.
    pub vision: Option<Arc<Vision>>,
    /// Where converted documents are kept.
    pub artifacts: Option<Artifacts>,
    /// The breakers in front of service and model; without them, both are asked whatever happened before.
    pub circuits: Option<Circuits>,
}

/// A file to convert.
#[derive(Clone, Debug)]
pub struct File {
    /// Its path.
    pub name: String,
    /// Its content.
    pub bytes: Bytes,
    /// Its type as the source states it.
    pub content_type: Option<String>,
    /// BLAKE3 of its content, in hexadecimal.
    pub content_hash: String,
}

impl File {
    fn input(&self) -> Input<'_> {
        Input {
            name: &self.name,
            bytes: &self.bytes,
            content_type: self.content_type.as_deref(),
        }
    }
}

/// What came of a file.
#[derive(Debug)]
pub struct Outcome {
    /// Its text, or why there is none.
    pub result: Result<Document, Unconverted>,
    /// What it is, as far as that was found out.
    pub file_type: Option<FileType>,
    /// What was tried, in order; nothing for plain text and for what was kept.
    pub tried: Vec<Tried>,
    /// It was converted before, and kept.
    pub kept: bool,
    /// Tokens that a vision model charged.
    pub tokens: u64,
}

/// Why a file has no text.
#[derive(Debug, PartialEq)]
pub enum Unconverted {
    /// The file is skipped or fails.
    Refused(ConvertError),
    /// Something that the conversion depends on is down: to be tried again.
    Down(Failure),
}

impl Outcome {
    fn new(result: Result<Document, ConvertError>, file_type: Option<FileType>) -> Self {
        Self {
            result: result.map_err(Unconverted::Refused),
            file_type,
            tried: Vec::new(),
            kept: false,
            tokens: 0,
        }
    }
}

impl Outcome {
    fn down(failure: Failure) -> Self {
        Self {
            result: Err(Unconverted::Down(failure)),
            file_type: None,
            tried: Vec::new(),
            kept: false,
            tokens: 0,
        }
    }
}

/// Why a file of a type that the index leaves out has no text.
#[must_use]
pub fn unwanted(file_type: FileType) -> ConvertError {
    ConvertError::unsupported(
        "type_not_wanted",
        format!("files of the type {file_type} are left out by the index's setting files.skip_types"),
    )
}

impl Conversion {
    /// Converts a file of plain text, on the thread of the caller; `None` when it is something else.
    #[must_use]
    pub fn convert_plain(&self, file: &File) -> Option<Outcome> {
        if self.sandbox.is_none() {
            return Some(self.convert_here(file));
        }
        let (file_type, result) = convert::convert_plain(&file.input(), &self.options)?;
        Some(Outcome::new(result, Some(file_type)))
    }

    /// Converts a file of any other kind. One of an unwanted type is refused as soon as that is known.
    pub async fn convert(&self, file: &File, skip: &BTreeSet<FileType>) -> Outcome {
        let Some(sandbox) = &self.sandbox else {
            return self.convert_here(file);
        };
        let links = match FileLinks::look(self, sandbox, file, self.artifacts.is_some()).await {
            Ok(links) => links,
            Err(outcome) => return outcome,
        };
        let file_type = links.file_type();
        if skip.contains(&file_type) {
            return Outcome::new(Err(unwanted(file_type)), Some(file_type));
        }
        let fingerprint = self.artifacts.as_ref().map(|_| self.fingerprint_of(file_type));
        let key = Key {
            content_hash: &file.content_hash,
            file_type,
            fingerprint: fingerprint.as_deref().unwrap_or_default(),
        };
        if let Some(artifacts) = &self.artifacts
            && let Some(document) = artifacts.get(&key).await
        {
            let outcome = Outcome::new(Ok(document), Some(file_type));
            return Outcome {
                kept: true,
                ..outcome
            };
        }
        let walked = chain::walk(&self.chains.of(file_type), &links).await;
        if let (Some(artifacts), Ok(document)) = (&self.artifacts, &walked.outcome) {
            artifacts.put(&key, document).await;
        }
        Outcome {
            result: walked.outcome.map_err(|why| match why {
                Unread::Refused(error) => Unconverted::Refused(error),
                Unread::Down(failure) => Unconverted::Down(failure),
            }),
            file_type: Some(file_type),
            tried: walked.tried,
            kept: false,
            tokens: links.tokens(),
        }
    }

    /// On the thread of the caller, whatever it is.
    fn convert_here(&self, file: &File) -> Outcome {
        let file_type = convert::file_type(&file.input()).ok();
        Outcome::new(convert::convert(&file.input(), &self.options), file_type)
    }

    /// Ends the child processes.
    pub async fn close(&self) {
        if let Some(sandbox) = &self.sandbox {
            sandbox.close().await;
        }
    }

    /// The version of the whole conversion: files converted under another one are converted again.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let types: Vec<String> = FileType::ALL
            .into_iter()
            .map(|file_type| format!("{file_type} {}", self.fingerprint_of(file_type)))
            .collect();
        types.join("\n")
    }

    /// Of everything that decides what files of one type become.
    fn fingerprint_of(&self, file_type: FileType) -> String {
        let mut parts = vec![convert::fingerprint_of(file_type), format!("{:?}", self.options)];
        for link in self.chains.of(file_type) {
            let version = match link {
                Link::Native => Some(String::new()),
                Link::Poppler | Link::Ocr => Some(format!("{} {:?}", self.tools.fingerprint(), self.reading)),
                Link::Remote => self
                    .remote
                    .as_ref()
                    .filter(|remote| remote.handles(file_type))
                    .map(|remote| remote.fingerprint()),
                Link::Vision => self
                    .vision
                    .as_ref()
                    .map(|vision| format!("{} {:?}", vision.fingerprint(), self.reading)),
            };
            parts.extend(version.map(|version| format!("{link} {version}")));
        }
        shared::ids::content_hash(parts.join("\n").as_bytes())[..16].to_owned()
    }
}
