//! What the tests do most.

use std::sync::Arc;
use std::time::Duration;

use shared::blob_path::BlobPath;
use shared::ids::{ClaimId, FileId, IndexId};
use shared::ledger::postgres::{PostgresLedger, PostgresSettings};
use shared::ledger::{
    Change, Claim, ClaimOutcome, ClaimRequest, Commit, CommitChange, Hold, Ledger, Version,
};
use shared::secret::Secret;
use shared::work_message::Lane;
use tests::postgres::Postgres;

pub(crate) fn settings(url: &str) -> PostgresSettings {
    PostgresSettings::new(Secret::new(url))
}

/// A server, an empty database `ledger` on it, and a ledger with the index `docs` in that.
pub(crate) async fn start() -> (Postgres, Arc<PostgresLedger>) {
    let postgres = Postgres::start().unwrap();
    let url = postgres.database("ledger").unwrap();
    let ledger = PostgresLedger::connect(&settings(&url)).await.unwrap();
    ledger
        .ensure_index(&docs(), &serde_json::json!({}))
        .await
        .unwrap();
    (postgres, ledger)
}

pub(crate) fn docs() -> IndexId {
    IndexId::new("docs").unwrap()
}

pub(crate) fn path(n: usize) -> BlobPath {
    BlobPath::new(format!("folder/{n:04}.md")).unwrap()
}

pub(crate) fn id(n: usize) -> FileId {
    FileId::of(&docs(), &path(n))
}

pub(crate) fn change(n: usize) -> Change {
    Change::new(path(n), "event", Lane::Fast)
}

pub(crate) fn request(n: usize) -> ClaimRequest {
    ClaimRequest {
        index: docs(),
        file_id: id(n),
        claim_id: ClaimId::generate(),
        owner: "worker-1".to_owned(),
        lease: Duration::from_secs(600),
    }
}

pub(crate) fn claimed(outcome: ClaimOutcome) -> Option<Claim> {
    match outcome {
        ClaimOutcome::Claimed(claim) => Some(*claim),
        ClaimOutcome::NotClaimable => None,
    }
}

pub(crate) fn replace(hold: &Hold) -> Commit {
    Commit {
        hold: hold.clone(),
        change: CommitChange::Replace(Version {
            etag: "e1".to_owned(),
            content_hash: "h1".to_owned(),
            pipeline: "p1".to_owned(),
            size: 1000,
            chunks: 7,
            missing: Vec::new(),
        }),
        detail: serde_json::json!({ "chunks": 7 }),
        debounce: Duration::ZERO,
    }
}

/// Statements whose result is a list of what must not be there.
pub(crate) fn none(postgres: &Postgres, what: &str, query: &str) {
    let found = postgres.sql("ledger", query).unwrap();
    assert!(found.is_empty(), "{what}: {found}");
}

/// What holds in every database, whatever happened to it.
pub(crate) fn check_books(postgres: &Postgres) {
    none(
        postgres,
        "files whose history has gaps",
        "SELECT path FROM files WHERE entries <> (SELECT COUNT(*) FROM history
            WHERE history.index_id = files.index_id AND history.file_id = files.file_id)",
    );
    none(
        postgres,
        "claims that were made, committed or ended twice",
        "SELECT file_id, claim_id, event, COUNT(*) FROM history
         WHERE event IN ('claimed', 'committed', 'released', 'failed', 'swept')
         GROUP BY 1, 2, 3 HAVING COUNT(*) > 1",
    );
    none(
        postgres,
        "changes that are not applied and nobody is going to apply",
        "SELECT path, state FROM files
         WHERE desired_seq > applied_seq AND state NOT IN ('PENDING', 'PROCESSING', 'PUBLISHING', 'FAILED')",
    );
}

/// A run of [`docs`] that somebody wants.
pub(crate) fn new_run(id: shared::ids::RunId) -> shared::ledger::NewRun {
    shared::ledger::NewRun {
        id,
        index: docs(),
        kind: shared::ledger::RunKind::Scan,
        asked_by: "somebody".to_owned(),
        path: None,
        lease: std::time::Duration::ZERO,
    }
}
