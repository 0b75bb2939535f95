//! The services against doubles of theirs, written after their documentation.

mod azure;
mod conformance;
mod docling;
pub(crate) mod double;
mod settings;
mod unstructured;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use convert::{Document, FileType};
use shared::retry::{Jitter, RetryPolicy};
use shared::secret::Secret;

use super::*;

/// A key that is easy to find in what must not hold it.
pub(crate) const KEY: &str = "kEy-9f3c1b77";

/// Limits that do not keep a test waiting.
fn settings(url: &str) -> ServiceSettings {
    ServiceSettings {
        key: Some(Secret::new(KEY)),
        max_reply: 1 << 20,
        poll: Duration::from_millis(1),
        retry: quick(),
        ..ServiceSettings::new(url)
    }
}

/// Three attempts without a pause; long waits are handed up.
pub(crate) fn quick() -> RetryPolicy {
    RetryPolicy {
        initial: Duration::from_millis(1),
        max_attempts: 3,
        jitter: Jitter::None,
        max_retry_after: Duration::from_secs(1),
        ..RetryPolicy::default()
    }
}

async fn convert(
    converter: &dyn RemoteConverter,
    file_type: FileType,
    pages: &[u32],
) -> Result<Document, RemoteError> {
    let bytes = Bytes::from_static(b"%PDF-1.7 not really");
    let request = RemoteRequest {
        name: "secret/plans for 2030.pdf",
        bytes: &bytes,
        file_type,
        content_type: None,
        pages,
    };
    converter.convert(&request).await
}

/// Places and texts of parts, and why they are unread.
fn parts(document: &Document) -> Vec<(String, String)> {
    let parts = &document.about.parts;
    let ends = parts
        .iter()
        .skip(1)
        .map(|part| part.start)
        .chain([document.markdown.len()]);
    parts
        .iter()
        .zip(ends)
        .map(|(part, end)| {
            let text = match &part.unread {
                Some(unread) => format!("{}: {}", unread.code, unread.reason),
                None => document.markdown[part.start..end].trim().to_owned(),
            };
            (part.place.to_string(), text)
        })
        .collect()
}

fn named(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(place, text)| ((*place).to_owned(), (*text).to_owned()))
        .collect()
}

/// Each service with its double.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Docling,
    Unstructured,
    Azure,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Docling, Self::Unstructured, Self::Azure];

    fn converter(self, settings: ServiceSettings) -> Arc<dyn RemoteConverter> {
        match self {
            Self::Docling => Arc::new(super::docling::Docling::new(settings).unwrap()),
            Self::Unstructured => Arc::new(super::unstructured::Unstructured::new(settings).unwrap()),
            Self::Azure => {
                Arc::new(super::document_intelligence::DocumentIntelligence::new(settings).unwrap())
            }
        }
    }

    /// A server that has three pages for every file: "one", nothing, "three".
    async fn double(self) -> double::Double {
        match self {
            Self::Docling => double::Double::start(docling::honest).await,
            Self::Unstructured => double::Double::start(unstructured::honest).await,
            Self::Azure => double::Double::start(azure::honest).await,
        }
    }

    /// How it says that it does not want the content.
    fn refusal(self) -> Vec<double::Reply> {
        match self {
            Self::Docling => docling::refusal(),
            Self::Unstructured => unstructured::refusal(),
            Self::Azure => azure::refusal(),
        }
    }
}
