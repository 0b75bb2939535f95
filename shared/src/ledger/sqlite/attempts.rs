//! What workers do with files, and the sweep that takes over from dead ones. Each runs inside a savepoint.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::connection::{DbResult, execute, many, one};
use super::notes::{Line, record, settled};
use super::rows::{Columns, Text, claim as read_claim, number};
use crate::file_state::{FileState, Outcome};
use crate::ids::{ClaimId, FileId, IndexId};
use crate::ledger::{
    Claim, ClaimRequest, Commit, CommitChange, CommitOutcome, Committed, Fail, Hold, LedgerError,
    SweepPolicy, Swept, detail, millis, sql,
};
use crate::retry::{Failure, FailureClass};

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
