//! The filter of log lines that goes for every process.

use std::time::Duration;

use crate::ledger::database::{Columns, Database, DbError, DbResult, values};
use crate::ledger::{LoggingChange, millis, sql};

fn change(c: &mut Columns<'_>) -> DbResult<LoggingChange> {
    Ok(LoggingChange {
        filter: c.value()?,
        set_by: c.value()?,
        set_at: c.value()?,
        until: c.value()?,
        left: Duration::from_millis(c.count()?),
    })
}

pub(in crate::ledger) async fn now<D: Database>(db: &D) -> DbResult<Option<LoggingChange>> {
    db.one(&sql::LOGGING, values![], change).await
}

pub(in crate::ledger) async fn set<D: Database>(
    db: &D,
    filter: &str,
    lasts: Duration,
    by: &str,
) -> DbResult<LoggingChange> {
    let set = db
        .one(&sql::SET_LOGGING, values![filter, millis(lasts), by], change)
        .await?;
    set.ok_or_else(DbError::no_row)
}

pub(in crate::ledger) async fn reset<D: Database>(db: &D) -> DbResult<()> {
    db.execute(&sql::RESET_LOGGING, values![]).await?;
    Ok(())
}
