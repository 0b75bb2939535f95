//! Blobs in Azure Blob Storage, S3 and its likes, Google Cloud Storage, through `object_store`.
//!
//! Paths are the blobs' full names in their container or bucket. Content is read with `If-Match`, so bytes and tag belong
//! together, and streamed with the size limit applied on the way.
//!
//! A store answers "not found" both for a blob that is gone and for a container that is. The first removes a document, the second
//! must not remove anything; so before a blob counts as gone, the container must have answered something else
//! recently.

mod errors;
mod open;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::BytesMut;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Attribute, Attributes, GetOptions, ObjectMeta, ObjectStore};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Blob, BlobError, BlobMeta, Blobs, Listed};
use crate::blob_path::BlobPath;
use errors::{blob_error, container_error};
pub use open::{OpenError, open, open_store};

/// For so long after it answered, a container is taken to be there.
const SEEN_FOR: Duration = Duration::from_secs(10);

/// A container or bucket.
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    /// When the container last proved to be there.
    seen: Mutex<Option<Instant>>,
}

impl Objects {
    /// The blobs of a store.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self {
            store,
            seen: Mutex::new(None),
        }
    }

    /// "Not found" is the blob's own fault only if the container is there.
    async fn missing(&self) -> BlobError {
        let mut seen = self.seen.lock().await;
        if seen.is_some_and(|at| at.elapsed() < SEEN_FOR) {
            return BlobError::NotFound;
        }
        match self.store.list(None).next().await {
            Some(Err(error)) => container_error(&error),
            Some(Ok(_)) | None => {
                *seen = Some(Instant::now());
                BlobError::NotFound
            }
        }
    }

    async fn failed(&self, error: object_store::Error) -> BlobError {
        match blob_error(&error) {
            BlobError::NotFound => self.missing().await,
            other => other,
        }
    }

    fn location(path: &BlobPath) -> Result<Path, BlobError> {
        Path::parse(path.as_str()).map_err(|error| BlobError::NotABlob {
            code: "unusable_name",
            message: format!("its name cannot be asked for: {error}; rename it"),
        })
    }
}

#[async_trait]
impl Blobs for Objects {
    async fn head(&self, path: &BlobPath) -> Result<BlobMeta, BlobError> {
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        match self.store.get_opts(&Self::location(path)?, options).await {
            Ok(found) => Ok(described(path.clone(), &found.meta, &found.attributes)),
            Err(error) => Err(self.failed(error).await),
        }
    }

    async fn read(&self, path: &BlobPath, etag: &str, limit: u64) -> Result<Blob, BlobError> {
        let options = GetOptions {
            // With quotes, as HTTP wants it (RFC 9110, section 8.8.3).
            if_match: Some(format!("\"{etag}\"")),
            ..GetOptions::default()
        };
        let found = match self.store.get_opts(&Self::location(path)?, options).await {
            Ok(found) => found,
            Err(error) => return Err(self.failed(error).await),
        };
        let meta = described(path.clone(), &found.meta, &found.attributes);
        let too_large = |size| BlobError::TooLarge { size, limit };
        if meta.size > limit {
            return Err(too_large(meta.size));
        }
        // The length that the store announces is not trusted with memory.
        let mut bytes = BytesMut::with_capacity(usize::try_from(meta.size.min(1 << 20)).unwrap_or(0));
        let mut stream = found.into_stream();
        while let Some(part) = stream.try_next().await.map_err(|error| blob_error(&error))? {
            bytes.extend_from_slice(&part);
            if bytes.len() as u64 > limit {
                return Err(too_large(bytes.len() as u64));
            }
        }
        if bytes.len() as u64 != meta.size {
            return Err(BlobError::Unavailable(format!(
                "the download ended after {} of {} bytes",
                bytes.len(),
                meta.size
            )));
        }
        Ok(Blob {
            meta,
            bytes: bytes.freeze(),
        })
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, BlobError> {
        let prefix = prefix.trim_end_matches('/');
        let mut listed = Vec::new();
        let below = if prefix.is_empty() {
            None
        } else {
            let path = BlobPath::new(prefix).map_err(|error| BlobError::NotABlob {
                code: "unusable_name",
                message: error.to_string(),
            })?;
            // Stores list what is below a path; the path itself may be a blob as well.
            match self.head(&path).await {
                Ok(meta) => listed.push(Listed { path, meta: Ok(meta) }),
                Err(BlobError::NotFound) => {}
                Err(error) => return Err(error),
            }
            Some(Path::parse(prefix).map_err(|error| BlobError::Unavailable(error.to_string()))?)
        };
        let mut objects = self.store.list(below.as_ref());
        while let Some(found) = objects.next().await {
            let object = found.map_err(|error| container_error(&error))?;
            // Names that no blob path can have (a folder's placeholder such as `a//`) cannot be asked for either.
            if let Ok(path) = BlobPath::new(object.location.as_ref()) {
                let meta = described(path.clone(), &object, &Attributes::new());
                listed.push(Listed { path, meta: Ok(meta) });
            }
        }
        *self.seen.lock().await = Some(Instant::now());
        Ok(listed)
    }
}

/// Azure quotes a tag in headers and does not in listings, so tags are kept without quotes.
fn unquoted(tag: &str) -> String {
    tag.trim_start_matches("W/").trim_matches('"').to_owned()
}

fn described(path: BlobPath, object: &ObjectMeta, attributes: &Attributes) -> BlobMeta {
    let mut metadata = BTreeMap::new();
    for (attribute, value) in attributes {
        if let Attribute::Metadata(name) = attribute {
            metadata.insert(name.to_string(), value.to_string());
        }
    }
    let content_type = attributes
        .get(&Attribute::ContentType)
        .map(|value| value.to_string())
        .filter(|value| !value.is_empty());
    BlobMeta {
        path,
        // Every store here has tags; a store without them is told apart by what else changes.
        etag: object
            .e_tag
            .as_deref()
            .map(unquoted)
            .unwrap_or_else(|| format!("{}-{}", object.size, object.last_modified.timestamp_millis())),
        identity: None,
        size: object.size,
        modified: object.last_modified.timestamp_millis(),
        content_type,
        metadata,
    }
}

#[cfg(test)]
mod tests;
