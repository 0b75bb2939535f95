//! Statements that only read; each runs on one snapshot.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rusqlite::{Connection, params, params_from_iter};

use super::connection::{DbResult, many, one};
use super::rows::{self, Columns, Text, lane_number, number};
use crate::file_state::FileState;
use crate::ids::{ClaimId, FileId, IndexId, RunId};
use crate::ledger::sql::{self, LIST, Sql};
use crate::ledger::{
    DeadClaim, DueFile, FileFilter, FileRow, HistoryEntry, IndexRecord, IndexState, IndexStats, KnownFile,
    RunRecord, millis, order::take_turns,
};
use crate::work_message::Lane;

pub(super) fn indexes(db: &Connection) -> DbResult<Vec<IndexRecord>> {
    many(db, &sql::INDEXES, [], rows::index)
}

pub(super) fn due(db: &Connection, window: u32, rewake_after: Duration) -> DbResult<Vec<DueFile>> {
    let (window, rewake) = (i64::from(window), millis(rewake_after));
    let mut per_index = Vec::new();
    for index in indexes(db)?
        .into_iter()
        .filter(|index| index.state == IndexState::Active)
        .map(|index| index.id)
    {
        let mut room = window;
        for lane in Lane::ALL {
            let values = params![index.as_str(), lane_number(lane), rewake];
            room -= one(db, &sql::WOKEN, values, |row| row.get::<_, i64>(0))?.unwrap_or(0);
        }
        let mut files = Vec::new();
        for lane in Lane::ALL {
            let limit = room - number(files.len());
            if limit <= 0 {
                break;
            }
            let values = params![index.as_str(), lane_number(lane), rewake, limit];
            files.extend(many(db, &sql::DUE, values, |row| {
                let mut c = Columns::of(row);
                Ok(DueFile {
                    index: index.clone(),
                    file_id: c.text()?,
                    path: c.text()?,
                    seq: c.value()?,
                    lane,
                })
            })?);
        }
        per_index.push(files);
    }
    Ok(take_turns(per_index))
}

/// Runs a statement with a `{list}` over all `ids`, [`LIST`] at a time.
pub(super) fn in_lists<I: Copy + std::fmt::Display, T>(
    db: &Connection,
    sql: &Sql,
    index: &IndexId,
    ids: &[I],
    mut read: impl FnMut(&mut Columns<'_, '_>) -> rusqlite::Result<T>,
) -> DbResult<Vec<T>> {
    let mut all = Vec::new();
    for chunk in ids.chunks(LIST) {
        let padded = (0..LIST)
            .filter_map(|slot| chunk.get(slot).or(chunk.last()))
            .map(ToString::to_string);
        let values = std::iter::once(index.to_string()).chain(padded);
        all.extend(many(db, sql, params_from_iter(values), |row| {
            read(&mut Columns::of(row))
        })?);
    }
    Ok(all)
}

pub(super) fn live_claims(
    db: &Connection,
    index: &IndexId,
    files: &[FileId],
) -> DbResult<HashMap<FileId, ClaimId>> {
    let rows = in_lists(db, &sql::LIVE_CLAIMS, index, files, |c| {
        Ok((c.text()?, c.text_or_null()?))
    })?;
    Ok(rows
        .into_iter()
        .filter_map(|(file, claim)| Some((file, claim?)))
        .collect())
}

pub(super) fn claims_in_use(db: &Connection, index: &IndexId, claims: &[ClaimId]) -> DbResult<Vec<ClaimId>> {
    let mut in_use = in_lists(db, &sql::CLAIMS_IN_USE, index, claims, |c| c.text())?;
    in_use.sort_unstable();
    in_use.dedup();
    Ok(in_use)
}

pub(super) fn dead_claims(
    db: &Connection,
    index: &IndexId,
    older_than: Duration,
    limit: u32,
) -> DbResult<Vec<DeadClaim>> {
    many(
        db,
        &sql::DEAD_CLAIMS,
        params![index.as_str(), millis(older_than), limit],
        |row| {
            let mut c = Columns::of(row);
            Ok(DeadClaim {
                file_id: c.text()?,
                claim_id: c.text()?,
            })
        },
    )
}

pub(super) fn file(db: &Connection, index: &IndexId, file: FileId) -> DbResult<Option<FileRow>> {
    one(db, &sql::FILE, params![index.as_str(), Text(file)], rows::file)
}

