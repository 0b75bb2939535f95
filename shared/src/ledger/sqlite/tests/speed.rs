//! Group commit is counted, never timed; the timed run is for people: `cargo test -p shared --lib ledger::sqlite -- --ignored
//! --nocapture`.

use std::sync::Arc;
use std::time::Duration;

use super::super::SqliteLedger;
use crate::blob_path::BlobPath;
use crate::clock::{Clock, SystemClock};
use crate::file_state::FileState;
use crate::ids::{ClaimId, FileId, IndexId};
use crate::ledger::{
    Change, ClaimOutcome, ClaimRequest, Commit, CommitChange, CommitOutcome, Committed, Ledger, Version,
};
use crate::shutdown::Tasks;
use crate::work_message::{Lane, WORK_MESSAGE_VERSION, WorkMessage};

const WORKERS: usize = 16;

fn version() -> Version {
    Version {
        etag: "e1".into(),
        content_hash: "h1".into(),
        pipeline: "p1".into(),
        size: 1000,
        chunks: 7,
        missing: Vec::new(),
    }
}

async fn process(ledger: &SqliteLedger, index: &IndexId, file_id: FileId, owner: String) {
    let request = ClaimRequest {
        index: index.clone(),
        file_id,
        claim_id: ClaimId::generate(),
        owner,
        lease: Duration::from_secs(60),
    };
    let ClaimOutcome::Claimed(claim) = ledger.claim(&request).await.unwrap() else {
        panic!("not claimable")
    };
    let change = CommitChange::Replace(version());
    let commit = Commit {
        hold: claim.hold,
        change,
        detail: serde_json::json!({"chunks": 7}),
        debounce: Duration::ZERO,
    };
    let done = Committed {
        prev_claim: None,
        released: Some(FileState::Indexed),
    };
    assert_eq!(
        ledger.commit(&commit).await.unwrap(),
        CommitOutcome::Committed(done)
    );
}

/// Takes `files` files through their whole life with 16 workers.
async fn whole_lives(ledger: &Arc<SqliteLedger>, files: usize) {
    let index = IndexId::new("docs").unwrap();
    ledger
        .ensure_index(&index, &serde_json::Value::Null)
        .await
        .unwrap();
    let path = |n| BlobPath::new(format!("folder/{n:06}.md")).unwrap();
    let changes: Vec<_> = (0..files)
        .map(|n| Change::new(path(n), "scan", Lane::Bulk))
        .collect();
    ledger.enqueue(&index, &changes).await.unwrap();
    let due = ledger.due(u32::MAX, Duration::from_secs(60)).await.unwrap();
    let woken: Vec<_> = due
        .into_iter()
        .map(|d| WorkMessage {
            v: WORK_MESSAGE_VERSION,
            index: d.index,
            file_id: d.file_id,
            path: d.path,
            seq: d.seq,
        })
        .collect();
    ledger.mark_woken(&woken).await.unwrap();
    let tasks = Tasks::new();
    let workers = (0..WORKERS).map(|worker| {
        let mine: Vec<_> = woken
            .iter()
            .skip(worker)
            .step_by(WORKERS)
            .map(|message| message.file_id)
            .collect();
        let (ledger, index) = (Arc::clone(ledger), index.clone());
        tasks.spawn(async move {
            for file in mine {
                process(&ledger, &index, file, format!("worker-{worker}")).await;
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    assert_eq!(
        ledger.stats(&index).await.unwrap().by_state[&FileState::Indexed],
        files as u64
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_writes_share_one_commit() {
    let ledger = SqliteLedger::in_memory(&(Arc::new(SystemClock) as Arc<dyn Clock>)).unwrap();
    let index = IndexId::new("docs").unwrap();
    ledger
        .ensure_index(&index, &serde_json::Value::Null)
        .await
        .unwrap();
    // The writer is busy until 300 requests wait behind it.
    let (release, busy) = std::sync::mpsc::channel::<()>();
    let blocker = ledger.write(async move |_| {
        busy.recv().ok();
        Ok(())
    });
    let requests = (0..300).map(|n| {
        let (ledger, index) = (&ledger, &index);
        let change = Change::new(BlobPath::new(format!("{n}.md")).unwrap(), "event", Lane::Fast);
        async move { ledger.enqueue(index, &[change]).await.unwrap() }
    });
    let before = ledger.counts();
    let let_go = async { release.send(()).unwrap() };
    // Polled in this order, without giving way: every request is in the queue before the writer is let go.
    let all = async { futures::join!(blocker, futures::future::join_all(requests), let_go) };
    let (blocked, ..) = tokio::task::coop::unconstrained(all).await;
    blocked.unwrap();
    let after = ledger.counts();
    assert_eq!(after.requests - before.requests, 301);
    assert_eq!(after.transactions - before.transactions, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement for people"]
async fn measure_whole_lives() {
    const FILES: usize = 5_000;
    let folder = tempfile::tempdir().unwrap();
    let ledger = SqliteLedger::open(&folder.path().join("ledger.db"), Arc::new(SystemClock)).unwrap();
    let started = SystemClock.now();
    whole_lives(&ledger, FILES).await;
    let (millis, counts) = (SystemClock.now() - started, ledger.counts());
    println!(
        "{FILES} files, {WORKERS} workers: {millis} ms; {} requests in {} transactions",
        counts.requests, counts.transactions
    );
}
