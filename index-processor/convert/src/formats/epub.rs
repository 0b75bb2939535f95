//! Electronic books, by `rbook` and the HTML converter: the pages in reading order.
//!
//! `rbook` reads its files whole, so everything in the book is unpacked once, to nowhere, before it gets to see it.

mod protection;

use std::collections::HashSet;
use std::io::{self, Cursor};
use std::panic::catch_unwind;

use rbook::Epub;
use zip::ZipArchive;

use super::links::{self, Drop};
use super::{blocks, html, zip as archive};
use crate::context::Context;
use crate::document::{Part, Place, Unread};
use crate::format::Format;
use crate::{ConvertError, Converted, Converter, DocumentKind, Input};

pub(crate) const CONVERTER: Converter = Converter {
    name: "epub",
    version: 1,
    run,
};

/// At this share of its letters in links, a page that is called so is a table of contents.
const CONTENTS_PERCENT: usize = 60;

fn run(input: &Input<'_>, _: Format, context: &Context<'_>) -> Result<Converted, ConvertError> {
    let mut zip = ZipArchive::new(Cursor::new(input.bytes)).map_err(archive::unreadable)?;
    measure(&mut zip, context)?;
    protection::refuse_protected(&mut zip, context)?;
    let mut warnings = Vec::new();
    let book =
        catch_unwind(|| read(input.bytes)).unwrap_or_else(|_| Err("its structure is broken".to_owned()));
    let book = match book {
        Ok(book) => book,
        Err(why) => {
            warnings.push(format!(
                "the order of the pages is not told ({why}); they are in the order of their names"
            ));
            by_name(&mut zip, context)?
        }
    };
    let mut pages = Pages::new(&book);
    for page in &book.pages {
        pages.add(page, context, false);
    }
    if pages.count == 0 {
        // A book of nothing but a table of contents.
        for page in &book.pages {
            pages.add(page, context, true);
        }
    }
    warnings.extend(pages.warnings);
    if pages.count == 0 && pages.parts.is_empty() {
        return Err(ConvertError::unsupported(
            "empty",
            "no text was found in the book; if its pages are pictures, convert it to PDF and index that",
        ));
    }
    Ok(Converted {
        markdown: pages.out,
        kind: DocumentKind::Office,
        mime: "application/epub+zip",
        title: book.title,
        warnings,
        parts: pages.parts,
    })
}

/// Unpacks everything to nowhere, to see that it is not a bomb.
fn measure(zip: &mut ZipArchive<Cursor<&[u8]>>, context: &Context<'_>) -> Result<(), ConvertError> {
    for index in 0..zip.len() {
        // What cannot be unpacked is not read later either; that is reported then.
        let Ok(file) = zip.by_index(index) else { continue };
        let mut limited = io::Read::take(file, context.unpack_left().saturating_add(1));
        let mut unpacked = Counter(0);
        let done = io::copy(&mut limited, &mut unpacked);
        context.unpacked(unpacked.0)?;
        drop(done);
    }
    Ok(())
}

/// Counts what is written to it, also when the writing then fails.
struct Counter(u64);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Book {
    title: Option<String>,
    authors: Vec<String>,
    pages: Vec<Page>,
}

struct Page {
    path: String,
    is_contents: bool,
    content: Result<Vec<u8>, String>,
}

/// Title, authors and pages as the book states them.
fn read(bytes: &[u8]) -> Result<Book, String> {
    let epub = Epub::options()
        .skip_toc(true)
        .read(Cursor::new(bytes.to_vec()))
        .map_err(|error| error.to_string())?;
    let metadata = epub.metadata();
    let line = |text: &str| Some(blocks::one_line(text)).filter(|line| !line.is_empty());
    let mut pages = Vec::new();
    let mut seen = HashSet::new();
    for entry in epub.spine().iter() {
        let Some(item) = entry.manifest_entry() else {
            continue;
        };
        let path = item.href().as_str().trim_start_matches('/').to_owned();
        // A page is read once, however often it is to be shown.
        if !is_page(item.media_type()) || !seen.insert(path.clone()) {
            continue;
        }
        let is_nav = item.properties().iter().any(|property| property == "nav");
        pages.push(Page {
            is_contents: is_nav,
            content: item.read_bytes().map_err(|error| error.to_string()),
            path,
        });
    }
    if pages.is_empty() {
        return Err("it names no pages".to_owned());
    }
    Ok(Book {
        title: metadata.title().and_then(|title| line(title.value())),
        authors: metadata.creators().filter_map(|who| line(who.value())).collect(),
        pages,
    })
}

fn is_page(media_type: &str) -> bool {
    let media_type = media_type.to_ascii_lowercase();
    media_type.contains("html") || media_type.contains("xml") && !media_type.contains("svg")
}

