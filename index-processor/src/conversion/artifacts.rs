//! Converted documents that are kept, so that cutting them anew, or a crash after an expensive reading, does not pay again.
//!
//! One object per content and chain: `longshore/markdown/1/{content hash}/{type}-{fingerprint of its chain}`. It starts with one
//! line of JSON, the rest is the Markdown. Objects are written once and never changed; whoever wants the space back gives the
//! bucket a lifecycle rule. Nothing breaks when one is gone.

use std::collections::BTreeMap;
use std::sync::Arc;

use convert::{About, Document, FileType};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::{Deserialize, Serialize};
use shared::blobs::objects::{OpenError, open_store};
use shared::blobs::source::Source;
use shared::secret::Secret;

/// A store of converted documents.
pub struct Artifacts {
    store: Arc<dyn ObjectStore>,
}

/// Which document.
pub(super) struct Key<'a> {
    /// BLAKE3 of the file's bytes, in hexadecimal.
    pub(super) content_hash: &'a str,
    pub(super) file_type: FileType,
    /// Of everything that decides what the type's files become.
    pub(super) fingerprint: &'a str,
}

/// What a store keeps beside the text.
#[derive(Serialize, Deserialize)]
struct Header {
    /// Length of the text in bytes: a torn object is no object.
    length: usize,
    about: About,
}

impl Artifacts {
    /// Opens a container, bucket or folder. See [`open_store`] for how to get in.
    ///
    /// # Errors
    /// As [`open_store`].
    pub fn open(source: &Source, options: &BTreeMap<String, Secret>) -> Result<Self, OpenError> {
        Ok(Self {
            store: open_store(source, options)?,
        })
    }

    /// A kept document. A store that does not answer, or holds something else, only costs the conversion.
    pub(super) async fn get(&self, key: &Key<'_>) -> Option<Document> {
        let read = async { self.store.get(&key.path()).await?.bytes().await };
        match read.await {
            Ok(bytes) => {
                let document = parse(&bytes);
                if document.is_none() {
                    tracing::warn!(
                        "the artifact {} cannot be read, the file is converted again",
                        key.path()
                    );
                }
                document
            }
            Err(object_store::Error::NotFound { .. }) => None,
            Err(error) => {
                tracing::warn!(
                    "the artifact store does not answer, the file is converted again: {}",
                    brief(&error)
                );
                None
            }
        }
    }

    /// Keeps a document. A failure is logged and costs nothing but the next conversion.
    pub(super) async fn put(&self, key: &Key<'_>, document: &Document) {
        let header = Header {
            length: document.markdown.len(),
            about: document.about.clone(),
        };
        let Ok(mut bytes) = serde_json::to_vec(&header) else {
            return;
        };
        bytes.push(b'\n');
        bytes.extend_from_slice(document.markdown.as_bytes());
        if let Err(error) = self.store.put(&key.path(), bytes.into()).await {
            tracing::warn!("the artifact store takes nothing: {}", brief(&error));
        }
    }
}

impl Key<'_> {
    fn path(&self) -> Path {
        let name = format!("{}-{}", self.file_type, self.fingerprint);
        Path::from_iter(["longshore", "markdown", "1", self.content_hash, &name])
    }
}

fn parse(bytes: &[u8]) -> Option<Document> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let Header { length, about } = serde_json::from_slice(&bytes[..end]).ok()?;
    let markdown = String::from_utf8(bytes[end + 1..].to_vec()).ok()?;
    (markdown.len() == length).then_some(Document { markdown, about })
}

/// The first line of an error, without what may be a signed address.
fn brief(error: &object_store::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    let end = line.find("http").unwrap_or(line.len());
    line[..end].trim_end().to_owned()
}

#[cfg(test)]
mod tests;
