//! The tables, brought up to date by whichever process comes first, while others work with them.
//!
//! Each migration is a transaction of its own, so that it holds its locks for no longer than it takes itself. It does not wait for
//! them for long either: everybody who comes later would wait behind it. It gives way and tries again.

use std::time::Duration;

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::error::SqlState;

use crate::ledger::SCHEMA_VERSION;
use crate::ledger::database::{DbError, DbResult};
use crate::ledger::migrations::{self, Migration, Newer};

/// The advisory lock of those who change the tables: "longshor" in ASCII.
const LOCK: i64 = 0x6c6f_6e67_7368_6f72;

/// What PostgreSQL needs beyond the common text, by version.
const ADDITIONS: [(i64, &str); 1] = [(1, include_str!("../migrations/0001_initial.postgres.sql"))];

/// Longest wait of a migration for the lock of a table. Longer than `deadlock_timeout` (1 s), after which autovacuum gives way.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = 2000";
/// How long others have the tables to themselves before the next try, and how many tries there are.
const GIVE_WAY: Duration = Duration::from_secs(1);
const TRIES: u32 = 30;

/// A name as SQL writes it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Brings the tables to the version that this build knows. Changes nothing, and needs no right to change anything, when they
/// are, or when a newer build has been there.
pub(super) async fn prepare(client: &mut Object, schema: Option<&str>) -> DbResult<()> {
    let (mut from, mut tries) = (None, 1);
    loop {
        match step(client, schema).await {
            Ok(Step::Applied(migration)) => {
                from.get_or_insert(migration.version - 1);
                tries = 1;
            }
            Ok(Step::UpToDate) => break,
            Err(error) if was_in_the_way(&error) && tries < TRIES => {
                if tries == 1 {
                    tracing::info!("a migration waits for transactions that hold its table");
                }
                tries += 1;
                tokio::time::sleep(GIVE_WAY).await;
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(from) = from.filter(|from| *from > 0) {
        migrations::tell(from, SCHEMA_VERSION);
    }
    Ok(())
}

/// What is done under one lock.
enum Step {
    Applied(&'static Migration),
    UpToDate,
}

/// Applies the next migration, if there is one.
async fn step(client: &mut Object, schema: Option<&str>) -> DbResult<Step> {
    let tx = client.transaction().await?;
    // Another process may be at it, for as long as that takes; the lock ends with the transaction.
    tx.batch_execute("SET LOCAL statement_timeout = 0").await?;
    tx.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    tx.batch_execute(LOCK_TIMEOUT).await?;
    if let Some(schema) = schema {
        let name = quoted(schema);
        let missing = tx
            .query_one("SELECT to_regnamespace($1) IS NULL", &[&name])
            .await?;
        if missing.try_get(0)? {
            tx.batch_execute(&format!("CREATE SCHEMA {name}")).await?;
        }
    }
    let known = tx
        .query_one("SELECT to_regclass('schema_version') IS NOT NULL", &[])
        .await?;
    let found = if known.try_get(0)? {
        tx.query_one(migrations::FOUND, &[]).await?.try_get(0)?
    } else {
        tx.batch_execute("CREATE TABLE schema_version (version BIGINT NOT NULL)")
            .await?;
        0
    };
    let lacking = migrations::lacking(found, &newer(&tx, found).await?)?;
    let Some(migration) = lacking.first() else {
        tx.commit().await?;
        return Ok(Step::UpToDate);
    };
    apply(&tx, migration).await?;
    tx.commit().await?;
    Ok(Step::Applied(migration))
}

/// What the database says of versions that this build does not know.
async fn newer(tx: &Transaction<'_>, found: i64) -> DbResult<Vec<Newer>> {
    let mut newer = Vec::new();
    if migrations::is_newer(found) {
        let question = format!("{}$1", migrations::NEWER);
        for row in tx.query(&question, &[&SCHEMA_VERSION]).await? {
            newer.push((row.try_get(0)?, row.try_get(1)?));
        }
    }
    Ok(newer)
}

async fn apply(tx: &Transaction<'_>, migration: &Migration) -> DbResult<()> {
    let version = migration.version;
    tx.batch_execute(&by_bytes(migration.sql)).await?;
    for (_, addition) in ADDITIONS.iter().filter(|(of, _)| *of == version) {
        tx.batch_execute(addition).await?;
    }
    match migration.needs() {
        None => {
            let record = "INSERT INTO schema_version (version) VALUES ($1)";
            tx.execute(record, &[&version]).await?;
        }
        Some(needs) => {
            let record = "INSERT INTO schema_version (version, needs) VALUES ($1, $2)";
            tx.execute(record, &[&version, &needs]).await?;
        }
    }
    Ok(())
}

/// Did somebody else hold what the migration needs? Then it was rolled back, and can be tried again.
fn was_in_the_way(error: &DbError) -> bool {
    let DbError::Postgres(error) = error else {
        return false;
    };
    [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED]
        .iter()
        .any(|code| error.code() == Some(code))
}

/// Every text is compared by its bytes, as SQLite does: ids, paths and words of ours, nothing that a language would sort.
fn by_bytes(migration: &str) -> String {
    migration.replace(" TEXT", " TEXT COLLATE \"C\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_columns_are_compared_by_bytes() {
        let sql = by_bytes("a TEXT NOT NULL,\nb TEXT, -- note\nc BIGINT");
        assert_eq!(
            sql,
            "a TEXT COLLATE \"C\" NOT NULL,\nb TEXT COLLATE \"C\", -- note\nc BIGINT"
        );
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }
}
