//! Step 2: the blob as Markdown.

use shared::blobs::Blob;
use shared::retry::Failure;

use super::Stop;
use crate::convert::{self, ConvertError, Document, Input};

/// Runs on a thread for computing, never on the runtime.
pub(super) fn convert(blob: &Blob) -> Result<Document, Stop> {
    let input = Input {
        name: blob.meta.path.as_str(),
        bytes: &blob.bytes,
        content_type: blob.meta.content_type.as_deref(),
    };
    convert::convert(&input).map_err(|error| match error {
        ConvertError::Unsupported { code, reason } | ConvertError::Blocked { code, reason } => {
            Stop::Skip(Failure::permanent(code, reason))
        }
        ConvertError::Failed { code, message } => Stop::Fail(Failure::permanent(code, message)),
    })
}
