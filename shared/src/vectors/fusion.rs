//! Reciprocal rank fusion: merges rankings whose scores cannot be compared.
//!
//! Each ranking gives the point at 0-based rank `r` the score `1 / (r + K)`, and scores add up (Cormack, Clarke and
//! Büttcher, "Reciprocal Rank Fusion outperforms Condorcet", SIGIR 2009, with Qdrant's constant). Points that tie are
//! ordered by id, so that the pages of one search neither repeat nor skip a point.

use std::collections::HashMap;

use crate::ids::PointId;

/// The constant of the formula, as Qdrant has it. (The paper counts ranks from 1 and uses 60.)
pub const K: f32 = 2.0;

/// Hits that each side must contribute so that `wanted` fused hits (offset and limit together) are worth having: a
/// point that is middling in both rankings may beat one that is good in one of them.
#[must_use]
pub fn candidates(wanted: usize) -> usize {
    wanted.saturating_mul(4).max(100)
}

/// Merges rankings, each best first, into one, best first.
pub fn fuse<I>(rankings: I) -> Vec<(PointId, f32)>
where
    I: IntoIterator,
    I::Item: IntoIterator<Item = PointId>,
{
    let mut scores = HashMap::new();
    for ranking in rankings {
        for (position, id) in (0u16..).zip(ranking) {
            *scores.entry(id).or_insert(0.0) += 1.0 / (f32::from(position) + K);
        }
    }
    let mut fused: Vec<_> = scores.into_iter().collect();
    sort(&mut fused);
    fused
}

/// Orders scored points best first, ties by id.
pub fn sort(points: &mut [(PointId, f32)]) {
    points.sort_by(|(a, x), (b, y)| y.total_cmp(x).then_with(|| a.cmp(b)));
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(number: u128) -> PointId {
        PointId(Uuid::from_u128(number))
    }

    #[test]
    fn scores_are_those_of_the_formula() {
        let fused = fuse([vec![id(1), id(2)], vec![id(3), id(2)]]);
        assert_eq!(fused, [(id(2), 2.0 / 3.0), (id(1), 0.5), (id(3), 0.5)]);
    }

    #[test]
    fn one_ranking_keeps_its_order() {
        let ids: Vec<_> = (0..300).rev().map(id).collect();
        let fused: Vec<_> = fuse([ids.clone()]).into_iter().map(|(id, _)| id).collect();
        assert_eq!(fused, ids);
    }
}
