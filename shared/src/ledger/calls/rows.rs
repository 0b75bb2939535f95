//! From rows to types.

use std::collections::BTreeMap;

use crate::file_state::FileState::{self, AwaitingApproval, Deleted, Failed, Indexed, Skipped};
use crate::ids::{FileId, IndexId};
use crate::ledger::database::{Columns, DbResult};
use crate::ledger::{Claim, FileRow, HistoryEntry, Hold, IndexRecord, RunRecord, Version};
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
        revision: c.count()?,
        last_error: c.json_or_null()?,
        failed_etag: c.value()?,
    };
    Ok((claim, c.text()?, c.value()?))
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
        kept: c.value()?,
    })
}

/// Columns of `HISTORY`.
pub(super) fn history(c: &mut Columns<'_>) -> DbResult<HistoryEntry> {
    Ok(HistoryEntry {
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

/// Columns of `run_columns!`. `superseded` is left for the caller; `by_state` is what was kept at completion.
pub(super) fn run(c: &mut Columns<'_>) -> DbResult<RunRecord> {
    let mut run = RunRecord {
        id: c.text()?,
        index: c.text()?,
        kind: c.text()?,
        opened_at: c.value()?,
        completed_at: c.value()?,
        sealed: c.value()?,
        total: c.count()?,
        superseded: 0,
        by_state: BTreeMap::new(),
    };
    for state in [Indexed, Failed, Skipped, Deleted, AwaitingApproval] {
        let files: u64 = c.count()?;
        if files > 0 {
            run.by_state.insert(state, files);
        }
    }
    Ok(run)
}
