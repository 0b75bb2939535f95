//! An index that goes while others are still at it: transactions that began before it was to go end after it was looked at.

use std::sync::Arc;

use shared::ledger::postgres::PostgresLedger;
use shared::ledger::{ControlLedger, Erased, Ledger, LedgerError};
use shared::shutdown::Tasks;
use tests::postgres::Postgres;
use tokio_postgres::NoTls;

use super::desk::{self, docs};

/// What erasing says when `theirs` was under way before it began, and ends when it waits.
async fn erased_during(
    postgres: &Postgres,
    ledger: &Arc<PostgresLedger>,
    theirs: &str,
) -> Result<Erased, LedgerError> {
    let (side, driver) = tokio_postgres::connect(&postgres.url("ledger"), NoTls)
        .await
        .unwrap();
    let tasks = Tasks::new();
    let _driver = tasks.spawn(driver);
    side.batch_execute(&format!("BEGIN; {theirs}")).await.unwrap();
    let eraser = Arc::clone(ledger);
    let erasing = tasks.spawn(async move { eraser.erase_index(&docs(), 100).await });
    tokio::task::block_in_place(|| {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        tests::wait::until("erasing to wait for the other", || {
            Ok((postgres.sql("postgres", waiting)? == "1").then_some(()))
        })
        .unwrap();
    });
    side.batch_execute("COMMIT").await.unwrap();
    erasing.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_was_under_way_keeps_the_index() {
    let (postgres, ledger) = desk::start().await;
    ledger.enqueue(&docs(), &[desk::change(1)]).await.unwrap();
    ledger.delete_index(&docs()).await.unwrap();
    // With history left, erasing would have an earlier reason to stop.
    postgres.sql("ledger", "DELETE FROM history").unwrap();
    let claim =
        "UPDATE files SET state = 'PROCESSING', claim_id = 'c', owner = 'w', fence = 1, lease_until = 0,
        started_at = 0, claimed_seq = 1";
    let erased = erased_during(&postgres, &ledger, claim).await;
    assert_eq!(erased, Ok(Erased::More), "it is not gone");
    assert_eq!(
        ledger.erase_index(&docs(), 100).await,
        Ok(Erased::Refused),
        "a worker holds the file"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_was_under_way_is_erased_next_time() {
    let (postgres, ledger) = desk::start().await;
    ledger.delete_index(&docs()).await.unwrap();
    let change = "INSERT INTO files (index_id, file_id, path, state, desired_seq, lane, not_before, reason, enqueued_at,
        entries, updated_at) VALUES ('docs', 'f', 'f.md', 'PENDING', 1, 0, 0, 'event', 0, 0, 0)";
    let Err(LedgerError::Unavailable(text)) = erased_during(&postgres, &ledger, change).await else {
        panic!("erased although a file came");
    };
    assert!(text.contains("erase it again"), "{text}");
    while ledger.erase_index(&docs(), 100).await.unwrap() == Erased::More {}
    assert_eq!(ledger.indexes().await.unwrap(), []);
}
