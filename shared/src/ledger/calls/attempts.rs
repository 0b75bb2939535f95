//! What workers do with files, and the sweep that takes over from dead ones.

use std::time::Duration;

use futures::try_join;
use serde::Serialize;

use super::notes::{Account, Line, record, settled};
use super::rows::claim as read_claim;
use crate::file_state::FileState;
use crate::ids::{ClaimId, FileId, IndexId, RunId};
use crate::ledger::database::{Columns, Database, DbResult, Value, values};
use crate::ledger::{
    Claim, ClaimOutcome, ClaimRequest, Commit, CommitChange, CommitOutcome, Committed, Fail, FailOutcome,
    Hold, LedgerError, ReleaseOutcome, RunOutcome, SweepPolicy, Swept, detail, detail::AttemptCost, millis,
    sql,
};
use crate::retry::FailureClass;

pub(in crate::ledger) async fn claim<D: Database>(db: &D, request: &ClaimRequest) -> DbResult<ClaimOutcome> {
    let ClaimRequest {
        index,
        file_id,
        claim_id,
        owner,
        lease,
    } = request;
    let values = values![index, *file_id, *claim_id, owner, millis(*lease)];
    let taken = db
        .one(&sql::CLAIM, values, |c| read_claim(index, *file_id, c))
        .await?;
    let Some((claim, state, n)) = taken else {
        let values = values![index, *file_id, *claim_id];
        let held = db
            .one(&sql::HELD, values, |c| read_claim(index, *file_id, c))
            .await?;
        return Ok(held.map_or(ClaimOutcome::NotClaimable, |(claim, ..)| claimed(claim)));
    };
    let line = Line {
        index,
        file: *file_id,
        event: "claimed",
        state,
        seq: claim.seq,
        claim: Some(*claim_id),
        detail: &detail::claimed(owner, claim.attempts),
        n,
    };
    record(db, &[line]).await?;
    Ok(claimed(claim))
}

fn claimed(claim: Claim) -> ClaimOutcome {
    ClaimOutcome::Claimed(Box::new(claim))
}

pub(in crate::ledger) async fn renew<D: Database>(
    db: &D,
    owner: &str,
    lease: Duration,
) -> DbResult<Vec<ClaimId>> {
    let values = values![owner, millis(lease)];
    let mut claims = db.many(&sql::RENEW, values, |c| c.text()).await?;
    claims.sort_unstable();
    Ok(claims)
}

/// The values that name a hold.
fn held_by(hold: &Hold) -> Vec<Value<'_>> {
    values![&hold.index, hold.file_id, hold.claim_id, hold.fence]
}

pub(in crate::ledger) async fn commit<D: Database>(db: &D, commit: &Commit) -> DbResult<CommitOutcome> {
    let hold = &commit.hold;
    let (version, skip) = match &commit.change {
        CommitChange::Replace(version) | CommitChange::Keep(version) => (Some(version), None),
        CommitChange::Remove => (None, None),
        CommitChange::Skip(version, failure) => (Some(version), Some(json_text(failure)?)),
    };
    let missing = version
        .filter(|version| !version.missing.is_empty())
        .map(|version| json_text(&version.missing))
        .transpose()?;
    let mut values = held_by(hold);
    values.extend(values![
        commit.change.outcome().state(),
        matches!(commit.change, CommitChange::Keep(_)),
        version.map(|version| &version.etag),
        version.map(|version| &version.content_hash),
        version.map(|version| &version.pipeline),
        version.map(|version| version.size),
        version.map(|version| version.chunks),
        skip,
        missing,
    ]);
    let committed = db
        .one(&sql::COMMIT, values, |c| {
            Ok((c.text_or_null()?, c.value()?, c.value()?, open_run(c)?))
        })
        .await?;
    let Some((prev_claim, seq, n, (run, open))) = committed else {
        let before = db
            .one(&sql::COMMITTED, held_by(hold), |c| {
                Ok(Committed {
                    prev_claim: c.text_or_null()?,
                    released: c.text_or_null()?,
                })
            })
            .await?;
        return Ok(before.map_or(CommitOutcome::Lost, CommitOutcome::Committed));
    };
    let line = [Line {
        index: &hold.index,
        file: hold.file_id,
        event: "committed",
        state: FileState::Publishing,
        seq,
        claim: Some(hold.claim_id),
        detail: &commit.detail,
        n,
    }];
    let usage = AttemptCost::of(&commit.detail);
    let released = if prev_claim.is_none() {
        let kept = matches!(commit.change, CommitChange::Keep(_));
        let ((), outcome) = try_join!(
            record(db, &line),
            release_with(db, hold, commit.debounce, kept, usage)
        )?;
        match outcome {
            ReleaseOutcome::Released(state) => Some(state),
            ReleaseOutcome::Lost => None,
        }
    } else {
        let mut account = Account::default();
        if let (Some(run), Some(RunOpen::Yes)) = (run, open) {
            account.spent(run, hold.file_id, usage);
        }
        try_join!(record(db, &line), account.write(db))?;
        None
    };
    Ok(CommitOutcome::Committed(Committed { prev_claim, released }))
}

