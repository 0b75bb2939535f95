//! What every backend of [`Vectors`] must do; each runs this suite in its tests.
//!
//! The suite assumes nothing beyond the trait's documentation. In particular points may come back in any order where
//! scores tie, and vectors come back normalised.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::filter::Filter;
use super::{Hit, Payload, Point, Query, SearchRequest, SparseVector, Vectors};
use crate::blob_path::BlobPath;
use crate::embedder::bm25::Bm25;
use crate::ids::{ChunkHash, ClaimId, FileId, IndexId, PointId};
use crate::place::Place;

mod filtering;
mod reading;
mod writing;

/// Dimensions of the suite's dense vectors.
pub const DIMENSIONS: usize = 8;

/// Runs the suite. `make` returns a new, empty collection with the given dense size at each call.
///
/// The tests share a collection and empty it after use: opening one is what takes longest, and a collection that was
/// emptied must be as good as a new one.
///
/// # Panics
/// When the backend does not conform.
pub async fn run<F: AsyncFn(Option<usize>) -> Arc<dyn Vectors>>(make: F) {
    for dense_size in [Some(DIMENSIONS), None] {
        let vectors = make(dense_size).await;
        assert_eq!(vectors.dense_size(), dense_size);
        writing::nothing_asked_is_nothing_done(&*vectors).await;
        empty(&*vectors).await;
        writing::written_points_are_found(&*vectors).await;
        empty(&*vectors).await;
        writing::repeated_writes_change_nothing(&*vectors).await;
        empty(&*vectors).await;
        writing::points_go_with_their_claim_only(&*vectors).await;
        empty(&*vectors).await;
        writing::a_deleted_claim_can_be_written_again(&*vectors).await;
        empty(&*vectors).await;
        writing::odd_payloads_survive(&*vectors).await;
        empty(&*vectors).await;
        writing::nonsense_is_refused(&*vectors).await;
        empty(&*vectors).await;
        writing::writers_do_not_disturb_each_other(&*vectors).await;
        empty(&*vectors).await;
        reading::pages_cover_the_ranking(&*vectors).await;
        empty(&*vectors).await;
        reading::one_file_can_be_searched(&*vectors).await;
        empty(&*vectors).await;
        reading::full_text_needs_a_shared_term(&*vectors).await;
        empty(&*vectors).await;
        reading::full_text_prefers_rare_and_frequent_terms(&*vectors).await;
        empty(&*vectors).await;
        filtering::filters_and_plain_predicates_agree(&*vectors).await;
        empty(&*vectors).await;
        filtering::tags_of_all_sizes_are_told_apart(&*vectors).await;
        empty(&*vectors).await;
        filtering::lists_without_alternatives_find_nothing(&*vectors).await;
        empty(&*vectors).await;
        reading::payloads_are_found_by_id(&*vectors).await;
        empty(&*vectors).await;
        reading::dense_vectors_come_when_asked_for(&*vectors).await;
        empty(&*vectors).await;
        reading::claims_are_complete(&*vectors).await;
        empty(&*vectors).await;
        if dense_size.is_some() {
            reading::nearest_comes_first(&*vectors).await;
            empty(&*vectors).await;
            reading::hybrid_merges_both_rankings(&*vectors).await;
            empty(&*vectors).await;
            reading::dense_vectors_are_found_by_hash(&*vectors).await;
        } else {
            reading::no_dense_vectors_are_none_to_find(&*vectors).await;
        }
        empty(&*vectors).await;
        writing::upkeep_loses_nothing(&*vectors).await;
        empty(&*vectors).await;
        writing::written_points_are_found(&*vectors).await;
        empty(&*vectors).await;
        closed_stays_closed(&*vectors).await;
    }
}

async fn empty(vectors: &dyn Vectors) {
    let claims = vectors.claims().await.expect("claims are listed");
    assert_eq!(vectors.delete_claims(&claims).await, Ok(()));
    assert_eq!(vectors.count().await, Ok(0), "points are left");
}

