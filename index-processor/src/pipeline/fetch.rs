//! Step 1: the blob's bytes, exactly as of the tag that was looked at.

use shared::blobs::{Blob, BlobError, BlobMeta};
use shared::retry::Failure;

use super::{Pipeline, Stop};
use crate::session::read_failure;

/// A blob and the identity of its bytes.
pub(super) struct Fetched {
    pub(super) blob: Blob,
    /// BLAKE3 of the bytes, in hexadecimal.
    pub(super) content_hash: String,
}

impl Pipeline {
    pub(super) async fn fetch(&self, meta: &BlobMeta) -> Result<Fetched, Stop> {
        let read = self
            .blobs
            .read(&meta.path, &meta.etag, self.rules.max_file_bytes)
            .await;
        let blob = read.map_err(|error| match error {
            BlobError::TooLarge { .. } => Stop::Skip(Failure::permanent("too_large", error.to_string())),
            other => Stop::Fail(read_failure(&other).0),
        })?;
        self.metrics.bytes_read.inc_by(blob.bytes.len() as u64);
        let content_hash = shared::ids::content_hash(&blob.bytes);
        Ok(Fetched { blob, content_hash })
    }
}
