//! Searching and listing.

use std::collections::{HashMap, HashSet};

use super::{DIMENSIONS, all, dense, point, queries, search, terms, texts, write};
use crate::ids::{ChunkHash, ClaimId, PointId};
use crate::vectors::filter::Filter;
use crate::vectors::{Query, SearchRequest, Vectors};

pub(super) async fn claims_are_complete(vectors: &dyn Vectors) {
    let mut claims: Vec<_> = (0..3000).map(|_| ClaimId::generate()).collect();
    for some in claims.chunks(500) {
        let two = |claim: &ClaimId| [0, 1].map(|n| point("a.md", *claim, n, "anchor", vectors.dense_size()));
        write(vectors, some.iter().flat_map(two).collect()).await;
    }
    let mut listed = vectors.claims().await.expect("claims are listed");
    listed.sort_unstable();
    claims.sort_unstable();
    assert!(
        listed == claims,
        "{} of {} claims are listed",
        listed.len(),
        claims.len()
    );
    assert_eq!(vectors.count().await, Ok(6000));
    assert_eq!(vectors.delete_claims(&claims[1..]).await, Ok(()));
    assert_eq!(vectors.claims().await, Ok(vec![claims[0]]));
}

pub(super) async fn pages_cover_the_ranking(vectors: &dyn Vectors) {
    let claim = ClaimId::generate();
    let text = |n: u32| format!("anchor {}", "filler ".repeat(n as usize));
    let points = (0..50)
        .map(|n| point("a.md", claim, n, &text(n), vectors.dense_size()))
        .collect();
    write(vectors, points).await;
    for query in queries(vectors, "anchor") {
        let whole: Vec<_> = search(vectors, all(query.clone()))
            .await
            .iter()
            .map(|hit| hit.id)
            .collect();
        assert_eq!(whole.len(), 50);
        let mut paged = vec![];
        for offset in (0..60).step_by(7) {
            let request = SearchRequest {
                limit: 7,
                offset,
                ..all(query.clone())
            };
            paged.extend(search(vectors, request).await.iter().map(|hit| hit.id));
        }
        assert_eq!(paged, whole, "{query:?}");
    }
}

pub(super) async fn one_file_can_be_searched(vectors: &dyn Vectors) {
    for path in ["a.md", "b.md"] {
        for claim in [ClaimId::generate(), ClaimId::generate()] {
            let points = (0..20)
                .map(|n| point(path, claim, n, "anchor", vectors.dense_size()))
                .collect();
            write(vectors, points).await;
        }
    }
    let file = point("b.md", ClaimId::generate(), 0, "", None).payload.file_id;
    for query in queries(vectors, "anchor") {
        let hits = search(
            vectors,
            SearchRequest {
                filter: Filter::file(file),
                ..all(query.clone())
            },
        )
        .await;
        assert_eq!(hits.len(), 40, "{query:?}");
        assert!(hits.iter().all(|hit| hit.payload.path.as_str() == "b.md"));
        let absent = point("c.md", ClaimId::generate(), 0, "", None).payload.file_id;
        assert_eq!(
            search(
                vectors,
                SearchRequest {
                    filter: Filter::file(absent),
                    ..all(query)
                }
            )
            .await,
            []
        );
    }
}

pub(super) async fn full_text_needs_a_shared_term(vectors: &dyn Vectors) {
    let claim = ClaimId::generate();
    let lines = ["anchor ballast", "ballast capstan", "capstan davit"];
    let points = (0..)
        .zip(lines)
        .map(|(n, line)| point("a.md", claim, n, line, vectors.dense_size()));
    write(vectors, points.collect()).await;
    let found = texts(vectors, Query::FullText(terms("anchors, the ballast"))).await;
    assert_eq!(found, ["anchor ballast", "ballast capstan"]);
    assert_eq!(
        texts(vectors, Query::FullText(terms("the mizzen"))).await,
        [""; 0]
    );
    let file = point("a.md", claim, 0, "", None).payload.file_id;
    let in_file = SearchRequest {
        filter: Filter::file(file),
        ..all(Query::FullText(terms("davit")))
    };
    assert_eq!(search(vectors, in_file).await.len(), 1);
}

