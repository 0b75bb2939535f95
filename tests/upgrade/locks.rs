//! A migration gives way to whoever holds its table, so that others do not wait behind it.

use std::time::{Duration, Instant};

use shared::ledger::SCHEMA_VERSION;
use shared::ledger::postgres::{PostgresLedger, PostgresSettings};
use shared::secret::Secret;
use tests::postgres::Postgres;
use tests::upgrade::{OLDEST_ROWS, oldest_tables_on_postgres};

/// How long somebody reads the files, for a backup perhaps, and the longest that others may wait because of the migration: its
/// patience is 2 s.
const HELD: u64 = 6;
const PATIENCE: Duration = Duration::from_millis(4000);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_reader_delays_a_migration_and_not_the_others() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.database("ledger").unwrap();
    postgres.sql("ledger", &oldest_tables_on_postgres()).unwrap();
    postgres.sql("ledger", OLDEST_ROWS).unwrap();
    let settings = PostgresSettings::new(Secret::new(&url));
    let (reader, others) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let long = format!("BEGIN; SELECT COUNT(*) FROM files; SELECT pg_sleep({HELD}); COMMIT");
            postgres.sql("ledger", &long)
        });
        tests::wait::until("the files to be read", || {
            let held = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
            Ok((postgres.sql("postgres", held)? == "1").then_some(()))
        })
        .unwrap();
        let others = scope.spawn(|| {
            let version = "SELECT MAX(version) FROM schema_version";
            let mut longest = Duration::ZERO;
            while postgres.sql("ledger", version)? != SCHEMA_VERSION.to_string() {
                let began = Instant::now();
                postgres.sql("ledger", "SELECT COUNT(*) FROM files")?;
                longest = longest.max(began.elapsed());
            }
            anyhow::Ok(longest)
        });
        let connected = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(PostgresLedger::connect(&settings))
        });
        drop(connected.unwrap());
        (reader.join(), others.join())
    });
    reader.unwrap().unwrap();
    let longest = others.unwrap().unwrap();
    assert!(longest < PATIENCE, "somebody waited for {longest:?}");
    assert!(
        longest > Duration::from_secs(1),
        "nobody was in the way: {longest:?}"
    );
}
