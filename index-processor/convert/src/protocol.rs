//! What a worker and its converter children say to each other.
//!
//! A frame is a JSON header and raw bytes ([`frame`]): the child greets with [`Hello`], then answers every [`Order`] with one
//! [`Answered`]. Both sides check the lengths before they make room, because neither trusts the other with its memory.

pub(crate) mod frame;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{About, ConvertError, Document, FileType, Options};

/// What a child is allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Converts with parsers that are part of this program: it opens no file, starts no program, has no network.
    Parser,
    /// Runs programs such as `tesseract`: it reads system directories, writes in one directory of its own, has no network.
    Tools,
}

/// What is to be made of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Markdown, by the native converter of its type.
    Native {
        /// Types that are only detected, since something else converts them.
        skip: Vec<FileType>,
    },
    /// The text of a PDF, by poppler's `pdftotext`.
    Poppler,
    /// The text of an image or of pages of a PDF, by `tesseract`.
    Ocr {
        /// The pages, from 1; none means all.
        pages: Vec<u32>,
        /// Languages as `tesseract` names them, such as `eng+deu`.
        languages: String,
    },
    /// A page as an image, for a model that reads images.
    Render {
        /// The page, from 1.
        page: u32,
        /// Longest edge of the image in pixels.
        max_edge: u32,
    },
}

/// One conversion; the bytes of the file go beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What is to be made of the file.
    pub task: Task,
    /// Its name or path.
    pub name: String,
    /// Its type as the source states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// What the conversion may do.
    pub options: Options,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its text.
    Document(Document),
    /// A picture of a page, as PNG.
    Image(Vec<u8>),
    /// Nothing was asked for but its type.
    TypeOnly,
    /// Why there is nothing.
    Error(ConvertError),
}

/// What a child makes of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What the file turned out to be; `None` when that was not looked at, or not recognised.
    pub file_type: Option<FileType>,
    /// What became of it.
    pub outcome: Outcome,
}

impl Profile {
    /// The name in arguments, logs and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Parser => "parser",
            Self::Tools => "tools",
        }
    }
}

impl Task {
    /// The narrowest profile that can do it.
    #[must_use]
    pub fn profile(&self) -> Profile {
        match self {
            Self::Native { .. } => Profile::Parser,
            Self::Poppler | Self::Ocr { .. } | Self::Render { .. } => Profile::Tools,
        }
    }
}

/// The first frame of a child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) confinement: Confinement,
}

/// What confines a child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// Resource limits that are in force, by name.
    pub limits: Vec<String>,
    /// Programs it starts cannot gain rights.
    pub no_new_privs: bool,
    /// It has given up the rights of the superuser, or never had them.
    pub no_capabilities: bool,
    /// How much of the Landlock policy is in force.
    pub landlock: Strength,
    /// Is the system call filter in force?
    pub seccomp: bool,
}

/// How much of a policy is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// All of it.
    Full,
    /// What this kernel knows.
    Partial,
    /// Nothing.
    None,
}

/// Header of a request frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order<R> {
    pub(crate) request: R,
    /// Processor time that it may take, in seconds.
    pub(crate) cpu_seconds: u64,
    /// When the parent loses patience, from now.
    pub(crate) wall_millis: u64,
}

/// Header of a reply frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answered {
    #[serde(default)]
    pub(crate) file_type: Option<FileType>,
    pub(crate) outcome: Shape,
    /// The child asks to be replaced.
    #[serde(default)]
    pub(crate) retire: bool,
}

/// An [`Outcome`] without the bytes that follow the header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shape {
    Document(About),
    Image,
    TypeOnly,
    Error(ConvertError),
}

impl Outcome {
    /// Splits it into what goes into the header and what follows.
    pub(crate) fn into_frame(self) -> (Shape, Vec<u8>) {
        match self {
            Self::Document(document) => (Shape::Document(document.about), document.markdown.into_bytes()),
            Self::Image(png) => (Shape::Image, png),
            Self::TypeOnly => (Shape::TypeOnly, Vec::new()),
            Self::Error(error) => (Shape::Error(error), Vec::new()),
        }
    }
}

/// Milliseconds that fit into an [`Order`].
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Confinement {
    /// Is everything in force that this program knows of? Partly known policies count: an older kernel knows less of Landlock,
    /// and the filter of system calls makes up for it.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.no_new_privs && self.no_capabilities && self.landlock != Strength::None && self.seccomp
    }
}
