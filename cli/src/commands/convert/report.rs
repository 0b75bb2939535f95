//! What came of one file, for people and for programs.

use std::time::Duration;

use console::Style;
use convert::{About, ConvertError};
use index_processor::conversion::chain::Tried;
use index_processor::conversion::{Outcome, Unconverted};
use serde::Serialize;

use crate::output::{bytes, span};

/// What came of a file.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The file.
    pub(super) path: String,
    /// `converted`, `partial`, `skipped` or `failed`.
    pub(super) result: &'static str,
    /// Its type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    file_type: Option<String>,
    /// Its size in bytes.
    size: u64,
    /// Time that it took, in milliseconds.
    millis: u64,
    /// What was tried, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tried: Vec<Tried>,
    /// Why there is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Reason>,
    /// What is known of the text.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    about: Option<About>,
    /// The text.
    #[serde(skip)]
    pub(super) markdown: Option<String>,
}

/// Why a file has no text.
#[derive(Debug, Serialize)]
struct Reason {
    code: String,
    reason: String,
}

impl Report {
    pub(super) fn new(path: String, size: u64, took: Duration, outcome: Outcome) -> Self {
        let (result, document, error) = match outcome.result {
            Ok(document) if document.unread().next().is_some() => ("partial", Some(document), None),
            Ok(document) => ("converted", Some(document), None),
            Err(Unconverted::Refused(error)) => {
                let result = match error {
                    ConvertError::Unsupported { .. } | ConvertError::Blocked { .. } => "skipped",
                    ConvertError::Failed { .. } => "failed",
                };
                let reason = Reason {
                    code: error.code().to_owned(),
                    reason: error.to_string(),
                };
                (result, None, Some(reason))
            }
            Err(Unconverted::Down(failure)) => {
                let reason = Reason {
                    code: failure.code,
                    reason: failure.message,
                };
                ("failed", None, Some(reason))
            }
        };
        let (markdown, about) = document
            .map(|document| (document.markdown, document.about))
            .unzip();
        Self {
            path,
            result,
            file_type: outcome.file_type.map(|file_type| file_type.to_string()),
            size,
            millis: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            tried: outcome.tried,
            error,
            about,
            markdown,
        }
    }

    /// One line of JSON, with the text when `with_text`.
    pub(super) fn json(&self, with_text: bool) -> serde_json::Result<String> {
        let mut json = serde_json::to_value(self)?;
        if let (true, Some(object), Some(markdown)) = (with_text, json.as_object_mut(), &self.markdown) {
            object.insert("markdown".to_owned(), markdown.as_str().into());
        }
        serde_json::to_string(&json)
    }

    /// Lines for the person.
    pub(super) fn notes(&self, named: bool) -> Vec<String> {
        let (faint, odd) = (
            Style::new().for_stderr().dim(),
            Style::new().for_stderr().yellow(),
        );
        let name = if named {
            format!("{}  ", self.path)
        } else {
            String::new()
        };
        let took = span(i64::try_from(self.millis).unwrap_or(i64::MAX));
        let kind = self.file_type.as_deref().unwrap_or("unknown type");
        let size = bytes(self.size);
        let mut lines = Vec::new();
        match (&self.about, &self.error) {
            (Some(about), _) => lines.push(format!(
                "{name}{}",
                faint.apply_to(format!(
                    "{kind}, {size}, by {} in {took}, {} of text",
                    about.converter,
                    bytes(self.markdown.as_ref().map_or(0, |text| text.len() as u64)),
                )),
            )),
            (None, Some(why)) => {
                let result = Style::new().for_stderr().red().bold().apply_to(self.result);
                lines.push(format!(
                    "{name}{result} {} {}",
                    faint.apply_to(format!("({kind}, {size}, {took}, {})", why.code)),
                    why.reason
                ));
            }
            (None, None) => {}
        }
        if self.tried.len() > 1 || self.error.is_some() {
            for tried in &self.tried {
                let time = tried.millis.map_or_else(String::new, |millis| {
                    format!(" after {}", span(i64::try_from(millis).unwrap_or(i64::MAX)))
                });
                let why = if tried.why.is_empty() {
                    String::new()
                } else {
                    format!(": {}", tried.why)
                };
                lines.push(format!(
                    "  {}",
                    faint.apply_to(format!("{} {}{time}{why}", tried.link, tried.outcome))
                ));
            }
        }
        for part in self.about.iter().flat_map(|about| &about.parts) {
            if let Some(unread) = &part.unread {
                lines.push(format!(
                    "  {} {}",
                    odd.apply_to(format!("{} is missing:", part.place)),
                    unread.reason
                ));
            }
        }
        for warning in self.about.iter().flat_map(|about| &about.warnings) {
            lines.push(format!("  {} {warning}", odd.apply_to("warning:")));
        }
        lines
    }
}
