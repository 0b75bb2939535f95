//! The live version of a file as text, put together from its chunks.
//!
//! Point ids follow from claim and ordinal, so a version's chunks are read by id, in order, as far as they are wanted. All
//! are of the claim that was live when the reading began, which is one complete version. When points of it are missing,
//! because a newer version took its place meanwhile, reading begins again with that.

mod assemble;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use serde::{Deserialize, Serialize};
use shared::blob_path::BlobPath;
use shared::clock::UnixMillis;
use shared::file_state::FileState;
use shared::ids::{ClaimId, FileId, PointId};
use shared::ledger::{ControlLedger, FileRow, LedgerError};
use shared::place::Place;
use shared::vectors::{Payload, Vectors, VectorsError};
use utoipa::ToSchema;

use self::assemble::Assembly;
use super::{Search, Span};

/// Most bytes of text in one answer.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Bytes of text when nobody says how many.
pub const DEFAULT_BYTES: usize = 64 * 1024;
/// Chunks that are read at a time.
const CHUNKS_AT_ONCE: u32 = 64;
/// Times that reading begins again because the version changed meanwhile.
const MAX_REPEATS: usize = 3;

/// The live version of a file as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Document {
    /// The blob.
    pub path: BlobPath,
    /// The version that the text is of. Give it with the next part's request, so that parts of two versions do not mix.
    pub etag: String,
    /// The blob's type.
    pub mime: String,
    /// What made the Markdown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub converter: String,
    /// When that version was written, in Unix milliseconds, where the source tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<UnixMillis>,
    /// What the blob's owner noted with it, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The file's Markdown, or this part of it. White space between chunks may differ from the original.
    pub text: String,
    /// Where the parts of the text are from, in order.
    pub sections: Vec<DocumentSection>,
    /// Give it as `from` for the part that follows; absent when the text goes to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// A part of a document's text: one chunk of the index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentSection {
    /// The chunk's place in the file, from 0.
    pub ordinal: u32,
    /// Headings above it, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heading_path: Vec<String>,
    /// The page, slide, sheet or attachment that it is in, where there are such.
    #[serde(flatten)]
    pub place: Place,
    /// Where it begins in `text`, in bytes.
    pub at: u64,
    /// Which part of the file's Markdown it is, in bytes; hits of a search have the same.
    #[schema(value_type = Span)]
    pub range: Range<u64>,
}

/// Which part of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentPart {
    /// Where in the file's Markdown to begin, in bytes.
    pub from: u64,
    /// Most bytes of text; one character, or one JSON value that was cut out, is shown whole.
    pub max_bytes: usize,
    /// Only of this version.
    pub etag: Option<String>,
}

impl Default for DocumentPart {
    fn default() -> Self {
        Self {
            from: 0,
            max_bytes: DEFAULT_BYTES,
            etag: None,
        }
    }
}

