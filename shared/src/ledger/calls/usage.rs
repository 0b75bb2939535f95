//! What embedding costs.

use crate::ids::IndexId;
use crate::ledger::database::{Database, DbError, DbResult, values};
use crate::ledger::{Spending, Usage, UsageNote, sql};

pub(in crate::ledger) async fn spend<D: Database>(
    db: &D,
    index: &IndexId,
    tokens: u64,
    limit: u64,
) -> DbResult<Spending> {
    let granted = db
        .one(&sql::SPEND, values![index, tokens, limit], |_| Ok(()))
        .await?;
    if granted.is_some() {
        return Ok(Spending::Granted);
    }
    let spent = db
        .one(&sql::SPENT, values![index], |c| {
            Ok(Spending::Refused {
                spent: c.count()?,
                next_day_in: c.value()?,
            })
        })
        .await?;
    spent.ok_or_else(DbError::no_row)
}

pub(in crate::ledger) async fn note_usage<D: Database>(
    db: &D,
    index: &IndexId,
    note: &UsageNote,
) -> DbResult<()> {
    let values = values![index, note.tokens, note.embedded, note.reused, note.bytes];
    db.execute(&sql::NOTE_USAGE, values).await?;
    Ok(())
}

pub(in crate::ledger) async fn usage<D: Database>(
    db: &D,
    index: &IndexId,
    days: u32,
) -> DbResult<Vec<Usage>> {
    db.many(&sql::USAGE, values![index, days], |c| {
        Ok(Usage {
            day: c.value()?,
            tokens: c.count()?,
            embedded: c.count()?,
            reused: c.count()?,
            bytes: c.count()?,
        })
    })
    .await
}

pub(in crate::ledger) async fn wake_waiting<D: Database>(
    db: &D,
    index: &IndexId,
    code: &str,
) -> DbResult<u64> {
    // Codes are names in snake case: `_` stands for itself or any one character, which does no harm.
    let pattern = format!("%\"code\":\"{code}\"%");
    db.execute(&sql::WAKE_WAITING, values![index, pattern]).await
}
