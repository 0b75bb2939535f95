//! What a store's error means for a blob.

use object_store::Error;

use crate::blobs::BlobError;

/// A refusal of the whole source heals when somebody repairs the credentials, so it never ends a document as FAILED; only
/// what belongs to this one blob does.
pub(super) fn blob_error(error: &Error) -> BlobError {
    // Cloud stores say in their answer's text which of several refusals it is.
    let text = error.to_string();
    if text.contains("BlobArchived") || text.contains("InvalidObjectState") {
        return BlobError::NotABlob {
            code: "archived",
            message: "the blob is in an archive tier and cannot be read: rehydrate or restore it".to_owned(),
        };
    }
    match error {
        Error::NotFound { .. } => BlobError::NotFound,
        Error::Precondition { .. } | Error::NotModified { .. } => BlobError::Changed,
        Error::Unauthenticated { .. } => BlobError::Unavailable(format!(
            "the source does not accept the credentials: check the account key, SAS or identity of this process ({})",
            brief(&text)
        )),
        Error::PermissionDenied { .. } => BlobError::Unavailable(format!(
            "the source refuses access: give the identity of this process the right to read and list ({})",
            brief(&text)
        )),
        Error::InvalidPath { .. } => BlobError::NotABlob {
            code: "unusable_name",
            message: format!("its name cannot be asked for: {}; rename it", brief(&text)),
        },
        _ => BlobError::Unavailable(brief(&text)),
    }
}

/// What an error of a listing means: it is about the container or bucket.
pub(super) fn container_error(error: &Error) -> BlobError {
    // Azure, S3 and GCS, in this order.
    let missing = ["ContainerNotFound", "NoSuchBucket", "bucket does not exist"];
    let text = error.to_string();
    if matches!(error, Error::NotFound { .. }) || missing.iter().any(|code| text.contains(code)) {
        return BlobError::Unavailable(
            "the container or bucket does not exist: check its name; nothing is removed meanwhile".to_owned(),
        );
    }
    blob_error(error)
}

/// One line, of bounded length, without the query of a URL: it may hold a signature.
pub(super) fn brief(text: &str) -> String {
    const LONGEST: usize = 300;
    let mut short = String::new();
    for word in text.split_whitespace() {
        if short.len() + word.len() > LONGEST {
            short.push_str(" …");
            break;
        }
        if !short.is_empty() {
            short.push(' ');
        }
        match word.split_once('?') {
            Some((before, _)) if before.contains("://") => {
                short.push_str(before);
                short.push_str("?…");
            }
            _ => short.push_str(word),
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_do_not_show() {
        let text = "Error performing GET https://acct.blob.core.windows.net/docs/a?sv=2024&sig=s3cret in 3 ms\n\n<Error/>";
        let shown = brief(text);
        assert_eq!(
            shown,
            "Error performing GET https://acct.blob.core.windows.net/docs/a?… in 3 ms <Error/>"
        );
        assert!(brief(&"word ".repeat(1000)).len() < 320);
    }

    #[test]
    fn refusals_of_the_whole_source_are_not_the_blobs_fault() {
        let denied = Error::PermissionDenied {
            path: "a".to_owned(),
            source: "403".into(),
        };
        assert!(matches!(blob_error(&denied), BlobError::Unavailable(why) if why.contains("right to read")));
        let archived = Error::Generic {
            store: "MicrosoftAzure",
            source: "409 Conflict: <Code>BlobArchived</Code>".into(),
        };
        assert!(matches!(
            blob_error(&archived),
            BlobError::NotABlob { code: "archived", .. }
        ));
    }
}
