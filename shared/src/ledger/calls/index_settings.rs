//! Changes of settings.

use super::{control, rows};
use crate::ledger::database::{Database, DbResult, number, values};
use crate::ledger::{IndexRecord, SettingsChange, sql};

pub(in crate::ledger) async fn change_settings<D: Database>(
    db: &D,
    change: &SettingsChange,
) -> DbResult<Option<IndexRecord>> {
    let from = &change.from;
    let values = values![
        &from.id,
        change.settings.to_string(),
        from.created_at,
        number(from.revision)
    ];
    if db.one(&sql::CHANGE_SETTINGS, values, |_| Ok(())).await?.is_none() {
        return Ok(None);
    }
    if let Some(operation) = &change.follow_up {
        control::open_operation(db, operation).await?;
    }
    db.one(&sql::GENERATION, values![&from.id], rows::index).await
}
