//! Writing and deleting.

use futures::future::join_all;

use super::{DIMENSIONS, all, dense, point, queries, search, terms, texts, write};
use crate::ids::{ClaimId, PointId};
use crate::place::Place;
use crate::vectors::{Query, SearchRequest, SparseVector, Vectors, VectorsError};

pub(super) async fn written_points_are_found(vectors: &dyn Vectors) {
    let claim = ClaimId::generate();
    let words = ["anchor", "ballast", "capstan", "davit"];
    let points: Vec<_> = (0..)
        .zip(words)
        .map(|(n, word)| point("a.md", claim, n, word, vectors.dense_size()))
        .collect();
    write(vectors, points.clone()).await;
    for point in points {
        for query in queries(vectors, &point.payload.text) {
            let hits = search(vectors, all(query.clone())).await;
            assert_eq!(hits[0].id, point.id, "{query:?}");
            assert_eq!(hits[0].payload, point.payload, "{query:?}");
        }
    }
    assert_eq!(vectors.count().await, Ok(4));
    assert_eq!(vectors.claims().await, Ok(vec![claim]));
}

pub(super) async fn repeated_writes_change_nothing(vectors: &dyn Vectors) {
    let points = vec![point(
        "a.md",
        ClaimId::generate(),
        0,
        "anchor",
        vectors.dense_size(),
    )];
    write(vectors, points.clone()).await;
    let before = search(vectors, all(Query::FullText(terms("anchor")))).await;
    write(vectors, points.clone()).await;
    // A point twice in one request is one point.
    write(vectors, [points.clone(), points].concat()).await;
    assert_eq!(
        search(vectors, all(Query::FullText(terms("anchor")))).await,
        before
    );
    assert_eq!(vectors.count().await, Ok(1));
}

pub(super) async fn points_go_with_their_claim_only(vectors: &dyn Vectors) {
    let (old, new, other) = (ClaimId::generate(), ClaimId::generate(), ClaimId::generate());
    for (claim, path) in [(old, "a.md"), (new, "a.md"), (other, "b.md")] {
        let points = (0..40)
            .map(|n| point(path, claim, n, "anchor", vectors.dense_size()))
            .collect();
        write(vectors, points).await;
    }
    assert_eq!(vectors.delete_claims(&[old, ClaimId::generate()]).await, Ok(()));
    assert_eq!(vectors.count().await, Ok(80));
    assert_eq!(vectors.count_claim(new).await, Ok(40));
    assert_eq!(vectors.count_claim(old).await, Ok(0));
    for query in queries(vectors, "anchor") {
        let hits = search(vectors, all(query)).await;
        assert_eq!(hits.len(), 80);
        assert!(hits.iter().all(|hit| hit.payload.claim != old));
    }
    assert_eq!(
        vectors.delete_claims(&[old]).await,
        Ok(()),
        "deleting again is harmless"
    );
    assert_eq!(vectors.delete_claims(&[new, other]).await, Ok(()));
    assert_eq!(vectors.count().await, Ok(0));
    assert_eq!(vectors.claims().await, Ok(vec![]));
}

pub(super) async fn a_deleted_claim_can_be_written_again(vectors: &dyn Vectors) {
    let claim = ClaimId::generate();
    for _ in 0..3 {
        write(
            vectors,
            vec![point("a.md", claim, 0, "anchor", vectors.dense_size())],
        )
        .await;
        assert_eq!(texts(vectors, Query::FullText(terms("anchor"))).await, ["anchor"]);
        assert_eq!(vectors.delete_claims(&[claim]).await, Ok(()));
        assert_eq!(texts(vectors, Query::FullText(terms("anchor"))).await, [""; 0]);
    }
}

