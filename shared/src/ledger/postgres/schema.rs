//! The tables, brought up to date by whichever process comes first.

use deadpool_postgres::Object;

use crate::ledger::database::DbResult;
use crate::ledger::migrations;

/// The advisory lock of those who change the tables: "longshor" in ASCII.
const LOCK: i64 = 0x6c6f_6e67_7368_6f72;

/// What PostgreSQL needs beyond the common text, by version.
const ADDITIONS: [(i64, &str); 1] = [(1, include_str!("../migrations/0001_initial.postgres.sql"))];

/// A name as SQL writes it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Brings the tables to the version that this build knows, all or nothing. Changes nothing, and needs no right to change
/// anything, when they are.
pub(super) async fn prepare(client: &mut Object, schema: Option<&str>) -> DbResult<()> {
    let tx = client.transaction().await?;
    // Another process may be at it, for as long as that takes; the lock ends with the transaction.
    tx.batch_execute("SET LOCAL statement_timeout = 0").await?;
    tx.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
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
        let version = "SELECT COALESCE(MAX(version), 0) FROM schema_version";
        tx.query_one(version, &[]).await?.try_get(0)?
    } else {
        tx.batch_execute("CREATE TABLE schema_version (version BIGINT NOT NULL)")
            .await?;
        0
    };
    for (version, migration) in migrations::after(found)? {
        tx.batch_execute(&by_bytes(migration)).await?;
        for (_, addition) in ADDITIONS.iter().filter(|(of, _)| *of == version) {
            tx.batch_execute(addition).await?;
        }
        tx.execute("INSERT INTO schema_version (version) VALUES ($1)", &[&version])
            .await?;
    }
    tx.commit().await?;
    Ok(())
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
