//! Generations in the model.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

use super::row::Row;
use super::{ModelLedger, Tables};
use crate::blob_path::BlobPath;
use crate::file_state::FileState;
use crate::ids::{FileId, IndexId};
use crate::ledger::{
    Begun, BuildFailure, Catalog, Family, IndexRecord, IndexState, Lag, LedgerError, Role, millis,
};

/// A family with what is not shown of it.
pub(super) struct StoredFamily {
    family: Family,
    progress: u64,
}

impl Tables {
    /// A family with a row of its own, if there is such an index.
    pub(super) fn ensure_family(&mut self, name: &IndexId) {
        let Some(first) = self.indexes.get(name) else {
            return;
        };
        let paused = first.state == IndexState::Paused;
        self.families.entry(name.clone()).or_insert_with(|| StoredFamily {
            family: Family {
                name: name.clone(),
                live: name.clone(),
                building: None,
                retired: None,
                made: 1,
                paused,
                deleting: false,
                going_back: false,
                began_at: None,
                progress_at: None,
                waits_for: Vec::new(),
                swapped_at: None,
                alias: None,
                failure: None,
                now: 0,
            },
            progress: 0,
        });
    }

    pub(super) fn family(&mut self, name: &IndexId) -> Option<&mut Family> {
        self.families.get_mut(name).map(|stored| &mut stored.family)
    }

    /// Forgets a family of which nothing is left.
    pub(super) fn erase_family(&mut self, name: &IndexId) {
        let left = self.indexes.keys().any(|index| index.base() == *name);
        if !left {
            self.families.remove(name);
            self.usage.retain(|(of, _), _| of != name);
        }
    }

    /// What an index is for.
    fn role(&self, index: &IndexId) -> Role {
        let Some(StoredFamily { family, .. }) = self.families.get(&index.base()) else {
            return if index.generation() == 1 {
                Role::Live
            } else {
                Role::Dropping
            };
        };
        if family.live == *index {
            Role::Live
        } else if family.building.as_ref() == Some(index) {
            Role::Building
        } else if family.retired.as_ref() == Some(index) {
            Role::Retired
        } else {
            Role::Dropping
        }
    }

    /// A record as it is shown.
    pub(super) fn shown_index(&self, record: &IndexRecord) -> IndexRecord {
        IndexRecord {
            role: self.role(&record.id),
            ..record.clone()
        }
    }

    /// Lets the states of the generations follow the family's row.
    pub(super) fn align_family(&mut self, name: &IndexId) {
        let Some(StoredFamily { family, .. }) = self.families.get(name) else {
            return;
        };
        let worked_on = if family.paused {
            IndexState::Paused
        } else {
            IndexState::Active
        };
        let going_back = family.going_back;
        let ids: Vec<IndexId> = self
            .indexes
            .keys()
            .filter(|id| id.base() == *name)
            .cloned()
            .collect();
        for id in ids {
            let state = match self.role(&id) {
                Role::Live | Role::Building => worked_on,
                Role::Retired if going_back => worked_on,
                Role::Retired => IndexState::Paused,
                Role::Dropping => IndexState::Deleting,
            };
            if let Some(record) = self
                .indexes
                .get_mut(&id)
                .filter(|r| r.state != IndexState::Deleting)
            {
                record.state = state;
            }
        }
    }

    fn rows_by_path(&self, index: &IndexId) -> BTreeMap<&BlobPath, &Row> {
        let of_index = self.files.iter().filter(|((of, _), _)| of == index);
        of_index
            .map(|((_, _), row): (&(IndexId, FileId), &Row)| (&row.path, row))
            .collect()
    }

    fn lags(&self, live: &IndexId, next: &IndexId) -> Vec<Lag> {
        let (live, next) = (self.rows_by_path(live), self.rows_by_path(next));
        let lost = live.iter().filter(|(path, shown)| {
            shown.live.is_some() && !next.get(*path).is_some_and(|next| is_as_good(shown, next))
        });
        let risen = next.iter().filter(|(path, row)| {
            let settled = matches!(
                row.state,
                FileState::Indexed | FileState::Skipped | FileState::Deleted
            );
            row.live.is_some() && !settled && live.get(*path).is_none_or(|shown| shown.live.is_none())
        });
        let lag = |path: &BlobPath, lost| Lag {
            path: path.clone(),
            lost,
        };
        lost.map(|(path, _)| lag(path, true))
            .chain(risen.map(|(path, _)| lag(path, false)))
            .collect()
    }
}

/// Does the next generation show what the live one shows, or know better?
fn is_as_good(shown: &Row, next: &Row) -> bool {
    let etag = |row: &Row| row.version.as_ref().map(|version| version.etag.clone());
    let behind =
        shown.state == FileState::Pending || shown.state.is_running() || shown.state == FileState::Failed;
    (next.live.is_some() && etag(next) == etag(shown))
        || next.state == FileState::Skipped
        || (shown.state == FileState::Failed && next.state == FileState::Failed)
        || (behind && matches!(next.state, FileState::Indexed | FileState::Deleted))
}

#[async_trait]
impl Catalog for ModelLedger {
    async fn families(&self) -> Result<Vec<Family>, LedgerError> {
        let (tables, now) = self.enter();
        let shown = |stored: &StoredFamily| Family {
            now,
            ..stored.family.clone()
        };
        Ok(tables.families.values().map(shown).collect())
    }

