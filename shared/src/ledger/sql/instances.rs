//! Statements by which people hold and end files and runs.

use super::Sql;
use super::protocol::retry;
use super::queries::file_columns;

/// **terminate**: is there something to end, and is it not committed yet? The claim is cleared, which fences the attempt.
/// `last_owner` tells whether there was one: it is NULL when nobody held the file. `waits_for` stays: should the old path of a
/// rename be tried again before the new one has settled, its removal must not come first.
///
/// $1 index, $2 file, $3 failure, $4 etag
pub(in crate::ledger) static TERMINATE: Sql = Sql::new(
    "UPDATE files SET
        state = 'FAILED',
        seen_etag = COALESCE($4, seen_etag),
        failed_seq = CASE WHEN CAST($4 AS TEXT) IS NOT NULL THEN desired_seq END,
        woken_at = 0,
        newer_at = NULL,
        suspended = NULL, suspended_at = NULL,
        last_error = $3,
        last_claim = COALESCE(claim_id, last_claim), last_owner = owner,
        claim_id = NULL, owner = NULL, lease_until = NULL, started_at = NULL,
        run_open = CASE WHEN run_open <> 1 THEN 0 ELSE 2 END,
        entries = entries + 1,
        updated_at = now_ms()
     WHERE index_id = $1 AND file_id = $2 AND state IN ('PENDING', 'PROCESSING')
     RETURNING desired_seq, entries, live_claim, CASE WHEN last_owner IS NOT NULL THEN last_claim END, run_id, run_open",
);

/// **suspend**: is it not suspended by itself yet, and not gone? $1 index, $2 file
pub(in crate::ledger) static SUSPEND: Sql = Sql::new(
    "UPDATE files SET suspended = 'file', suspended_at = now_ms(), entries = entries + 1, updated_at = now_ms()
     WHERE index_id = $1 AND file_id = $2 AND suspended IS DISTINCT FROM 'file' AND state <> 'DELETED'
     RETURNING state, desired_seq, entries",
);

/// **resume**: is it suspended by itself? $1 index, $2 file
pub(in crate::ledger) static RESUME: Sql = Sql::new(
    "UPDATE files SET suspended = NULL, suspended_at = NULL, woken_at = 0, entries = entries + 1, updated_at = now_ms()
     WHERE index_id = $1 AND file_id = $2 AND suspended = 'file'
     RETURNING state, desired_seq, entries",
);

/// **suspend_run**: does the run go on, and is it not suspended? $1 run
pub(in crate::ledger) static SUSPEND_RUN: Sql = Sql::new(
    "UPDATE runs SET suspended_at = now_ms()
     WHERE run_id = $1 AND state IN ('LISTING', 'RUNNING') AND suspended_at IS NULL
     RETURNING run_id",
);

/// **resume_run**: is the run suspended? $1 run
pub(in crate::ledger) static RESUME_RUN: Sql = Sql::new(
    "UPDATE runs SET suspended_at = NULL WHERE run_id = $1 AND suspended_at IS NOT NULL RETURNING run_id",
);

/// **set_aside**, first: is the run still suspended? Its row stays locked until the files are marked, so that a resumption
/// comes before (and nothing is marked) or after (and lets them go). $1 run
pub(in crate::ledger) static SET_ASIDE_RUN: Sql = Sql::new(
    "UPDATE runs SET set_aside = 1 WHERE run_id = $1 AND suspended_at IS NOT NULL AND completed_at IS NULL
     RETURNING run_id",
);

/// **set_aside**: is the file still pending, and does that run wait for it? $1 index, $2 file, $3 run
pub(in crate::ledger) static SET_ASIDE: Sql = Sql::new(
    "UPDATE files SET suspended = 'run', suspended_at = now_ms(), updated_at = now_ms()
     WHERE index_id = $1 AND file_id = $2 AND run_id = $3 AND run_open = 1 AND state = 'PENDING' AND suspended IS NULL",
);