pub(super) async fn nothing_asked_is_nothing_done(vectors: &dyn Vectors) {
    for query in queries(vectors, "anchor") {
        assert_eq!(
            search(vectors, all(query)).await,
            [],
            "an empty collection has no hits"
        );
    }
    write(vectors, vec![]).await;
    assert_eq!(vectors.delete_claims(&[]).await, Ok(()));
    assert_eq!(vectors.claims().await, Ok(vec![]));
    write(
        vectors,
        vec![point(
            "a.md",
            ClaimId::generate(),
            0,
            "anchor",
            vectors.dense_size(),
        )],
    )
    .await;
    assert_eq!(vectors.delete_claims(&[]).await, Ok(()));
    assert_eq!(vectors.count().await, Ok(1));
    assert_eq!(vectors.find_dense(&[]).await.map(|found| found.len()), Ok(0));
    assert_eq!(
        search(vectors, all(Query::FullText(SparseVector::default()))).await,
        []
    );
    for query in queries(vectors, "anchor") {
        assert_eq!(
            search(
                vectors,
                SearchRequest {
                    limit: 0,
                    ..all(query)
                }
            )
            .await,
            []
        );
    }
}

pub(super) async fn odd_payloads_survive(vectors: &dyn Vectors) {
    let claim = ClaimId::generate();
    let mut odd = point(
        "ä b/🚢 \"x\"\n.md",
        claim,
        0,
        "anchor \0 \u{202e} e\u{301} 🚢 \\ \u{feff}",
        vectors.dense_size(),
    );
    odd.payload.heading_path = vec![String::new(), "船".to_owned()];
    odd.payload.start = u64::from(u32::MAX) + 1;
    odd.payload.end = i64::MAX.cast_unsigned();
    odd.payload.place = Place {
        attachment: Some("a/b.zip".to_owned()),
        page: Some(u32::MAX),
        page_end: Some(0),
        slide: Some(0),
        sheet: Some("é \"".to_owned()),
    };
    let mut bare = point("bare.md", claim, 1, "ballast", vectors.dense_size());
    bare.payload.heading_path = vec![];
    bare.payload.place = Place::default();
    bare.payload.converter.clear();
    bare.payload.etag = String::new();
    let huge = point(
        "huge.md",
        claim,
        2,
        &"capstan ".repeat(250_000),
        vectors.dense_size(),
    );
    // Nothing in it is a word, so only vectors find it.
    let wordless = point("wordless.md", claim, 3, "— …", vectors.dense_size());
    let points = vec![odd, bare, huge, wordless];
    write(vectors, points.clone()).await;
    for word in ["anchor", "ballast", "capstan"] {
        let hits = search(vectors, all(Query::FullText(terms(word)))).await;
        let expected = points
            .iter()
            .find(|point| point.payload.text.starts_with(word))
            .map(|point| &point.payload);
        assert_eq!(hits.len(), 1, "{word}");
        assert!(Some(&hits[0].payload) == expected, "{word}");
    }
    assert_eq!(vectors.count().await, Ok(4));
    if vectors.dense_size().is_some() {
        let hits = search(vectors, all(Query::Vector(dense("— …", DIMENSIONS)))).await;
        assert_eq!(hits[0].payload, points[3].payload);
    }
}

