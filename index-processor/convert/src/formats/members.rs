//! Files inside a file: each under its own heading, as a part of the whole.
//!
//! Whatever a member is, the whole stays valid Markdown: tables and pages come as they are with their headings moved below
//! that of the member, code and data are fenced, plain text is escaped. A member that should have been read and cannot be is
//! an unread part; one that nothing here reads is named in a warning.

use std::collections::HashMap;

use super::blocks;
use crate::context::Context;
use crate::document::{Document, DocumentKind, Language, Part, Place, Unread};
use crate::{ConvertError, Input};

/// How many members a warning names, and how many warnings of members are kept.
const MAX_NAMED: usize = 5;
const MAX_WARNINGS: usize = 20;

/// What became of a member.
#[derive(Debug)]
pub(super) enum Added {
    /// Its text is in.
    Converted,
    /// Nothing here reads its type, or there is nothing in it.
    Skipped,
    /// It should be in and is not.
    Unread(ConvertError),
}

/// The document that a container becomes.
pub(super) struct Members<'c, 'o> {
    context: &'c Context<'o>,
    /// What stands before the name in the heading of a member.
    prefix: &'static str,
    /// Level of these headings.
    level: usize,
    pub(super) markdown: String,
    parts: Vec<Part>,
    warnings: Vec<String>,
    /// Warnings of members beyond those that are kept.
    unsaid: usize,
    skipped: Vec<String>,
    skipped_count: usize,
    labels: HashMap<String, u32>,
    /// The first failure of a member.
    failure: Option<ConvertError>,
    converted: usize,
}

/// What [`Members`] come to.
pub(super) struct Whole {
    pub(super) markdown: String,
    pub(super) parts: Vec<Part>,
    pub(super) warnings: Vec<String>,
}

impl<'c, 'o> Members<'c, 'o> {
    /// Members behind `markdown`, which is the container's own text.
    pub(super) fn new(
        context: &'c Context<'o>,
        markdown: String,
        prefix: &'static str,
        level: usize,
    ) -> Self {
        Self {
            context,
            prefix,
            level,
            markdown,
            parts: Vec::new(),
            warnings: Vec::new(),
            unsaid: 0,
            skipped: Vec::new(),
            skipped_count: 0,
            labels: HashMap::new(),
            failure: None,
            converted: 0,
        }
    }

    /// Converts a member and sets its text in.
    pub(super) fn add(&mut self, input: &Input<'_>) -> Added {
        let label = self.label(input.name);
        match self.context.nested(input) {
            Ok(document) => self.set_in(&label, document),
            Err(error @ ConvertError::Failed { .. }) => self.unread_under(&label, error),
            Err(error) => {
                self.skip_under(format!("{label} ({})", error.code()));
                Added::Skipped
            }
        }
    }

    /// A member that could not even be taken out.
    pub(super) fn add_unread(&mut self, name: &str, error: ConvertError) -> Added {
        let label = self.label(name);
        self.unread_under(&label, error)
    }

    /// A member that is left out without looking into it.
    pub(super) fn skip(&mut self, name: &str) {
        let label = self.label(name);
        self.skip_under(label);
    }

    /// Says that the last `left` of `all` members are not read, when no more may be; is that so?
    pub(super) fn is_full(&mut self, left: usize, all: usize) -> bool {
        if self.context.has_room_for_member() {
            return false;
        }
        let error = ConvertError::failed(
            "too_many_members",
            format!(
                "{left} of the {all} files inside were not read, the limit is {}: index them by themselves",
                self.context.options.max_members
            ),
        );
        // They are not even named: it is the whole that something is missing from.
        self.parts.push(Part {
            start: self.markdown.len(),
            place: Place::default(),
            unread: Some(unread(&error)),
        });
        self.failure.get_or_insert(error);
        true
    }

