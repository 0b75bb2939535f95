use std::cell::Cell;
use std::fs;
use std::path::Path;

use futures::future::join_all;

use super::*;
use crate::vectors::conformance::{self, DIMENSIONS, point, terms};
use crate::vectors::filter::{self, Filter};

/// Limits so low that the files turn over all the time and every upkeep rewrites.
pub(super) const LOW: Limits = Limits {
    writable_segments: 2,
    rewrite_from_kib: 1,
    journal_bytes: 40_000,
    log_bytes: 200_000,
    log_file_bytes: 50_000,
};

pub(super) fn open(dir: &Path, limits: Limits) -> Arc<EdgeVectors> {
    EdgeVectors::open_with(dir.to_owned(), Some(DIMENSIONS), limits).unwrap()
}

fn some_points(claim: ClaimId, count: u32) -> Vec<Point> {
    (0..count)
        .map(|n| point("a.md", claim, n, &format!("anchor number{n}"), Some(DIMENSIONS)))
        .collect()
}

async fn conforms(limits: Limits) {
    let dir = tempfile::tempdir().unwrap();
    let made = Cell::new(0);
    conformance::run(async |dense_size| {
        made.set(made.get() + 1);
        EdgeVectors::open_with(dir.path().join(made.get().to_string()), dense_size, limits).unwrap()
            as Arc<dyn Vectors>
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conforms_as_configured() {
    conforms(Limits::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conforms_while_it_rewrites_itself() {
    let sometimes = Limits {
        journal_bytes: 600_000,
        log_bytes: 1_200_000,
        log_file_bytes: 300_000,
        ..LOW
    };
    conforms(sometimes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_is_there_after_closing_and_opening() {
    let dir = tempfile::tempdir().unwrap();
    let (kept, deleted) = (ClaimId::generate(), ClaimId::generate());
    for limits in [Limits::default(), LOW] {
        let vectors = open(dir.path(), limits);
        vectors.upsert(some_points(kept, 100)).await.unwrap();
        vectors.upsert(some_points(deleted, 100)).await.unwrap();
        vectors.close().await.unwrap();
        // An update's version must not fall behind that of its points, or it would be ignored.
        let vectors = open(dir.path(), limits);
        vectors.delete_claims(&[deleted]).await.unwrap();
        vectors.maintain().await.unwrap();
        vectors.close().await.unwrap();
        let vectors = open(dir.path(), limits);
        assert_eq!(vectors.claims().await, Ok(vec![kept]));
        assert_eq!(vectors.count().await, Ok(100));
        let query = Query::FullText(terms("number7"));
        let hits = vectors
            .search(SearchRequest {
                query,
                limit: 10,
                offset: 0,
                filter: Filter::default(),
                with_dense: false,
            })
            .await
            .unwrap();
        assert_eq!(hits.len(), 1);
        vectors.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_size_is_a_mismatch() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path(), LOW).close().await.unwrap();
    for other in [None, Some(DIMENSIONS + 1)] {
        let error = EdgeVectors::open(dir.path(), other).map(|_| ()).unwrap_err();
        assert!(matches!(error, VectorsError::Mismatch { .. }), "{error}");
    }
    open(dir.path(), LOW).close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_open_once() {
    let dir = tempfile::tempdir().unwrap();
    let vectors = open(dir.path(), LOW);
    let error = EdgeVectors::open(dir.path(), Some(DIMENSIONS))
        .map(|_| ())
        .unwrap_err();
    assert!(error.to_string().contains("in use"), "{error}");
    vectors.close().await.unwrap();
    open(dir.path(), LOW).close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_does_not_grow_without_end() {
    let dir = tempfile::tempdir().unwrap();
    let vectors = open(dir.path(), LOW);
    for _ in 0..30 {
        vectors
            .upsert(some_points(ClaimId::generate(), 100))
            .await
            .unwrap();
    }
    let log = fs::read_dir(dir.path().join("wal")).unwrap();
    let bytes: u64 = log.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < 1_000_000, "{bytes}");
    assert_eq!(vectors.count().await, Ok(3000));
    vectors.close().await.unwrap();
}

/// The engine finishes the first file of its log by removing the empty one before it and then renaming it to that name.
/// A process that is killed in between leaves a log that seems to start at 0, and an update with so low a position would
/// be acknowledged and ignored. Builds that kept no note of the start left folders without one, too.
#[tokio::test(flavor = "multi_thread")]
async fn updates_are_not_ignored_after_a_crash_between_two_files_of_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits {
        log_file_bytes: 500_000,
        ..Limits::default()
    };
    let vectors = open(dir.path(), limits);
    let flushed: Vec<_> = (0..30).map(|_| ClaimId::generate()).collect();
    for claim in &flushed {
        vectors.upsert(some_points(*claim, 1)).await.unwrap();
    }
    vectors.close().await.unwrap();
    let vectors = open(dir.path(), limits);
    let journaled = ClaimId::generate();
    vectors.upsert(some_points(journaled, 1)).await.unwrap();

    for lost in [&["closed-"][..], &["closed-", "start-"]] {
        let crashed = tempfile::tempdir().unwrap();
        copy(dir.path(), crashed.path());
        for file in fs::read_dir(crashed.path().join("wal")).unwrap() {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            if lost.iter().any(|prefix| name.starts_with(prefix)) {
                fs::remove_file(file.path()).unwrap();
            }
        }
        let vectors = open(crashed.path(), limits);
        assert_eq!(vectors.count().await, Ok(31));
        vectors.delete_claims(&flushed).await.unwrap();
        assert_eq!(vectors.claims().await, Ok(vec![journaled]), "without {lost:?}");
        assert_eq!(vectors.count().await, Ok(1), "without {lost:?}");
        vectors.close().await.unwrap();
    }
    vectors.close().await.unwrap();
}

/// What `kill -9` would leave of a folder in use, at a moment when nothing is written.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        let to = to.join(name);
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

/// A flush fails, as on a full disk: nobody hangs, nobody is told that lost points are safe, and the store recovers once
/// the disk does.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_flush_is_reported_and_survived() {
    let dir = tempfile::tempdir().unwrap();
    let vectors = open(dir.path(), LOW);
    let first = ClaimId::generate();
    vectors.upsert(some_points(first, 10)).await.unwrap();

    // Folders where the engine wants to put files.
    let segments: Vec<_> = fs::read_dir(dir.path().join("segments"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    for segment in &segments {
        fs::rename(segment.join("segment.json"), segment.join("aside")).unwrap();
        fs::create_dir_all(segment.join("segment.json/full")).unwrap();
    }
    let claims: Vec<_> = (0..50).map(|_| ClaimId::generate()).collect();
    let answers = join_all(claims.iter().map(|claim| vectors.upsert(some_points(*claim, 10)))).await;
    let last = vectors.upsert(some_points(ClaimId::generate(), 10)).await;
    assert!(matches!(last, Err(VectorsError::Unavailable(_))), "{last:?}");
    assert!(matches!(vectors.count().await, Err(VectorsError::Unavailable(_))));

    for segment in &segments {
        fs::remove_dir_all(segment.join("segment.json")).unwrap();
        fs::rename(segment.join("aside"), segment.join("segment.json")).unwrap();
    }
    vectors.delete_claims(&[ClaimId::generate()]).await.unwrap();
    let found = vectors.claims().await.unwrap();
    assert!(found.contains(&first));
    for (claim, answer) in claims.iter().zip(answers) {
        assert!(answer.is_err() || found.contains(claim));
    }
    vectors.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_stores_close_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let vectors = open(dir.path(), LOW);
    vectors
        .upsert(some_points(ClaimId::generate(), 10))
        .await
        .unwrap();
    drop(vectors);
    let vectors = loop {
        match EdgeVectors::open(dir.path(), Some(DIMENSIONS)) {
            Ok(vectors) => break vectors,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(vectors.count().await, Ok(10));
    vectors.close().await.unwrap();
}

/// Points that were written before there were tags pass what tags are tested for, so that the caller can decide.
#[tokio::test(flavor = "multi_thread")]
async fn points_of_earlier_builds_are_left_to_the_caller() {
    use qdrant_edge::{DeletePayloadOp, PayloadOps, UpdateOperation};

    let dir = tempfile::tempdir().unwrap();
    let vectors = open(dir.path(), LOW);
    let (old, new) = (ClaimId::generate(), ClaimId::generate());
    vectors.upsert(some_points(old, 3)).await.unwrap();
    vectors.upsert(some_points(new, 3)).await.unwrap();
    let ids = (0..3).map(|n| qdrant_edge::PointId::Uuid(PointId::of(old, n).0));
    let forget = UpdateOperation::PayloadOperation(PayloadOps::DeletePayload(DeletePayloadOp {
        keys: vec![convert::field_path("tags")],
        points: Some(ids.collect()),
        filter: None,
    }));
    vectors.read(move |edge| edge.update(forget)).await.unwrap();
    let found = async |folder: &str| {
        let request = SearchRequest {
            query: Query::FullText(terms("anchor")),
            limit: 10,
            offset: 0,
            filter: Filter(vec![filter::Condition::Folders(vec![folder.to_owned()])]),
            with_dense: false,
        };
        let hits = vectors.search(request).await.unwrap();
        hits.iter().filter(|hit| hit.payload.claim == old).count()
    };
    assert_eq!(found("elsewhere/").await, 3);
    vectors.close().await.unwrap();
}
