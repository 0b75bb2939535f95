//! A ledger of the first builds, in the middle of everything: all of it is there, and goes on.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use shared::blob_path::BlobPath;
use shared::clock::SystemClock;
use shared::file_state::FileState::{self, AwaitingApproval, Deleted, Failed, Indexed, Pending, Processing};
use shared::ids::{ClaimId, FileId, IndexId};
use shared::index_settings::{Chunking, IndexSettings};
use shared::ledger::postgres::{PostgresLedger, PostgresSettings};
use shared::ledger::sqlite::SqliteLedger;
use shared::ledger::{
    ApprovalFilter, Change, ClaimOutcome, ClaimRequest, Commit, CommitChange, CommitOutcome, ControlLedger,
    FileFilter, ReleaseOutcome, RunFilter, RunState, SweepPolicy, Version,
};
use shared::secret::Secret;
use shared::work_message::Lane;
use tests::postgres::Postgres;
use tests::upgrade::{OLDEST_ROWS, oldest_tables, oldest_tables_on_postgres};

struct Desk {
    ledger: Arc<dyn ControlLedger>,
    index: IndexId,
}

impl Desk {
    fn at(ledger: Arc<dyn ControlLedger>) -> Self {
        let index = IndexId::new("docs").unwrap();
        Self { ledger, index }
    }

    fn id(&self, path: &str) -> FileId {
        FileId::of(&self.index, &BlobPath::new(path).unwrap())
    }

    async fn states(&self) -> Vec<(String, FileState)> {
        let filter = FileFilter {
            states: FileState::ALL.to_vec(),
            ..FileFilter::default()
        };
        let files = self.ledger.files(&self.index, &filter, 100).await.unwrap();
        files
            .into_iter()
            .map(|file| (file.path.to_string(), file.state))
            .collect()
    }

    /// Makes a file that is due.
    async fn make(&self, path: &str) {
        let request = ClaimRequest {
            index: self.index.clone(),
            file_id: self.id(path),
            claim_id: ClaimId::generate(),
            owner: "worker-of-today".to_owned(),
            lease: Duration::from_secs(60),
        };
        let ClaimOutcome::Claimed(claim) = self.ledger.claim(&request).await.unwrap() else {
            panic!("{path} is not to be had")
        };
        let version = Version {
            etag: "new".to_owned(),
            content_hash: "new".to_owned(),
            pipeline: "new".to_owned(),
            size: 10,
            chunks: 2,
            missing: Vec::new(),
        };
        let commit = Commit {
            hold: claim.hold.clone(),
            change: CommitChange::Replace(version),
            detail: serde_json::json!({}),
            debounce: Duration::ZERO,
        };
        let CommitOutcome::Committed(committed) = self.ledger.commit(&commit).await.unwrap() else {
            panic!("{path} was lost")
        };
        if committed.released.is_none() {
            let released = self.ledger.release(&claim.hold, Duration::ZERO).await.unwrap();
            assert_eq!(released, ReleaseOutcome::Released(Indexed), "{path}");
        }
    }
}

async fn goes_on(desk: &Desk) {
    let (ledger, docs) = (&desk.ledger, &desk.index);
    let records = ledger.indexes().await.unwrap();
    let settings = IndexSettings::of(&records[0]).unwrap();
    assert_eq!(settings.chunking, Chunking::default());
    assert_eq!(settings.embedding.unwrap().model, "some-model");
    assert_eq!(records[0].revision, 1);
    assert_eq!(records[0].comparison.as_ref().unwrap().listed, 7);
    let expected = [
        ("damaged.pdf", Failed),
        ("gone.md", Deleted),
        ("hangs.md", Processing),
        ("held.md", AwaitingApproval),
        ("in-part.pdf", Indexed),
        ("new.md", Pending),
        ("whole.md", Indexed),
    ];
    let expected = expected.map(|(path, state)| (path.to_owned(), state));
    assert_eq!(desk.states().await, expected);
    let stats = ledger.stats(docs).await.unwrap();
    assert_eq!((stats.backlog, stats.chunks), (2, 20));
    let file = ledger.file(docs, desk.id("in-part.pdf")).await.unwrap().unwrap();
    assert_eq!(file.version.unwrap().missing[0].count, 2);
    let file = ledger.file(docs, desk.id("damaged.pdf")).await.unwrap().unwrap();
    assert_eq!(file.last_error.unwrap().code, "corrupt");
    assert_eq!(
        ledger.history(docs, desk.id("whole.md"), 10).await.unwrap().len(),
        4
    );
    let runs = ledger.runs(docs, &RunFilter::default(), 10).await.unwrap();
    assert_eq!(runs.len(), 2);
    assert!(
        runs.iter().all(|run| run.state == RunState::Completed),
        "{runs:?}"
    );
    assert_eq!(ledger.operations(docs, 10).await.unwrap().len(), 1);
    assert_eq!(ledger.dead_letters(10).await.unwrap().len(), 1);
    let dead = ledger.dead_claims(docs, Duration::ZERO, 10).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert!(!ledger.any_key().await.unwrap());

    // What was under way goes on, and what waited is done.
    assert!(
        ledger
            .hold_duty("sweep", "today", Duration::from_secs(9))
            .await
            .unwrap()
    );
    let policy = SweepPolicy {
        stale_after: Duration::from_secs(3600),
        delay: Duration::ZERO,
        max_attempts: 3,
    };
    assert_eq!(ledger.sweep(&policy, 10).await.unwrap().len(), 1);
    assert_eq!(ledger.retry_failed(docs, None, None).await.unwrap(), 1);
    let changed = Change::new(BlobPath::new("whole.md").unwrap(), "event", Lane::Fast);
    ledger.enqueue(docs, &[changed]).await.unwrap();
    let due = ledger.due(100, Duration::from_secs(60)).await.unwrap();
    assert_eq!(due.len(), 4, "{due:?}");
    for path in ["hangs.md", "damaged.pdf", "whole.md", "new.md"] {
        desk.make(path).await;
    }
    // What waited for a decision before there were approvals waits for one of today's.
    ledger.open_approvals().await.unwrap();
    let approvals = ledger.approvals(&ApprovalFilter::default(), 10).await.unwrap();
    assert_eq!(approvals.len(), 1);
    assert_eq!(approvals[0].files, 1);
    let indexed = desk
        .states()
        .await
        .into_iter()
        .filter(|(_, state)| *state == Indexed);
    assert_eq!(indexed.count(), 5);
    assert_eq!(ledger.stats(docs).await.unwrap().backlog, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(&oldest_tables()).unwrap();
    old.execute_batch(OLDEST_ROWS).unwrap();
    drop(old);
    let ledger = SqliteLedger::open(&path, Arc::new(SystemClock)).unwrap();
    goes_on(&Desk::at(ledger)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.database("ledger").unwrap();
    postgres.sql("ledger", &oldest_tables_on_postgres()).unwrap();
    postgres.sql("ledger", OLDEST_ROWS).unwrap();
    let settings = PostgresSettings::new(Secret::new(&url));
    // Several replicas of today at once.
    let all = futures::future::join_all((0..4).map(|_| PostgresLedger::connect(&settings))).await;
    let ledger = all.into_iter().map(Result::unwrap).next().unwrap();
    goes_on(&Desk::at(ledger)).await;
}
