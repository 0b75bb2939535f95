//! Generations: the family's row decides, the states of its generations follow.

use std::time::Duration;

use super::rows;
use crate::ids::IndexId;
use crate::ledger::database::{Columns, Database, DbError, DbResult, Value, values};
use crate::ledger::sql::{self, Sql};
use crate::ledger::{Begun, BuildFailure, Family, Lag, millis};

pub(in crate::ledger) async fn families<D: Database>(db: &D) -> DbResult<Vec<Family>> {
    db.many(&sql::FAMILIES, values![], family).await
}

pub(in crate::ledger) async fn begin_generation<D: Database>(
    db: &D,
    name: &IndexId,
    settings: &serde_json::Value,
) -> DbResult<Begun> {
    db.execute(&sql::ENSURE_FAMILY, values![name]).await?;
    let begun: Option<IndexId> = db
        .one(&sql::BEGIN_GENERATION, values![name], |c| c.text())
        .await?;
    let Some(generation) = begun else {
        let families = families(db).await?;
        let busy = families
            .iter()
            .any(|family| family.name == *name && !family.deleting);
        return Ok(if busy { Begun::Busy } else { Begun::Gone });
    };
    db.execute(&sql::ADD_GENERATION, values![name, settings.to_string()])
        .await?;
    let made = db
        .one(&sql::GENERATION, values![&generation], rows::index)
        .await?;
    Ok(Begun::Building(Box::new(made.ok_or_else(DbError::no_row)?)))
}

pub(in crate::ledger) async fn lags<D: Database>(
    db: &D,
    name: &IndexId,
    next: &IndexId,
    limit: u32,
) -> DbResult<Vec<Lag>> {
    let mut all = Vec::new();
    for (statement, lost) in [(&sql::LOST, true), (&sql::RISEN, false)] {
        let paths = db
            .many(statement, values![name, next, limit], |c| c.text())
            .await?;
        all.extend(paths.into_iter().map(|path| Lag { path, lost }));
    }
    Ok(all)
}

/// Runs a statement that decides on a family, and lets the states of its generations follow.
async fn decide<D: Database>(
    db: &D,
    statement: &'static Sql,
    name: &IndexId,
    values: Vec<Value<'_>>,
) -> DbResult<bool> {
    let decided = db.one(statement, values, |_| Ok(())).await?.is_some();
    if decided {
        db.execute(&sql::ALIGN_FAMILY, values![name]).await?;
    }
    Ok(decided)
}

pub(in crate::ledger) async fn swap_generation<D: Database>(
    db: &D,
    name: &IndexId,
    next: &IndexId,
    forced: bool,
) -> DbResult<bool> {
    decide(db, &sql::SWAP, name, values![name, next, forced]).await
}

pub(in crate::ledger) async fn roll_back<D: Database>(
    db: &D,
    name: &IndexId,
    generation: &IndexId,
    reason: &str,
) -> DbResult<bool> {
    decide(db, &sql::ROLL_BACK, name, values![name, generation, reason]).await
}

pub(in crate::ledger) async fn undo_swap<D: Database>(
    db: &D,
    name: &IndexId,
    live: &IndexId,
) -> DbResult<bool> {
    decide(db, &sql::UNDO_SWAP, name, values![name, live]).await
}

pub(in crate::ledger) async fn drop_retired<D: Database>(
    db: &D,
    name: &IndexId,
    retired: &IndexId,
    age: Duration,
) -> DbResult<bool> {
    decide(db, &sql::DROP_RETIRED, name, values![name, retired, millis(age)]).await
}

pub(in crate::ledger) async fn note_progress<D: Database>(
    db: &D,
    name: &IndexId,
    next: &IndexId,
    settled: u64,
    waits_for: &[String],
) -> DbResult<()> {
    let waits_for = serde_json::Value::from(waits_for).to_string();
    db.execute(&sql::NOTE_PROGRESS, values![name, next, settled, waits_for])
        .await?;
    Ok(())
}

pub(in crate::ledger) async fn note_alias<D: Database>(
    db: &D,
    name: &IndexId,
    live: &IndexId,
) -> DbResult<()> {
    db.execute(&sql::NOTE_ALIAS, values![name, live]).await?;
    Ok(())
}

/// Columns of `FAMILIES`.
fn family(c: &mut Columns<'_>) -> DbResult<Family> {
    let mut family = Family {
        name: c.text()?,
        live: c.text()?,
        building: c.text_or_null()?,
        retired: c.text_or_null()?,
        made: c.count()?,
        paused: c.value()?,
        deleting: c.value()?,
        going_back: c.value()?,
        began_at: c.value()?,
        progress_at: c.value()?,
        waits_for: c.json_or_null()?.unwrap_or_default(),
        swapped_at: c.value()?,
        alias: c.text_or_null()?,
        failure: None,
        now: 0,
    };
    let (failed, at, reason) = (c.text_or_null()?, c.value()?, c.value()?);
    if let (Some(generation), Some(at), Some(reason)) = (failed, at, reason) {
        family.failure = Some(BuildFailure {
            generation,
            at,
            reason,
        });
    }
    family.now = c.value()?;
    Ok(family)
}
