//! Calls that only read.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::time::Duration;

use futures::try_join;

use super::rows;
use crate::file_state::FileState;
use crate::ids::{ClaimId, FileId, IndexId};
use crate::ledger::database::{Columns, Database, DbResult, Value, number, values};
use crate::ledger::sql::{self, LIST, Sql};
use crate::ledger::{
    DeadClaim, DueFile, FileFilter, FileRow, HistoryEntry, IndexRecord, IndexState, IndexStats, KnownFile,
    RESTS_AFTER, millis, order::take_turns,
};
use crate::work_message::Lane;

pub(in crate::ledger) async fn indexes<D: Database>(db: &D) -> DbResult<Vec<IndexRecord>> {
    db.many(&sql::INDEXES, values![], rows::index).await
}

pub(in crate::ledger) async fn due<D: Database>(
    db: &D,
    window: u32,
    rewake_after: Duration,
) -> DbResult<Vec<DueFile>> {
    let rewake = millis(rewake_after);
    let active = indexes(db)
        .await?
        .into_iter()
        .filter(|index| index.state == IndexState::Active);
    let indexes: Vec<_> = active.map(|index| index.id).collect();
    let mut room = vec![i64::from(window); indexes.len()];
    let lanes: Vec<_> = indexes
        .iter()
        .enumerate()
        .flat_map(|(at, index)| Lane::ALL.map(|lane| (at, values![index, lane, rewake])))
        .collect();
    let (owners, sets): (Vec<_>, Vec<_>) = lanes.into_iter().unzip();
    db.run(&sql::WOKEN, &sets, |set, c| {
        room[owners[set]] -= c.value::<i64>()?;
        Ok(())
    })
    .await?;
    let mut per_index: Vec<Vec<DueFile>> = vec![Vec::new(); indexes.len()];
    for lane in Lane::ALL {
        // The more urgent lane first; the others get the room that it leaves.
        let open: Vec<_> = (0..indexes.len())
            .filter(|at| room[*at] > number(per_index[*at].len()))
            .collect();
        let sets: Vec<_> = open
            .iter()
            .map(|at| {
                values![
                    &indexes[*at],
                    lane,
                    rewake,
                    room[*at] - number(per_index[*at].len())
                ]
            })
            .collect();
        db.run(&sql::DUE, &sets, |set, c| {
            let at = open[set];
            per_index[at].push(DueFile {
                index: indexes[at].clone(),
                file_id: c.text()?,
                path: c.text()?,
                seq: c.value()?,
                lane,
                held_back_by: c.text_or_null()?,
            });
            Ok(())
        })
        .await?;
    }
    Ok(take_turns(per_index))
}

/// Runs a statement with a `{list}` over all `ids`, [`LIST`] at a time.
pub(super) async fn in_lists<D: Database, I: Copy + Display, T>(
    db: &D,
    sql: &'static Sql,
    index: &IndexId,
    ids: &[I],
    mut read: impl FnMut(&mut Columns<'_>) -> DbResult<T>,
) -> DbResult<Vec<T>> {
    let padded = |chunk: &[I]| {
        let slots = (0..LIST).filter_map(|slot| chunk.get(slot).or(chunk.last()).map(ToString::to_string));
        std::iter::once(Value::from(index))
            .chain(slots.map(Value::from))
            .collect()
    };
    let sets: Vec<Vec<Value<'_>>> = ids.chunks(LIST).map(padded).collect();
    let mut all = Vec::new();
    db.run(sql, &sets, |_, columns| {
        all.push(read(columns)?);
        Ok(())
    })
    .await?;
    Ok(all)
}

pub(in crate::ledger) async fn live_claims<D: Database>(
    db: &D,
    index: &IndexId,
    files: &[FileId],
) -> DbResult<HashMap<FileId, ClaimId>> {
    let rows = in_lists(db, &sql::LIVE_CLAIMS, index, files, |c| {
        Ok((c.text()?, c.text_or_null()?))
    })
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|(file, claim)| Some((file, claim?)))
        .collect())
}

pub(in crate::ledger) async fn claims_in_use<D: Database>(
    db: &D,
    index: &IndexId,
    claims: &[ClaimId],
) -> DbResult<Vec<ClaimId>> {
    let mut in_use = in_lists(db, &sql::CLAIMS_IN_USE, index, claims, |c| c.text()).await?;
    in_use.sort_unstable();
    in_use.dedup();
    Ok(in_use)
}

