//! Statements about runs.

use super::Sql;

/// $1 run, $2 index, $3 kind, $4 state, $5 who asked, $6 path, $7 phase, $8 lease
pub(in crate::ledger) static OPEN_RUN: Sql = Sql::new(
    "INSERT INTO runs (run_id, index_id, kind, opened_at, state, asked_by, path, phase, lease_until)
     VALUES ($1, $2, $3, now_ms(), $4, $5, $6, $7, now_ms() + CAST($8 AS BIGINT))
     ON CONFLICT (run_id) DO NOTHING",
);

/// **take_run**: is there a run to list that nobody is at? $1 index, $2 lease
pub(in crate::ledger) static TAKE_RUN: Sql = Sql::new(
    "UPDATE runs SET lease_until = now_ms() + CAST($2 AS BIGINT)
     WHERE run_id = (SELECT run_id FROM runs
            WHERE index_id = $1 AND state = 'LISTING' AND lease_until <= now_ms()
            ORDER BY opened_at, run_id LIMIT 1)
        AND state = 'LISTING' AND lease_until <= now_ms()
     RETURNING run_id, index_id, kind, path, phase, page_after, pages",
);

/// **keep_run**: is it still where the caller left it? $1 run, $2 pages, $3 lease
pub(in crate::ledger) static KEEP_RUN: Sql = Sql::new(
    "UPDATE runs SET lease_until = now_ms() + CAST($3 AS BIGINT)
     WHERE run_id = $1 AND state = 'LISTING' AND pages = $2",
);

/// **advance_run**: is it still where the page was made from? $1 run, $2 pages, $3 phase, $4 cursor, $5 last page, $6 lease
pub(in crate::ledger) static ADVANCE_RUN: Sql = Sql::new(
    "UPDATE runs SET
        pages = pages + 1,
        phase = $3,
        page_after = $4,
        state = CASE WHEN CAST($5 AS BIGINT) = 1 THEN 'RUNNING' ELSE state END,
        sealed = CAST($5 AS BIGINT),
        sealed_at = CASE WHEN CAST($5 AS BIGINT) = 1 THEN now_ms() END,
        lease_until = now_ms() + CAST($6 AS BIGINT),
        problem = NULL
     WHERE run_id = $1 AND state = 'LISTING' AND pages = $2
     RETURNING pages",
);

/// $1 run, $2 pages, $3 problem, $4 wait
pub(in crate::ledger) static STALL_RUN: Sql = Sql::new(
    "UPDATE runs SET problem = $3, lease_until = now_ms() + CAST($4 AS BIGINT)
     WHERE run_id = $1 AND state = 'LISTING' AND pages = $2",
);

/// **cancel_run**: can it still be cancelled? That ends a suspension: nothing of it may be held back for ever. $1 run
pub(in crate::ledger) static CANCEL_RUN: Sql = Sql::new(
    "UPDATE runs SET state = 'CANCELLING', sealed = 1, sealed_at = now_ms(), problem = NULL, suspended_at = NULL
     WHERE run_id = $1 AND state IN ('LISTING', 'RUNNING')
     RETURNING index_id",
);

/// A cancelled batch takes in nothing more. $1 index, $2 run
pub(in crate::ledger) static LEAVE_BATCH: Sql =
    Sql::new("UPDATE indexes SET batch_run = NULL WHERE index_id = $1 AND batch_run = $2");

/// **give_back**: does nobody hold the file, and does the run still wait for it? What only the run wanted is not wanted any
/// more: the row is what it was, and the request counts as applied (that of a file that had failed is open again, as it was).
/// A dirty one stays PENDING, because its old points have to be removed. One that was set aside because of the run is not any
/// more.
///
/// $1 run, $2 limit
pub(in crate::ledger) static GIVE_BACK: Sql = Sql::new(
    "UPDATE files SET
        state = CASE WHEN back_to IS NOT NULL AND dirty = 0 THEN back_to ELSE state END,
        applied_seq = CASE WHEN back_to <> 'FAILED' AND dirty = 0 THEN desired_seq ELSE applied_seq END,
        last_error = CASE WHEN back_to <> 'FAILED' AND dirty = 0 THEN skip_error ELSE last_error END,
        run_id = CASE WHEN back_to IS NOT NULL AND dirty = 0 THEN run_id END,
        back_to = NULL,
        run_open = 2,
        suspended = CASE WHEN suspended = 'file' THEN suspended END,
        suspended_at = CASE WHEN suspended = 'file' THEN suspended_at END,
        run_joined = 0,
        run_left = NULL,
        entries = entries + 1,
        updated_at = now_ms()
     WHERE (index_id, file_id) IN (
            SELECT index_id, file_id FROM files
            WHERE run_id = $1 AND state = 'PENDING' AND run_open = 1 LIMIT $2)
        AND run_id = $1 AND state = 'PENDING' AND run_open = 1
     RETURNING index_id, file_id, state, desired_seq, entries",
);

