//! Step 2: the blob as Markdown.

use ::convert::{ConvertError, Document, Input, Options};
use shared::blobs::Blob;
use shared::retry::Failure;

use super::Stop;

/// Runs on a thread for computing, never on the runtime.
pub(super) fn convert(blob: &Blob) -> Result<Document, Stop> {
    let input = Input {
        name: blob.meta.path.as_str(),
        bytes: &blob.bytes,
        content_type: blob.meta.content_type.as_deref(),
    };
    ::convert::convert(&input, &Options::default()).map_err(|error| match error {
        ConvertError::Unsupported { code, reason } | ConvertError::Blocked { code, reason } => {
            Stop::Skip(Failure::permanent(&code, reason))
        }
        ConvertError::Failed { code, reason } => Stop::Fail(Failure::permanent(&code, reason)),
    })
}
