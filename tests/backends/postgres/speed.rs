//! For people: `cargo test --workspace --test backends postgres::speed -- --ignored --nocapture`.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use shared::clock::{Clock, SystemClock};
use shared::ledger::Ledger;
use shared::ledger::postgres::PostgresLedger;
use shared::shutdown::Tasks;
use tests::postgres::Postgres;

use super::desk::{self, docs};

const FILES: usize = 4000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement for people"]
async fn measure_whole_lives() {
    for workers in [1, 4, 16, 64] {
        let postgres = Postgres::start_with(&["fsync=on"]).unwrap();
        let settings = desk::settings(&postgres.database("ledger").unwrap());
        let ledger = PostgresLedger::connect(&settings).await.unwrap();
        ledger
            .ensure_index(&docs(), &serde_json::json!({}))
            .await
            .unwrap();
        let files = if workers == 1 { FILES / 8 } else { FILES };
        let changes: Vec<_> = (0..files).map(desk::change).collect();
        let started = SystemClock.now();
        for batch in changes.chunks(1000) {
            ledger.enqueue(&docs(), batch).await.unwrap();
        }
        let enqueued = SystemClock.now();
        let tasks = Tasks::new();
        let each = (0..workers).map(|worker| {
            let ledger = Arc::clone(&ledger);
            tasks.spawn(async move {
                for n in (worker..files).step_by(workers) {
                    let claim = desk::claimed(ledger.claim(&desk::request(n)).await.unwrap()).unwrap();
                    ledger.commit(&desk::replace(&claim.hold)).await.unwrap();
                }
            })
        });
        for worker in join_all(each.collect::<Vec<_>>()).await {
            worker.unwrap();
        }
        let ended = SystemClock.now();
        let (to_enqueue, to_work) = (enqueued - started, (ended - enqueued).max(1));
        let syncs = postgres
            .sql("ledger", "SELECT wal_sync FROM pg_stat_wal")
            .unwrap();
        println!(
            "{workers} workers: {files} files enqueued in {to_enqueue} ms, claimed and committed in {to_work} ms, \
             {} per s; {syncs} flushes of the log in all",
            files as i64 * 1000 / to_work
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
