use super::*;
use crate::vectors::conformance::{self, point};

#[tokio::test]
async fn conforms() {
    conformance::run(async |dense_size| MemoryVectors::new(dense_size) as Arc<dyn Vectors>).await;
}

#[tokio::test]
async fn injected_failures_have_no_effect_and_end() {
    let vectors = MemoryVectors::new(None);
    vectors.fail_next(2);
    let points = vec![point("a.md", ClaimId::generate(), 0, "crane", None)];
    assert!(matches!(
        vectors.upsert(points.clone()).await,
        Err(VectorsError::Unavailable(_))
    ));
    assert!(matches!(vectors.count().await, Err(VectorsError::Unavailable(_))));
    assert_eq!(vectors.count().await, Ok(0));
    assert_eq!(vectors.upsert(points).await, Ok(()));
}

#[tokio::test]
async fn a_lost_answer_has_taken_effect() {
    let vectors = MemoryVectors::new(None);
    let claim = ClaimId::generate();
    vectors.lose_next_answers(2);
    assert!(
        vectors
            .upsert(vec![point("a.md", claim, 0, "crane", None)])
            .await
            .is_err()
    );
    assert_eq!(vectors.count().await, Ok(1));
    assert!(vectors.delete_claims(&[claim]).await.is_err());
    assert_eq!(vectors.count().await, Ok(0));
}

#[tokio::test]
async fn late_duplicates_bring_deleted_points_back() {
    let vectors = MemoryVectors::new(None);
    let claim = ClaimId::generate();
    vectors.record_upserts();
    vectors
        .upsert(vec![point("a.md", claim, 0, "crane", None)])
        .await
        .unwrap();
    vectors.delete_claims(&[claim]).await.unwrap();
    vectors.deliver_late_duplicates();
    assert_eq!(vectors.claims().await, Ok(vec![claim]));
}

#[tokio::test]
async fn rare_terms_weigh_more() {
    let vectors = MemoryVectors::new(None);
    for (ordinal, text) in (0..).zip(["common rare", "common", "common"]) {
        vectors
            .upsert(vec![point("a.md", ClaimId::generate(), ordinal, text, None)])
            .await
            .unwrap();
    }
    let state = vectors.state();
    let terms: Vec<_> = ["common", "rare"].map(conformance::terms).into();
    let idf = |query: &SparseVector| state.inverse_document_frequency(query.indices[0]);
    // By hand: ln(1 + 0.5 / 3.5) and ln(1 + 2.5 / 1.5).
    assert!((idf(&terms[0]) - 0.133_531_4).abs() < 1e-6);
    assert!((idf(&terms[1]) - 0.980_829_3).abs() < 1e-6);
}
