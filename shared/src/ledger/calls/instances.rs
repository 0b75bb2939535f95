//! What people do to files and runs.

use std::collections::BTreeMap;
use std::time::Duration;

use super::attempts::{GivenUp, RunOpen, lay_down, open_run};
use super::notes::{Account, Line, record};
use super::rows;
use crate::blob_path::BlobPath;
use crate::file_state::FileState;
use crate::ids::{ClaimId, FileId, IndexId, RunId};
use crate::ledger::database::{Database, DbResult, values};
use crate::ledger::sql::{self, Sql};
use crate::ledger::{
    DueFile, FileRow, HistoryEntry, LedgerError, Rewound, SuspendedBy, Terminate, detail, millis,
};

/// Claims that a purge leaves, so that a late repeat of their request is recognised.
pub(in crate::ledger) const KEPT_CLAIMS: Duration = Duration::from_secs(3600);

pub(in crate::ledger) async fn terminate<D: Database>(db: &D, terminate: &Terminate) -> DbResult<bool> {
    let Terminate {
        index,
        file_id,
        failure,
        etag,
    } = terminate;
    let text = serde_json::to_string(failure).map_err(|error| LedgerError::Corrupt(error.to_string()))?;
    let values = values![index, *file_id, text, etag.as_ref()];
    let ended = db
        .one(&sql::TERMINATE, values, |c| {
            let (seq, n) = (c.value()?, c.value()?);
            let (live, claim): (_, Option<ClaimId>) = (c.text_or_null()?, c.text_or_null()?);
            Ok((seq, n, live, claim, open_run(c)?))
        })
        .await?;
    let Some((seq, n, live, claim, (run, open))) = ended else {
        return Ok(false);
    };
    let given_up = GivenUp {
        index,
        file: *file_id,
        claim,
        state: FileState::Failed,
        seq,
        n,
        live,
        run: run.filter(|_| open == Some(RunOpen::Ended)),
        detail: detail::terminated(failure),
    };
    lay_down(db, "terminated", &failure.code, &[given_up]).await?;
    Ok(true)
}

pub(in crate::ledger) async fn suspend<D: Database>(
    db: &D,
    index: &IndexId,
    file: FileId,
    reason: &str,
) -> DbResult<Option<FileState>> {
    hold(db, &sql::SUSPEND, "suspended", index, file, reason).await
}

pub(in crate::ledger) async fn resume<D: Database>(
    db: &D,
    index: &IndexId,
    file: FileId,
    reason: &str,
) -> DbResult<Option<FileState>> {
    hold(db, &sql::RESUME, "resumed", index, file, reason).await
}

async fn hold<D: Database>(
    db: &D,
    statement: &'static Sql,
    event: &str,
    index: &IndexId,
    file: FileId,
    reason: &str,
) -> DbResult<Option<FileState>> {
    let changed: Option<(FileState, i64, i64)> = db
        .one(statement, values![index, file], |c| {
            Ok((c.text()?, c.value()?, c.value()?))
        })
        .await?;
    let Some((state, seq, n)) = changed else {
        return Ok(None);
    };
    let line = Line {
        index,
        file,
        event,
        state,
        seq,
        claim: None,
        detail: &detail::asked(reason),
        n,
    };
    record(db, &[line]).await?;
    Ok(Some(state))
}

/// Runs a statement that has a row exactly when it took effect.
async fn took_effect<D: Database>(db: &D, statement: &'static Sql, run: RunId) -> DbResult<bool> {
    Ok(db.one(statement, values![run], |_| Ok(())).await?.is_some())
}

pub(in crate::ledger) async fn suspend_run<D: Database>(db: &D, run: RunId) -> DbResult<bool> {
    took_effect(db, &sql::SUSPEND_RUN, run).await
}

pub(in crate::ledger) async fn resume_run<D: Database>(db: &D, run: RunId) -> DbResult<bool> {
    took_effect(db, &sql::RESUME_RUN, run).await
}

pub(in crate::ledger) async fn purge_run<D: Database>(db: &D, run: RunId) -> DbResult<bool> {
    let gone = took_effect(db, &sql::PURGE_RUN, run).await?;
    if gone {
        db.execute(&sql::FORGET_COUNTS, values![run]).await?;
    }
    Ok(gone)
}

