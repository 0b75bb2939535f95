//! API keys.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::ids::KeyId;
use crate::ledger::database::{Columns, Database, DbError, DbResult, Value, values};
use crate::ledger::{FoundKey, KeyRecord, LedgerError, NewKey, Rotated, Scope, SecretMark, millis, sql};

pub(in crate::ledger) async fn create_key<D: Database>(db: &D, key: &NewKey) -> DbResult<KeyRecord> {
    db.execute(&sql::CREATE_KEY, columns_of(key)?).await?;
    self::key(db, key.id).await?.ok_or_else(DbError::no_row)
}

pub(in crate::ledger) async fn create_first_key<D: Database>(db: &D, key: &NewKey) -> DbResult<bool> {
    db.execute(&sql::CREATE_FIRST_KEY, columns_of(key)?).await?;
    let values = values![key.id, &key.secret.hash];
    Ok(db.one(&sql::KEY_HAS_HASH, values, |_| Ok(())).await?.is_some())
}

pub(in crate::ledger) async fn any_key<D: Database>(db: &D) -> DbResult<bool> {
    Ok(db.one(&sql::ANY_KEY, values![], |_| Ok(())).await?.is_some())
}

pub(in crate::ledger) async fn find_key<D: Database>(db: &D, prefix: &str) -> DbResult<Option<FoundKey>> {
    db.one(&sql::FIND_KEY, values![prefix], |c| {
        Ok(FoundKey {
            record: record(c)?,
            hash: c.value()?,
        })
    })
    .await
}

pub(in crate::ledger) async fn keys<D: Database>(
    db: &D,
    after: Option<KeyId>,
    limit: u32,
) -> DbResult<Vec<KeyRecord>> {
    let after = after.map_or_else(String::new, |key| key.to_string());
    db.many(&sql::KEYS, values![after, limit], record).await
}

pub(in crate::ledger) async fn key<D: Database>(db: &D, id: KeyId) -> DbResult<Option<KeyRecord>> {
    db.one(&sql::KEY, values![id], record).await
}

pub(in crate::ledger) async fn rotate_key<D: Database>(
    db: &D,
    id: KeyId,
    secret: &SecretMark,
    overlap: Duration,
) -> DbResult<Rotated> {
    let values = values![id, &secret.prefix, &secret.hash, millis(overlap)];
    if let Some(rotated) = db.one(&sql::ROTATE_KEY, values, record).await? {
        return Ok(Rotated::Done(Box::new(rotated)));
    }
    // Only which refusal it is.
    let valid = db.one(&sql::KEY_IS_VALID, values![id], |_| Ok(())).await?;
    Ok(valid.map_or(Rotated::Gone, |()| Rotated::Overlapping))
}

pub(in crate::ledger) async fn revoke_key<D: Database>(db: &D, id: KeyId) -> DbResult<Option<KeyRecord>> {
    db.one(&sql::REVOKE_KEY, values![id], record).await
}

pub(in crate::ledger) async fn touch_key<D: Database>(db: &D, id: KeyId, coarse: Duration) -> DbResult<()> {
    db.execute(&sql::TOUCH_KEY, values![id, millis(coarse)]).await?;
    Ok(())
}

/// Values of `CREATE_KEY` and `CREATE_FIRST_KEY`.
fn columns_of(key: &NewKey) -> DbResult<Vec<Value<'_>>> {
    let indexes = key.indexes.as_ref().map(json).transpose()?;
    Ok(values![
        key.id,
        &key.name,
        json(&key.scopes)?,
        indexes,
        &key.secret.prefix,
        &key.secret.hash,
        key.expires_at
    ])
}

/// The columns of a key.
fn record(c: &mut Columns<'_>) -> DbResult<KeyRecord> {
    Ok(KeyRecord {
        id: c.text()?,
        name: c.value()?,
        scopes: scopes(c)?,
        indexes: c.json_or_null()?,
        prefix: c.value()?,
        old_prefix: c.value()?,
        old_until: c.value()?,
        created_at: c.value()?,
        expires_at: c.value()?,
        revoked_at: c.value()?,
        last_used_at: c.value()?,
    })
}

/// Those that this build knows. One of a later build opens nothing here, and stays in its row.
fn scopes(c: &mut Columns<'_>) -> DbResult<BTreeSet<Scope>> {
    let names: BTreeSet<String> = c.json()?;
    let known = |scope: &Scope| names.contains(scope.name());
    Ok(Scope::ALL.into_iter().filter(known).collect())
}

fn json<T: serde::Serialize>(values: &BTreeSet<T>) -> DbResult<String> {
    serde_json::to_string(values).map_err(|error| LedgerError::Corrupt(error.to_string()).into())
}
