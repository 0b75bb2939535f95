//! Removals that wait for a decision.

use futures::try_join;

use super::notes::{Line, record, settled};
use crate::file_state::FileState;
use crate::ids::{FileId, IndexId};
use crate::ledger::database::{Columns, Database, DbResult, values};
use crate::ledger::{Approval, ApprovalFilter, ApprovalState, Resolution, Resolved, detail, millis, sql};

pub(in crate::ledger) async fn open_approvals<D: Database>(db: &D) -> DbResult<Vec<Approval>> {
    db.execute(&sql::WITHDRAW_APPROVALS, values![]).await?;
    db.many(&sql::OPEN_APPROVALS, values![], approval).await
}

pub(in crate::ledger) async fn approvals<D: Database>(
    db: &D,
    filter: &ApprovalFilter,
    limit: u32,
) -> DbResult<Vec<Approval>> {
    let state = filter.state.map(ApprovalState::name);
    let values = values![filter.index.as_ref(), state, filter.unfinished, limit];
    db.many(&sql::APPROVALS, values, approval).await
}

pub(in crate::ledger) async fn approval_of<D: Database>(
    db: &D,
    index: &IndexId,
    number: u64,
) -> DbResult<Option<Approval>> {
    db.one(&sql::APPROVAL, values![index, number], approval).await
}

pub(in crate::ledger) async fn resolve_approval<D: Database>(
    db: &D,
    index: &IndexId,
    number: u64,
    resolution: &Resolution,
) -> DbResult<Resolved> {
    let state = if resolution.remove {
        ApprovalState::Approved
    } else {
        ApprovalState::Kept
    };
    let values = values![
        index,
        number,
        state.name(),
        resolution.ceiling,
        &resolution.by,
        resolution.note.as_ref(),
        millis(resolution.after),
    ];
    let now = db.one(&sql::RESOLVE_APPROVAL, values, |_| Ok(())).await?;
    Ok(match (approval_of(db, index, number).await?, now) {
        (Some(approval), Some(())) => Resolved::Now(approval),
        (Some(approval), None) => Resolved::Not(approval),
        (None, _) => Resolved::Unknown,
    })
}

pub(in crate::ledger) async fn carry_out<D: Database>(
    db: &D,
    index: &IndexId,
    number: u64,
    limit: u32,
) -> DbResult<Option<Approval>> {
    let begun = db
        .one(&sql::BEGIN_CARRY_OUT, values![index, number], |c| {
            Ok((c.text::<ApprovalState>()?, c.count::<u64>()?, c.value::<i64>()?))
        })
        .await?;
    let Some((state, left, decided_at)) = begun else {
        return Ok(None);
    };
    let remove = state == ApprovalState::Approved;
    let wanted = left.min(u64::from(limit));
    let rows: Vec<(FileId, FileState, i64, i64)> = db
        .many(&sql::DECIDE, values![index, remove, decided_at, wanted], |c| {
            Ok((c.text()?, c.text()?, c.value()?, c.value()?))
        })
        .await?;
    let detail = detail::nothing();
    let line = |&(file, state, seq, n)| Line {
        index,
        file,
        event: if remove { "approved" } else { "rejected" },
        state,
        seq,
        claim: None,
        detail: &detail,
        n,
    };
    let lines: Vec<_> = rows.iter().map(line).collect();
    let files = lines.iter().map(|line| (line.index, line.file, line.state));
    try_join!(record(db, &lines), settled(db, files))?;
    let done = lines.len() as u64;
    let finished = done < wanted || done == left;
    db.one(
        &sql::END_CARRY_OUT,
        values![index, number, done, finished],
        approval,
    )
    .await
}

pub(in crate::ledger) async fn untold_approvals<D: Database>(db: &D, limit: u32) -> DbResult<Vec<Approval>> {
    db.many(&sql::UNTOLD_APPROVALS, values![limit], approval).await
}

pub(in crate::ledger) async fn note_told<D: Database>(
    db: &D,
    index: &IndexId,
    number: u64,
    state: ApprovalState,
) -> DbResult<()> {
    db.execute(&sql::NOTE_TOLD, values![index, number, state.name()])
        .await?;
    Ok(())
}

/// Columns of `approval_columns!`.
fn approval(c: &mut Columns<'_>) -> DbResult<Approval> {
    let optional_count = |c: &mut Columns<'_>| -> DbResult<Option<u64>> {
        let number: Option<i64> = c.value()?;
        number.map(|number| c.in_range(number)).transpose()
    };
    Ok(Approval {
        index: c.text()?,
        number: c.count()?,
        state: c.text()?,
        reason: c.value()?,
        opened_at: c.value()?,
        files: c.count()?,
        ceiling: optional_count(c)?,
        decided_at: c.value()?,
        decided_by: c.value()?,
        note: c.value()?,
        passed: c.count()?,
        finished_at: c.value()?,
    })
}
