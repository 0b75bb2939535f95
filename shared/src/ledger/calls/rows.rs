//! From rows to types.

use crate::file_state::FileState;
use crate::ids::{FileId, IndexId};
use crate::ledger::database::{Columns, DbResult};
use crate::ledger::{Claim, FileRow, HistoryEntry, Hold, IndexRecord, Suspended, Version};
use crate::place::Missing;

/// The next six columns.
fn version(c: &mut Columns<'_>) -> DbResult<Option<Version>> {
    let (etag, content_hash, pipeline) = (c.value()?, c.value()?, c.value()?);
    let (size, chunks): (Option<i64>, Option<i64>) = (c.value()?, c.value()?);
    let missing: Option<Vec<Missing>> = c.json_or_null()?;
    let (Some(etag), Some(content_hash), Some(pipeline), Some(size), Some(chunks)) =
        (etag, content_hash, pipeline, size, chunks)
    else {
        return Ok(None);
    };
    Ok(Some(Version {
        etag,
        content_hash,
        pipeline,
        size: c.in_range(size)?,
        chunks: c.in_range(chunks)?,
        missing: missing.unwrap_or_default(),
    }))
}

/// Columns of `claim_columns!`; also the number of its history entry.
pub(super) fn claim(
    index: &IndexId,
    file_id: FileId,
    c: &mut Columns<'_>,
) -> DbResult<(Claim, FileState, i64)> {
    let path = c.text()?;
    let hold = Hold {
        index: index.clone(),
        file_id,
        claim_id: c.text()?,
        fence: c.value()?,
    };
    let claim = Claim {
        hold,
        path,
        seq: c.value()?,
        attempts: c.count()?,
        failure_count: c.count()?,
        dirty: c.value()?,
        live_claim: c.text_or_null()?,
        prev_claim: c.text_or_null()?,
        version: version(c)?,
        renamed_from: c.text_or_null()?,
        enqueued_at: c.value()?,
        run: c.text_or_null()?,
        again: c.value()?,
        revision: c.count()?,
        last_error: c.json_or_null()?,
        failed_etag: c.value()?,
    };
    Ok((claim, c.text()?, c.value()?))
}

/// The next two columns.
fn suspended(c: &mut Columns<'_>) -> DbResult<Option<Suspended>> {
    let (by, at) = (c.text_or_null()?, c.value()?);
    Ok(by.zip(at).map(|(by, at)| Suspended { by, at }))
}

/// Columns of `file_columns!`.
pub(super) fn file(c: &mut Columns<'_>) -> DbResult<FileRow> {
    Ok(FileRow {
        file_id: c.text()?,
        path: c.text()?,
        state: c.text()?,
        desired_seq: c.value()?,
        claimed_seq: c.value()?,
        applied_seq: c.value()?,
        fence: c.value()?,
        attempts: c.count()?,
        failure_count: c.count()?,
        not_before: c.value()?,
        owner: c.value()?,
        claim_id: c.text_or_null()?,
        lease_until: c.value()?,
        live_claim: c.text_or_null()?,
        prev_claim: c.text_or_null()?,
        version: version(c)?,
        last_error: c.json_or_null()?,
        enqueued_at: c.value()?,
        updated_at: c.value()?,
        run: c.text_or_null()?,
        waits_for: c.text_or_null()?,
        suspended: suspended(c)?,
        created_at: c.value()?,
        kept: c.value()?,
    })
}

/// Columns of `HISTORY`.
pub(super) fn history(c: &mut Columns<'_>) -> DbResult<HistoryEntry> {
    Ok(HistoryEntry {
        n: c.value()?,
        at: c.value()?,
        event: c.value()?,
        state: c.text()?,
        seq: c.value()?,
        claim_id: c.text_or_null()?,
        detail: c.json()?,
    })
}

/// Columns of `index_columns!`.
pub(super) fn index(c: &mut Columns<'_>) -> DbResult<IndexRecord> {
    Ok(IndexRecord {
        id: c.text()?,
        state: c.text()?,
        settings: c.json()?,
        created_at: c.value()?,
        comparison: c.json_or_null()?,
        revision: c.count()?,
        role: c.text()?,
    })
}
