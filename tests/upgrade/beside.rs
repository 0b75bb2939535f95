//! This build on a ledger that the next one has brought further: all goes on after additions, and nothing is touched after
//! anything else.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::Connection;
use shared::clock::{Clock, ManualClock, SystemClock};
use shared::ledger::conformance::{self, Fixture};
use shared::ledger::postgres::{PostgresLedger, PostgresSettings};
use shared::ledger::sqlite::SqliteLedger;
use shared::ledger::{LedgerError, SCHEMA_VERSION};
use shared::secret::Secret;
use tests::ledger::against_model::START;
use tests::ledger::rig::Rig;
use tests::postgres::Postgres;
use tests::upgrade::{NEXT, TABLES, additions, contraction, record};

/// What the next build does to a file of SQLite.
fn expand(path: &Path) -> rusqlite::Result<()> {
    let next = Connection::open(path)?;
    next.execute_batch(&additions().join(";"))?;
    next.execute_batch(&record(0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_conforms_after_the_additions_of_a_newer_build() {
    let folder = tempfile::tempdir().unwrap();
    let next = AtomicU32::new(0);
    conformance::run(|| async {
        let n = next.fetch_add(1, Ordering::Relaxed);
        let path = folder.path().join(format!("{n}.db"));
        let clock = Arc::new(ManualClock::at(START));
        let open = || SqliteLedger::open(&path, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        drop(open());
        expand(&path).unwrap();
        Fixture::with_manual_clock(open(), clock)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_conforms_before_and_after_the_additions_of_a_newer_build() {
    let postgres = Postgres::start().unwrap();
    let rig = Rig::on(&postgres).await.unwrap();
    conformance::run(|| rig.fixture()).await;
    for addition in additions() {
        postgres.sql("ledger", &addition).unwrap();
    }
    postgres.sql("ledger", &record(0)).unwrap();
    // On connections that have prepared their statements before.
    conformance::run(|| rig.fixture()).await;
    let settings = PostgresSettings::new(Secret::new(&postgres.url("ledger")));
    drop(PostgresLedger::connect(&settings).await.unwrap());
    let versions = postgres
        .sql("ledger", "SELECT COUNT(*) FROM schema_version")
        .unwrap();
    assert_eq!(versions, NEXT.to_string(), "nothing is done again");
}

/// Tests that go through a list of tables go through all of them.
#[tokio::test]
async fn the_list_of_tables_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    drop(SqliteLedger::open(&path, Arc::new(SystemClock)).unwrap());
    let mut listed = TABLES.map(str::to_owned).to_vec();
    listed.push("schema_version".to_owned());
    listed.sort();
    let db = Connection::open(&path).unwrap();
    let mut tables = db
        .prepare(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
        )
        .unwrap();
    let there = tables.query_map([], |row| row.get(0)).unwrap();
    assert_eq!(there.collect::<Result<Vec<String>, _>>().unwrap(), listed);
}

fn is_refused(refused: Option<LedgerError>) {
    let error = refused.expect("it is refused");
    let expected = LedgerError::NewerSchema {
        found: NEXT,
        known: SCHEMA_VERSION,
        needs: Some(NEXT),
    };
    assert_eq!(error, expected);
    for words in [
        &format!("asks for a build that knows version {NEXT}"),
        "newer build",
        "backup",
    ] {
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn sqlite_is_left_alone_after_anything_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let open = || SqliteLedger::open(&path, Arc::new(SystemClock));
    drop(open().unwrap());
    let next = Connection::open(&path).unwrap();
    next.execute_batch(&contraction()).unwrap();
    let picture = || -> String {
        let question =
            "SELECT group_concat(sql, ';') || (SELECT group_concat(version || needs) FROM schema_version)
                        FROM sqlite_master";
        next.query_row(question, [], |row| row.get(0)).unwrap()
    };
    let before = picture();
    is_refused(open().err());
    assert_eq!(picture(), before);
}

#[tokio::test]
async fn postgres_is_left_alone_after_anything_else() {
    let postgres = Postgres::start().unwrap();
    let settings = PostgresSettings::new(Secret::new(&postgres.database("ledger").unwrap()));
    drop(PostgresLedger::connect(&settings).await.unwrap());
    postgres.sql("ledger", &contraction()).unwrap();
    let picture = || {
        let question = "SELECT string_agg(table_name || column_name, ',' ORDER BY table_name, ordinal_position),
                            (SELECT string_agg(version || '/' || needs, ',' ORDER BY version) FROM schema_version)
                        FROM information_schema.columns WHERE table_schema = 'public'";
        postgres.sql("ledger", question).unwrap()
    };
    let before = picture();
    is_refused(PostgresLedger::connect(&settings).await.err());
    assert_eq!(picture(), before);
}
