//! Which converters a file goes through, in which order, and when it has gone far enough. Knows nothing of how they work.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use convert::quality::{self, Verdict};
use convert::{ConvertError, Document, FileType};
use serde::Serialize;
use shared::retry::{Failure, FailureClass};
use tokio::time::Instant;

/// A way to get text out of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// The parsers in this program.
    Native,
    /// `pdftotext` of poppler.
    Poppler,
    /// `tesseract`, for PDF pages after `pdftoppm` of poppler.
    Ocr,
    /// A conversion service.
    Remote,
    /// A vision model.
    Vision,
}

impl Link {
    /// Every link, in the order in which they are tried unless settings say otherwise: cheapest first.
    pub const ALL: [Self; 5] = [Self::Native, Self::Poppler, Self::Ocr, Self::Remote, Self::Vision];

    /// The name in settings, history and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Poppler => "poppler",
            Self::Ocr => "ocr",
            Self::Remote => "remote",
            Self::Vision => "vision",
        }
    }

    /// Can it read files of this type at all?
    #[must_use]
    pub fn reads(self, file_type: FileType) -> bool {
        use FileType::{
            Audio, Doc, Docx, Epub, Html, Image, Odp, Ods, Odt, Pdf, Ppt, Pptx, Rtf, Video, Xls, Xlsx,
        };
        match self {
            Self::Native => !matches!(file_type, Image | Audio | Video),
            Self::Poppler => file_type == Pdf,
            Self::Ocr | Self::Vision => matches!(file_type, Pdf | Image),
            Self::Remote => matches!(
                file_type,
                Pdf | Image
                    | Audio
                    | Video
                    | Docx
                    | Pptx
                    | Xlsx
                    | Doc
                    | Ppt
                    | Xls
                    | Odt
                    | Odp
                    | Ods
                    | Rtf
                    | Epub
                    | Html
            ),
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Link {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|link| link.name() == name)
            .ok_or_else(|| {
                let names = Self::ALL.map(Self::name).join(", ");
                format!("{name:?} is no converter; there are {names}")
            })
    }
}

/// One type's chain, in text `pdf=native,ocr`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainOf {
    /// The type.
    pub file_type: FileType,
    /// What is tried, in order.
    pub links: Vec<Link>,
}

impl FromStr for ChainOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (file_type, names) = text.split_once('=').ok_or_else(|| {
            format!("{text:?} is no chain; write TYPE=CONVERTER,CONVERTER, for example pdf=native,ocr")
        })?;
        let file_type: FileType = file_type.trim().parse()?;
        let mut links: Vec<Link> = Vec::new();
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let link: Link = name.parse()?;
            if !link.reads(file_type) {
                return Err(format!("{link} cannot read {file_type} files"));
            }
            if links.contains(&link) {
                return Err(format!("{link} stands twice in the chain of {file_type}"));
            }
            links.push(link);
        }
        if links.is_empty() {
            return Err(format!(
                "the chain of {file_type} is empty; name at least one converter"
            ));
        }
        Ok(Self { file_type, links })
    }
}

/// The chains of all types.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chains {
    set: BTreeMap<FileType, Vec<Link>>,
}

impl Chains {
    /// The usual chains, but for these types; a later one replaces an earlier one of the same type.
    #[must_use]
    pub fn new(set: &[ChainOf]) -> Self {
        Self {
            set: set
                .iter()
                .map(|chain| (chain.file_type, chain.links.clone()))
                .collect(),
        }
    }

    /// One converter for whatever it reads, and nothing for the rest.
    #[must_use]
    pub fn only(link: Link) -> Self {
        let links = |file_type| {
            if link.reads(file_type) {
                vec![link]
            } else {
                Vec::new()
            }
        };
        Self {
            set: FileType::ALL
                .into_iter()
                .map(|file_type| (file_type, links(file_type)))
                .collect(),
        }
    }

    /// What is tried for a type, in order.
    #[must_use]
    pub fn of(&self, file_type: FileType) -> Vec<Link> {
        self.set.get(&file_type).cloned().unwrap_or_else(|| {
            Link::ALL
                .into_iter()
                .filter(|link| link.reads(file_type))
                .collect()
        })
    }
}

/// How one converter did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// Which.
    pub link: Link,
    /// `read`, `read_in_part`, or the code of what went wrong.
    pub outcome: String,
    /// Why it was not enough, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// How long it took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub millis: Option<u64>,
}

impl Tried {
    /// The outcome as one of a few words, for metrics.
    #[must_use]
    pub fn result_label(&self) -> &'static str {
        match self.outcome.as_str() {
            "read" => "read",
            "read_in_part" => "read_in_part",
            "absent" => "absent",
            _ => "unread",
        }
    }
}

/// What a link answers.
pub(super) enum Answer {
    /// It is not set up, or does not read this file; says what would have to be there.
    Absent(String),
    /// It read the file, or did not.
    Read(Result<Document, ConvertError>),
    /// What it depends on is down: nothing is known of the file.
    Down(Failure),
}

/// The links at work on one file.
#[async_trait]
pub(super) trait Links: Sync {
    /// Lets a link read these pages of the file, or all of it when there are none.
    async fn run(&self, link: Link, pages: &[u32]) -> Answer;
}