/// Runs whose files may still be set aside although they go on.
pub(in crate::ledger) static RESUMED_RUNS: Sql =
    Sql::new("SELECT run_id FROM runs WHERE set_aside = 1 AND suspended_at IS NULL ORDER BY run_id");

/// **let_go**: is the file set aside? Chosen in a page, and asked again under each row's lock. $1 run, $2 limit
pub(in crate::ledger) static LET_RUN_GO: Sql = Sql::new(
    "UPDATE files SET suspended = NULL, suspended_at = NULL, woken_at = 0, updated_at = now_ms()
     WHERE suspended = 'run' AND run_id = $1 AND (index_id, file_id) IN (
        SELECT index_id, file_id FROM files WHERE suspended = 'run' AND run_id = $1
        ORDER BY index_id, file_id LIMIT $2)",
);

/// After the last page, unless the run was suspended again. $1 run
pub(in crate::ledger) static ALL_LET_GO: Sql =
    Sql::new("UPDATE runs SET set_aside = 0 WHERE run_id = $1 AND suspended_at IS NULL");

/// **rewind_run**: is the file FAILED, and the run's, and was that not cancelled? It joins the run once more.
///
/// $1 after this file, $2 limit, $3 run
pub(in crate::ledger) static REWIND_RUN: Sql = Sql::new(concat!(
    retry!(),
    " WHERE run_id = $3 AND state = 'FAILED' AND (index_id, file_id) IN (
        SELECT index_id, file_id FROM files WHERE run_id = $3 AND state = 'FAILED' AND file_id > $1
        ORDER BY file_id LIMIT $2)
        AND EXISTS (SELECT 1 FROM runs WHERE runs.run_id = $3 AND runs.state IN ('LISTING', 'RUNNING', 'COMPLETED'))
     RETURNING index_id, file_id, desired_seq, entries"
));

/// A completed run that has something to do again. $1 run
pub(in crate::ledger) static REOPEN_RUN: Sql = Sql::new(
    "UPDATE runs SET state = 'RUNNING', completed_at = NULL, suspended_at = NULL, sealed = 1,
        sealed_at = COALESCE(sealed_at, now_ms())
     WHERE run_id = $1 AND state = 'COMPLETED'",
);

/// Files that are suspended by themselves or by their run, in path order. $1 index, $2 by what, $3 after this path, $4 limit
pub(in crate::ledger) static SUSPENDED_FILES: Sql = Sql::new(concat!(
    "SELECT ",
    file_columns!(),
    " FROM files WHERE index_id = $1 AND suspended = $2 AND path > $3 ORDER BY path LIMIT $4"
));

/// Suspended files of a state, which do not count as backlog. $1 index
pub(in crate::ledger) static SUSPENDED_PENDING: Sql = Sql::new(
    "SELECT COUNT(*) FROM files WHERE index_id = $1 AND suspended IS NOT NULL AND state = 'PENDING'",
);

/// $1 index, $2 file, $3 before this entry, $4 limit
pub(in crate::ledger) static HISTORY_BEFORE: Sql = Sql::new(
    "SELECT n, happened_at, event, state, seq, claim_id, detail FROM history
     WHERE index_id = $1 AND file_id = $2 AND n < $3 ORDER BY n DESC LIMIT $4",
);

/// **purge**: is the file settled? $1 index, $2 file, $3 age up to which claims stay
pub(in crate::ledger) static PURGE_HISTORY: Sql = Sql::new(
    "DELETE FROM history
     WHERE index_id = $1 AND file_id = $2
        AND NOT (event = 'claimed' AND happened_at > now_ms() - CAST($3 AS BIGINT))
        AND EXISTS (SELECT 1 FROM files WHERE files.index_id = history.index_id AND files.file_id = history.file_id
            AND files.state IN ('INDEXED', 'FAILED', 'SKIPPED', 'DELETED'))",
);

/// **purge_run**: is it over? $1 run
pub(in crate::ledger) static PURGE_RUN: Sql =
    Sql::new("DELETE FROM runs WHERE run_id = $1 AND state IN ('COMPLETED', 'CANCELLED') RETURNING run_id");