async fn closed_stays_closed(vectors: &dyn Vectors) {
    let claim = ClaimId::generate();
    write(
        vectors,
        vec![point("a.md", claim, 0, "crane", vectors.dense_size())],
    )
    .await;
    assert_eq!(vectors.close().await, Ok(()));
    assert_eq!(vectors.close().await, Ok(()), "closing is idempotent");
    assert!(
        vectors
            .upsert(vec![point("a.md", claim, 1, "crane", vectors.dense_size())])
            .await
            .is_err()
    );
    assert!(vectors.delete_claims(&[claim]).await.is_err());
    assert!(
        vectors
            .search(all(Query::FullText(terms("crane"))))
            .await
            .is_err()
    );
    assert!(vectors.find_dense(&[ChunkHash::of("crane")]).await.is_err());
    assert!(vectors.payloads(&[PointId::of(claim, 0)]).await.is_err());
    assert!(vectors.claims().await.is_err());
    assert!(vectors.count().await.is_err());
    assert!(vectors.maintain().await.is_err());
}

/// A point with an English text and, when asked, a dense vector made of the text's hash.
///
/// # Panics
/// When `path` is not a blob path.
#[must_use]
pub fn point(path: &str, claim: ClaimId, ordinal: u32, text: &str, dense_size: Option<usize>) -> Point {
    let path: BlobPath = path.parse().expect("a blob path");
    let index = IndexId::from_free_text("conformance");
    let payload = Payload {
        file_id: FileId::of(&index, &path),
        claim,
        path,
        ordinal,
        chunk_hash: ChunkHash::of(text),
        heading_path: vec!["Harbours".to_owned(), "Cranes".to_owned()],
        text: text.to_owned(),
        start: u64::from(ordinal) * 10,
        end: u64::from(ordinal) * 10 + text.len() as u64,
        place: Place {
            page: ordinal.checked_sub(1),
            ..Place::default()
        },
        converter: "pdf".to_owned(),
        mime: "text/markdown".to_owned(),
        etag: "\"0x1\"".to_owned(),
        modified: Some(1_700_000_000_000 + i64::from(ordinal)),
        metadata: BTreeMap::from([("department".to_owned(), "quay & crane".to_owned())]),
    };
    let dense = dense_size.map(|size| dense(text, size));
    Point {
        id: PointId::of(claim, ordinal),
        payload,
        dense,
        bm25: english().document(text),
    }
}

/// A query for English words.
#[must_use]
pub fn terms(query: &str) -> SparseVector {
    english().query(query)
}

/// A vector that depends on nothing but the text: values between -128 and 127.
fn dense(text: &str, size: usize) -> Vec<f32> {
    let bytes = blake3::hash(text.as_bytes());
    bytes
        .as_bytes()
        .iter()
        .cycle()
        .take(size)
        .map(|byte| f32::from(byte.cast_signed()))
        .collect()
}

fn english() -> Bm25 {
    Bm25::new("english").expect("English is known")
}

fn all(query: Query) -> SearchRequest {
    SearchRequest {
        query,
        limit: 1000,
        offset: 0,
        filter: Filter::default(),
        with_dense: false,
    }
}

/// Every way to look for a text in the collection.
fn queries(vectors: &dyn Vectors, text: &str) -> Vec<Query> {
    let mut queries = vec![Query::FullText(terms(text))];
    if let Some(size) = vectors.dense_size() {
        queries.push(Query::Vector(dense(text, size)));
        queries.push(Query::Hybrid(dense(text, size), terms(text)));
    }
    queries
}

async fn write(vectors: &dyn Vectors, points: Vec<Point>) {
    assert_eq!(vectors.upsert(points).await, Ok(()));
}

async fn search(vectors: &dyn Vectors, request: SearchRequest) -> Vec<Hit> {
    let limit = request.limit;
    let hits = vectors.search(request).await.expect("the search succeeds");
    assert!(hits.len() <= limit, "more hits than the limit");
    assert!(
        hits.is_sorted_by(|a, b| a.score >= b.score),
        "hits are not best first"
    );
    assert_eq!(
        hits.iter().map(|hit| hit.id).collect::<HashSet<_>>().len(),
        hits.len(),
        "a hit came twice"
    );
    hits
}

async fn texts(vectors: &dyn Vectors, query: Query) -> Vec<String> {
    search(vectors, all(query))
        .await
        .into_iter()
        .map(|hit| hit.payload.text)
        .collect()
}
