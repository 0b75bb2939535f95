//! Indexes, and what is removed in time.

use std::time::Duration;

use super::queries::{in_lists, page_end};
use super::rows;
use crate::ids::{ClaimId, FileId, IndexId};
use crate::ledger::database::{Database, DbResult, values};
use crate::ledger::{IndexRecord, LedgerError, millis, sql};

/// Files looked at in one transaction while pruning.
const PRUNE_PAGE: u32 = 500;

pub(in crate::ledger) async fn add_index<D: Database>(
    db: &D,
    index: &IndexId,
    settings: &serde_json::Value,
) -> DbResult<(IndexRecord, bool)> {
    // Two last generations that went at the same moment may both have left the family to the other.
    db.execute(&sql::ERASE_FAMILY, values![index]).await?;
    let added = db
        .execute(&sql::ADD_INDEX, values![index, settings.to_string()])
        .await?;
    let found = db.one(&sql::INDEX, values![index], rows::index).await?;
    found.map(|record| (record, added > 0)).ok_or_else(|| {
        let what = format!("the last of index {index} goes at this moment: ask again");
        LedgerError::Unavailable(what).into()
    })
}

pub(in crate::ledger) async fn set_active<D: Database>(
    db: &D,
    index: &IndexId,
    active: bool,
) -> DbResult<()> {
    let name = &index.base();
    db.execute(&sql::ENSURE_FAMILY, values![name]).await?;
    db.execute(&sql::PAUSE_FAMILY, values![name, !active]).await?;
    db.execute(&sql::ALIGN_FAMILY, values![name]).await?;
    Ok(())
}

pub(in crate::ledger) async fn forget_dead_claims<D: Database>(
    db: &D,
    index: &IndexId,
    claims: &[ClaimId],
) -> DbResult<()> {
    in_lists(db, &sql::FORGET_DEAD_CLAIMS, index, claims, |_| Ok(())).await?;
    Ok(())
}

/// How far pruning is; each step is a transaction of its own.
#[derive(Clone, Debug)]
pub(in crate::ledger) enum Pruning {
    /// Old tombstones go, with their history.
    Tombstones,
    /// Operations that were finished long ago go.
    Operations,
    /// Old history of the files after this one goes.
    HistoryAfter(String),
}

/// Removes a page of what is old; returns how many rows went and the next step, if there is one.
pub(in crate::ledger) async fn prune<D: Database>(
    db: &D,
    index: &IndexId,
    keep: u32,
    older_than: Duration,
    step: &Pruning,
) -> DbResult<(u64, Option<Pruning>)> {
    match step {
        Pruning::Tombstones => {
            let values = values![index, millis(older_than), PRUNE_PAGE];
            let files: Vec<FileId> = db.many(&sql::PRUNE_TOMBSTONES, values, |c| c.text()).await?;
            let sets: Vec<_> = files.iter().map(|file| values![index, *file]).collect();
            let entries = db.each(&sql::FORGET_HISTORY, &sets).await?;
            let next = if files.is_empty() {
                Pruning::Operations
            } else {
                Pruning::Tombstones
            };
            Ok((entries + files.len() as u64, Some(next)))
        }
        Pruning::Operations => {
            let values = values![index, millis(older_than)];
            let mut gone = db.execute(&sql::PRUNE_OPERATIONS, values).await?;
            let values = values![index, millis(older_than)];
            gone += db.execute(&sql::PRUNE_APPROVALS, values).await?;
            Ok((gone, Some(Pruning::HistoryAfter(String::new()))))
        }
        Pruning::HistoryAfter(after) => {
            let Some(end) = page_end(db, index, after, PRUNE_PAGE).await? else {
                return Ok((0, None));
            };
            let values = values![index, after, &end, keep];
            let entries = db.execute(&sql::PRUNE_HISTORY, values).await?;
            Ok((entries, Some(Pruning::HistoryAfter(end))))
        }
    }
}
