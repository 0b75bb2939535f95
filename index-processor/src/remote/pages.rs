//! A document from the texts of its pages.

use std::collections::BTreeSet;

use convert::{About, Document, DocumentKind, FileType, Part, Place, Unread};

use super::RemoteRequest;
use super::media::Media;

/// The text of one page, slide or sheet, or of everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PageText {
    /// Where it is in the file; `None` for what has no place of its own.
    pub(super) place: Option<Place>,
    /// Its Markdown.
    pub(super) markdown: String,
    /// Why it is missing.
    pub(super) unread: Option<Unread>,
}

/// Whether the numbers that services give to parts of such files are true ones. Text documents and sheets have no pages
/// until they are printed; services make some up.
pub(super) fn place(file_type: FileType, number: u32) -> Option<Place> {
    match file_type {
        FileType::Pdf | FileType::Image => Some(Place::page(number)),
        FileType::Pptx | FileType::Ppt | FileType::Odp => Some(Place::slide(number)),
        _ => None,
    }
}

/// Whether a service can be asked for some pages of this file.
pub(super) fn is_paged(request: &RemoteRequest<'_>) -> bool {
    matches!(Media::of(request).ending, "pdf" | "tiff")
}

/// The pages that were asked for.
pub(super) struct Wanted(Option<BTreeSet<u32>>);

impl Wanted {
    pub(super) fn of(request: &RemoteRequest<'_>) -> Self {
        let is_some = is_paged(request) && !request.pages.is_empty();
        Self(is_some.then(|| request.pages.iter().copied().collect()))
    }

    /// Whether this page is one of them.
    pub(super) fn has(&self, page: u32) -> bool {
        self.0.as_ref().is_none_or(|pages| pages.contains(&page))
    }

    /// Those that were named: none when all are wanted.
    pub(super) fn named(&self) -> impl Iterator<Item = u32> {
        self.0.iter().flatten().copied()
    }
}

/// A page without text, for a reason.
pub(super) fn unread(place: Option<Place>, reason: impl Into<String>) -> PageText {
    PageText {
        place,
        markdown: String::new(),
        unread: Some(Unread {
            code: "remote_unread".to_owned(),
            reason: reason.into(),
        }),
    }
}

/// A page without text, because there is none on it.
pub(super) fn blank(place: Option<Place>) -> PageText {
    PageText {
        place,
        ..PageText::default()
    }
}

/// Drops pages that were not asked for, adds those of which nothing came, as blank ones, and puts all in order.
pub(super) fn only_wanted(request: &RemoteRequest<'_>, mut texts: Vec<PageText>) -> Vec<PageText> {
    let wanted = Wanted::of(request);
    texts.retain(|text| number(text).is_none_or(|page| wanted.has(page)));
    let there: BTreeSet<u32> = texts.iter().filter_map(number).collect();
    let missing = wanted.named().filter(|page| !there.contains(page));
    texts.extend(missing.map(|page| blank(Some(Place::page(page)))));
    if wanted.0.is_some() {
        texts.sort_by_key(number);
    }
    texts
}

fn number(text: &PageText) -> Option<u32> {
    text.place.as_ref().and_then(|place| place.page)
}

/// The document of these texts, with a part for each that has a place.
pub(super) fn document(
    converter: &str,
    request: &RemoteRequest<'_>,
    texts: &[PageText],
    warnings: Vec<String>,
) -> Document {
    let mut markdown = String::new();
    let mut parts = Vec::new();
    for text in texts {
        let body = text.markdown.replace("\r\n", "\n");
        let body = body.trim_matches('\n').trim_end();
        if !body.is_empty() && !markdown.is_empty() {
            markdown.push_str("\n\n");
        }
        if text.place.is_some() || text.unread.is_some() {
            parts.push(Part {
                start: markdown.len(),
                place: text.place.clone().unwrap_or_default(),
                unread: text.unread.clone(),
            });
        }
        markdown.push_str(body);
    }
    if !markdown.is_empty() {
        markdown.push('\n');
    }
    Document {
        about: About {
            kind: DocumentKind::Office,
            mime: Media::of(request).mime.to_owned(),
            title: title(&markdown),
            converter: converter.to_owned(),
            warnings,
            parts,
        },
        markdown,
    }
}

/// Nothing was found, and nothing is known to be missing.
pub(super) fn is_empty(document: &Document) -> bool {
    document.markdown.trim().is_empty() && document.unread().next().is_none()
}

/// The first heading, if the text starts with one.
fn title(markdown: &str) -> Option<String> {
    let first = markdown.lines().find(|line| !line.trim().is_empty())?;
    let heading = first.strip_prefix("# ").or_else(|| first.strip_prefix("## "))?;
    Some(heading.trim().to_owned()).filter(|title| !title.is_empty())
}

/// Page numbers as runs from first to last, at most `max_runs` of them: the nearest are joined, as asking for a page too many
/// costs less than sending the file once more.
pub(super) fn runs(pages: &[u32], max_runs: usize) -> Vec<(u32, u32)> {
    let mut pages = pages.to_vec();
    pages.sort_unstable();
    pages.dedup();
    let mut cuts: Vec<usize> = (1..pages.len())
        .filter(|&at| pages[at] - pages[at - 1] > 1)
        .collect();
    cuts.sort_by_key(|&at| std::cmp::Reverse(pages[at] - pages[at - 1]));
    cuts.truncate(max_runs.saturating_sub(1));
    cuts.push(pages.len());
    cuts.sort_unstable();
    let mut from = 0;
    let mut runs = Vec::new();
    for cut in cuts {
        if let [first, ..] = pages[from..cut]
            && let Some(&last) = pages[from..cut].last()
        {
            runs.push((first, last));
        }
        from = cut;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_by_table() {
        assert_eq!(runs(&[], 4), []);
        assert_eq!(runs(&[3], 4), [(3, 3)]);
        assert_eq!(runs(&[5, 1, 2, 3, 2], 4), [(1, 3), (5, 5)]);
        assert_eq!(runs(&[1, 3, 10, 30], 4), [(1, 1), (3, 3), (10, 10), (30, 30)]);
        assert_eq!(runs(&[1, 3, 10, 30], 2), [(1, 10), (30, 30)]);
        assert_eq!(runs(&[1, 3, 10, 30], 1), [(1, 30)]);
    }
}