pub(super) async fn nonsense_is_refused(vectors: &dyn Vectors) {
    let good = || point("a.md", ClaimId::generate(), 0, "anchor", vectors.dense_size());
    let mut bad = vec![];
    for size in [None, Some(DIMENSIONS), Some(DIMENSIONS + 1)] {
        if size != vectors.dense_size() {
            bad.push(point("a.md", ClaimId::generate(), 0, "anchor", size));
        }
    }
    let sparse = |indices: Vec<u32>, values: Vec<f32>| {
        let mut point = good();
        point.bm25 = SparseVector { indices, values };
        point
    };
    bad.extend([
        sparse(vec![2, 1], vec![1.0, 1.0]),
        sparse(vec![1, 1], vec![1.0, 1.0]),
        sparse(vec![1], vec![]),
    ]);
    bad.push(sparse(vec![1], vec![f32::NAN]));
    for point in bad {
        let answer = vectors.upsert(vec![good(), point.clone()]).await;
        assert!(
            matches!(answer, Err(VectorsError::Refused(_))),
            "{answer:?} for {point:?}"
        );
    }
    let wrong = Query::Vector(vec![1.0; DIMENSIONS + 1]);
    assert!(matches!(
        vectors.search(all(wrong)).await,
        Err(VectorsError::Refused(_))
    ));
    let unsorted = Query::FullText(SparseVector {
        indices: vec![2, 1],
        values: vec![1.0, 1.0],
    });
    assert!(matches!(
        vectors.search(all(unsorted)).await,
        Err(VectorsError::Refused(_))
    ));
    // The store is still well.
    write(vectors, vec![good()]).await;
    assert!(
        texts(vectors, Query::FullText(terms("anchor")))
            .await
            .contains(&"anchor".to_owned())
    );
}

pub(super) async fn writers_do_not_disturb_each_other(vectors: &dyn Vectors) {
    const WRITERS: u32 = 16;
    const ROUNDS: u32 = 4;
    let writer = async |writer: u32| {
        let mut kept = vec![];
        for round in 0..ROUNDS {
            let (keep, discard) = (ClaimId::generate(), ClaimId::generate());
            let path = format!("{writer}/{round}.md");
            for claim in [keep, discard] {
                let text = format!("w{writer}r{round}");
                let points = (0..8)
                    .map(|n| point(&path, claim, n, &text, vectors.dense_size()))
                    .collect();
                write(vectors, points).await;
                // Written is found at once, whatever the others do.
                let hits = search(vectors, all(Query::FullText(terms(&text)))).await;
                assert_eq!(hits.iter().filter(|hit| hit.payload.claim == claim).count(), 8);
            }
            assert_eq!(vectors.delete_claims(&[discard]).await, Ok(()));
            kept.push(keep);
        }
        kept
    };
    let mut kept = join_all((0..WRITERS).map(writer)).await.concat();
    let mut claims = vectors.claims().await.expect("claims are listed");
    kept.sort_unstable();
    claims.sort_unstable();
    assert_eq!(claims, kept);
    assert_eq!(vectors.count().await, Ok(u64::from(WRITERS * ROUNDS * 8)));
}

pub(super) async fn upkeep_loses_nothing(vectors: &dyn Vectors) {
    let (keep, discard) = (ClaimId::generate(), ClaimId::generate());
    for claim in [keep, discard] {
        for first in (0..1200).step_by(100) {
            let text = |n: u32| format!("anchor number{n}");
            let points =
                (first..first + 100).map(|n| point("a.md", claim, n, &text(n), vectors.dense_size()));
            write(vectors, points.collect()).await;
        }
    }
    assert_eq!(vectors.delete_claims(&[discard]).await, Ok(()));
    assert_eq!(vectors.maintain().await, Ok(()));
    assert_eq!(vectors.count().await, Ok(1200));
    assert_eq!(vectors.claims().await, Ok(vec![keep]));
    // What came before and what comes after are found and can be deleted.
    let late = ClaimId::generate();
    write(
        vectors,
        vec![point("b.md", late, 0, "anchor number7", vectors.dense_size())],
    )
    .await;
    for query in queries(vectors, "anchor number7") {
        let hits = search(
            vectors,
            SearchRequest {
                limit: 2,
                ..all(query)
            },
        )
        .await;
        let ids: Vec<_> = hits.iter().map(|hit| hit.id).collect();
        assert!(
            ids.contains(&PointId::of(keep, 7)) && ids.contains(&PointId::of(late, 0)),
            "{ids:?}"
        );
    }
    assert_eq!(vectors.delete_claims(&[keep]).await, Ok(()));
    assert_eq!(vectors.maintain().await, Ok(()));
    assert_eq!(vectors.claims().await, Ok(vec![late]));
}