pub(in crate::ledger) async fn dead_claims<D: Database>(
    db: &D,
    index: &IndexId,
    older_than: Duration,
    limit: u32,
) -> DbResult<Vec<DeadClaim>> {
    let values = values![index, millis(older_than), limit];
    db.many(&sql::DEAD_CLAIMS, values, |c| {
        Ok(DeadClaim {
            file_id: c.text()?,
            claim_id: c.text()?,
        })
    })
    .await
}

pub(in crate::ledger) async fn file<D: Database>(
    db: &D,
    index: &IndexId,
    file: FileId,
) -> DbResult<Option<FileRow>> {
    db.one(&sql::FILE, values![index, file], rows::file).await
}

pub(in crate::ledger) async fn files<D: Database>(
    db: &D,
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
    let sets: Vec<_> = states
        .iter()
        .map(|state| values![index, *state, &first, &last, limit])
        .collect();
    let mut found = Vec::new();
    let statement = if filter.partial {
        &sql::PARTIAL_FILES
    } else {
        &sql::FILES
    };
    db.run(statement, &sets, |_, c| {
        found.push(rows::file(c)?);
        Ok(())
    })
    .await?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

pub(in crate::ledger) async fn known_files<D: Database>(
    db: &D,
    index: &IndexId,
    prefix: &str,
) -> DbResult<Vec<KnownFile>> {
    let (first, last) = sql::range_of_prefix(prefix.trim_end_matches('/'));
    let mut files = db
        .many(
            &sql::KNOWN_FILES,
            values![index, first, last, millis(RESTS_AFTER)],
            |c| {
                Ok(KnownFile {
                    path: c.text()?,
                    state: c.text()?,
                    etag: c.value()?,
                    pipeline: c.value()?,
                    kept: c.value()?,
                    shown: c.value()?,
                    rests: c.value()?,
                })
            },
        )
        .await?;
    // The range has `docs-old/a` as well when the prefix is `docs`.
    files.retain(|file| file.path.is_under(prefix));
    Ok(files)
}

pub(in crate::ledger) async fn history<D: Database>(
    db: &D,
    index: &IndexId,
    file: FileId,
    limit: u32,
) -> DbResult<Vec<HistoryEntry>> {
    let mut entries = db
        .many(&sql::HISTORY, values![index, file, limit], rows::history)
        .await?;
    entries.reverse();
    Ok(entries)
}

/// A row of state and count.
fn count(c: &mut Columns<'_>) -> DbResult<(FileState, u64)> {
    Ok((c.text()?, c.count()?))
}

pub(in crate::ledger) async fn stats<D: Database>(db: &D, index: &IndexId) -> DbResult<IndexStats> {
    let lanes: Vec<_> = Lane::ALL.iter().map(|lane| values![index, *lane]).collect();
    let mut next_due_at: Option<i64> = None;
    let next_due = db.run(&sql::NEXT_DUE, &lanes, |_, c| {
        next_due_at = [next_due_at, c.value()?].into_iter().flatten().min();
        Ok(())
    });
    let (counts, sizes, partial, oldest, suspended, _) = try_join!(
        db.many(&sql::COUNTS, values![index], count),
        db.one(&sql::SIZES, values![index], |c| Ok((c.count()?, c.count()?))),
        db.one(&sql::PARTIAL, values![index], |c| c.count()),
        db.one(&sql::OLDEST, values![index], |c| c.value()),
        db.one(&sql::SUSPENDED_PENDING, values![index], |c| c.count::<u64>()),
        next_due,
    )?;
    let by_state: BTreeMap<_, _> = counts.into_iter().collect();
    let (chunks, bytes) = sizes.unwrap_or((0, 0));
    let working = by_state.iter().filter(|(state, _)| is_working(**state));
    let working: u64 = working.map(|(_, files)| files).sum();
    let backlog = working.saturating_sub(suspended.unwrap_or_default());
    Ok(IndexStats {
        by_state,
        chunks,
        bytes,
        partial: partial.unwrap_or_default(),
        backlog,
        oldest_pending_at: oldest.flatten(),
        next_due_at,
    })
}

fn is_working(state: FileState) -> bool {
    state == FileState::Pending || state.is_running()
}

/// The last file of the page after `after`.
pub(super) async fn page_end<D: Database>(
    db: &D,
    index: &IndexId,
    after: &str,
    size: u32,
) -> DbResult<Option<String>> {
    let values = values![index, after, size];
    Ok(db.one(&sql::PAGE_END, values, |c| c.value()).await?.flatten())
}
