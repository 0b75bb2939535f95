//! The statements of the protocol, each with the history line that goes with it. Every function runs inside a savepoint.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, params};
use serde_json::Value;

use super::connection::{DbError, DbResult, execute, many, one};
use super::rows::{Columns, Text, claim as read_claim, lane_number, number};
use crate::blob_path::BlobPath;
use crate::file_state::{FileState, Outcome};
use crate::ids::{ClaimId, FileId, IndexId, RunId};
use crate::ledger::{
    Change, Claim, ClaimRequest, Commit, CommitChange, CommitOutcome, Committed, Enqueued, Fail, Hold,
    LedgerError, SweepPolicy, Swept, detail, millis, sql,
};
use crate::retry::{Failure, FailureClass};
use crate::work_message::WorkMessage;

/// A line of history about a row that was just changed.
struct Line<'a> {
    event: &'a str,
    state: FileState,
    seq: i64,
    claim: Option<ClaimId>,
    detail: &'a Value,
    /// The row's count of entries after the change.
    n: i64,
}

fn record(db: &Connection, index: &IndexId, file: FileId, line: &Line<'_>) -> DbResult<()> {
    let claim = line.claim.map(Text);
    let (state, detail) = (line.state.name(), line.detail.to_string());
    let values = params![
        index.as_str(),
        Text(file),
        line.n,
        line.event,
        state,
        line.seq,
        claim,
        detail
    ];
    execute(db, &sql::RECORD, values)?;
    Ok(())
}

/// A file has settled: those that waited for it are due.
fn settled(db: &Connection, index: &IndexId, file: FileId, state: FileState) -> DbResult<()> {
    if state.is_settled() {
        execute(db, &sql::LET_GO, params![index.as_str(), Text(file)])?;
    }
    Ok(())
}

/// Adds the files that joined a run to its total.
fn grow(db: &Connection, joined: BTreeMap<RunId, i64>) -> DbResult<()> {
    for (run, files) in joined {
        execute(db, &sql::GROW_RUN, params![Text(run), files])?;
    }
    Ok(())
}

pub(super) fn enqueue(db: &Connection, index: &IndexId, changes: &[Change]) -> DbResult<Vec<Enqueued>> {
    let mut joined = BTreeMap::new();
    let mut answer = Vec::with_capacity(changes.len());
    for change in changes {
        // A rename onto itself is a plain change; a row must never wait for itself.
        let old = change.renamed_from.as_ref().filter(|old| **old != change.path);
        let old_id = old.map(|old| FileId::of(index, old));
        let new = Key {
            path: &change.path,
            hold: change.hold,
            renamed_from: old_id,
            waits_for: None,
        };
        let detail = detail::enqueued(change, None);
        let enqueued = enqueue_one(db, index, change, &new, &detail, &mut joined)?;
        answer.push(enqueued);
        if let Some(old) = old {
            // Never held: the blob is still there, under its new name.
            let old = Key {
                path: old,
                hold: false,
                renamed_from: None,
                waits_for: Some(enqueued.file_id),
            };
            let detail = detail::enqueued(change, Some(&change.path));
            enqueue_one(db, index, change, &old, &detail, &mut joined)?;
        }
    }
    grow(db, joined)?;
    Ok(answer)
}

/// One of the rows that a change is about.
struct Key<'a> {
    path: &'a BlobPath,
    hold: bool,
    renamed_from: Option<FileId>,
    waits_for: Option<FileId>,
}

fn enqueue_one(
    db: &Connection,
    index: &IndexId,
    change: &Change,
    key: &Key<'_>,
    detail: &Value,
    joined: &mut BTreeMap<RunId, i64>,
) -> DbResult<Enqueued> {
    let file_id = FileId::of(index, key.path);
    let state = if key.hold {
        FileState::AwaitingApproval
    } else {
        FileState::Pending
    };
    let values = params![
        index.as_str(),
        Text(file_id),
        key.path.as_str(),
        state.name(),
        lane_number(change.lane),
        millis(change.debounce),
        change.reason,
        change.sequencer,
        key.renamed_from.map(Text),
        key.waits_for.map(Text),
        change.run.map(Text),
    ];
    let row = one(db, &sql::ENQUEUE, values, |row| {
        let mut c = Columns::of(row);
        Ok((
            Enqueued {
                file_id,
                seq: c.value()?,
                state: c.text()?,
            },
            c.value::<bool>()?,
            c.value::<i64>()?,
        ))
    })
    .map_err(|error| unknown_index(error, index))?;
    let (enqueued, joins, n) = row.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    if let (Some(run), true) = (change.run, joins) {
        *joined.entry(run).or_default() += 1;
    }
    let line = Line {
        event: "enqueued",
        state: enqueued.state,
        seq: enqueued.seq,
        claim: None,
        detail,
        n,
    };
    record(db, index, file_id, &line)?;
    Ok(enqueued)
}

