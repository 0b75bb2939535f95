//! What a claim calls for, decided from the row and what the source says now. Pure.
//!
//! Events only say that something may have happened; the source says what is there.

use shared::blobs::{BlobError, BlobMeta};
use shared::ids::ClaimId;
use shared::ledger::{Claim, CommitChange, Version};
use shared::retry::Failure;

/// What to do with a held file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Session {
    /// The version is committed already; only the previous claim's points are left to remove.
    CleanUp(Option<ClaimId>),
    /// The outcome is known without reading the blob.
    Commit(CommitChange),
    /// Read and index the blob.
    Process(BlobMeta),
    /// The attempt fails; the text is the blob's tag, so that the same state is not tried again by itself.
    Fail(Failure, Option<String>),
    /// The content is the one that failed before, and nobody asked for another try: it stays FAILED, with that failure.
    Stand(Failure),
}

/// Decides. `pipeline` is the fingerprint of the current settings, `limit` the largest accepted blob in bytes.
#[must_use]
pub fn decide(claim: &Claim, head: Result<BlobMeta, BlobError>, pipeline: &str, limit: u64) -> Session {
    if claim.dirty {
        return Session::CleanUp(claim.prev_claim);
    }
    let skip = |tag: String, size: u64, failure: Failure| {
        Session::Commit(CommitChange::Skip(without_chunks(tag, pipeline, size), failure))
    };
    match head {
        Ok(meta) if meta.size > limit => {
            let why = format!(
                "the file has {} bytes, the limit is {limit}: raise files.max_bytes of the index or --max-file-size, or split the file",
                meta.size
            );
            skip(meta.etag, meta.size, Failure::permanent("too_large", why))
        }
        Ok(meta) => match unchanged(claim, &meta.etag, pipeline) {
            Some(version) => Session::Commit(CommitChange::Keep(version)),
            None => stands(claim, &meta.etag).unwrap_or(Session::Process(meta)),
        },
        Err(BlobError::NotFound) => Session::Commit(CommitChange::Remove),
        Err(BlobError::NotABlob { code, message }) => {
            skip(format!("!{code}"), 0, Failure::permanent(code, message))
        }
        Err(error) => {
            let (failure, tag) = read_failure(&error);
            tag.as_deref()
                .and_then(|tag| stands(claim, tag))
                .unwrap_or(Session::Fail(failure, tag))
        }
    }
}

/// The failure that stands, if this is the content that was given up: an event that comes twice must not cost twice.
fn stands(claim: &Claim, etag: &str) -> Option<Session> {
    claim.failed_etag.as_deref().filter(|failed| *failed == etag)?;
    claim.last_error.clone().map(Session::Stand)
}

/// The live version if it was made from this tag with these settings, and nobody wants it made again.
fn unchanged(claim: &Claim, etag: &str, pipeline: &str) -> Option<Version> {
    if claim.again {
        return None;
    }
    claim.live_claim?;
    claim
        .version
        .clone()
        .filter(|version| version.etag == etag && version.pipeline == pipeline)
}

/// The live version under a new tag, if it was made from the same bytes with the same settings: a touched file that nobody wants
/// made again.
#[must_use]
pub fn same_content(claim: &Claim, meta: &BlobMeta, content_hash: &str, pipeline: &str) -> Option<Version> {
    if claim.again {
        return None;
    }
    claim.live_claim?;
    let version = claim
        .version
        .as_ref()
        .filter(|v| v.content_hash == content_hash && v.pipeline == pipeline)?;
    Some(Version {
        etag: meta.etag.clone(),
        ..version.clone()
    })
}

/// A version that shows nothing.
#[must_use]
pub fn without_chunks(etag: String, pipeline: &str, size: u64) -> Version {
    Version {
        etag,
        content_hash: String::new(),
        pipeline: pipeline.to_owned(),
        size,
        chunks: 0,
        missing: Vec::new(),
    }
}

/// How a failed look or read ends the attempt, and the tag to remember.
#[must_use]
pub fn read_failure(error: &BlobError) -> (Failure, Option<String>) {
    match error {
        BlobError::Denied(why) => {
            let message =
                format!("cannot be read: {why}; give the account that runs longshore read permission");
            (
                Failure::permanent("unreadable", message),
                Some("!denied".to_owned()),
            )
        }
        BlobError::Changed => (
            Failure::throttled("changed_while_read", "the file changed while it was read"),
            None,
        ),
        BlobError::Unavailable(why) => (
            Failure::throttled("source_unavailable", format!("the source is unavailable: {why}")),
            None,
        ),
        BlobError::NotFound => (
            Failure::throttled("vanished_while_read", "the file vanished while it was read"),
            None,
        ),
        BlobError::TooLarge { .. } | BlobError::NotABlob { .. } => {
            (Failure::transient("changed_while_read", error.to_string()), None)
        }
    }
}

#[cfg(test)]
mod tests;