pub(in crate::ledger) async fn rewind_run<D: Database>(
    db: &D,
    run: RunId,
    after: Option<FileId>,
    limit: u32,
) -> DbResult<Rewound> {
    let after = after.map_or_else(String::new, |file| file.to_string());
    let mut rows: Vec<(IndexId, FileId, i64, i64)> = db
        .many(&sql::REWIND_RUN, values![after, limit, run], |c| {
            Ok((c.text()?, c.text()?, c.value()?, c.value()?))
        })
        .await?;
    rows.sort_by_key(|(_, file, ..)| *file);
    let detail = detail::nothing();
    let lines: Vec<_> = rows
        .iter()
        .map(|(index, file, seq, n)| Line {
            index,
            file: *file,
            event: "retried",
            state: FileState::Pending,
            seq: *seq,
            claim: None,
            detail: &detail,
            n: *n,
        })
        .collect();
    record(db, &lines).await?;
    if let Some((_, counted, ..)) = rows.first() {
        db.execute(&sql::REOPEN_RUN, values![run]).await?;
        let mut account = Account::default();
        for _ in &rows {
            account.joined(run, *counted);
        }
        account.write(db).await?;
    }
    let full = rows.len() >= limit as usize;
    Ok(Rewound {
        files: rows.len() as u64,
        next: rows.last().filter(|_| full).map(|(_, file, ..)| *file),
    })
}

pub(in crate::ledger) async fn set_aside<D: Database>(db: &D, due: &[DueFile]) -> DbResult<u64> {
    let mut by_run: BTreeMap<RunId, Vec<(&IndexId, FileId)>> = BTreeMap::new();
    for file in due {
        if let Some(run) = file.held_back_by {
            by_run.entry(run).or_default().push((&file.index, file.file_id));
        }
    }
    let mut marked = 0;
    for (run, mut files) in by_run {
        if !took_effect(db, &sql::SET_ASIDE_RUN, run).await? {
            continue;
        }
        files.sort_unstable();
        let sets: Vec<_> = files
            .iter()
            .map(|(index, file)| values![*index, *file, run])
            .collect();
        marked += db.each(&sql::SET_ASIDE, &sets).await?;
    }
    Ok(marked)
}

pub(in crate::ledger) async fn let_go<D: Database>(db: &D, limit: u32) -> DbResult<u64> {
    let runs: Vec<RunId> = db.many(&sql::RESUMED_RUNS, values![], |c| c.text()).await?;
    let mut total = 0;
    for run in runs {
        let gone = db.execute(&sql::LET_RUN_GO, values![run, limit]).await?;
        if gone < u64::from(limit) {
            db.execute(&sql::ALL_LET_GO, values![run]).await?;
        }
        total += gone;
    }
    Ok(total)
}

pub(in crate::ledger) async fn suspended_files<D: Database>(
    db: &D,
    index: &IndexId,
    after: Option<&BlobPath>,
    limit: u32,
) -> DbResult<Vec<FileRow>> {
    let after = after.map_or("", BlobPath::as_str);
    let by = [SuspendedBy::File, SuspendedBy::Run];
    let sets = by.map(|by| values![index, by.name(), after, limit]);
    let mut found = Vec::new();
    db.run(&sql::SUSPENDED_FILES, &sets, |_, c| {
        found.push(rows::file(c)?);
        Ok(())
    })
    .await?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

pub(in crate::ledger) async fn history_before<D: Database>(
    db: &D,
    index: &IndexId,
    file: FileId,
    before: Option<i64>,
    limit: u32,
) -> DbResult<Vec<HistoryEntry>> {
    let values = values![index, file, before.unwrap_or(i64::MAX), limit];
    db.many(&sql::HISTORY_BEFORE, values, rows::history).await
}

pub(in crate::ledger) async fn purge_files<D: Database>(
    db: &D,
    index: &IndexId,
    files: &[FileId],
) -> DbResult<u64> {
    let mut purged = 0;
    for file in files {
        let values = values![index, *file, millis(KEPT_CLAIMS)];
        purged += u64::from(db.execute(&sql::PURGE_HISTORY, values).await? > 0);
    }
    Ok(purged)
}
