//! Many callers at once, through two processes' worth of connections.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use shared::file_state::FileState;
use shared::ids::RunId;
use shared::ledger::postgres::PostgresLedger;
use shared::ledger::{Change, FileFilter, Ledger, RunLedger};
use shared::shutdown::Tasks;
use tests::random;

use super::desk::{self, docs};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_claimers_wins() {
    let (postgres, ledger) = desk::start().await;
    for round in 0..20 {
        ledger.enqueue(&docs(), &[desk::change(round)]).await.unwrap();
        let tasks = Tasks::new();
        let claims = (0..12).map(|worker| {
            let ledger = Arc::clone(&ledger);
            tasks.spawn(async move {
                let mut request = desk::request(round);
                request.owner = format!("worker-{worker}");
                desk::claimed(ledger.claim(&request).await.unwrap())
            })
        });
        let outcomes = join_all(claims.collect::<Vec<_>>()).await;
        let won = outcomes
            .into_iter()
            .filter(|outcome| outcome.as_ref().unwrap().is_some());
        assert_eq!(won.count(), 1, "round {round}");
    }
    desk::check_books(&postgres);
}

/// New files and known ones, in every order, from several control planes, in one run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overlapping_batches_do_not_fail() {
    const FILES: usize = 40;
    const BATCHES: usize = 15;
    let (postgres, first) = desk::start().await;
    let second = PostgresLedger::connect(&desk::settings(&postgres.url("ledger")))
        .await
        .unwrap();
    let run = RunId::generate();
    first.open_run(&desk::new_run(run)).await.unwrap();
    let seed = random::seed();
    let tasks = Tasks::new();
    let planes = (0..6).map(|plane| {
        let ledger = Arc::clone(if plane % 2 == 0 { &first } else { &second });
        let mut random = rand::rngs::StdRng::seed_from_u64(seed ^ plane);
        tasks.spawn(async move {
            for batch in 0..BATCHES {
                // Every third batch brings new files, at the same time on all of them.
                let from = batch / 3 * 20;
                let mut changes: Vec<_> = (from..from + FILES)
                    .map(|n| Change {
                        run: Some(run),
                        ..desk::change(n)
                    })
                    .collect();
                changes.shuffle(&mut random);
                let enqueued = ledger.enqueue(&docs(), &changes).await.unwrap();
                let asked = changes
                    .iter()
                    .map(|change| shared::ids::FileId::of(&docs(), &change.path));
                assert!(asked.eq(enqueued.iter().map(|enqueued| enqueued.file_id)));
            }
        })
    });
    for plane in join_all(planes.collect::<Vec<_>>()).await {
        plane.unwrap();
    }
    let mut expected: BTreeMap<_, i64> = BTreeMap::new();
    for batch in 0..BATCHES {
        for n in batch / 3 * 20..batch / 3 * 20 + FILES {
            *expected.entry(desk::path(n)).or_default() += 6;
        }
    }
    let files = first.files(&docs(), &FileFilter::default(), 1000).await.unwrap();
    let stored: BTreeMap<_, _> = files
        .into_iter()
        .map(|file| (file.path, file.desired_seq))
        .collect();
    assert_eq!(stored, expected);
    assert_eq!(
        first.run(run).await.unwrap().unwrap().total,
        expected.len() as u64
    );
    desk::check_books(&postgres);
}

/// Changes that are reported to several control planes at once find one batch, and each is counted once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_index_gets_one_batch() {
    let (postgres, ledger) = desk::start().await;
    let tasks = Tasks::new();
    let planes = (0..24).map(|plane| {
        let ledger = Arc::clone(&ledger);
        tasks.spawn(async move {
            for n in 0..5 {
                let change = Change {
                    batch: true,
                    ..desk::change(plane * 5 + n)
                };
                ledger.enqueue(&docs(), &[change]).await.unwrap();
            }
        })
    });
    for plane in join_all(planes.collect::<Vec<_>>()).await {
        plane.unwrap();
    }
    let open = ledger.open_runs(&docs()).await.unwrap();
    assert_eq!(open.iter().map(|run| run.total).collect::<Vec<_>>(), [120]);
    desk::check_books(&postgres);
}

