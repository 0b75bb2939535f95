//! Statements that only read.

use super::Sql;

/// The columns of a `FileRow`.
macro_rules! file_columns {
    () => {
        "file_id, path, state, desired_seq, claimed_seq, applied_seq, fence, attempts, failure_count, not_before, owner, \
         claim_id, lease_until, live_claim, prev_claim, etag, content_hash, pipeline, size, chunks, missing, last_error, \
         enqueued_at, updated_at, run_id, waits_for, suspended, suspended_at, COALESCE(created_at, enqueued_at), kept"
    };
}

/// The columns of an `IndexRecord`, with its role. An index without a family in the catalog is the only generation of its name.
macro_rules! index_columns {
    () => {
        "SELECT index_id, state, settings, created_at, comparison, revision,
            CASE
                WHEN name IS NULL AND family IS NULL THEN 'LIVE'
                WHEN index_id = live THEN 'LIVE'
                WHEN index_id = building THEN 'BUILDING'
                WHEN index_id = retired THEN 'RETIRED'
                ELSE 'DROPPING' END
         FROM indexes LEFT JOIN catalog ON catalog.name = COALESCE(indexes.family, indexes.index_id)"
    };
}
pub(super) use file_columns;

/// Every index.
pub(in crate::ledger) static INDEXES: Sql = Sql::new(concat!(index_columns!(), " ORDER BY index_id"));

/// Exactly this generation. $1 generation
pub(in crate::ledger) static GENERATION: Sql = Sql::new(concat!(index_columns!(), " WHERE index_id = $1"));

/// The live generation of an index. $1 name
pub(in crate::ledger) static INDEX: Sql = Sql::new(concat!(
    index_columns!(),
    " WHERE COALESCE(family, index_id) = $1 AND index_id = COALESCE(live, index_id)"
));

/// How many wake-ups of a lane are on their way: woken within the re-wake period and not yet claimed.
///
/// $1 index, $2 lane, $3 re-wake period
pub(in crate::ledger) static WOKEN: Sql = Sql::new(
    "SELECT COUNT(*) FROM files
     WHERE index_id = $1 AND lane = $2 AND state = 'PENDING' AND waits_for IS NULL AND suspended IS NULL AND woken_at > 0
        AND woken_at > now_ms() - CAST($3 AS BIGINT)",
);

/// What to wake in a lane, longest due first: files never woken, and those whose wake-up is too long ago; and the run that
/// holds each back, if it is suspended. Each half is a
/// range of `files_ready`, so that a million pending files cost no more than `limit`.
///
/// $1 index, $2 lane, $3 re-wake period, $4 limit
pub(in crate::ledger) static DUE: Sql = Sql::new(
    "SELECT file_id, path, desired_seq,
        (SELECT runs.run_id FROM runs
            WHERE runs.run_id = candidates.run_id AND candidates.run_open = 1
                AND runs.suspended_at IS NOT NULL AND runs.completed_at IS NULL)
     FROM (
        SELECT * FROM (
            SELECT file_id, path, desired_seq, not_before, run_id, run_open FROM files
            WHERE index_id = $1 AND lane = $2 AND state = 'PENDING' AND waits_for IS NULL AND suspended IS NULL
                AND woken_at = 0 AND not_before <= now_ms()
            ORDER BY not_before, file_id LIMIT $4) AS never_woken
        UNION ALL
        SELECT * FROM (
            SELECT file_id, path, desired_seq, not_before, run_id, run_open FROM files
            WHERE index_id = $1 AND lane = $2 AND state = 'PENDING' AND waits_for IS NULL AND suspended IS NULL
                AND woken_at > 0 AND woken_at <= now_ms() - CAST($3 AS BIGINT) AND not_before <= now_ms()
            ORDER BY not_before, file_id LIMIT $4) AS woken_long_ago
     ) AS candidates
     ORDER BY not_before, file_id LIMIT $4",
);

/// Live claims of some files. $1 index, list: files
pub(in crate::ledger) static LIVE_CLAIMS: Sql = Sql::new(
    "SELECT file_id, live_claim FROM files
     WHERE index_id = $1 AND file_id IN ({list})",
);

/// Which of some claims a row still refers to. $1 index, list: claims
pub(in crate::ledger) static CLAIMS_IN_USE: Sql = Sql::new(
    "SELECT live_claim FROM files WHERE index_id = $1 AND live_claim IN ({list})
     UNION
     SELECT prev_claim FROM files WHERE index_id = $1 AND prev_claim IN ({list})
     UNION
     SELECT claim_id FROM files WHERE index_id = $1 AND claim_id IN ({list})",
);

