//! Maximal marginal relevance: hits that are relevant and say something else than those before them (Carbonell and
//! Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing Summaries", SIGIR 1998).

use shared::vectors::Hit;

/// The order of hits, each next one maximising `lambda * relevance - (1 - lambda) * similarity`, where the similarity is
/// the greatest cosine to a hit that came before. Relevance is the score: as it is when that is a cosine, else as a share
/// of the best one. The first hit is the most relevant; ties keep the order of the hits.
///
/// Vectors have length 1; a hit without one is similar to nothing.
pub(super) fn order(hits: Vec<Hit>, scores_are_cosines: bool, lambda: f32, wanted: usize) -> Vec<Hit> {
    let best = hits.iter().map(|hit| hit.score).fold(0.0, f32::max);
    let relevance = |hit: &Hit| {
        if scores_are_cosines || best <= 0.0 {
            hit.score
        } else {
            hit.score / best
        }
    };
    let mut left: Vec<Candidate> = hits
        .into_iter()
        .map(|hit| Candidate {
            relevance: relevance(&hit),
            similarity: None,
            hit,
        })
        .collect();
    let mut chosen = Vec::with_capacity(wanted.min(left.len()));
    while chosen.len() < wanted {
        let Some(next) = best_of(&left, lambda) else { break };
        // Keeps the others in their order, for ties.
        let next = left.remove(next).hit;
        if let Some(vector) = &next.dense {
            for candidate in &mut left {
                candidate.meets(vector);
            }
        }
        chosen.push(next);
    }
    chosen
}

struct Candidate {
    hit: Hit,
    relevance: f32,
    /// To the most similar hit that was chosen.
    similarity: Option<f32>,
}

impl Candidate {
    fn value(&self, lambda: f32) -> f32 {
        lambda * self.relevance - (1.0 - lambda) * self.similarity.unwrap_or(0.0)
    }

    fn meets(&mut self, chosen: &[f32]) {
        if let Some(own) = &self.hit.dense {
            let cosine = own.iter().zip(chosen).map(|(a, b)| a * b).sum();
            self.similarity = Some(self.similarity.map_or(cosine, |so_far| so_far.max(cosine)));
        }
    }
}

fn best_of(candidates: &[Candidate], lambda: f32) -> Option<usize> {
    let untouched = candidates.iter().all(|candidate| candidate.similarity.is_none());
    let value = |candidate: &Candidate| {
        // The first is the most relevant, also where only difference counts.
        if untouched {
            candidate.relevance
        } else {
            candidate.value(lambda)
        }
    };
    let mut best: Option<(usize, f32)> = None;
    for (at, candidate) in candidates.iter().enumerate() {
        let value = value(candidate);
        if best.is_none_or(|(_, so_far)| value > so_far) {
            best = Some((at, value));
        }
    }
    best.map(|(at, _)| at)
}

#[cfg(test)]
mod tests;