/// A row's foreign key is its index.
pub(super) fn unknown_index(error: DbError, index: &IndexId) -> DbError {
    match &error {
        DbError::Sqlite(cause)
            if cause.sqlite_extended_error_code() == Some(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY) =>
        {
            debug_assert_eq!(cause.sqlite_error_code(), Some(ErrorCode::ConstraintViolation));
            LedgerError::UnknownIndex(index.clone()).into()
        }
        DbError::Sqlite(_) | DbError::Ledger(_) => error,
    }
}

pub(super) fn mark_woken(db: &Connection, woken: &[WorkMessage]) -> DbResult<()> {
    for message in woken {
        execute(
            db,
            &sql::MARK_WOKEN,
            params![message.index.as_str(), Text(message.file_id), message.seq],
        )?;
    }
    Ok(())
}

pub(super) fn claim(db: &Connection, request: &ClaimRequest) -> DbResult<Option<Claim>> {
    let ClaimRequest {
        index,
        file_id,
        claim_id,
        owner,
        lease,
    } = request;
    let values = params![
        index.as_str(),
        Text(file_id),
        Text(claim_id),
        owner,
        millis(*lease)
    ];
    let taken = one(db, &sql::CLAIM, values, |row| read_claim(index, *file_id, row))?;
    let Some((claim, state, n)) = taken else {
        let values = params![index.as_str(), Text(file_id), Text(claim_id)];
        let held = one(db, &sql::HELD, values, |row| read_claim(index, *file_id, row))?;
        return Ok(held.map(|(claim, ..)| claim));
    };
    let detail = detail::claimed(owner, claim.attempts);
    let line = Line {
        event: "claimed",
        state,
        seq: claim.seq,
        claim: Some(*claim_id),
        detail: &detail,
        n,
    };
    record(db, index, *file_id, &line)?;
    Ok(Some(claim))
}

pub(super) fn renew(db: &Connection, owner: &str, lease: Duration) -> DbResult<Vec<ClaimId>> {
    let mut claims = many(db, &sql::RENEW, params![owner, millis(lease)], |row| {
        Columns::of(row).text()
    })?;
    claims.sort_unstable();
    Ok(claims)
}

pub(super) fn commit(db: &Connection, commit: &Commit) -> DbResult<CommitOutcome> {
    let hold = &commit.hold;
    let (version, skip) = match &commit.change {
        CommitChange::Replace(version) | CommitChange::Keep(version) => (Some(version), None),
        CommitChange::Remove => (None, None),
        CommitChange::Skip(version, failure) => (Some(version), Some(failure_text(failure)?)),
    };
    let values = params![
        hold.index.as_str(),
        Text(hold.file_id),
        Text(hold.claim_id),
        hold.fence,
        outcome_name(commit.change.outcome()),
        matches!(commit.change, CommitChange::Keep(_)),
        version.map(|version| &version.etag),
        version.map(|version| &version.content_hash),
        version.map(|version| &version.pipeline),
        version.map(|version| number(version.size)),
        version.map(|version| number(version.chunks)),
        skip,
    ];
    let committed = one(db, &sql::COMMIT, values, |row| {
        let mut c = Columns::of(row);
        Ok((c.text_or_null()?, c.value()?, c.value()?))
    })?;
    let Some((prev_claim, seq, n)) = committed else {
        let values = params![
            hold.index.as_str(),
            Text(hold.file_id),
            Text(hold.claim_id),
            hold.fence
        ];
        let before = one(db, &sql::COMMITTED, values, |row| {
            let mut c = Columns::of(row);
            Ok(Committed {
                prev_claim: c.text_or_null()?,
                released: c.text_or_null()?,
            })
        })?;
        return Ok(before.map_or(CommitOutcome::Lost, CommitOutcome::Committed));
    };
    let (state, detail) = (FileState::Publishing, &commit.detail);
    let line = Line {
        event: "committed",
        state,
        seq,
        claim: Some(hold.claim_id),
        detail,
        n,
    };
    record(db, &hold.index, hold.file_id, &line)?;
    let released = if prev_claim.is_none() {
        release(db, hold, commit.debounce)?
    } else {
        None
    };
    Ok(CommitOutcome::Committed(Committed { prev_claim, released }))
}

fn outcome_name(outcome: Outcome) -> &'static str {
    outcome.state().name()
}

pub(super) fn release(db: &Connection, hold: &Hold, debounce: Duration) -> DbResult<Option<FileState>> {
    let values = params![
        hold.index.as_str(),
        Text(hold.file_id),
        Text(hold.claim_id),
        hold.fence,
        millis(debounce)
    ];
    let released = one(db, &sql::RELEASE, values, |row| {
        let mut c = Columns::of(row);
        Ok((c.text()?, c.value()?, c.value()?))
    })?;
    let Some((state, seq, n)) = released else {
        return Ok(None);
    };
    let line = Line {
        event: "released",
        state,
        seq,
        claim: Some(hold.claim_id),
        detail: &detail::nothing(),
        n,
    };
    record(db, &hold.index, hold.file_id, &line)?;
    settled(db, &hold.index, hold.file_id, state)?;
    Ok(Some(state))
}

fn failure_text(failure: &Failure) -> DbResult<String> {
    serde_json::to_string(failure).map_err(|error| LedgerError::Corrupt(error.to_string()).into())
}