/// One file. $1 index, $2 file
pub(in crate::ledger) static FILE: Sql = Sql::new(concat!(
    "SELECT ",
    file_columns!(),
    " FROM files WHERE index_id = $1 AND file_id = $2"
));

/// Files of one state in path order. State and path are compared as one, so that `files_by_state` is the index to use: few
/// FAILED files are found at once among a million others.
///
/// $1 index, $2 state, $3 and $4 first and last path, $5 limit
pub(in crate::ledger) static FILES: Sql = Sql::new(concat!(
    "SELECT ",
    file_columns!(),
    " FROM files
     WHERE index_id = $1 AND (state, path) >= ($2, $3) AND (state, path) <= ($2, $4)
     ORDER BY state, path LIMIT $5"
));

/// The same of files that are indexed in part only.
///
/// $1 index, $2 state, $3 and $4 first and last path, $5 limit
pub(in crate::ledger) static PARTIAL_FILES: Sql = Sql::new(concat!(
    "SELECT ",
    file_columns!(),
    " FROM files
     WHERE index_id = $1 AND (state, path) >= ($2, $3) AND (state, path) <= ($2, $4) AND missing IS NOT NULL
     ORDER BY state, path LIMIT $5"
));

/// What the reconciler compares. $1 index, $2 and $3 first and last path, $4 how far ahead the attempt of a file that rests is
pub(in crate::ledger) static KNOWN_FILES: Sql = Sql::new(
    "SELECT path, state, seen_etag, pipeline, kept,
        CASE WHEN live_claim IS NULL THEN 0 ELSE 1 END,
        CASE WHEN state = 'PENDING' AND desired_seq > applied_seq AND waits_for IS NULL AND suspended IS NULL
            AND not_before > now_ms() + CAST($4 AS BIGINT) AND gone_seq IS DISTINCT FROM desired_seq THEN 1 ELSE 0 END
     FROM files
     WHERE index_id = $1 AND path >= $2 AND path <= $3 AND state <> 'DELETED'
     ORDER BY path",
);

/// The newest entries of a file, newest first. $1 index, $2 file, $3 limit
pub(in crate::ledger) static HISTORY: Sql = Sql::new(
    "SELECT n, happened_at, event, state, seq, claim_id, detail FROM history
     WHERE index_id = $1 AND file_id = $2 ORDER BY n DESC LIMIT $3",
);

/// Files per state. $1 index
pub(in crate::ledger) static COUNTS: Sql =
    Sql::new("SELECT state, COUNT(*) FROM files WHERE index_id = $1 GROUP BY state");

/// Points and bytes of live versions. $1 index
pub(in crate::ledger) static SIZES: Sql = Sql::new(
    "SELECT CAST(COALESCE(SUM(chunks), 0) AS BIGINT), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM files
     WHERE index_id = $1 AND live_claim IS NOT NULL",
);

/// Files that are indexed in part only: `COUNT` leaves out those without a live claim. Were that a condition, SQLite would take
/// it for a reason to read all of `files_live` instead of the few rows of `files_partial`.
///
/// $1 index
pub(in crate::ledger) static PARTIAL: Sql =
    Sql::new("SELECT COUNT(live_claim) FROM files WHERE index_id = $1 AND missing IS NOT NULL");

/// Age of the oldest unapplied change that is pending or running. $1 index
pub(in crate::ledger) static OLDEST: Sql = Sql::new(
    "SELECT MIN(enqueued_at) FROM files
     WHERE index_id = $1 AND state IN ('PENDING', 'PROCESSING', 'PUBLISHING') AND desired_seq > applied_seq",
);

/// When the next pending file of a lane becomes due: the first of `files_ready`, or one of the few that were woken.
///
/// $1 index, $2 lane
pub(in crate::ledger) static NEXT_DUE: Sql = Sql::new(
    "SELECT MIN(not_before) FROM (
        SELECT MIN(not_before) AS not_before FROM files
        WHERE index_id = $1 AND lane = $2 AND state = 'PENDING' AND waits_for IS NULL AND suspended IS NULL AND woken_at = 0
        UNION ALL
        SELECT MIN(not_before) AS not_before FROM files
        WHERE index_id = $1 AND lane = $2 AND state = 'PENDING' AND waits_for IS NULL AND suspended IS NULL AND woken_at > 0) AS pending",
);