pub(super) fn files(
    db: &Connection,
    index: &IndexId,
    filter: &FileFilter,
    limit: u32,
) -> DbResult<Vec<FileRow>> {
    let (mut first, last) = sql::range_of_prefix(&filter.prefix);
    if let Some(after) = &filter.after {
        // The next path there can be: no path has a NUL, the only smaller character.
        first = first.max(format!("{after}\u{1}"));
    }
    let mut states = filter.states.clone();
    if states.is_empty() {
        states.extend(
            FileState::ALL
                .into_iter()
                .filter(|state| *state != FileState::Deleted),
        );
    }
    states.sort_unstable();
    states.dedup();
    // Each state is a range of an index in path order; merging them reads no more than `limit` rows of each.
    let mut found = Vec::new();
    for state in states {
        let values = params![index.as_str(), state.name(), first, last, limit];
        found.extend(many(db, &sql::FILES, values, rows::file)?);
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

pub(super) fn known_files(db: &Connection, index: &IndexId, prefix: &str) -> DbResult<Vec<KnownFile>> {
    let (first, last) = sql::range_of_prefix(prefix.trim_end_matches('/'));
    let mut files = many(
        db,
        &sql::KNOWN_FILES,
        params![index.as_str(), first, last],
        |row| {
            let mut c = Columns::of(row);
            Ok(KnownFile {
                path: c.text()?,
                state: c.text()?,
                etag: c.value()?,
                pipeline: c.value()?,
            })
        },
    )?;
    // The range has `docs-old/a` as well when the prefix is `docs`.
    files.retain(|file| file.path.is_under(prefix));
    Ok(files)
}

pub(super) fn history(
    db: &Connection,
    index: &IndexId,
    file: FileId,
    limit: u32,
) -> DbResult<Vec<HistoryEntry>> {
    let mut entries = many(
        db,
        &sql::HISTORY,
        params![index.as_str(), Text(file), limit],
        rows::history,
    )?;
    entries.reverse();
    Ok(entries)
}

/// Reads rows of state and count.
fn counts(db: &Connection, sql: &Sql, of: &str) -> DbResult<BTreeMap<FileState, u64>> {
    let rows = many(db, sql, [of], |row| {
        let mut c = Columns::of(row);
        Ok((c.text()?, c.count()?))
    })?;
    Ok(rows.into_iter().collect())
}

pub(super) fn stats(db: &Connection, index: &IndexId) -> DbResult<IndexStats> {
    let by_state = counts(db, &sql::COUNTS, index.as_str())?;
    let sizes = one(db, &sql::SIZES, [index.as_str()], |row| {
        let mut c = Columns::of(row);
        Ok((c.count()?, c.count()?))
    })?;
    let (chunks, bytes) = sizes.unwrap_or((0, 0));
    let oldest_pending_at = one(db, &sql::OLDEST, [index.as_str()], |row| row.get(0))?.flatten();
    let mut next_due_at: Option<i64> = None;
    for lane in Lane::ALL {
        let next = one(
            db,
            &sql::NEXT_DUE,
            params![index.as_str(), lane_number(lane)],
            |row| row.get(0),
        )?
        .flatten();
        next_due_at = [next_due_at, next].into_iter().flatten().min();
    }
    let working = by_state.iter().filter(|(state, _)| is_working(**state));
    let backlog = working.map(|(_, files)| files).sum();
    Ok(IndexStats {
        by_state,
        chunks,
        bytes,
        backlog,
        oldest_pending_at,
        next_due_at,
    })
}

fn is_working(state: FileState) -> bool {
    state == FileState::Pending || state.is_running()
}

/// Adds the counts of a run that is still open, and what is missing from them.
fn with_counts(db: &Connection, mut run: RunRecord) -> DbResult<RunRecord> {
    if run.completed_at.is_none() {
        run.by_state = counts(db, &sql::RUN_COUNTS, &run.id.to_string())?;
    }
    run.superseded = run.total.saturating_sub(run.by_state.values().sum());
    Ok(run)
}

/// Is a run open that has nothing left to do?
pub(super) fn has_ended(run: &RunRecord) -> bool {
    run.sealed && run.completed_at.is_none() && !run.by_state.keys().any(|state| is_working(*state))
}

pub(super) fn run(db: &Connection, run: RunId) -> DbResult<Option<RunRecord>> {
    one(db, &sql::RUN, params![Text(run)], rows::run)?
        .map(|run| with_counts(db, run))
        .transpose()
}

pub(super) fn runs(db: &Connection, index: &IndexId, limit: u32) -> DbResult<Vec<RunRecord>> {
    let runs = many(db, &sql::RUNS, params![index.as_str(), limit], rows::run)?;
    runs.into_iter().map(|run| with_counts(db, run)).collect()
}

/// The last file of the page after `after`.
pub(super) fn page_end(db: &Connection, index: &IndexId, after: &str, size: u32) -> DbResult<Option<String>> {
    Ok(
        one(db, &sql::PAGE_END, params![index.as_str(), after, size], |row| {
            row.get(0)
        })?
        .flatten(),
    )
}
