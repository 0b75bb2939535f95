//! Statements of the control plane's own bookkeeping.

use super::Sql;

/// **hold_duty**: is the duty free, ours, or was it left? $1 duty, $2 owner, $3 lease
pub(in crate::ledger) static HOLD_DUTY: Sql = Sql::new(
    "INSERT INTO duties (duty, owner, lease_until) VALUES ($1, $2, now_ms() + CAST($3 AS BIGINT))
     ON CONFLICT (duty) DO UPDATE SET owner = excluded.owner, lease_until = excluded.lease_until
        WHERE duties.owner = excluded.owner OR duties.lease_until < now_ms()
     RETURNING duty",
);

/// $1 duty, $2 owner
pub(in crate::ledger) static DROP_DUTY: Sql = Sql::new("DELETE FROM duties WHERE duty = $1 AND owner = $2");

/// Every generation. $1 name
pub(in crate::ledger) static DELETE_INDEX: Sql =
    Sql::new("UPDATE indexes SET state = 'DELETING' WHERE COALESCE(family, index_id) = $1");

/// Is the index being deleted, with no file held by a worker? $1 index
pub(in crate::ledger) static ERASABLE: Sql = Sql::new(
    "SELECT CASE WHEN indexes.state = 'DELETING' AND NOT EXISTS (SELECT 1 FROM files
            WHERE files.index_id = indexes.index_id AND claim_id IS NOT NULL) THEN 1 ELSE 0 END
     FROM indexes WHERE index_id = $1",
);

/// $1 index, $2 limit
pub(in crate::ledger) static ERASE_FILES: Sql = Sql::new(
    "DELETE FROM files
     WHERE claim_id IS NULL AND (index_id, file_id) IN (
            SELECT index_id, file_id FROM files WHERE index_id = $1 ORDER BY file_id LIMIT $2)
        AND EXISTS (SELECT 1 FROM indexes WHERE indexes.index_id = files.index_id AND indexes.state = 'DELETING')",
);

/// $1 index, $2 limit
pub(in crate::ledger) static ERASE_HISTORY: Sql = Sql::new(
    "DELETE FROM history WHERE (index_id, file_id, n) IN (
        SELECT index_id, file_id, n FROM history WHERE index_id = $1 ORDER BY file_id, n LIMIT $2)",
);

/// $1 index
pub(in crate::ledger) static ERASE_DEAD_CLAIMS: Sql = Sql::new("DELETE FROM dead_claims WHERE index_id = $1");

/// $1 index
pub(in crate::ledger) static ERASE_OPERATIONS: Sql = Sql::new("DELETE FROM operations WHERE index_id = $1");

/// Is none of its files left? A claim that began before the deletion may have kept one. $1 index
pub(in crate::ledger) static ERASE_INDEX: Sql = Sql::new(
    "DELETE FROM indexes WHERE index_id = $1 AND state = 'DELETING'
        AND NOT EXISTS (SELECT 1 FROM files WHERE files.index_id = indexes.index_id)",
);

/// $1 id, $2 index, $3 kind as JSON, $4 sequencer
pub(in crate::ledger) static OPEN_OPERATION: Sql = Sql::new(
    "INSERT INTO operations (operation_id, index_id, kind, sequencer, opened_at) VALUES ($1, $2, $3, $4, now_ms())
     ON CONFLICT (operation_id) DO NOTHING
     RETURNING operation_id",
);

/// $1 index, $2 limit
pub(in crate::ledger) static OPERATIONS: Sql = Sql::new(
    "SELECT operation_id, index_id, kind, sequencer, opened_at, page_after, held, files FROM operations
     WHERE index_id = $1 AND finished_at IS NULL ORDER BY opened_at, operation_id LIMIT $2",
);