/// Why a document cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The index has never seen the file.
    #[error("the index has never seen a file {0}")]
    NotFound(BlobPath),
    /// There is no version of it.
    #[error("{path} is {state} and has no version in the index{reason}")]
    NotIndexed {
        /// The file.
        path: BlobPath,
        /// Its state.
        state: FileState,
        /// The last failure, after a colon; empty when there is none.
        reason: String,
    },
    /// Another version than the wanted one.
    #[error("{path} has the version {found} by now, not {wanted}")]
    Changed {
        /// The file.
        path: BlobPath,
        /// Its live version.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// Points of the live version are not there.
    #[error("points of {0} are missing from the vector store; the next comparison has the file made again")]
    Incomplete(BlobPath),
    /// The vector store failed.
    #[error(transparent)]
    Vectors(#[from] VectorsError),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A version to read.
struct Version<'a> {
    path: &'a BlobPath,
    claim: ClaimId,
    chunks: u32,
}

impl Search {
    /// A part of the live version of a file.
    ///
    /// # Errors
    /// See [`DocumentError`].
    pub async fn document(
        &self,
        ledger: &dyn ControlLedger,
        path: &BlobPath,
        part: &DocumentPart,
    ) -> Result<Document, DocumentError> {
        let count = |outcome| self.metrics.documents_read.with_label_values(&[outcome]).inc();
        for _ in 0..=MAX_REPEATS {
            let id = FileId::of(&self.index, path);
            let row = ledger.file(&self.index, id).await?;
            let row = row.ok_or_else(|| DocumentError::NotFound(path.clone()))?;
            let version = version(&row)?;
            match read(&*self.vectors, &version, part).await {
                Ok(Some(document)) => {
                    count("ok");
                    return Ok(document);
                }
                Ok(None) => count("superseded"),
                Err(error) => {
                    count("failed");
                    return Err(error);
                }
            }
        }
        count("failed");
        Err(DocumentError::Incomplete(path.clone()))
    }
}

fn version(row: &FileRow) -> Result<Version<'_>, DocumentError> {
    match (row.live_claim, &row.version) {
        (Some(claim), Some(version)) => Ok(Version {
            path: &row.path,
            claim,
            chunks: version.chunks,
        }),
        _ => Err(DocumentError::NotIndexed {
            path: row.path.clone(),
            state: row.state,
            reason: row
                .last_error
                .as_ref()
                .map(|failure| format!(": {failure}"))
                .unwrap_or_default(),
        }),
    }
}

/// Reads a part of a version; `None` when points are missing.
async fn read(
    vectors: &dyn Vectors,
    version: &Version<'_>,
    part: &DocumentPart,
) -> Result<Option<Document>, DocumentError> {
    let Some(first) = chunk_at(vectors, version, part.from).await? else {
        return Ok(None);
    };
    let mut assembly = Assembly::new(part.from, part.max_bytes);
    let mut about = None;
    let mut ordinal = first;
    // The first chunk is read also where the part lies behind the end: it says what the version is.
    while ordinal < version.chunks && !assembly.is_full() {
        let until = version.chunks.min(ordinal.saturating_add(CHUNKS_AT_ONCE));
        let mut found = payloads(vectors, version, ordinal..until).await?;
        for ordinal in ordinal..until {
            let Some(payload) = found.remove(&PointId::of(version.claim, ordinal)) else {
                return Ok(None);
            };
            if about.is_none() {
                check_etag(version.path, &payload, part)?;
            }
            assembly.add(&payload);
            about.get_or_insert(payload);
        }
        ordinal = until;
    }
    let Some(about) = about else { return Ok(None) };
    let (text, sections, next) = assembly.finish();
    Ok(Some(Document {
        path: about.path,
        etag: about.etag,
        mime: about.mime,
        converter: about.converter,
        modified_at: about.modified,
        metadata: about.metadata,
        text,
        sections,
        next,
    }))
}

fn check_etag(path: &BlobPath, payload: &Payload, part: &DocumentPart) -> Result<(), DocumentError> {
    match &part.etag {
        Some(wanted) if *wanted != payload.etag => Err(DocumentError::Changed {
            path: path.clone(),
            found: payload.etag.clone(),
            wanted: wanted.clone(),
        }),
        _ => Ok(()),
    }
}

/// The first chunk that reaches beyond `from`, or the last one: chunks are in the order of their ends.
async fn chunk_at(
    vectors: &dyn Vectors,
    version: &Version<'_>,
    from: u64,
) -> Result<Option<u32>, DocumentError> {
    let (mut low, mut high) = (0, version.chunks.saturating_sub(1));
    while from > 0 && low < high {
        let middle = low + (high - low) / 2;
        let found = payloads(vectors, version, middle..middle + 1).await?;
        let Some(payload) = found.into_values().next() else {
            return Ok(None);
        };
        if payload.end > from {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(Some(low))
}

async fn payloads(
    vectors: &dyn Vectors,
    version: &Version<'_>,
    ordinals: Range<u32>,
) -> Result<HashMap<PointId, Payload>, VectorsError> {
    let ids: Vec<PointId> = ordinals
        .map(|ordinal| PointId::of(version.claim, ordinal))
        .collect();
    vectors.payloads(&ids).await
}

#[cfg(test)]
mod tests;