/// Opens a batch unless one is open; the caller names it in the same transaction. $1 index
pub(in crate::ledger) static NEXT_BATCH: Sql = Sql::new(
    "UPDATE indexes SET batches = batches + CASE WHEN batch_run IS NULL THEN 1 ELSE 0 END WHERE index_id = $1
     RETURNING batch_run, created_at, batches",
);

/// $1 index, $2 run
pub(in crate::ledger) static NAME_BATCH: Sql =
    Sql::new("UPDATE indexes SET batch_run = $2 WHERE index_id = $1");

/// A file that was just recorded, before there was a batch, becomes the batch's. $1 index, $2 file, $3 run
pub(in crate::ledger) static JOIN_BATCH: Sql = Sql::new(
    "UPDATE files SET
        run_joined = CASE WHEN run_open = 1 AND run_id = $3 THEN 0 ELSE 1 END,
        run_left = CASE WHEN run_open = 1 AND run_id <> $3 THEN run_id END,
        run_open = CASE WHEN state = 'AWAITING_APPROVAL' THEN 2 ELSE 1 END,
        run_id = $3
     WHERE index_id = $1 AND file_id = $2
     RETURNING state, run_joined, run_left, run_open",
);

/// $1 index
pub(in crate::ledger) static BATCH: Sql =
    Sql::new("SELECT batch_run FROM indexes WHERE index_id = $1 AND batch_run IS NOT NULL");

/// **close_batch**: is each of its files done? $1 index, $2 run
pub(in crate::ledger) static CLOSE_BATCH: Sql = Sql::new(
    "UPDATE indexes SET batch_run = NULL
     WHERE index_id = $1 AND batch_run = $2
        AND NOT EXISTS (SELECT 1 FROM files
            WHERE files.run_id = $2 AND state IN ('PENDING', 'PROCESSING', 'PUBLISHING') AND run_open = 1)",
);

/// $1 run
pub(in crate::ledger) static SEAL_BATCH: Sql = Sql::new(
    "UPDATE runs SET sealed = 1, sealed_at = now_ms() WHERE run_id = $1 AND state = 'RUNNING' AND sealed = 0",
);

/// **complete**: is everything recorded, and nothing of it pending or running? The rows decide, not the counts: a build that
/// does not count may have settled some. A batch may be joined for a moment after it was closed.
///
/// $1 run, $2 grace of a batch
pub(in crate::ledger) static COMPLETE_RUN: Sql = Sql::new(
    "UPDATE runs SET
        completed_at = now_ms(),
        state = CASE WHEN state = 'CANCELLING' THEN 'CANCELLED' ELSE 'COMPLETED' END
     WHERE run_id = $1 AND sealed = 1 AND state IN ('RUNNING', 'CANCELLING')
        AND (kind <> 'events' OR sealed_at <= now_ms() - CAST($2 AS BIGINT))
        AND NOT EXISTS (SELECT 1 FROM files
            WHERE files.run_id = runs.run_id AND state IN ('PENDING', 'PROCESSING', 'PUBLISHING') AND run_open = 1)",
);

/// Adds to the counts of a run. Files that come in the same minute are counted apart, for the rate.
///
/// $1 run, $2 stripe, $3 what, $4 code, $5 files, $6 embedded, $7 reused, $8 tokens
pub(in crate::ledger) static COUNT: Sql = Sql::new(
    "INSERT INTO run_counts (run_id, stripe, what, code, files, embedded, reused, tokens, this_minute, in_minute, in_previous)
     VALUES ($1, $2, $3, $4, CAST($5 AS BIGINT), CAST($6 AS BIGINT), CAST($7 AS BIGINT), CAST($8 AS BIGINT),
        now_ms() / 60000, CAST($5 AS BIGINT), 0)
     ON CONFLICT (run_id, stripe, what, code) DO UPDATE SET
        files = run_counts.files + excluded.files,
        embedded = run_counts.embedded + excluded.embedded,
        reused = run_counts.reused + excluded.reused,
        tokens = run_counts.tokens + excluded.tokens,
        in_previous = CASE
            WHEN run_counts.this_minute >= excluded.this_minute THEN run_counts.in_previous
            WHEN run_counts.this_minute = excluded.this_minute - 1 THEN run_counts.in_minute
            ELSE 0 END,
        in_minute = CASE WHEN run_counts.this_minute >= excluded.this_minute THEN run_counts.in_minute ELSE 0 END
            + excluded.in_minute,
        this_minute = excluded.this_minute",
);