    async fn begin_generation(
        &self,
        name: &IndexId,
        settings: &serde_json::Value,
    ) -> Result<Begun, LedgerError> {
        let (mut tables, now) = self.enter();
        tables.ensure_family(name);
        let Some(stored) = tables
            .families
            .get_mut(name)
            .filter(|stored| !stored.family.deleting)
        else {
            return Ok(Begun::Gone);
        };
        let family = &mut stored.family;
        if family.building.is_some() || family.going_back {
            return Ok(Begun::Busy);
        }
        family.made += 1;
        let generation = name.of_generation(family.made);
        family.building = Some(generation.clone());
        family.began_at = Some(now);
        family.progress_at = Some(now);
        family.failure = None;
        family.waits_for.clear();
        stored.progress = 0;
        let state = if family.paused {
            IndexState::Paused
        } else {
            IndexState::Active
        };
        let record = IndexRecord {
            revision: 1,
            id: generation.clone(),
            state,
            settings: settings.clone(),
            created_at: now,
            comparison: None,
            role: Role::Building,
        };
        tables.indexes.insert(generation, record.clone());
        Ok(Begun::Building(Box::new(record)))
    }

    async fn lags(&self, name: &IndexId, next: &IndexId, limit: u32) -> Result<Vec<Lag>, LedgerError> {
        let (mut tables, _) = self.enter();
        let Some(live) = tables.family(name).map(|family| family.live.clone()) else {
            return Ok(Vec::new());
        };
        let (lost, risen): (Vec<_>, Vec<_>) = tables.lags(&live, next).into_iter().partition(|lag| lag.lost);
        let first = |lags: Vec<Lag>| lags.into_iter().take(limit as usize);
        Ok(first(lost).chain(first(risen)).collect())
    }

    async fn swap_generation(
        &self,
        name: &IndexId,
        next: &IndexId,
        forced: bool,
    ) -> Result<bool, LedgerError> {
        let (mut tables, now) = self.enter();
        let compared = tables
            .indexes
            .get(next)
            .is_some_and(|record| record.comparison.is_some());
        let Some(family) = tables.family(name).filter(|family| !family.deleting) else {
            return Ok(false);
        };
        let is = |one: &Option<IndexId>| one.as_ref() == Some(next);
        let built = is(&family.building) && compared;
        let back = is(&family.retired) && family.building.is_none() && (family.going_back || forced);
        let live = family.live.clone();
        if !(built || back) || (!forced && !tables.lags(&live, next).is_empty()) {
            return Ok(false);
        }
        if let Some(family) = tables.family(name) {
            family.retired = Some(live);
            family.live = next.clone();
            family.building = None;
            family.going_back = false;
            family.waits_for.clear();
            family.swapped_at = Some(now);
            family.failure = None;
        }
        tables.align_family(name);
        Ok(true)
    }

    async fn roll_back(
        &self,
        name: &IndexId,
        generation: &IndexId,
        reason: &str,
    ) -> Result<bool, LedgerError> {
        let (mut tables, now) = self.enter();
        let Some(family) = tables.family(name) else {
            return Ok(false);
        };
        let built = family.building.as_ref() == Some(generation);
        let back = family.retired.as_ref() == Some(generation) && family.going_back;
        if !(built || back) {
            return Ok(false);
        }
        family.failure = family.building.take().map(|generation| BuildFailure {
            generation,
            at: now,
            reason: reason.to_owned(),
        });
        family.going_back = false;
        tables.align_family(name);
        Ok(true)
    }

    async fn undo_swap(&self, name: &IndexId, live: &IndexId) -> Result<bool, LedgerError> {
        let (mut tables, _) = self.enter();
        let Some(family) = tables.family(name) else {
            return Ok(false);
        };
        let free = family.building.is_none() && !family.deleting;
        if family.live != *live || family.retired.is_none() || !free {
            return Ok(false);
        }
        family.going_back = true;
        family.waits_for.clear();
        tables.align_family(name);
        Ok(true)
    }

    async fn drop_retired(
        &self,
        name: &IndexId,
        retired: &IndexId,
        age: Duration,
    ) -> Result<bool, LedgerError> {
        let (mut tables, now) = self.enter();
        let Some(family) = tables.family(name) else {
            return Ok(false);
        };
        let old = family.swapped_at.is_some_and(|at| at <= now - millis(age));
        if family.retired.as_ref() != Some(retired) || family.going_back || !old {
            return Ok(false);
        }
        family.retired = None;
        tables.align_family(name);
        Ok(true)
    }

    async fn note_progress(
        &self,
        name: &IndexId,
        next: &IndexId,
        settled: u64,
        waits_for: &[String],
    ) -> Result<(), LedgerError> {
        let (mut tables, now) = self.enter();
        let Some(stored) = tables.families.get_mut(name) else {
            return Ok(());
        };
        let family = &mut stored.family;
        let back = family.retired.as_ref() == Some(next) && family.going_back;
        if family.building.as_ref() == Some(next) || back {
            if stored.progress != settled || family.paused {
                family.progress_at = Some(now);
            }
            stored.progress = settled;
            family.waits_for = waits_for.to_vec();
        }
        Ok(())
    }

    async fn note_alias(&self, name: &IndexId, live: &IndexId) -> Result<(), LedgerError> {
        let (mut tables, _) = self.enter();
        if let Some(family) = tables.family(name).filter(|family| family.live == *live) {
            family.alias = Some(live.clone());
        }
        Ok(())
    }
}
