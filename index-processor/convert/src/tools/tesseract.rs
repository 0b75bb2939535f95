//! Text in images, by tesseract, laid out into paragraphs.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::poppler::{self, Size};
use super::run::{self, Directory, Trouble};
use super::{Program, Tools, document, lines, needed};
use crate::{ConvertError, Document, FileType, Input, Part, Place, Unread};

/// Raised whenever the outcome for any file may change with the same program.
pub(super) const VERSION: u32 = 1;

const PACKAGE: &str = "tesseract-ocr (and poppler-utils for scanned PDFs)";

/// What tesseract is trained on, in dots per inch.
const RESOLUTION: f64 = 300.0;

/// Longest edge of a page as it is drawn, in pixels: more than 300 dots per inch on A3. A larger page is drawn coarser.
const LONGEST_EDGE: f64 = 5000.0;

/// Most bytes of a table of words that is read.
const MAX_TABLE: u64 = 64 << 20;

/// How sure of the words of a paragraph tesseract is on average, in percent, when they are words. Below, it saw text in the
/// pattern of a photograph.
const SURE: f32 = 40.0;

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
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    name.len() <= 40 && is_name(name.strip_prefix("script/").unwrap_or(name))
}

struct Ocr<'a> {
    tools: &'a Tools,
    program: &'a Path,
    languages: &'a str,
    deadline: Instant,
}

/// What was seen on one page of an image.
#[derive(Debug, PartialEq)]
struct Seen {
    page: u32,
    text: String,
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
    let seen = ocr.see(&directory, &directory.input()).map_err(|trouble| match trouble {
        Trouble::Failed(said) => ConvertError::unsupported(
            "unsupported_image",
            format!("tesseract cannot read this image; save it as PNG, JPEG or TIFF ({})", last_line(&said)),
        ),
        other => other.into(),
    })?;
    let is_single = seen.len() <= 1;
    let wanted = seen.into_iter().filter(|seen| pages.is_empty() || pages.contains(&seen.page));
    let parts: Vec<_> = wanted.map(|seen| (read_part(seen.page), seen.text)).collect();
    let mime = file_format::FileFormat::from_bytes(input.bytes);
    let mut document = document("tesseract", mime.media_type(), parts);
    if document.markdown.is_empty() {
        return Err(ConvertError::unsupported("empty", "no text was found in the image"));
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
            return Err(ConvertError::failed("no_such_page", format!("there is no page {page}")));
        };
        ocr.pdf_page(&directory, page, *longer_edge)
    };
    let parts = wanted.into_iter().map(|page| match read(page) {
        Ok(text) => (read_part(page), text),
        Err(error) => (unread_part(page, &error), String::new()),
    });
    Ok(document("tesseract", "application/pdf", parts.collect()))
}

fn read_part(page: u32) -> Part {
    Part {
        start: 0,
        place: Place::page(page),
        unread: None,
    }
}

fn unread_part(page: u32, error: &ConvertError) -> Part {
    let unread = Unread {
        code: error.code().to_owned(),
        reason: error.to_string(),
    };
    Part {
        unread: Some(unread),
        ..read_part(page)
    }
}

impl<'a> Ocr<'a> {
    fn new(tools: &'a Tools, languages: &'a str, deadline: Instant) -> Result<Self, ConvertError> {
        let program = needed(tools.tesseract.as_ref(), PACKAGE)?;
        for language in languages.split('+') {
            if !is_language(language) || !tools.languages.iter().any(|name| name == language) {
                let there = tools.languages.join(", ");
                return Err(ConvertError::failed(
                    "ocr_language",
                    format!("tesseract has no language {language:?}, it has {there}: install tesseract-ocr-LANGUAGE"),
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

    fn pdf_page(&self, directory: &Directory, page: u32, longer_edge: f64) -> Result<String, ConvertError> {
        if Instant::now() >= self.deadline {
            return Err(Trouble::Deadline.into());
        }
        let dots = resolution(longer_edge);
        let picture = poppler::draw(self.tools, directory, page, Size::Resolution(dots), self.deadline)?;
        let seen = self.see(directory, &picture)?;
        // The next page must not be taken for this one, should it not be drawn.
        fs::remove_file(&picture).map_err(Trouble::System)?;
        let texts: Vec<String> = seen.into_iter().map(|seen| seen.text).collect();
        Ok(texts.join("\n\n"))
    }

    fn see(&self, directory: &Directory, picture: &Path) -> Result<Vec<Seen>, Trouble> {
        let arguments: [OsString; 7] = [
            picture.into(),
            "stdout".into(),
            "-l".into(),
            self.languages.into(),
            // Fully automatic layout.
            "--psm".into(),
            "3".into(),
            "tsv".into(),
        ];
        let table = directory.run(self.program, arguments, MAX_TABLE, self.deadline)?;
        Ok(pages(&String::from_utf8_lossy(&table)))
    }
}

/// Dots per inch for a page of this longer edge in points.
fn resolution(longer_edge: f64) -> u32 {
    let at_most = LONGEST_EDGE * 72.0 / longer_edge.max(1.0);
    // Between 1 and 300: the conversion is exact enough.
    RESOLUTION.min(at_most).max(1.0) as u32
}

/// A word of the table that tesseract writes.
struct Word<'a> {
    page: u32,
    /// Block and paragraph.
    paragraph: (u32, u32),
    line: u32,
    /// In percent.
    sure: f32,
    text: &'a str,
}

/// Reads the table: one line per page, block, paragraph, line and word, of which the words have a text.
fn pages(table: &str) -> Vec<Seen> {
    let mut pages: Vec<Seen> = Vec::new();
    let mut words: Vec<Word<'_>> = Vec::new();
    for row in table.lines() {
        let columns: Vec<&str> = row.splitn(12, '\t').collect();
        let number = |column: usize| columns.get(column)?.parse::<u32>().ok();
        let (Some(level), Some(page)) = (number(0), number(1)) else {
            continue;
        };
        if level == 1 {
            pages.push(Seen { page, text: String::new() });
        }
        let (5, Some(block), Some(paragraph), Some(line)) = (level, number(2), number(3), number(4)) else {
            continue;
        };
        let text = columns.get(11).map_or("", |text| text.trim());
        let sure = columns.get(10).and_then(|sure| sure.parse().ok()).unwrap_or(0.0);
        if !text.is_empty() {
            words.push(Word { page, paragraph: (block, paragraph), line, sure, text });
        }
    }
    for paragraph in words.chunk_by(|a, b| (a.page, a.paragraph) == (b.page, b.paragraph)) {
        let Some(seen) = pages.iter_mut().rev().find(|seen| seen.page == paragraph[0].page) else {
            continue;
        };
        let Some(text) = text(paragraph) else { continue };
        if !seen.text.is_empty() {
            seen.text.push_str("\n\n");
        }
        seen.text.push_str(&text);
    }
    pages
}

/// The text of a paragraph; `None` when it is none.
fn text(words: &[Word<'_>]) -> Option<String> {
    let sure = words.iter().map(|word| word.sure).sum::<f32>() / words.len() as f32;
    let has_letters = words.iter().any(|word| word.text.contains(char::is_alphanumeric));
    if sure < SURE || !has_letters {
        return None;
    }
    let lines: Vec<String> = words
        .chunk_by(|a, b| a.line == b.line)
        .map(|line| line.iter().map(|word| word.text).collect::<Vec<_>>().join(" "))
        .collect();
    Some(lines::join(lines.iter().map(String::as_str)))
}

fn last_line(said: &str) -> &str {
    said.lines().last().unwrap_or(said)
}

#[cfg(test)]
mod tests;