pub(super) async fn full_text_prefers_rare_and_frequent_terms(vectors: &dyn Vectors) {
    let claim = ClaimId::generate();
    let lines = [
        "anchor capstan davit fender",
        "anchor anchor davit fender",
        "ballast capstan davit fender",
        "capstan capstan davit fender",
        "anchor capstan fender davit",
    ];
    let points = (0..)
        .zip(lines)
        .map(|(n, line)| point("a.md", claim, n, line, vectors.dense_size()));
    write(vectors, points.collect()).await;
    // One has the rare term, the others a common one.
    assert_eq!(
        texts(vectors, Query::FullText(terms("ballast anchor"))).await[0],
        lines[2]
    );
    assert_eq!(
        texts(vectors, Query::FullText(terms("anchor"))).await[0],
        lines[1]
    );
}

pub(super) async fn nearest_comes_first(vectors: &dyn Vectors) {
    let claim = ClaimId::generate();
    let mut points = vec![];
    for (n, (x, y)) in (0..).zip([(1.0, 0.0), (3.0, 1.0), (1.0, 1.0), (0.0, 5.0), (-2.0, 0.0)]) {
        let mut point = point("a.md", claim, n, "anchor", Some(DIMENSIONS));
        point.dense = Some(plane(x, y));
        points.push(point);
    }
    write(vectors, points).await;
    let hits = search(vectors, all(Query::Vector(plane(10.0, 0.0)))).await;
    assert_eq!(
        hits.iter().map(|hit| hit.payload.ordinal).collect::<Vec<_>>(),
        [0, 1, 2, 3, 4]
    );
    for (hit, cosine) in hits
        .iter()
        .zip([1.0, 0.948_683_3, std::f32::consts::FRAC_1_SQRT_2, 0.0, -1.0])
    {
        assert!((hit.score - cosine).abs() < 1e-3, "{} is not {cosine}", hit.score);
    }
}

pub(super) async fn hybrid_merges_both_rankings(vectors: &dyn Vectors) {
    let claim = ClaimId::generate();
    let rows = [
        ("davit", plane(1.0, 0.0)),         // first by vector, not by terms
        ("anchor", plane(1.0, 0.5)),        // second by vector, second by terms
        ("anchor anchor", plane(0.0, 1.0)), // third by vector, first by terms
        ("fender", plane(-1.0, 0.0)),       // last by vector
    ];
    let mut points = vec![];
    for (n, (text, vector)) in (0..).zip(rows) {
        let mut point = point("a.md", claim, n, text, Some(DIMENSIONS));
        point.dense = Some(vector);
        points.push(point);
    }
    write(vectors, points).await;
    let hits = search(vectors, all(Query::Hybrid(plane(1.0, 0.0), terms("anchor")))).await;
    // With ranks from 0: 1/(2+2) + 1/(0+2) = 0.75; 1/(1+2) + 1/(1+2) = 0.67; 1/(0+2) = 0.5; 1/(3+2) = 0.2.
    assert_eq!(
        hits.iter().map(|hit| hit.payload.ordinal).collect::<Vec<_>>(),
        [2, 1, 0, 3]
    );
    // Words that nobody has leave the vectors' ranking.
    let hits = search(vectors, all(Query::Hybrid(plane(1.0, 0.0), terms("mizzen")))).await;
    assert_eq!(
        hits.iter().map(|hit| hit.payload.ordinal).collect::<Vec<_>>(),
        [0, 1, 2, 3]
    );
}