    pub(super) fn warn(&mut self, warning: String) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(warning);
        } else {
            self.unsaid += 1;
        }
    }

    /// How many members have their text in.
    pub(super) fn converted(&self) -> usize {
        self.converted
    }

    /// The first failure of a member.
    pub(super) fn failure(&self) -> Option<&ConvertError> {
        self.failure.as_ref()
    }

    pub(super) fn finish(mut self) -> Whole {
        if self.unsaid > 0 {
            self.warnings.push(format!("{} more warnings", self.unsaid));
        }
        if self.skipped_count > 0 {
            let more = self.skipped_count - self.skipped.len();
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            self.warnings.push(format!(
                "{} of the files inside hold nothing that is indexed: {}{more}",
                self.skipped_count,
                self.skipped.join(", ")
            ));
        }
        Whole {
            markdown: self.markdown,
            parts: self.parts,
            warnings: self.warnings,
        }
    }

    fn set_in(&mut self, label: &str, document: Document) -> Added {
        let Document { markdown, about } = document;
        let left = usize::try_from(self.context.options.max_output_bytes)
            .unwrap_or(usize::MAX)
            .saturating_sub(self.markdown.len());
        if markdown.len() > left {
            let error = ConvertError::failed(
                "output_too_large",
                format!(
                    "the files inside have more than {} MiB of text together; index them by themselves",
                    self.context.options.max_output_bytes >> 20
                ),
            );
            return self.unread_under(label, error);
        }
        self.start_part(label, None);
        for warning in about.warnings {
            self.warn(format!("{label}: {warning}"));
        }
        let starts: Vec<usize> = about.parts.iter().map(|part| part.start).collect();
        let out = &mut self.markdown;
        let moved = match about.kind {
            DocumentKind::Html | DocumentKind::Office => {
                blocks::push_markdown(out, &markdown, self.level, &starts)
            }
            other => {
                push_other(out, &markdown, other, &about.mime, self.level);
                vec![out.len(); starts.len()]
            }
        };
        self.parts
            .extend(about.parts.into_iter().zip(moved).map(|(part, start)| Part {
                start,
                place: part.place.inside(label),
                unread: part.unread,
            }));
        self.converted += 1;
        Added::Converted
    }

    fn unread_under(&mut self, label: &str, error: ConvertError) -> Added {
        self.start_part(label, Some(unread(&error)));
        self.failure.get_or_insert_with(|| error.clone());
        Added::Unread(error)
    }

    fn start_part(&mut self, label: &str, unread: Option<Unread>) {
        blocks::push_gap(&mut self.markdown);
        self.parts.push(Part {
            start: self.markdown.len(),
            place: Place::default().inside(label),
            unread,
        });
        let heading = format!("{}{label}", self.prefix);
        blocks::push_heading(&mut self.markdown, self.level, &heading);
    }

    fn skip_under(&mut self, label: String) {
        self.skipped_count += 1;
        if self.skipped.len() < MAX_NAMED {
            self.skipped.push(label);
        }
    }

    /// What a member is called: its path, made harmless, and different from every other one.
    fn label(&mut self, name: &str) -> String {
        let label = harmless(name);
        let seen = self.labels.entry(label.clone()).or_default();
        *seen += 1;
        if *seen == 1 {
            label
        } else {
            format!("{label} ({seen})")
        }
    }
}

fn unread(error: &ConvertError) -> Unread {
    Unread {
        code: error.code().to_owned(),
        reason: error.to_string(),
    }
}

/// A path without what leads out of the container. It is never opened, but people may follow it.
fn harmless(name: &str) -> String {
    let name = blocks::one_line(name).replace('\\', "/");
    let segments = name
        .split('/')
        .map(str::trim)
        .filter(|segment| !matches!(*segment, "" | "." | ".."));
    let path = segments.collect::<Vec<_>>().join("/");
    if path.is_empty() {
        "unnamed".to_owned()
    } else {
        path
    }
}

/// Text that is not made of headings and paragraphs.
fn push_other(out: &mut String, text: &str, kind: DocumentKind, mime: &str, level: usize) {
    match kind {
        DocumentKind::Csv => {
            blocks::push_gap(out);
            out.push_str(text);
        }
        DocumentKind::Json => blocks::push_fenced(out, "json", text),
        DocumentKind::Code(Language::Other) => blocks::push_fenced(out, "", text),
        DocumentKind::Code(language) => blocks::push_fenced(out, language.name(), text),
        DocumentKind::Markdown => blocks::push_markdown_file(out, text, level),
        DocumentKind::Text if mime == "text/plain" => blocks::push_plain(out, text),
        DocumentKind::Text | DocumentKind::Html | DocumentKind::Office => {
            let language = match mime {
                "application/yaml" => "yaml",
                "application/toml" => "toml",
                "application/xml" => "xml",
                "application/x-tex" => "latex",
                "text/x-rst" => "rst",
                _ => "",
            };
            blocks::push_fenced(out, language, text);
        }
    }
}

#[cfg(test)]
mod tests;
