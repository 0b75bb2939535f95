//! Bad files and full disks.

use std::sync::Arc;

use rusqlite::Connection;

use super::super::SqliteLedger;
use super::super::connection::Place;
use crate::blob_path::BlobPath;
use crate::clock::SystemClock;
use crate::ids::IndexId;
use crate::ledger::{Change, FileFilter, Ledger, LedgerError};
use crate::work_message::Lane;

fn open(path: &std::path::Path) -> Result<Arc<SqliteLedger>, LedgerError> {
    SqliteLedger::open(path, Arc::new(SystemClock))
}

#[track_caller]
fn refused(path: &std::path::Path, remedy: &str) {
    let Err(error) = open(path) else {
        panic!("opened {}", path.display())
    };
    let text = error.to_string();
    assert!(
        text.contains(path.to_str().unwrap()) && text.contains(remedy),
        "{text}"
    );
}

#[test]
fn what_cannot_be_opened_is_named_with_its_remedy() {
    let folder = tempfile::tempdir().unwrap();
    refused(
        &folder.path().join("missing/ledger.db"),
        "check that its folder exists",
    );
    refused(folder.path(), "check that its folder exists");

    let text = folder.path().join("text.db");
    std::fs::write(&text, "not a database, only words; ".repeat(100)).unwrap();
    refused(&text, "the file is not a database");
    assert!(
        std::fs::read_to_string(&text)
            .unwrap()
            .starts_with("not a database"),
        "it was left as it is"
    );

    let other = folder.path().join("other.db");
    Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE songs (title TEXT)")
        .unwrap();
    refused(&other, "belongs to another program");
}

#[test]
fn remedies_of_other_failures() {
    let place = Place::File("/srv/ledger.db".into());
    let explained = |code| {
        let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        place.explain(error.into()).to_string()
    };
    let expected = [
        (
            rusqlite::ffi::SQLITE_READONLY,
            "make the file and its folder writable",
        ),
        (rusqlite::ffi::SQLITE_FULL, "free some space"),
        (rusqlite::ffi::SQLITE_IOERR, "check the disk and its free space"),
        (rusqlite::ffi::SQLITE_BUSY, "another process has locked it"),
        (rusqlite::ffi::SQLITE_CORRUPT, "restore it from a backup"),
    ];
    for (code, remedy) in expected {
        let text = explained(code);
        assert!(text.contains(remedy) && text.contains("/srv/ledger.db"), "{text}");
    }
}

#[tokio::test]
async fn a_ledger_survives_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let index = IndexId::new("docs").unwrap();
    let change = Change::new(BlobPath::new("a.md").unwrap(), "scan", Lane::Fast);
    {
        let ledger = open(&path).unwrap();
        ledger
            .ensure_index(&index, &serde_json::json!({"k": 1}))
            .await
            .unwrap();
        ledger
            .enqueue(&index, std::slice::from_ref(&change))
            .await
            .unwrap();
    }
    let ledger = open(&path).unwrap();
    assert_eq!(
        ledger.indexes().await.unwrap()[0].settings,
        serde_json::json!({"k": 1})
    );
    let files = ledger.files(&index, &FileFilter::default(), 10).await.unwrap();
    assert_eq!(files[0].path, change.path);
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    drop(open(&path).unwrap());
    Connection::open(&path)
        .unwrap()
        .execute_batch("INSERT INTO schema_version VALUES (99)")
        .unwrap();
    assert_eq!(
        open(&path).err(),
        Some(LedgerError::NewerSchema { found: 99, known: 12 })
    );
}

#[tokio::test]
async fn a_full_disk_refuses_the_write_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder.path().join("ledger.db")).unwrap();
    let index = IndexId::new("docs").unwrap();
    ledger
        .ensure_index(&index, &serde_json::Value::Null)
        .await
        .unwrap();
    let limit = |pages: i64| {
        ledger.write(async move |db| {
            Ok(db.pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0))?)
        })
    };
    let pages = limit(1).await.unwrap();
    limit(pages + 4).await.unwrap();

    let change = |n: usize| Change::new(BlobPath::new(format!("{n:04}.md")).unwrap(), "scan", Lane::Bulk);
    let all: Vec<_> = (0..1000).map(change).collect();
    let error = ledger.enqueue(&index, &all).await.unwrap_err();
    assert!(
        error.to_string().contains("the disk is full: free some space"),
        "{error}"
    );
    assert!(
        ledger
            .files(&index, &FileFilter::default(), 10)
            .await
            .unwrap()
            .is_empty(),
        "all or nothing"
    );
    // Of many requests at once, those that fit are kept; the others are told.
    let requests = (0..40).map(|n| {
        let (ledger, index) = (&ledger, &index);
        async move { ledger.enqueue(index, &[change(n)]).await }
    });
    let answers = futures::future::join_all(requests).await;
    let stored = ledger.files(&index, &FileFilter::default(), 100).await.unwrap();
    assert_eq!(
        stored.len(),
        answers.iter().filter(|answer| answer.is_ok()).count()
    );

    limit(1_000_000).await.unwrap();
    ledger.enqueue(&index, &all).await.unwrap();
    assert_eq!(ledger.stats(&index).await.unwrap().backlog, 1000);
}
