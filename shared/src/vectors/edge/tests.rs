use std::cell::Cell;
use std::fs;
use std::path::Path;

use futures::future::join_all;

use super::*;
use crate::vectors::conformance::{self, DIMENSIONS, point, terms};

/// Limits so low that every log file is short and every upkeep rewrites and builds a graph.
pub(super) const LOW: Limits = Limits {
    graph_from_points: 10,
    rewrite_from_kib: 1,
    log_bytes: 20_000,
    log_file_bytes: 10_000,
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
    conforms(LOW).await;
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
                file: None,
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
            .upsert(some_points(ClaimId::generate(), 10))
            .await
            .unwrap();
    }
    let log = fs::read_dir(dir.path().join("wal")).unwrap();
    let bytes: u64 = log.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < 60_000, "{bytes}");
    assert_eq!(vectors.count().await, Ok(300));
    vectors.close().await.unwrap();
}

/// A flush fails, as on a full disk: nobody hangs, nobody is told that his points are safe, and the store recovers once the
/// disk does.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_flush_is_reported_and_survived() {
    let dir = tempfile::tempdir().unwrap();
    let vectors = open(dir.path(), LOW);
    let (safe, lost) = (ClaimId::generate(), ClaimId::generate());
    vectors.upsert(some_points(safe, 10)).await.unwrap();

    // A folder where the engine wants to put a file.
    let segment = fs::read_dir(dir.path().join("segments"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let (state, aside) = (segment.join("segment.json"), segment.join("aside"));
    fs::rename(&state, &aside).unwrap();
    fs::create_dir_all(state.join("full")).unwrap();
    let writes = join_all((0..8).map(|_| vectors.upsert(some_points(lost, 10)))).await;
    for write in writes {
        assert!(matches!(write, Err(VectorsError::Unavailable(_))), "{write:?}");
    }
    assert!(matches!(vectors.count().await, Err(VectorsError::Unavailable(_))));

    fs::remove_dir_all(&state).unwrap();
    fs::rename(&aside, &state).unwrap();
    vectors.delete_claims(&[lost]).await.unwrap();
    assert_eq!(vectors.claims().await, Ok(vec![safe]));
    assert_eq!(vectors.count().await, Ok(10));
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
