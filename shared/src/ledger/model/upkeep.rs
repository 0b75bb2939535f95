//! Reads and pruning of the model.

use std::time::Duration;

use super::Tables;
use super::row::Row;
use crate::clock::UnixMillis;
use crate::file_state::FileState;
use crate::ids::{ClaimId, FileId, IndexId, RunId};
use crate::ledger::order::take_turns;
use crate::ledger::{DeadClaim, DueFile, FileFilter, FileRow, IndexState, IndexStats, KnownFile, millis};

impl Tables {
    /// The rows of an index.
    fn of<'a>(&'a self, index: &'a IndexId) -> impl Iterator<Item = (FileId, &'a Row)> {
        self.files
            .iter()
            .filter(move |((of, _), _)| of == index)
            .map(|((_, file), row)| (*file, row))
    }

    pub(super) fn due(&self, now: UnixMillis, window: u32, rewake_after: Duration) -> Vec<DueFile> {
        let recent = |row: &Row| row.woken_at > 0 && row.woken_at > now - millis(rewake_after);
        let held_back: Vec<RunId> = self.books.suspended().collect();
        let mut per_index = Vec::new();
        for index in self
            .indexes
            .values()
            .filter(|index| index.state == IndexState::Active)
        {
            let mut rows: Vec<_> = self.of(&index.id).filter(|(_, row)| row.is_due(now)).collect();
            let on_their_way = rows.iter().filter(|(_, row)| recent(row)).count();
            rows.retain(|(_, row)| !recent(row));
            rows.sort_by_key(|(file, row)| (row.lane, row.not_before, *file));
            rows.truncate((window as usize).saturating_sub(on_their_way));
            let due = rows.into_iter().map(|(file_id, row)| DueFile {
                index: index.id.clone(),
                file_id,
                path: row.path.clone(),
                seq: row.desired,
                lane: row.lane,
                held_back_by: row.open_run().filter(|run| held_back.contains(run)),
            });
            per_index.push(due.collect());
        }
        take_turns(per_index)
    }

    pub(super) fn claims_in_use(&self, index: &IndexId, claims: &[ClaimId]) -> Vec<ClaimId> {
        let mut in_use: Vec<_> = self
            .of(index)
            .flat_map(|(_, row)| [row.live, row.claim, row.prev])
            .flatten()
            .collect();
        in_use.retain(|claim| claims.contains(claim));
        in_use.sort_unstable();
        in_use.dedup();
        in_use
    }

    pub(super) fn dead_claims(
        &self,
        now: UnixMillis,
        index: &IndexId,
        older_than: Duration,
        limit: u32,
    ) -> Vec<DeadClaim> {
        let mut dead = Vec::new();
        for ((of, claim_id), (file_id, at)) in &self.dead_claims {
            let row = self.files.get(&(index.clone(), *file_id));
            let settled = row.is_none_or(|row| row.state.is_settled());
            if of == index && (settled || *at < now - millis(older_than)) {
                dead.push((*at, *claim_id, *file_id));
            }
        }
        dead.sort_unstable();
        dead.truncate(limit as usize);
        dead.into_iter()
            .map(|(_, claim_id, file_id)| DeadClaim { file_id, claim_id })
            .collect()
    }

    pub(super) fn files(&self, index: &IndexId, filter: &FileFilter, limit: u32) -> Vec<FileRow> {
        let wanted = |row: &Row| {
            let state = if filter.states.is_empty() {
                row.state != FileState::Deleted
            } else {
                filter.states.contains(&row.state)
            };
            let is_partial = row
                .version
                .as_ref()
                .is_some_and(|version| !version.missing.is_empty());
            state
                && (is_partial || !filter.partial)
                && row.path.as_str().starts_with(&filter.prefix)
                && filter.after.as_ref().is_none_or(|after| row.path > *after)
        };
        let mut found: Vec<_> = self
            .of(index)
            .filter(|(_, row)| wanted(row))
            .map(|(file, row)| row.shown(file))
            .collect();
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found.truncate(limit as usize);
        found
    }

    pub(super) fn known_files(&self, now: UnixMillis, index: &IndexId, prefix: &str) -> Vec<KnownFile> {
        let known = self
            .of(index)
            .filter(|(_, row)| row.state != FileState::Deleted && row.path.is_under(prefix));
        let mut known: Vec<_> = known
            .map(|(_, row)| KnownFile {
                path: row.path.clone(),
                state: row.state,
                etag: row.seen_etag.clone(),
                pipeline: row.version.as_ref().map(|version| version.pipeline.clone()),
                kept: row.kept,
                shown: row.live.is_some(),
                rests: row.rests(now),
            })
            .collect();
        known.sort_by(|a, b| a.path.cmp(&b.path));
        known
    }

    pub(super) fn stats(&self, index: &IndexId) -> IndexStats {
        let mut stats = IndexStats::default();
        for (_, row) in self.of(index) {
            *stats.by_state.entry(row.state).or_default() += 1;
            if let (Some(_), Some(version)) = (row.live, &row.version) {
                stats.chunks += u64::from(version.chunks);
                stats.bytes += version.size;
                stats.partial += u64::from(!version.missing.is_empty());
            }
            let pending = row.state == FileState::Pending;
            if pending || row.state.is_running() {
                stats.backlog += u64::from(!pending || row.suspended.is_none());
                if row.unapplied() {
                    stats.oldest_pending_at = Some(
                        stats
                            .oldest_pending_at
                            .map_or(row.enqueued_at, |at| at.min(row.enqueued_at)),
                    );
                }
            }
            if pending && row.waits_for.is_none() && row.suspended.is_none() {
                stats.next_due_at = Some(
                    stats
                        .next_due_at
                        .map_or(row.not_before, |at| at.min(row.not_before)),
                );
            }
        }
        stats
    }

    pub(super) fn prune(&mut self, now: UnixMillis, index: &IndexId, keep: u32, older_than: Duration) -> u64 {
        let mut gone = 0;
        self.files.retain(|(of, _), row| {
            let old = row.state == FileState::Deleted && row.updated_at < now - millis(older_than);
            let goes = of == index && old;
            gone += if goes { 1 + row.history.len() } else { 0 };
            !goes
        });
        for (_, row) in self.files.iter_mut().filter(|((of, _), _)| of == index) {
            let (before, old) = (row.history.len(), row.entries - i64::from(keep));
            row.history.retain(|entry| entry.n > old);
            gone += before - row.history.len();
        }
        gone += self.prune_approvals(index, now - millis(older_than));
        gone += super::control::prune_operations(&mut self.operations, index, now - millis(older_than));
        gone as u64
    }
}