fn class_name(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Permanent => "permanent",
        FailureClass::Transient => "transient",
        FailureClass::Throttled => "throttled",
    }
}

/// A claim that was given up may have left points, unless it is the live one (its clean-up was given up).
fn bury(
    db: &Connection,
    index: &IndexId,
    file: FileId,
    claim: ClaimId,
    live: Option<ClaimId>,
) -> DbResult<()> {
    if live != Some(claim) {
        execute(db, &sql::BURY, params![index.as_str(), Text(claim), Text(file)])?;
    }
    Ok(())
}

pub(super) fn fail(db: &Connection, fail: &Fail) -> DbResult<Option<FileState>> {
    let Fail {
        hold,
        failure,
        delay,
        max_attempts,
        etag,
    } = fail;
    let values = params![
        class_name(failure.class),
        max_attempts,
        millis(*delay),
        failure_text(failure)?,
        etag,
        hold.index.as_str(),
        Text(hold.file_id),
        Text(hold.claim_id),
        hold.fence,
    ];
    let given_up = one(db, &sql::FAIL, values, |row| {
        let mut c = Columns::of(row);
        Ok((c.text()?, c.value()?, c.value()?, c.text_or_null()?))
    })?;
    let Some((state, seq, n, live)) = given_up else {
        return Ok(None);
    };
    let detail = detail::failed(failure);
    let line = Line {
        event: "failed",
        state,
        seq,
        claim: Some(hold.claim_id),
        detail: &detail,
        n,
    };
    record(db, &hold.index, hold.file_id, &line)?;
    bury(db, &hold.index, hold.file_id, hold.claim_id, live)?;
    settled(db, &hold.index, hold.file_id, state)?;
    Ok(Some(state))
}

pub(super) fn sweep(db: &Connection, policy: &SweepPolicy, limit: u32) -> DbResult<Vec<Swept>> {
    let failure = detail::lease_lost(policy);
    let values = params![
        class_name(failure.class),
        policy.max_attempts,
        millis(policy.delay),
        failure_text(&failure)?,
        None::<String>,
        millis(policy.stale_after),
        limit,
    ];
    let mut rows = many(db, &sql::SWEEP, values, |row| {
        let mut c = Columns::of(row);
        let swept = Swept {
            index: c.text()?,
            file_id: c.text()?,
            path: c.text()?,
            claim_id: c.text()?,
            owner: c.value()?,
            state: c.text()?,
        };
        Ok((swept, c.value()?, c.value()?, c.text_or_null()?))
    })?;
    rows.sort_by(|(a, ..), (b, ..)| (&a.index, &a.path).cmp(&(&b.index, &b.path)));
    for (swept, seq, n, live) in &rows {
        let detail = detail::swept(&swept.owner, &failure);
        let line = Line {
            event: "swept",
            state: swept.state,
            seq: *seq,
            claim: Some(swept.claim_id),
            detail: &detail,
            n: *n,
        };
        record(db, &swept.index, swept.file_id, &line)?;
        bury(db, &swept.index, swept.file_id, swept.claim_id, *live)?;
        settled(db, &swept.index, swept.file_id, swept.state)?;
    }
    Ok(rows.into_iter().map(|(swept, ..)| swept).collect())
}

pub(super) fn retry_failed(
    db: &Connection,
    index: &IndexId,
    file: Option<FileId>,
    run: Option<RunId>,
) -> DbResult<u64> {
    let values = params![index.as_str(), file.map(Text), run.map(Text)];
    let rows = many(db, &sql::RETRY, values, |row| {
        let mut c = Columns::of(row);
        Ok((
            c.text::<FileId>()?,
            c.value::<i64>()?,
            c.value::<bool>()?,
            c.value::<i64>()?,
        ))
    })?;
    let mut joined = BTreeMap::new();
    for &(file, seq, joins, n) in &rows {
        let (state, detail) = (FileState::Pending, &detail::nothing());
        record(
            db,
            index,
            file,
            &Line {
                event: "retried",
                state,
                seq,
                claim: None,
                detail,
                n,
            },
        )?;
        if let (Some(run), true) = (run, joins) {
            *joined.entry(run).or_default() += 1;
        }
    }
    grow(db, joined)?;
    Ok(rows.len() as u64)
}

pub(super) fn decide(db: &Connection, index: &IndexId, approve: bool) -> DbResult<u64> {
    let rows = many(db, &sql::DECIDE, params![index.as_str(), approve], |row| {
        let mut c = Columns::of(row);
        Ok((
            c.text::<FileId>()?,
            c.text::<FileState>()?,
            c.value()?,
            c.value()?,
        ))
    })?;
    let event = if approve { "approved" } else { "rejected" };
    for &(file, state, seq, n) in &rows {
        record(
            db,
            index,
            file,
            &Line {
                event,
                state,
                seq,
                claim: None,
                detail: &detail::nothing(),
                n,
            },
        )?;
        settled(db, index, file, state)?;
    }
    Ok(rows.len() as u64)
}
