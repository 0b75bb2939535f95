//! Text in images, by tesseract, laid out into paragraphs and tables.

mod words;

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::poppler::{self, Size};
use super::run::{self, Directory, Trouble};
use super::{Program, Tools, document, needed};
use crate::{ConvertError, Document, FileType, Input, Part, Place, Unread};
use words::Seen;

/// Raised whenever the outcome for any file may change with the same program.
pub(super) const VERSION: u32 = 1;

const PACKAGE: &str = "tesseract-ocr (and poppler-utils for scanned PDFs)";

/// What tesseract is trained on, in dots per inch.
const RESOLUTION: f64 = 300.0;

/// Longest edge of a page as it is drawn, in pixels: more than 300 dots per inch on A3. A larger page is drawn coarser.
const LONGEST_EDGE: f64 = 5000.0;

/// Most bytes of a table of words that is read.
const MAX_TABLE: u64 = 64 << 20;

/// Fewer letters than these on a page may be those of a table or a form, the columns of which the automatic layout loses.
const FEW: usize = 1000;

/// How much more another layout must have seen, to be taken.
const MUCH_MORE: f32 = 1.15;

/// Fewer letters than these are not worth another layout: they are shapes in a picture.
const FEWEST: usize = 20;

/// More letters than these that are not sure are text that was not read.
const UNSURE: usize = 100;

/// How tesseract looks at a page.
#[derive(Clone, Copy)]
enum Layout {
    /// It looks for columns and paragraphs itself.
    Automatic,
    /// All is one block of lines, from edge to edge.
    OneBlock,
}

/// The languages that it has data for.
pub(super) fn languages(program: &Program) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(20);
    let said = run::ask(&program.path, &["--list-langs"], deadline).unwrap_or_default();
    let names = said.lines().skip(1).map(|line| line.trim().to_owned());
    let mut names: Vec<String> = names.filter(|name| is_language(name)).collect();
    names.sort_unstable();
    names
}

/// Is it a name, such as `eng`, `chi_sim` or `script/Latin`, and no option or path?
fn is_language(name: &str) -> bool {
    let is_name = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    name.len() <= 40 && is_name(name.strip_prefix("script/").unwrap_or(name))
}

struct Ocr<'a> {
    tools: &'a Tools,
    program: &'a Path,
    languages: &'a str,
    deadline: Instant,
}

pub(super) fn image(
    tools: &Tools,
    input: &Input<'_>,
    pages: &[u32],
    languages: &str,
    deadline: Instant,
) -> Result<Document, ConvertError> {
    let ocr = Ocr::new(tools, languages, deadline)?;
    let directory = Directory::new(input.bytes)?;
    let seen = ocr
        .see(&directory, &directory.input())
        .map_err(|trouble| match trouble {
            Trouble::Failed(said) => ConvertError::unsupported(
                "unsupported_image",
                format!(
                    "tesseract cannot read this image; save it as PNG, JPEG or TIFF ({})",
                    last_line(&said)
                ),
            ),
            other => other.into(),
        })?;
    let is_single = seen.len() <= 1;
    let wanted = seen
        .into_iter()
        .filter(|seen| pages.is_empty() || pages.contains(&seen.page));
    let parts = wanted.map(|seen| part(seen.page, Ok(seen))).collect();
    let mime = file_format::FileFormat::from_bytes(input.bytes);
    let mut document = document("tesseract", mime.media_type(), parts);
    if document.unread().next().is_some() {
        return Ok(document);
    }
    if document.markdown.is_empty() {
        return Err(ConvertError::unsupported(
            "empty",
            "no text was found in the image",
        ));
    }
    if is_single {
        document.about.parts.clear();
    }
    Ok(document)
}

pub(super) fn pdf(
    tools: &Tools,
    input: &Input<'_>,
    pages: &[u32],
    languages: &str,
    deadline: Instant,
) -> Result<Document, ConvertError> {
    let ocr = Ocr::new(tools, languages, deadline)?;
    if !tools.can_ocr(FileType::Pdf) {
        needed(None, PACKAGE)?;
    }
    let directory = Directory::new(input.bytes)?;
    let sizes = poppler::pages(tools, &directory, deadline)?;
    let mut wanted: Vec<u32> = match pages {
        [] => sizes.keys().copied().collect(),
        some => some.to_vec(),
    };
    wanted.sort_unstable();
    wanted.dedup();
    let read = |page: u32| {
        let Some(longer_edge) = sizes.get(&page) else {
            return Err(ConvertError::failed(
                "no_such_page",
                format!("there is no page {page}"),
            ));
        };
        ocr.pdf_page(&directory, page, *longer_edge)
    };
    let parts = wanted.into_iter().map(|page| part(page, read(page)));
    Ok(document("tesseract", "application/pdf", parts.collect()))
}

