use proptest::prelude::*;
use qdrant_client::qdrant::{NamedVectorsOutput, VectorOutput, VectorsOutput, vectors_output};

use super::*;
use crate::place::Place;
use crate::vectors::conformance;

const TARGET: Target<'static> = Target {
    collection: "c",
    timeout: 3,
};

fn any_payload() -> impl Strategy<Value = Payload> {
    (
        ".{0,40}",
        prop::collection::vec(".{0,10}", 0..4),
        (0..=i64::MAX.cast_unsigned(), 0..=i64::MAX.cast_unsigned()),
        any::<u32>(),
        any::<Option<u32>>(),
        prop::option::of(".{0,10}"),
    )
        .prop_map(|(text, heading_path, (start, end), ordinal, page, sheet)| {
            let sample = conformance::point("ä b/🚢.md", ClaimId::generate(), ordinal, &text, None);
            Payload {
                heading_path,
                start,
                end,
                place: Place {
                    page,
                    attachment: sheet.clone(),
                    page_end: page,
                    slide: page,
                    sheet,
                },
                etag: text,
                ..sample.payload
            }
        })
}

proptest! {
    #[test]
    fn payloads_come_back_as_they_went(sent in any_payload()) {
        prop_assert_eq!(payload(fields(&sent).unwrap()), Ok(sent));
    }
}

#[test]
fn numbers_that_would_be_rounded_are_refused() {
    let mut point = conformance::point("a.md", ClaimId::generate(), 0, "anchor", None);
    point.payload.end = i64::MAX.cast_unsigned() + 1;
    assert!(matches!(
        upsert(TARGET, vec![point]),
        Err(VectorsError::Refused(_))
    ));
}

fn names(point: &PointStruct) -> Vec<&str> {
    let Some(vectors::VectorsOptions::Vectors(named)) =
        point.vectors.as_ref().unwrap().vectors_options.as_ref()
    else {
        panic!("vectors have names");
    };
    let mut names: Vec<_> = named.vectors.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn points_have_the_vectors_that_there_are() {
    let claim = ClaimId::generate();
    for (text, dense_size, expected) in [
        ("anchor", Some(8), vec![BM25, DENSE]),
        ("anchor", None, vec![BM25]),
        ("— …", Some(8), vec![DENSE]),
        ("— …", None, vec![]),
    ] {
        let sent = point(conformance::point("a.md", claim, 0, text, dense_size)).unwrap();
        assert_eq!(names(&sent), expected, "{text}");
        assert_eq!(point_id(sent.id), Ok(PointId::of(claim, 0)));
    }
}

#[test]
fn writes_wait_and_are_limited_in_time() {
    let claim = ClaimId::generate();
    let point = conformance::point("a.md", claim, 0, "anchor", None);
    let written = upsert(TARGET, vec![point]).unwrap();
    assert_eq!((written.wait, written.timeout), (Some(true), Some(3)));
    let deleted = delete(TARGET, &[claim]);
    assert_eq!((deleted.wait, deleted.timeout), (Some(true), Some(3)));
}

#[test]
fn limits_stay_within_what_the_server_can_count() {
    let request = search(
        TARGET,
        Nearest::Dense(vec![1.0]),
        None,
        (usize::MAX, usize::MAX),
        true,
    );
    let most = u64::from(u32::MAX);
    assert_eq!((request.offset, request.limit), (Some(most), Some(most)));
}

#[test]
fn stored_vectors_are_read_by_name() {
    let hash = ChunkHash::of("anchor");
    let output = VectorOutput {
        vector: Some(Stored::Dense(DenseVector { data: vec![0.6, 0.8] })),
        ..VectorOutput::default()
    };
    let stored = |name: &str| RetrievedPoint {
        payload: HashMap::from([("chunk_hash".to_owned(), hash.to_string().into())]),
        vectors: Some(VectorsOutput {
            vectors_options: Some(vectors_output::VectorsOptions::Vectors(NamedVectorsOutput {
                vectors: HashMap::from([(name.to_owned(), output.clone())]),
            })),
        }),
        ..RetrievedPoint::default()
    };
    assert_eq!(hash_and_vector(stored(DENSE)), Some((hash, vec![0.6, 0.8])));
    assert_eq!(hash_and_vector(stored("other")), None);
    assert_eq!(hash_and_vector(RetrievedPoint::default()), None);
}

#[test]
fn what_is_not_ours_is_reported() {
    assert!(claim(FacetHit::default()).is_err());
    assert!(point_id(Some(7.into())).is_err());
    assert!(point_id(Some("x".into())).is_err());
    assert!(payload(HashMap::new()).is_err());
}

#[test]
fn points_that_went_away_are_left_out() {
    let claim = ClaimId::generate();
    let sent = conformance::point("a.md", claim, 1, "anchor", None);
    let found = RetrievedPoint {
        id: Some(sent.id.0.to_string().into()),
        payload: fields(&sent.payload).unwrap(),
        ..RetrievedPoint::default()
    };
    let ranked = vec![(PointId::of(claim, 0), 1.0), (sent.id, 0.5)];
    let hits = with_payloads(ranked, vec![found]).unwrap();
    assert_eq!(
        hits,
        [Hit {
            id: sent.id,
            score: 0.5,
            payload: sent.payload,
            dense: None
        }]
    );
}