/// **advance_operation**: is it still at the cursor that the page was made from? A finished operation is kept for a
/// while, so that its event is recognised when it comes again.
///
/// $1 id, $2 cursor as it was, $3 next cursor or NULL when finished, $4 held, $5 files of the page
pub(in crate::ledger) static ADVANCE_OPERATION: Sql = Sql::new(
    "UPDATE operations SET
        page_after = COALESCE($3, page_after),
        held = CAST($4 AS BIGINT),
        files = files + CAST($5 AS BIGINT),
        finished_at = CASE WHEN CAST($3 AS TEXT) IS NULL THEN now_ms() END
     WHERE operation_id = $1 AND finished_at IS NULL AND page_after IS NOT DISTINCT FROM CAST($2 AS TEXT)
     RETURNING operation_id",
);

/// Files that workers have to do per index and lane, from the index `files_working` alone; less the suspended ones, of which
/// `files_suspended` knows. Only running files count of an index that is not ACTIVE.
pub(in crate::ledger) static BACKLOG: Sql = Sql::new(
    "SELECT working.index_id, lane, CASE WHEN indexes.state = 'ACTIVE' THEN pending ELSE 0 END, running
     FROM (SELECT index_id, lane, CAST(SUM(pending) AS BIGINT) AS pending, CAST(SUM(running) AS BIGINT) AS running
        FROM (SELECT index_id, lane, COUNT(CASE WHEN state = 'PENDING' THEN 1 END) AS pending,
                COUNT(CASE WHEN state <> 'PENDING' THEN 1 END) AS running
            FROM files WHERE state IN ('PENDING', 'PROCESSING', 'PUBLISHING')
            GROUP BY index_id, lane
            UNION ALL
            SELECT index_id, lane, -COUNT(*) AS pending, 0 AS running
            FROM files WHERE suspended IS NOT NULL AND state = 'PENDING'
            GROUP BY index_id, lane) AS parts
        GROUP BY index_id, lane) AS working
     JOIN indexes ON indexes.index_id = working.index_id
     WHERE running > 0 OR (pending > 0 AND indexes.state = 'ACTIVE')
     ORDER BY working.index_id, lane",
);

/// $1 id, $2 queue, $3 reason, $4 problem, $5 body
pub(in crate::ledger) static KEEP_DEAD_LETTER: Sql = Sql::new(
    "INSERT INTO dead_letters (letter_id, received_at, queue, reason, problem, body)
     VALUES ($1, now_ms(), $2, $3, $4, $5) ON CONFLICT (letter_id) DO NOTHING",
);

/// $1 limit
pub(in crate::ledger) static DEAD_LETTERS: Sql = Sql::new(
    "SELECT letter_id, received_at, queue, reason, problem, body FROM dead_letters
     ORDER BY received_at DESC, letter_id DESC LIMIT $1",
);

/// $1 age
pub(in crate::ledger) static FORGET_DEAD_LETTERS: Sql =
    Sql::new("DELETE FROM dead_letters WHERE received_at < now_ms() - CAST($1 AS BIGINT)");

/// Finished operations that no repeated event will name any more. $1 index, $2 age
pub(in crate::ledger) static PRUNE_OPERATIONS: Sql =
    Sql::new("DELETE FROM operations WHERE index_id = $1 AND finished_at < now_ms() - CAST($2 AS BIGINT)");

/// $1 index, $2 comparison as JSON
pub(in crate::ledger) static NOTE_COMPARISON: Sql =
    Sql::new("UPDATE indexes SET comparison = $2 WHERE index_id = $1");

/// Files with points that search shows. $1 index, $2 after this file, $3 limit
pub(in crate::ledger) static LIVE_FILES: Sql = Sql::new(
    "SELECT file_id, path, live_claim FROM files
     WHERE index_id = $1 AND file_id > $2 AND live_claim IS NOT NULL ORDER BY file_id LIMIT $3",
);

/// A version without a fingerprint equals none that could be made, so the next attempt makes it again.
///
/// $1 index, list: claims
pub(in crate::ledger) static SPOIL: Sql =
    Sql::new("UPDATE files SET pipeline = '' WHERE index_id = $1 AND live_claim IN ({list})");