/// A page with what was seen on it, or why nothing was.
fn part(page: u32, outcome: Result<Seen, ConvertError>) -> (Part, String) {
    let (text, unread) = match outcome {
        Ok(seen) if seen.unsure > UNSURE.max(seen.letters) => (
            seen.text,
            Some(Unread {
                code: "ocr_unsure".to_owned(),
                reason:
                    "most of the text is too coarse or too faint to be told: scan it with 300 dots per inch"
                        .to_owned(),
            }),
        ),
        Ok(seen) => (seen.text, None),
        Err(error) => (
            String::new(),
            Some(Unread {
                code: error.code().to_owned(),
                reason: error.to_string(),
            }),
        ),
    };
    let part = Part {
        start: 0,
        place: Place::page(page),
        unread,
    };
    (part, text)
}

impl<'a> Ocr<'a> {
    fn new(tools: &'a Tools, languages: &'a str, deadline: Instant) -> Result<Self, ConvertError> {
        let program = needed(tools.tesseract.as_ref(), PACKAGE)?;
        for language in languages.split('+') {
            if !is_language(language) || !tools.languages.iter().any(|name| name == language) {
                let there = tools.languages.join(", ");
                return Err(ConvertError::failed(
                    "ocr_language",
                    format!(
                        "tesseract has no language {language:?}, it has {there}: install tesseract-ocr-LANGUAGE"
                    ),
                ));
            }
        }
        Ok(Self {
            tools,
            program,
            languages,
            deadline,
        })
    }

    fn pdf_page(&self, directory: &Directory, page: u32, longer_edge: f64) -> Result<Seen, ConvertError> {
        if Instant::now() >= self.deadline {
            return Err(Trouble::Deadline.into());
        }
        let dots = resolution(longer_edge);
        let picture = poppler::draw(self.tools, directory, page, Size::Resolution(dots), self.deadline)?;
        let seen = self.see(directory, &picture)?;
        // The next page must not be taken for this one, should it not be drawn.
        fs::remove_file(&picture).map_err(Trouble::System)?;
        Ok(seen.into_iter().next().unwrap_or_default())
    }

    /// What is seen on each page of a picture.
    fn see(&self, directory: &Directory, picture: &Path) -> Result<Vec<Seen>, Trouble> {
        let mut pages = self.look(directory, picture, Layout::Automatic)?;
        if pages.iter().all(|seen| seen.letters >= FEW) {
            return Ok(pages);
        }
        for (seen, again) in pages
            .iter_mut()
            .zip(self.look(directory, picture, Layout::OneBlock)?)
        {
            if is_fuller(&again, seen) {
                *seen = again;
            }
        }
        Ok(pages)
    }

    fn look(&self, directory: &Directory, picture: &Path, layout: Layout) -> Result<Vec<Seen>, Trouble> {
        let mode = match layout {
            Layout::Automatic => "3",
            Layout::OneBlock => "6",
        };
        let arguments: [OsString; 7] = [
            picture.into(),
            "stdout".into(),
            "-l".into(),
            self.languages.into(),
            "--psm".into(),
            mode.into(),
            "tsv".into(),
        ];
        let table = directory.run(self.program, arguments, MAX_TABLE, self.deadline)?;
        Ok(words::pages(&String::from_utf8_lossy(&table)))
    }
}

/// Did the other layout see what the automatic one lost?
fn is_fuller(one_block: &Seen, automatic: &Seen) -> bool {
    let is_text = one_block.letters >= FEWEST && automatic.letters < FEW;
    is_text && one_block.worth > automatic.worth * MUCH_MORE
}

/// Dots per inch for a page of this longer edge in points.
fn resolution(longer_edge: f64) -> u32 {
    let at_most = LONGEST_EDGE * 72.0 / longer_edge.max(1.0);
    // Between 1 and 300: the conversion is exact enough.
    RESOLUTION.min(at_most).max(1.0) as u32
}

fn last_line(said: &str) -> &str {
    said.lines().last().unwrap_or(said)
}

#[cfg(test)]
mod tests;
