//! What docling-serve made of a file.
//!
//! The Markdown has a mark wherever the page changes, but none for pages without content: three pages of which the second is
//! blank have one mark. Which pages they are is in the JSON form of the document, of which only page numbers are read.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::super::RemoteRequest;
use super::super::error::{RemoteError, codes};
use super::super::http::Http;
use super::super::pages::{PageText, Wanted, blank, place, unread};

/// Our mark between pages. Nobody writes this by hand.
pub(super) const PAGE_BREAK: &str = "<!-- longshore-page-break-6f1e -->";

/// A result, as far as it is needed.
#[derive(Debug, Deserialize)]
pub(super) struct Result {
    #[serde(default)]
    document: Option<Exports>,
    status: String,
    #[serde(default)]
    errors: Vec<ErrorItem>,
}

#[derive(Debug, Default, Deserialize)]
struct Exports {
    #[serde(default)]
    md_content: Option<String>,
    #[serde(default)]
    json_content: Option<Tree>,
}

#[derive(Debug, Deserialize)]
struct ErrorItem {
    #[serde(default)]
    error_message: String,
}

/// Docling's own form of a document.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tree {
    texts: Vec<Item>,
    tables: Vec<Item>,
    pictures: Vec<Item>,
    key_value_items: Vec<Item>,
    form_items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
struct Item {
    #[serde(default)]
    content_layer: Option<String>,
    #[serde(default)]
    prov: Vec<Provenance>,
}

#[derive(Debug, Deserialize)]
struct Provenance {
    page_no: u32,
}

impl Tree {
    /// The pages that have something in the Markdown, which leaves out running heads and feet.
    fn pages(&self) -> Vec<u32> {
        let items = [
            &self.texts,
            &self.tables,
            &self.pictures,
            &self.key_value_items,
            &self.form_items,
        ];
        let in_body = items
            .into_iter()
            .flatten()
            .filter(|item| item.content_layer.as_deref().is_none_or(|layer| layer == "body"));
        let pages: BTreeSet<u32> = in_body
            .filter_map(|item| Some(item.prov.first()?.page_no))
            .collect();
        pages.into_iter().collect()
    }
}

impl Result {
    /// The texts of the pages that were asked for; `range` is what this result is of.
    pub(super) fn into_texts(
        self,
        http: &Http,
        request: &RemoteRequest<'_>,
        range: Option<(u32, u32)>,
        warnings: &mut Vec<String>,
    ) -> std::result::Result<Vec<PageText>, RemoteError> {
        let said = self.said(http);
        let is_partial = match self.status.as_str() {
            "success" => false,
            "partial_success" => true,
            "failure" | "skipped" => return Err(refusal(http, &said)),
            _ => return Err(http.bad_reply("the document is in no known state")),
        };
        let failed_pages = self.failed_pages();
        let exports = self.document.unwrap_or_default();
        let markdown = exports
            .md_content
            .ok_or_else(|| http.bad_reply("there is no Markdown in it"))?;
        let sections: Vec<&str> = markdown.split(PAGE_BREAK).collect();
        if place(request.file_type, 1).is_none() {
            let mut texts = vec![whole(&sections)];
            if is_partial {
                texts.push(unread(None, partial(http, &said)));
            }
            return Ok(texts);
        }

        let place = |page| place(request.file_type, page);
        let missing = |page| unread(place(page), partial(http, &said));
        let numbers = exports.json_content.unwrap_or_default().pages();
        let mut texts = Vec::new();
        let mut by_page = BTreeMap::new();
        // Whether a page without text is known to be a blank one.
        let mut is_told = !is_partial;
        if numbers.len() == sections.len() {
            for (page, section) in numbers.into_iter().zip(sections) {
                let text = PageText {
                    place: place(page),
                    markdown: section.to_owned(),
                    unread: None,
                };
                by_page.insert(page, text);
            }
        } else if !markdown.trim().is_empty() {
            is_told = false;
            texts.push(whole(&sections));
            warnings.push(format!(
                "{} does not tell which pages its text is from, so the text has no page numbers",
                http.service
            ));
        }
        for page in failed_pages {
            by_page.entry(page).or_insert_with(|| missing(page));
        }
        let wanted = Wanted::of(request);
        let (first, last) = range.unwrap_or((1, u32::MAX));
        for page in wanted.named().filter(|page| (first..=last).contains(page)) {
            let text = || {
                if is_told {
                    blank(place(page))
                } else {
                    missing(page)
                }
            };
            by_page.entry(page).or_insert_with(text);
        }
        by_page.retain(|page, _| (first..=last).contains(page) && wanted.has(*page));
        let is_named = by_page.values().any(|text| text.unread.is_some());
        texts.extend(by_page.into_values());
        if is_partial && !is_named {
            texts.push(unread(None, partial(http, &said)));
        }
        Ok(texts)
    }

    /// What its errors say, for people.
    fn said(&self, http: &Http) -> String {
        let messages: Vec<&str> = self
            .errors
            .iter()
            .map(|error| error.error_message.trim())
            .filter(|message| !message.is_empty())
            .collect();
        http.quote(&messages.join("; "))
    }

    /// The pages that its errors name: `Page 7: …`, `… pages [7, 9]: …`.
    fn failed_pages(&self) -> BTreeSet<u32> {
        let mut pages = BTreeSet::new();
        for error in &self.errors {
            let message = error.error_message.to_ascii_lowercase();
            for (at, word) in message.match_indices("page") {
                let rest = message[at + word.len()..].trim_start_matches('s').trim_start();
                let numbers = match rest.strip_prefix('[') {
                    Some(list) => list.split(']').next().unwrap_or_default(),
                    None => rest
                        .split(|c: char| !c.is_ascii_digit())
                        .next()
                        .unwrap_or_default(),
                };
                pages.extend(
                    numbers
                        .split(',')
                        .filter_map(|number| number.trim().parse::<u32>().ok()),
                );
            }
        }
        pages
    }
}

fn whole(sections: &[&str]) -> PageText {
    PageText {
        markdown: sections
            .iter()
            .map(|section| section.trim_matches('\n'))
            .collect::<Vec<_>>()
            .join("\n\n"),
        ..PageText::default()
    }
}

fn partial(http: &Http, said: &str) -> String {
    format!("{} could not read this part of the file{said}", http.service)
}

fn refusal(http: &Http, said: &str) -> RemoteError {
    if said.to_ascii_lowercase().contains("password") {
        return RemoteError::refused(
            codes::PASSWORD_PROTECTED,
            "the file is protected with a password; save it without one",
        );
    }
    RemoteError::refused(
        codes::REFUSED,
        format!("{} cannot convert the file{said}", http.service),
    )
}
