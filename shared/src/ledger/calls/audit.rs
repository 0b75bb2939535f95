//! The audit log.

use std::time::Duration;

use crate::ids::AuditId;
use crate::ledger::database::{Database, DbResult, values};
use crate::ledger::{AuditCursor, AuditEntry, millis, sql};

pub(in crate::ledger) async fn begin_audit<D: Database>(db: &D, entry: &AuditEntry) -> DbResult<()> {
    let values = values![
        entry.id,
        &entry.actor,
        entry.key,
        &entry.action,
        &entry.path,
        entry.index.as_ref(),
        &entry.request_id
    ];
    db.execute(&sql::BEGIN_AUDIT, values).await?;
    Ok(())
}

pub(in crate::ledger) async fn end_audit<D: Database>(
    db: &D,
    id: AuditId,
    status: u16,
    code: Option<&str>,
) -> DbResult<()> {
    db.execute(&sql::END_AUDIT, values![id, u32::from(status), code])
        .await?;
    Ok(())
}

pub(in crate::ledger) async fn audit<D: Database>(
    db: &D,
    before: Option<AuditCursor>,
    limit: u32,
) -> DbResult<Vec<AuditEntry>> {
    let (time, id) = before.map_or((i64::MAX, String::new()), |cursor| {
        (cursor.happened_at, cursor.id.to_string())
    });
    db.many(&sql::AUDIT, values![time, id, limit], |c| {
        Ok(AuditEntry {
            id: c.text()?,
            happened_at: c.value()?,
            actor: c.value()?,
            key: c.text_or_null()?,
            action: c.value()?,
            path: c.value()?,
            index: c.text_or_null()?,
            request_id: c.value()?,
            status: match c.value::<Option<i64>>()? {
                Some(status) => Some(c.in_range(status)?),
                None => None,
            },
            code: c.value()?,
        })
    })
    .await
}

pub(in crate::ledger) async fn forget_audit<D: Database>(db: &D, older_than: Duration) -> DbResult<u64> {
    db.execute(&sql::FORGET_AUDIT, values![millis(older_than)]).await
}
