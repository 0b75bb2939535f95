//! The server goes away and comes back in the middle of the work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::join_all;
use shared::file_state::FileState;
use shared::ledger::postgres::PostgresLedger;
use shared::ledger::{ClaimOutcome, CommitOutcome, FileFilter, Ledger, LedgerError};
use shared::shutdown::Tasks;

use super::desk::{self, docs};

const WORKERS: usize = 6;
const FILES: usize = 12;
const ROUNDS: u64 = 25;

/// Repeats a call until the ledger answers, as its callers do.
async fn insist<T, F: Future<Output = Result<T, LedgerError>>>(
    failed: &AtomicU64,
    call: impl Fn() -> F,
) -> T {
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(LedgerError::Unavailable(_)) => {
                failed.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Reports changes to its files and works on them, one change at a time.
async fn work(ledger: Arc<PostgresLedger>, worker: usize, done: Arc<AtomicU64>, failed: Arc<AtomicU64>) {
    let index = docs();
    for round in 0..ROUNDS {
        for n in (worker..FILES).step_by(WORKERS) {
            let changes = [desk::change(n)];
            insist(&failed, || ledger.enqueue(&index, &changes)).await;
            let request = desk::request(n);
            let ClaimOutcome::Claimed(claim) = insist(&failed, || ledger.claim(&request)).await else {
                panic!("nobody else works on {n}, round {round}")
            };
            let commit = desk::replace(&claim.hold);
            let CommitOutcome::Committed(committed) = insist(&failed, || ledger.commit(&commit)).await else {
                panic!("a repeated commit is lost, {n}, round {round}")
            };
            if committed.released.is_none() {
                insist(&failed, || ledger.release(&claim.hold, Duration::ZERO)).await;
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_goes_on_after_the_server_was_killed() {
    let (postgres, ledger) = desk::start().await;
    let (done, failed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let tasks = Tasks::new();
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| {
            tasks.spawn(work(
                Arc::clone(&ledger),
                worker,
                Arc::clone(&done),
                Arc::clone(&failed),
            ))
        })
        .collect();
    let all = FILES as u64 * ROUNDS;
    for (share, violent) in [(1, true), (2, false), (3, true)] {
        let enough = all * share / 5;
        let before = failed.load(Ordering::Relaxed);
        tokio::task::block_in_place(|| {
            tests::wait::until("some work to be done", || {
                Ok((done.load(Ordering::Relaxed) >= enough).then_some(()))
            })
            .unwrap();
            if violent { postgres.kill() } else { postgres.stop() }.unwrap();
            tests::wait::until("calls to fail", || {
                Ok((failed.load(Ordering::Relaxed) > before).then_some(()))
            })
            .unwrap();
            postgres.start_again().unwrap();
        });
    }
    for worker in join_all(workers).await {
        worker.unwrap();
    }
    assert_eq!(done.load(Ordering::Relaxed), all);
    let files = ledger.files(&docs(), &FileFilter::default(), 100).await.unwrap();
    assert_eq!(files.len(), FILES);
    for file in files {
        assert_eq!(file.state, FileState::Indexed, "{file:?}");
        assert!(file.applied_seq >= ROUNDS as i64, "{file:?}");
        assert_eq!(file.fence, ROUNDS as i64, "{file:?}");
    }
    desk::check_books(&postgres);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_server_is_down_calls_fail_with_a_reason() {
    let (postgres, ledger) = desk::start().await;
    ledger.enqueue(&docs(), &[desk::change(1)]).await.unwrap();
    // Idle connections that are all about to be dead.
    let index = docs();
    join_all((0..12).map(|_| ledger.stats(&index))).await;
    postgres.stop().unwrap();
    let mut last = String::new();
    for _ in 0..20 {
        match ledger.claim(&desk::request(1)).await {
            Err(error @ LedgerError::Unavailable(_)) => last = error.to_string(),
            other => panic!("{other:?}"),
        }
    }
    assert!(last.contains("cannot be reached: check that it runs"), "{last}");
    postgres.start_again().unwrap();
    assert!(desk::claimed(ledger.claim(&desk::request(1)).await.unwrap()).is_some());
}