pub(in crate::ledger) async fn release<D: Database>(
    db: &D,
    hold: &Hold,
    debounce: Duration,
) -> DbResult<ReleaseOutcome> {
    release_with(db, hold, debounce, false, AttemptCost::default()).await
}

/// `kept`: the commit kept what was shown. A commit that keeps is always released in its own transaction.
async fn release_with<D: Database>(
    db: &D,
    hold: &Hold,
    debounce: Duration,
    kept: bool,
    usage: AttemptCost,
) -> DbResult<ReleaseOutcome> {
    let mut values = held_by(hold);
    values.push(millis(debounce).into());
    let released = db
        .one(&sql::RELEASE, values, |c| {
            Ok((c.text()?, c.value()?, c.value()?, open_run(c)?))
        })
        .await?;
    let Some((state, seq, n, (run, open))) = released else {
        return Ok(ReleaseOutcome::Lost);
    };
    let line = [Line {
        index: &hold.index,
        file: hold.file_id,
        event: "released",
        state,
        seq,
        claim: Some(hold.claim_id),
        detail: &detail::nothing(),
        n,
    }];
    let mut account = Account::default();
    match (run, open, outcome_of(state, kept)) {
        (Some(run), Some(RunOpen::Ended), Some(outcome)) => {
            account.left(run, hold.file_id, outcome, "", usage);
        }
        (Some(run), Some(_), _) => account.spent(run, hold.file_id, usage),
        _ => {}
    }
    let file = (&hold.index, hold.file_id, state);
    try_join!(record(db, &line), settled(db, std::iter::once(file)))?;
    account.write(db).await?;
    Ok(ReleaseOutcome::Released(state))
}

/// Did the file's run wait for it?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunOpen {
    /// It still does.
    Yes,
    /// The statement has ended that.
    Ended,
}

/// The next two columns: `run_id` and `run_open`.
pub(super) fn open_run(c: &mut Columns<'_>) -> DbResult<(Option<RunId>, Option<RunOpen>)> {
    let run = c.text_or_null()?;
    let open = match c.value::<i64>()? {
        1 => Some(RunOpen::Yes),
        2 => Some(RunOpen::Ended),
        _ => None,
    };
    Ok((run, open))
}

/// How a file that was released leaves its run.
fn outcome_of(state: FileState, kept: bool) -> Option<RunOutcome> {
    match state {
        FileState::Indexed if kept => Some(RunOutcome::Unchanged),
        FileState::Indexed => Some(RunOutcome::Indexed),
        FileState::Skipped => Some(RunOutcome::Skipped),
        FileState::Deleted => Some(RunOutcome::Deleted),
        FileState::Failed
        | FileState::Pending
        | FileState::Processing
        | FileState::Publishing
        | FileState::AwaitingApproval => None,
    }
}

fn json_text(value: &impl Serialize) -> DbResult<String> {
    serde_json::to_string(value).map_err(|error| LedgerError::Corrupt(error.to_string()).into())
}

fn class_name(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Permanent => "permanent",
        FailureClass::Transient => "transient",
        FailureClass::Throttled => "throttled",
    }
}

