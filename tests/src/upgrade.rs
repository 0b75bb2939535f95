//! What builds before and after this one do to a ledger.

use shared::ledger::SCHEMA_VERSION;

/// The version that the next build brings the tables to.
pub const NEXT: i64 = SCHEMA_VERSION + 1;

/// Every table of the ledger.
pub const TABLES: [&str; 16] = [
    "files",
    "history",
    "dead_claims",
    "runs",
    "run_counts",
    "operations",
    "duties",
    "dead_letters",
    "breakers",
    "approvals",
    "usage",
    "catalog",
    "indexes",
    "api_keys",
    "audit",
    "logging",
];

/// The additions that a next build could make, each a migration's statements: columns of every table, indexes, a table.
#[must_use]
pub fn additions() -> Vec<String> {
    let mut additions: Vec<String> = TABLES
        .iter()
        .map(|table| {
            format!(
                "ALTER TABLE {table} ADD COLUMN later_note TEXT;
                 ALTER TABLE {table} ADD COLUMN later_count BIGINT NOT NULL DEFAULT 7"
            )
        })
        .collect();
    additions.push("CREATE INDEX IF NOT EXISTS files_later ON files (index_id, later_note, path)".to_owned());
    additions.push("CREATE INDEX IF NOT EXISTS history_later ON history (later_count, event)".to_owned());
    additions.push(
        "CREATE TABLE IF NOT EXISTS later (
            index_id TEXT NOT NULL REFERENCES indexes (index_id), n BIGINT NOT NULL, PRIMARY KEY (index_id, n))"
            .to_owned(),
    );
    additions
}

/// How the next build keeps that it has migrated, and what builds must know from then on.
#[must_use]
pub fn record(needs: i64) -> String {
    format!("INSERT INTO schema_version (version, needs) VALUES ({NEXT}, {needs})")
}

/// Takes away what this build uses, and says so.
#[must_use]
pub fn contraction() -> String {
    format!("ALTER TABLE files RENAME COLUMN etag TO tag; {}", record(NEXT))
}

/// The tables as the first builds made them: two migrations, in the dialect of SQLite.
#[must_use]
pub fn oldest_tables() -> String {
    let migrations = [
        include_str!("../../shared/src/ledger/migrations/0001_initial.sql"),
        include_str!("../../shared/src/ledger/migrations/0002_missing_parts.sql"),
    ];
    format!(
        "CREATE TABLE schema_version (version BIGINT NOT NULL); {} INSERT INTO schema_version (version) VALUES (1);
         INSERT INTO schema_version (version) VALUES (2);",
        migrations.join("\n")
    )
}

/// The same in the dialect of PostgreSQL.
#[must_use]
pub fn oldest_tables_on_postgres() -> String {
    let more = include_str!("../../shared/src/ledger/migrations/0001_initial.postgres.sql");
    oldest_tables().replace(" TEXT", " TEXT COLLATE \"C\"") + more
}

/// Rows that such a build left, in the middle of everything.
pub const OLDEST_ROWS: &str = include_str!("upgrade/oldest_rows.sql");
