use proptest::prelude::*;

use super::super::tests::hit;
use super::*;
use shared::ids::ClaimId;

/// Hits named by number, with a score and a direction in the plane.
fn hits(of: &[(f32, Option<f32>)]) -> Vec<Hit> {
    (0u16..)
        .zip(of)
        .map(|(number, (score, angle))| Hit {
            score: *score,
            dense: angle.map(|angle| vec![angle.cos(), angle.sin()]),
            ..hit(&format!("{number:03}"), ClaimId::made_at(1))
        })
        .collect()
}

fn names(hits: &[Hit]) -> Vec<&str> {
    hits.iter().map(|hit| hit.payload.path.as_str()).collect()
}

#[test]
fn a_copy_of_the_best_hit_comes_after_something_else() {
    let of = [(0.9, Some(0.0)), (0.89, Some(0.0)), (0.7, Some(1.5))];
    assert_eq!(names(&order(hits(&of), true, 0.5, 3)), ["000", "002", "001"]);
    assert_eq!(names(&order(hits(&of), true, 1.0, 3)), ["000", "001", "002"]);
    // The best comes first also where only difference counts.
    assert_eq!(names(&order(hits(&of), true, 0.0, 3)), ["000", "002", "001"]);
    assert_eq!(names(&order(hits(&of), true, 0.5, 1)), ["000"]);
    assert_eq!(names(&order(Vec::new(), true, 0.5, 3)), [""; 0]);
}

#[test]
fn scores_of_other_scales_count_as_shares_of_the_best() {
    // As cosines these would outweigh any similarity.
    let of = [(12.0, Some(0.0)), (11.0, Some(0.0)), (6.0, Some(1.5))];
    assert_eq!(names(&order(hits(&of), false, 0.5, 2)), ["000", "002"]);
}

#[test]
fn hits_without_a_vector_are_similar_to_nothing() {
    let of = [(0.9, None), (0.8, Some(0.0)), (0.79, Some(0.0)), (0.5, None)];
    assert_eq!(
        names(&order(hits(&of), true, 0.5, 4)),
        ["000", "001", "003", "002"]
    );
}

/// The definition, word for word.
fn by_definition(hits: &[Hit], lambda: f32, wanted: usize) -> Vec<usize> {
    let cosine = |a: usize, b: usize| match (&hits[a].dense, &hits[b].dense) {
        (Some(a), Some(b)) => a.iter().zip(b).map(|(x, y)| x * y).sum(),
        _ => 0.0_f32,
    };
    let mut chosen: Vec<usize> = Vec::new();
    while chosen.len() < wanted.min(hits.len()) {
        let mut best: Option<(usize, f32)> = None;
        for at in (0..hits.len()).filter(|at| !chosen.contains(at)) {
            let similarity = chosen.iter().map(|other| cosine(at, *other)).reduce(f32::max);
            let value = match similarity {
                None => hits[at].score,
                Some(similarity) => lambda * hits[at].score - (1.0 - lambda) * similarity,
            };
            if best.is_none_or(|(_, so_far)| value > so_far) {
                best = Some((at, value));
            }
        }
        chosen.extend(best.map(|(at, _)| at));
    }
    chosen
}

proptest! {
    #[test]
    fn the_order_is_that_of_the_definition(
        of in prop::collection::vec((0.0f32..1.0, 0.0f32..6.3), 0..30),
        lambda in 0.0f32..=1.0,
        wanted in 0usize..40,
    ) {
        let mut of: Vec<_> = of.into_iter().map(|(score, angle)| (score, Some(angle))).collect();
        of.sort_by(|a, b| b.0.total_cmp(&a.0));
        let hits = hits(&of);
        let expected: Vec<_> = by_definition(&hits, lambda, wanted)
            .into_iter()
            .map(|at| hits[at].payload.path.clone())
            .collect();
        let found: Vec<_> = order(hits, true, lambda, wanted).into_iter().map(|hit| hit.payload.path).collect();
        prop_assert_eq!(found, expected);
    }

    /// A page does not depend on how much is asked for after it.
    #[test]
    fn a_longer_order_begins_with_the_shorter(
        of in prop::collection::vec((0.0f32..1.0, 0.0f32..6.3), 1..30),
        lambda in 0.0f32..=1.0,
        wanted in 1usize..20,
    ) {
        let of: Vec<_> = of.into_iter().map(|(score, angle)| (score, Some(angle))).collect();
        let hits = hits(&of);
        let short = order(hits.clone(), true, lambda, wanted);
        let long = order(hits, true, lambda, wanted + 10);
        prop_assert_eq!(&long[..short.len()], &short[..]);
    }
}