/// The columns of a run.
macro_rules! run_columns {
    () => {
        "run_id, index_id, kind, state, asked_by, path, opened_at, completed_at, total, ended_indexed, ended_failed, \
         ended_skipped, ended_deleted, ended_awaiting, problem, suspended_at, now_ms()"
    };
}

/// One run. $1 run
pub(in crate::ledger) static RUN: Sql =
    Sql::new(concat!("SELECT ", run_columns!(), " FROM runs WHERE run_id = $1"));

/// Runs of an index that are not over. $1 index
pub(in crate::ledger) static OPEN_RUNS: Sql = Sql::new(concat!(
    "SELECT ",
    run_columns!(),
    " FROM runs WHERE index_id = $1 AND state IN ('LISTING', 'RUNNING', 'CANCELLING') ORDER BY opened_at, run_id"
));

/// The newest runs of an index. $1 index, $2 and $3 before this one, $4 state or NULL, $5 kind or NULL, $6 limit
pub(in crate::ledger) static RUNS: Sql = Sql::new(concat!(
    "SELECT ",
    run_columns!(),
    " FROM runs
     WHERE index_id = $1 AND (opened_at, run_id) < (CAST($2 AS BIGINT), $3)
        AND state = COALESCE(CAST($4 AS TEXT), state) AND kind = COALESCE(CAST($5 AS TEXT), kind)
     ORDER BY opened_at DESC, run_id DESC LIMIT $6"
));

/// What became of a run's files: a few rows, however many files. $1 run
pub(in crate::ledger) static RUN_SUMS: Sql = Sql::new(
    "SELECT what, code, CAST(SUM(files) AS BIGINT), CAST(SUM(embedded) AS BIGINT), CAST(SUM(reused) AS BIGINT),
        CAST(SUM(tokens) AS BIGINT),
        CAST(SUM(CASE WHEN this_minute >= now_ms() / 60000 THEN in_minute ELSE 0 END) AS BIGINT),
        CAST(SUM(CASE
            WHEN this_minute >= now_ms() / 60000 THEN in_previous
            WHEN this_minute = now_ms() / 60000 - 1 THEN in_minute
            ELSE 0 END) AS BIGINT)
     FROM run_counts WHERE run_id = $1 GROUP BY what, code ORDER BY what, code",
);

/// **wake_pending**: PENDING files of a lane that wait for their next attempt. $1 index, $2 lane, $3 limit
pub(in crate::ledger) static WAKE_PENDING: Sql = Sql::new(
    "UPDATE files SET not_before = now_ms()
     WHERE (index_id, file_id) IN (
            SELECT index_id, file_id FROM files
            WHERE index_id = $1 AND lane = $2 AND state = 'PENDING' AND waits_for IS NULL
                AND woken_at = 0 AND not_before > now_ms() LIMIT $3)
        AND state = 'PENDING' AND waits_for IS NULL AND woken_at = 0 AND not_before > now_ms()",
);

/// **retry** of one file: is it FAILED? $1 index, $2 file, $3 run
pub(in crate::ledger) static RETRY_FILE: Sql = Sql::new(concat!(
    super::protocol::retry!(),
    " WHERE index_id = $1 AND file_id = $2 AND state = 'FAILED'
      RETURNING file_id, desired_seq, run_joined, entries"
));

/// $1 index, $2 age, $3 limit
pub(in crate::ledger) static PRUNE_RUNS: Sql = Sql::new(
    "DELETE FROM runs
     WHERE run_id IN (SELECT run_id FROM runs
            WHERE index_id = $1 AND state IN ('COMPLETED', 'CANCELLED')
                AND COALESCE(completed_at, opened_at) < now_ms() - CAST($2 AS BIGINT)
            ORDER BY opened_at, run_id LIMIT $3)
     RETURNING run_id",
);

/// $1 run
pub(in crate::ledger) static FORGET_COUNTS: Sql = Sql::new("DELETE FROM run_counts WHERE run_id = $1");

/// $1 index
pub(in crate::ledger) static ERASE_COUNTS: Sql =
    Sql::new("DELETE FROM run_counts WHERE run_id IN (SELECT run_id FROM runs WHERE index_id = $1)");

/// $1 index
pub(in crate::ledger) static ERASE_RUNS: Sql = Sql::new("DELETE FROM runs WHERE index_id = $1");
