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
    let changed = db.one(&sql::CHANGE_SETTINGS, values, rows::index).await?;
    if let (Some(_), Some(operation)) = (&changed, &change.follow_up) {
        control::open_operation(db, operation).await?;
    }
    Ok(changed)
}