/// The server breaks a deadlock by rolling a call back; the call is repeated.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_deadlock_is_not_seen() {
    let (postgres, ledger) = desk::start().await;
    let changes = [desk::change(1), desk::change(2)];
    ledger.enqueue(&docs(), &changes).await.unwrap();
    let mut ids = [desk::id(1), desk::id(2)];
    ids.sort_unstable();
    // Takes the rows the other way round, and waits long enough for the batch to stand between.
    let other = format!(
        "SET deadlock_timeout = '60s'; BEGIN;
         UPDATE files SET updated_at = updated_at WHERE file_id = '{}'; SELECT pg_sleep(0.5);
         UPDATE files SET updated_at = updated_at WHERE file_id = '{}'; COMMIT;",
        ids[1], ids[0]
    );
    let side = std::thread::scope(|scope| {
        let side = scope.spawn(|| postgres.sql("ledger", &other));
        let enqueue = async {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            ledger.enqueue(&docs(), &changes).await.unwrap()
        };
        let seqs = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(enqueue));
        assert_eq!(seqs.iter().map(|it| it.seq).collect::<Vec<_>>(), [2, 2]);
        side.join()
    });
    side.unwrap().unwrap();
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = 'ledger'";
    tests::wait::until("a deadlock to be counted", || {
        Ok((postgres.sql("postgres", deadlocks)? != "0").then_some(()))
    })
    .unwrap();
    desk::check_books(&postgres);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_change_is_never_lost() {
    let (postgres, ledger) = desk::start().await;
    let tasks = Tasks::new();
    let files = (0..4).map(|n| {
        let ledger = Arc::clone(&ledger);
        tasks.spawn(async move {
            ledger.enqueue(&docs(), &[desk::change(n)]).await.unwrap();
            let mut newer = 0;
            for round in 0..60 {
                let claim = desk::claimed(ledger.claim(&desk::request(n)).await.unwrap()).unwrap();
                let commit = desk::replace(&claim.hold);
                let (index, change) = (docs(), [desk::change(n)]);
                let settle = async {
                    ledger.commit(&commit).await.unwrap();
                    ledger
                        .release(&claim.hold, std::time::Duration::ZERO)
                        .await
                        .unwrap();
                };
                let ((), told) = futures::join!(settle, ledger.enqueue(&index, &change));
                let row = ledger.file(&docs(), desk::id(n)).await.unwrap().unwrap();
                assert_eq!(row.desired_seq, round + 2);
                assert_eq!(told.unwrap()[0].seq, round + 2);
                assert_eq!(
                    row.state,
                    FileState::Pending,
                    "round {round}: a change is lost: {row:?}"
                );
                newer += i64::from(row.applied_seq < row.desired_seq);
            }
            assert_eq!(newer, 60);
        })
    });
    for file in join_all(files.collect::<Vec<_>>()).await {
        file.unwrap();
    }
    desk::check_books(&postgres);
}

/// A call that is dropped half way leaves nothing behind, neither in the database nor on its connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_call_is_rolled_back() {
    let postgres = tests::postgres::Postgres::start().unwrap();
    let mut settings = desk::settings(&postgres.database("ledger").unwrap());
    settings.pool_size = 1;
    let ledger = PostgresLedger::connect(&settings).await.unwrap();
    ledger
        .ensure_index(&docs(), &serde_json::json!({}))
        .await
        .unwrap();
    ledger.enqueue(&docs(), &[desk::change(1)]).await.unwrap();
    // Somebody holds the row; the batch waits for it with its other rows already written.
    let lock = "BEGIN; UPDATE files SET updated_at = updated_at; SELECT pg_sleep(3); COMMIT";
    let holder = std::thread::scope(|scope| {
        let holder = scope.spawn(|| postgres.sql("ledger", lock));
        tests::wait::until("the row to be held", || {
            let held = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
            Ok((postgres.sql("postgres", held)? == "1").then_some(()))
        })
        .unwrap();
        let changes: Vec<_> = (0..50).map(desk::change).collect();
        let abandoned = async {
            let index = docs();
            let call = ledger.enqueue(&index, &changes);
            tokio::time::timeout(std::time::Duration::from_millis(300), call).await
        };
        let next = async {
            assert!(abandoned.await.is_err(), "it waits for the row");
            ledger.file(&docs(), desk::id(2)).await.unwrap()
        };
        let row = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(next));
        assert_eq!(row, None);
        holder.join()
    });
    holder.unwrap().unwrap();
    assert_eq!(ledger.stats(&docs()).await.unwrap().backlog, 1);
    desk::check_books(&postgres);
}
