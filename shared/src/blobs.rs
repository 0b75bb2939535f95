//! Where documents come from.

pub mod conformance;
pub mod folder;
pub mod objects;
pub mod source;

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;

use crate::blob_path::BlobPath;
use crate::clock::UnixMillis;

/// A blob as its source describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobMeta {
    /// Its name.
    pub path: BlobPath,
    /// Changes whenever the content may have changed.
    pub etag: String,
    /// Survives a rename and changes with the content; lets a listing recognise a renamed blob. The tag is then the
    /// identity, a hyphen, and what a rename changes. `None` when the source has nothing of the kind.
    pub identity: Option<String>,
    /// Size in bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: UnixMillis,
    /// Its type as the source states it.
    pub content_type: Option<String>,
    /// What its owner noted with it, by name; may be left out of a listing.
    pub metadata: BTreeMap<String, String>,
}

/// A blob's content with the metadata that belongs to exactly these bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The description.
    pub meta: BlobMeta,
    /// The content.
    pub bytes: Bytes,
}

/// Something in the source that is not a readable blob but must be visible: its row ends SKIPPED or FAILED.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// No such blob.
    #[error("not found")]
    NotFound,
    /// The content changed between look and read, or while it was read.
    #[error("the blob changed while it was read")]
    Changed,
    /// Larger than the limit.
    #[error("the blob has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The source refuses to hand it out; repeating does not help until somebody changes its permissions.
    #[error("no permission to read it: {0}")]
    Denied(String),
    /// Not something that has content: a broken link, a link that leads out of the folder, a socket, a name that is not
    /// UTF-8. The code is stable, the message is for people.
    #[error("{message}")]
    NotABlob {
        /// Stable name in snake case.
        code: &'static str,
        /// What it is and what to do.
        message: String,
    },
    /// The source is unreachable; trying again may help.
    #[error("source unavailable: {0}")]
    Unavailable(String),
}

/// What a listing found under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The name; for names that are not UTF-8, the nearest text.
    pub path: BlobPath,
    /// Its description, or why it has none.
    pub meta: Result<BlobMeta, BlobError>,
}

/// A source of blobs.
#[async_trait]
pub trait Blobs: Send + Sync + 'static {
    /// What the source says of a blob now.
    async fn head(&self, path: &BlobPath) -> Result<BlobMeta, BlobError>;

    /// The content, if its tag is still `etag`; `Changed` otherwise. Reads at most `limit` bytes.
    async fn read(&self, path: &BlobPath, etag: &str, limit: u64) -> Result<Blob, BlobError>;

    /// Everything at or below `prefix` (empty: all), in no certain order. An error means that the listing is incomplete,
    /// so nothing may be concluded from what is missing in it. An entry that is [`BlobError::Denied`] or
    /// [`BlobError::Unavailable`] may stand for a folder: nothing may be concluded about what is below it.
    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, BlobError>;
}