/// The pages of a book whose structure is broken.
fn by_name(zip: &mut ZipArchive<Cursor<&[u8]>>, context: &Context<'_>) -> Result<Book, ConvertError> {
    let mut names: Vec<(String, usize)> = Vec::new();
    for index in 0..zip.len() {
        let Ok(entry) = zip.by_index_data(index) else {
            continue;
        };
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let lower = name.to_ascii_lowercase();
        if [".xhtml", ".html", ".htm"].iter().any(|end| lower.ends_with(end)) {
            names.push((name, index));
        }
    }
    names.sort();
    let mut pages = Vec::new();
    for (path, index) in names {
        let content = match zip.by_index(index) {
            Ok(file) => context.unpack(file, "book").map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        pages.push(Page {
            path,
            is_contents: false,
            content,
        });
    }
    if pages.is_empty() {
        return Err(ConvertError::corrupt("book", "it has no pages"));
    }
    Ok(Book {
        title: None,
        authors: Vec::new(),
        pages,
    })
}

/// The text of a book, page after page.
struct Pages {
    title: Option<String>,
    out: String,
    /// How much deeper headings become, below the title.
    levels: usize,
    count: usize,
    parts: Vec<Part>,
    warnings: Vec<String>,
}

impl Pages {
    fn new(book: &Book) -> Self {
        let mut out = String::new();
        if let Some(title) = &book.title {
            blocks::push_heading(&mut out, 1, title);
            if !book.authors.is_empty() {
                out.push_str(&format!("By {}\n", book.authors.join(", ")));
            }
        }
        Self {
            title: book.title.clone(),
            out,
            levels: usize::from(book.title.is_some()),
            count: 0,
            parts: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn add(&mut self, page: &Page, context: &Context<'_>, with_contents: bool) {
        if page.is_contents && !with_contents {
            return;
        }
        let bytes = match &page.content {
            Ok(bytes) => bytes,
            Err(why) => {
                self.unread(page, why);
                return;
            }
        };
        let input = Input {
            name: "page.xhtml",
            bytes,
            content_type: None,
        };
        let converted = match (html::CONVERTER.run)(&input, Format::Html, context) {
            Ok(converted) => converted,
            Err(ConvertError::Failed { reason, .. }) => {
                self.unread(page, &reason);
                return;
            }
            // Nothing in it.
            Err(_) => return,
        };
        if !with_contents && is_contents(&page.path, &converted.markdown) {
            return;
        }
        let markdown = links::without_targets(&converted.markdown, Drop::PicturesAndInnerLinks);
        if !markdown.chars().any(char::is_alphanumeric) {
            return;
        }
        let markdown = match &self.title {
            Some(title) if self.count == 0 => without_heading(&markdown, title),
            _ => &markdown,
        };
        blocks::push_markdown(&mut self.out, markdown, self.levels, &[]);
        self.count += 1;
        for warning in converted.warnings {
            if self.warnings.len() < 20 {
                self.warnings.push(format!("{}: {warning}", page.path));
            }
        }
    }

    fn unread(&mut self, page: &Page, why: &str) {
        blocks::push_gap(&mut self.out);
        let start = self.out.len();
        self.parts.push(Part {
            start,
            place: Place::default().inside(&page.path),
            unread: Some(Unread {
                code: "corrupt".to_owned(),
                reason: format!("this page of the book cannot be read: {why}"),
            }),
        });
        // What follows is of the book again.
        self.parts.push(Part {
            start,
            place: Place::default(),
            unread: None,
        });
    }
}

/// A page without the heading it starts with, if that only repeats the title of the book.
fn without_heading<'m>(markdown: &'m str, title: &str) -> &'m str {
    let text = markdown.trim_start();
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    let heading = line.trim_start_matches('#').trim();
    let repeats = line.starts_with('#') && heading.eq_ignore_ascii_case(title);
    // A page of nothing else stays.
    if repeats && rest.chars().any(char::is_alphanumeric) {
        rest
    } else {
        markdown
    }
}

/// Is it a table of contents that is not marked as one?
fn is_contents(path: &str, markdown: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    if !["toc", "nav", "contents"].iter().any(|name| file.contains(name)) {
        return false;
    }
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
    let mut linked = 0;
    let mut all = 0;
    for piece in markdown.split("](") {
        // `text [link` or `target) text [link`.
        let text = piece.split_once(')').map_or(piece, |(_, text)| text);
        let link = text.rsplit_once('[').map_or("", |(_, link)| link);
        linked += letters(link);
        all += letters(text);
    }
    linked * 100 >= all * CONTENTS_PERCENT
}

#[cfg(test)]
mod tests;