/// Why no link could read a file.
#[derive(Debug, PartialEq)]
pub(super) enum Unread {
    /// Nothing can, or may.
    Refused(ConvertError),
    /// Something that it depends on is down.
    Down(Failure),
}

/// What came of a chain.
pub(super) struct Walked {
    pub(super) outcome: Result<Document, Unread>,
    pub(super) tried: Vec<Tried>,
}

/// Lets the links read, one after the other, until the text is sufficient. A later link is asked for the pages that the
/// earlier ones could not read, and for the whole file when they could read nothing.
pub(super) async fn walk(chain: &[Link], links: &dyn Links) -> Walked {
    let mut state = State::default();
    for link in chain {
        let pages = match &state.best {
            Some(best) => match pages_left(best) {
                Some(pages) => pages,
                None => break,
            },
            None => Vec::new(),
        };
        let started = Instant::now();
        let answer = links.run(*link, &pages).await;
        if state.take(*link, answer, started.elapsed()) {
            break;
        }
    }
    state.end()
}

/// The pages that a later link could still read; `None` when there is nothing left that one could.
fn pages_left(best: &Document) -> Option<Vec<u32>> {
    let pages = quality::unread_pages(best);
    let is_any_use = !pages.is_empty() || matches!(quality::sufficient(best), Verdict::Insufficient(_));
    is_any_use.then_some(pages)
}

/// The best of two readings. Pages fill each other's gaps; a reading that names no pages is taken whole when the other one is
/// of no use.
fn together(best: Document, document: Document) -> Document {
    let is_useless = |document: &Document| matches!(quality::sufficient(document), Verdict::Insufficient(_));
    if is_useless(&document) && quality::unread_pages(&best).is_empty() {
        return best;
    }
    let merged = quality::merge(best, document.clone());
    if is_useless(&merged) && !is_useless(&document) {
        document
    } else {
        merged
    }
}

/// What is known while the links are tried.
#[derive(Default)]
struct State {
    tried: Vec<Tried>,
    best: Option<Document>,
    /// What the first link that failed said: the most that is known of the file.
    error: Option<ConvertError>,
    absent: Option<String>,
    down: Option<Failure>,
}

impl State {
    /// Takes a link's answer; true when no other link is needed, or would help.
    fn take(&mut self, link: Link, answer: Answer, took: Duration) -> bool {
        let millis = Some(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        let mut note = |outcome: &str, why: String, millis| {
            self.tried.push(Tried {
                link,
                outcome: outcome.to_owned(),
                why,
                millis,
            });
        };
        match answer {
            Answer::Absent(why) => {
                note("absent", why.clone(), None);
                self.absent.get_or_insert(why);
                false
            }
            // It failed on this file, not for all: what others read is better than to try for ever.
            Answer::Down(failure) if failure.class == FailureClass::Transient && self.best.is_some() => {
                note(&failure.code, failure.message.clone(), millis);
                self.error
                    .get_or_insert_with(|| ConvertError::failed(&failure.code, failure.message));
                false
            }
            Answer::Down(failure) => {
                note(&failure.code, failure.message.clone(), millis);
                self.down = Some(failure);
                true
            }
            Answer::Read(Err(error)) => {
                note(error.code(), error.to_string(), millis);
                // Without the password nobody can read it.
                let hopeless = error.code() == "password_protected";
                self.error.get_or_insert(error);
                hopeless
            }
            Answer::Read(Ok(document)) => {
                let document = match self.best.take() {
                    Some(best) => together(best, document),
                    None => document,
                };
                let verdict = quality::sufficient(&document);
                match &verdict {
                    Verdict::Sufficient => note("read", String::new(), millis),
                    Verdict::Partial(_) => note("read_in_part", parts_text(&document), millis),
                    Verdict::Insufficient(why) => note(&why.code, why.reason.clone(), millis),
                }
                self.best = Some(document);
                verdict == Verdict::Sufficient
            }
        }
    }

    fn end(self) -> Walked {
        let outcome = match (self.down, self.best) {
            (Some(failure), _) => Err(Unread::Down(failure)),
            (None, Some(best)) => match quality::sufficient(&best) {
                Verdict::Sufficient | Verdict::Partial(_) => Ok(best),
                Verdict::Insufficient(why) => Err(Unread::Refused(match (self.error, self.absent) {
                    // Something that can read such pages was there, and failed.
                    (Some(error), _) => error,
                    (None, Some(absent)) => {
                        ConvertError::unsupported(&why.code, format!("{}; {absent}", why.reason))
                    }
                    (None, None) => ConvertError::unsupported(&why.code, why.reason),
                })),
            },
            (None, None) => Err(Unread::Refused(self.error.unwrap_or_else(|| {
                ConvertError::unsupported(
                    "no_converter",
                    self.absent
                        .unwrap_or_else(|| "no converter reads such files".to_owned()),
                )
            }))),
        };
        Walked {
            outcome,
            tried: self.tried,
        }
    }
}

/// The first reason of the missing parts, and how many there are.
fn parts_text(document: &Document) -> String {
    let mut unread = document.unread();
    match unread.next() {
        Some((place, why)) => format!("{place}: {}, and {} more", why.reason, unread.count()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;