/// A claim that was given up.
pub(super) struct GivenUp<'a> {
    pub(super) index: &'a IndexId,
    pub(super) file: FileId,
    /// `None` when nobody held the file.
    pub(super) claim: Option<ClaimId>,
    pub(super) state: FileState,
    pub(super) seq: i64,
    pub(super) n: i64,
    /// The file's live claim.
    pub(super) live: Option<ClaimId>,
    /// The run that it leaves.
    pub(super) run: Option<RunId>,
    pub(super) detail: serde_json::Value,
}

/// What goes with giving claims up. Each may have left points, unless it is the live one (its clean-up was given up).
pub(super) async fn lay_down<D: Database>(
    db: &D,
    event: &str,
    code: &str,
    given_up: &[GivenUp<'_>],
) -> DbResult<()> {
    let mut account = Account::default();
    for it in given_up {
        if let Some(run) = it.run {
            account.left(run, it.file, RunOutcome::Failed, code, AttemptCost::default());
        }
    }
    let lines: Vec<_> = given_up
        .iter()
        .map(|it| Line {
            index: it.index,
            file: it.file,
            event,
            state: it.state,
            seq: it.seq,
            claim: it.claim,
            detail: &it.detail,
            n: it.n,
        })
        .collect();
    let dead: Vec<_> = given_up
        .iter()
        .filter(|it| it.claim.is_some() && it.live != it.claim)
        .map(|it| values![it.index, it.claim, it.file])
        .collect();
    let files = given_up.iter().map(|it| (it.index, it.file, it.state));
    try_join!(record(db, &lines), db.each(&sql::BURY, &dead), settled(db, files))?;
    account.write(db).await
}

pub(in crate::ledger) async fn fail<D: Database>(db: &D, fail: &Fail) -> DbResult<FailOutcome> {
    let Fail {
        hold,
        failure,
        delay,
        max_attempts,
        etag,
        standing,
    } = fail;
    let class = if *standing {
        "standing"
    } else {
        class_name(failure.class)
    };
    let mut values = values![
        class,
        *max_attempts,
        millis(*delay),
        json_text(failure)?,
        etag.as_ref(),
    ];
    values.extend(held_by(hold));
    let given_up = db
        .one(&sql::FAIL, values, |c| {
            Ok((c.text()?, c.value()?, c.value()?, c.text_or_null()?, open_run(c)?))
        })
        .await?;
    let Some((state, seq, n, live, (run, open))) = given_up else {
        return Ok(FailOutcome::Lost);
    };
    let given_up = GivenUp {
        index: &hold.index,
        file: hold.file_id,
        claim: Some(hold.claim_id),
        state,
        seq,
        n,
        live,
        run: run.filter(|_| open == Some(RunOpen::Ended)),
        detail: detail::failed(fail),
    };
    lay_down(db, "failed", &failure.code, &[given_up]).await?;
    Ok(FailOutcome::Given(state))
}

pub(in crate::ledger) async fn sweep<D: Database>(
    db: &D,
    policy: &SweepPolicy,
    limit: u32,
) -> DbResult<Vec<Swept>> {
    let failure = detail::lease_lost(policy);
    let values = values![
        class_name(failure.class),
        policy.max_attempts,
        millis(policy.delay),
        json_text(&failure)?,
        None::<&str>,
        millis(policy.stale_after),
        limit,
    ];
    let mut rows = db
        .many(&sql::SWEEP, values, |c| {
            let swept = Swept {
                index: c.text()?,
                file_id: c.text()?,
                path: c.text()?,
                claim_id: c.text()?,
                owner: c.value()?,
                state: c.text()?,
            };
            Ok((swept, c.value()?, c.value()?, c.text_or_null()?, open_run(c)?))
        })
        .await?;
    rows.sort_by(|(a, ..), (b, ..)| (&a.index, &a.path).cmp(&(&b.index, &b.path)));
    let given_up: Vec<_> = rows
        .iter()
        .map(|(swept, seq, n, live, (run, open))| GivenUp {
            index: &swept.index,
            file: swept.file_id,
            claim: Some(swept.claim_id),
            state: swept.state,
            seq: *seq,
            n: *n,
            live: *live,
            run: run.filter(|_| *open == Some(RunOpen::Ended)),
            detail: detail::swept(&swept.owner, &failure),
        })
        .collect();
    lay_down(db, "swept", &failure.code, &given_up).await?;
    Ok(rows.into_iter().map(|(swept, ..)| swept).collect())
}
