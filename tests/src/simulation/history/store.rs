//! What the vector store holds, by claim and by text.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::ids::{ChunkHash, ClaimId, FileId, PointId};
use shared::vectors::Point;

use super::History;

#[derive(Default)]
pub(super) struct Stored {
    points: BTreeMap<PointId, ClaimId>,
    counts: BTreeMap<ClaimId, usize>,
    owners: BTreeMap<ClaimId, FileId>,
    /// Times that a process was told that a text is not stored, and has not embedded it since.
    missed: BTreeMap<(Arc<str>, ChunkHash), usize>,
}

impl Stored {
    pub(super) fn count(&self, claim: ClaimId) -> usize {
        self.counts.get(&claim).copied().unwrap_or(0)
    }

    fn drop_one(&mut self, claim: ClaimId) {
        if let Some(count) = self.counts.get_mut(&claim) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&claim);
            }
        }
    }
}

impl History {
    /// Points were written.
    pub(in super::super) fn upserted(&self, points: &[Point]) {
        let mut state = self.state();
        let stored = &mut state.stored;
        for point in points {
            let claim = point.payload.claim;
            stored.owners.insert(claim, point.payload.file_id);
            if let Some(before) = stored.points.insert(point.id, claim) {
                stored.drop_one(before);
            }
            *stored.counts.entry(claim).or_default() += 1;
        }
        drop(state);
        self.check_live_points();
    }

    /// Every point of some claims was removed.
    pub(in super::super) fn deleted(&self, claims: &[ClaimId]) {
        let mut state = self.state();
        let stored = &mut state.stored;
        stored.points.retain(|_, claim| !claims.contains(claim));
        stored.counts.retain(|claim, _| !claims.contains(claim));
        drop(state);
        self.check_live_points();
    }

    /// A committed version is complete at every moment, not only when somebody looks.
    fn check_live_points(&self) {
        let state = self.state();
        for log in state.files.values() {
            let Some(shown) = log.spans.last().and_then(|span| span.shown.as_ref()) else {
                continue;
            };
            let (stored, wanted) = (state.stored.count(shown.claim), shown.content.paragraphs.len());
            if stored != wanted {
                let what = format!("{stored} of the {wanted} points of its committed version are stored");
                self.world.broken(2, Some(&log.name), what);
            }
        }
    }

    /// The file that a claim's points belong to.
    pub(in super::super) fn owner(&self, claim: ClaimId) -> Option<FileId> {
        self.state().stored.owners.get(&claim).copied()
    }

    /// Claims of a file that have points, in the order in which the claims were made.
    pub(in super::super) fn claims_of(&self, file: FileId) -> Vec<ClaimId> {
        let state = self.state();
        let stored = &state.stored;
        let mut claims: Vec<ClaimId> = stored.counts.keys().copied().collect();
        claims.retain(|claim| stored.owners.get(claim) == Some(&file));
        claims.sort_by_key(|claim| state.claims.get(claim));
        claims
    }

    /// A process was told that some texts are not stored.
    pub(in super::super) fn missed(&self, who: &Arc<str>, hashes: impl Iterator<Item = ChunkHash>) {
        let mut state = self.state();
        for hash in hashes {
            *state.stored.missed.entry((Arc::clone(who), hash)).or_default() += 1;
        }
    }

    /// A process pays for texts; it must have been told that the store does not hold them.
    pub(in super::super) fn embedded(&self, who: &Arc<str>, texts: &[String]) {
        let mut state = self.state();
        for text in texts {
            let key = (Arc::clone(who), ChunkHash::of(text));
            match state.stored.missed.get_mut(&key) {
                Some(times) if *times > 0 => *times -= 1,
                _ => {
                    let what = format!("{who} embedded {text:?}, which the store held when it was asked");
                    self.world.broken(7, None, what);
                }
            }
        }
    }

    /// Does the store hold exactly what is live? Otherwise what is wrong.
    pub(in super::super) fn exact(&self) -> Result<(), String> {
        let state = self.state();
        let live = |log: &super::FileLog| Some(log.spans.last()?.shown.as_ref()?.claim);
        let live: Vec<ClaimId> = state.files.values().filter_map(live).collect();
        let odd = state
            .stored
            .counts
            .keys()
            .filter(|claim| !live.contains(claim))
            .count();
        if odd > 0 {
            return Err(format!(
                "the points of {odd} claims that are not live are left behind"
            ));
        }
        Ok(())
    }
}