pub(super) async fn dense_vectors_are_found_by_hash(vectors: &dyn Vectors) {
    let (live, dead) = (ClaimId::generate(), ClaimId::generate());
    let text = |n: u32| format!("anchor {n}");
    for claim in [live, dead] {
        let points = (0..200)
            .map(|n| point("a.md", claim, n, &text(n), Some(DIMENSIONS)))
            .collect();
        write(vectors, points).await;
    }
    // One text in very many points must not hide the others.
    let many = (1000..3000)
        .map(|n| point("b.md", live, n, "boilerplate", Some(DIMENSIONS)))
        .collect();
    write(vectors, many).await;
    assert_eq!(vectors.delete_claims(&[live]).await, Ok(()));
    let many = (1000..3000)
        .map(|n| point("b.md", dead, n, "boilerplate", Some(DIMENSIONS)))
        .collect();
    write(vectors, many).await;

    let mut wanted: Vec<_> = (0..200).map(|n| ChunkHash::of(&text(n))).collect();
    wanted.extend([ChunkHash::of("boilerplate"), ChunkHash::of("never seen")]);
    let found = vectors.find_dense(&wanted).await.expect("vectors are found");
    assert_eq!(
        found.keys().collect::<HashSet<_>>(),
        wanted[..201].iter().collect()
    );
    for n in [0, 7, 199] {
        let stored = &found[&ChunkHash::of(&text(n))];
        let expected = dense(&text(n), DIMENSIONS);
        let length = expected.iter().map(|value| value * value).sum::<f32>().sqrt();
        for (value, expected) in stored.iter().zip(&expected) {
            assert!(
                (value - expected / length).abs() < 1e-3,
                "the vector comes back normalised"
            );
        }
        // A vector that is used again finds and is found as the first one.
        let again = ClaimId::generate();
        let mut copy = point("c.md", again, 0, &text(n), Some(DIMENSIONS));
        copy.dense = Some(stored.clone());
        write(vectors, vec![copy]).await;
        let hits = search(
            vectors,
            SearchRequest {
                limit: 2,
                ..all(Query::Vector(stored.clone()))
            },
        )
        .await;
        assert!(
            hits.iter()
                .all(|hit| hit.payload.text == text(n) && (hit.score - 1.0).abs() < 1e-3)
        );
        assert_eq!(
            hits.iter().map(|hit| hit.payload.claim).collect::<HashSet<_>>(),
            [again, dead].into()
        );
    }
}

pub(super) async fn no_dense_vectors_are_none_to_find(vectors: &dyn Vectors) {
    write(
        vectors,
        vec![point("a.md", ClaimId::generate(), 0, "anchor", None)],
    )
    .await;
    assert_eq!(
        vectors
            .find_dense(&[ChunkHash::of("anchor")])
            .await
            .map(|found| found.len()),
        Ok(0)
    );
}

/// A vector in the plane of the first two dimensions.
fn plane(x: f32, y: f32) -> Vec<f32> {
    let mut vector = vec![0.0; DIMENSIONS];
    (vector[0], vector[1]) = (x, y);
    vector
}

pub(super) async fn payloads_are_found_by_id(vectors: &dyn Vectors) {
    let claim = ClaimId::generate();
    let points: Vec<_> = (0..700)
        .map(|n| point("a/b.md", claim, n, "anchor", vectors.dense_size()))
        .collect();
    write(vectors, points.clone()).await;
    assert_eq!(vectors.payloads(&[]).await, Ok(HashMap::new()));
    let mut ids: Vec<_> = points.iter().map(|point| point.id).collect();
    ids.push(PointId::of(ClaimId::generate(), 0));
    let found = vectors.payloads(&ids).await.expect("payloads are found");
    assert_eq!(found.len(), 700, "no more and no fewer than there are");
    for point in points {
        assert_eq!(found.get(&point.id), Some(&point.payload));
    }
}

pub(super) async fn dense_vectors_come_when_asked_for(vectors: &dyn Vectors) {
    let claim = ClaimId::generate();
    let points = (0..5)
        .map(|n| point("a.md", claim, n, &format!("anchor {n}"), vectors.dense_size()))
        .collect();
    write(vectors, points).await;
    for query in queries(vectors, "anchor") {
        let plain = search(vectors, all(query.clone())).await;
        assert!(plain.iter().all(|hit| hit.dense.is_none()));
        let request = SearchRequest {
            with_dense: true,
            ..all(query)
        };
        let hits = search(vectors, request).await;
        assert_eq!(hits.len(), 5);
        for hit in hits {
            let expected = vectors.dense_size().map(|size| dense(&hit.payload.text, size));
            assert_eq!(hit.dense.is_some(), expected.is_some());
            for (found, written) in hit.dense.iter().zip(&expected) {
                let length = written.iter().map(|x| x * x).sum::<f32>().sqrt();
                let same = found
                    .iter()
                    .zip(written)
                    .all(|(a, b)| (a - b / length).abs() < 1e-5);
                assert!(same, "{found:?} is not {written:?} at length 1");
            }
        }
    }
}
