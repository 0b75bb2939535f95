//! Statements about removals that wait for a decision.

use super::Sql;

/// The columns of an approval. Of one that waits, the files are counted now.
macro_rules! approval_columns {
    () => {
        "index_id, n, state, reason, opened_at, \
         CASE WHEN state = 'WAITING' THEN (SELECT COUNT(*) FROM files \
            WHERE files.index_id = approvals.index_id AND files.state = 'AWAITING_APPROVAL') ELSE files END, \
         ceiling, decided_at, decided_by, note, passed, finished_at"
    };
}

/// Indexes where files wait that no unfinished approval is about. Two replicas that ask at once open one: the other's row
/// conflicts.
pub(in crate::ledger) static OPEN_APPROVALS: Sql = Sql::new(concat!(
    "INSERT INTO approvals (index_id, n, state, reason, opened_at)
     SELECT indexes.index_id,
        COALESCE((SELECT MAX(n) FROM approvals AS earlier WHERE earlier.index_id = indexes.index_id), 0) + 1,
        'WAITING',
        COALESCE((SELECT reason FROM files
            WHERE files.index_id = indexes.index_id AND files.state = 'AWAITING_APPROVAL' ORDER BY path LIMIT 1), ''),
        now_ms()
     FROM indexes
     WHERE indexes.state <> 'DELETING'
        AND EXISTS (SELECT 1 FROM files WHERE files.index_id = indexes.index_id AND files.state = 'AWAITING_APPROVAL')
        AND NOT EXISTS (SELECT 1 FROM approvals AS open WHERE open.index_id = indexes.index_id AND open.finished_at IS NULL)
     ON CONFLICT DO NOTHING
     RETURNING ",
    approval_columns!()
));

/// Approvals that nothing waits for.
pub(in crate::ledger) static WITHDRAW_APPROVALS: Sql = Sql::new(
    "UPDATE approvals SET state = 'WITHDRAWN', decided_at = now_ms(), finished_at = now_ms()
     WHERE state = 'WAITING' AND finished_at IS NULL AND NOT EXISTS (SELECT 1 FROM files
        WHERE files.index_id = approvals.index_id AND files.state = 'AWAITING_APPROVAL')",
);

/// $1 index or NULL, $2 state or NULL, $3 unfinished only (1) or all (0), $4 limit
pub(in crate::ledger) static APPROVALS: Sql = Sql::new(concat!(
    "SELECT ",
    approval_columns!(),
    " FROM approvals
     WHERE index_id = COALESCE($1, index_id) AND state = COALESCE($2, state)
        AND (CAST($3 AS BIGINT) = 0 OR finished_at IS NULL)
     ORDER BY opened_at DESC, index_id, n DESC LIMIT $4"
));

/// $1 index, $2 number
pub(in crate::ledger) static APPROVAL: Sql = Sql::new(concat!(
    "SELECT ",
    approval_columns!(),
    " FROM approvals WHERE index_id = $1 AND n = $2"
));

/// **resolve_approval**: has nobody decided, and has it waited long enough? Two who decide at once: one does.
///
/// $1 index, $2 number, $3 state, $4 ceiling or NULL for all that wait, $5 who, $6 note, $7 shortest wait
pub(in crate::ledger) static RESOLVE_APPROVAL: Sql = Sql::new(
    "UPDATE approvals SET
        state = $3,
        files = (SELECT COUNT(*) FROM files
            WHERE files.index_id = approvals.index_id AND files.state = 'AWAITING_APPROVAL'),
        ceiling = COALESCE(CAST($4 AS BIGINT), (SELECT COUNT(*) FROM files
            WHERE files.index_id = approvals.index_id AND files.state = 'AWAITING_APPROVAL')),
        decided_at = now_ms(),
        decided_by = $5,
        note = $6
     WHERE index_id = $1 AND n = $2 AND state = 'WAITING' AND opened_at <= now_ms() - CAST($7 AS BIGINT)
     RETURNING n",
);

/// Takes the row of a decision that has to be carried out, so that two who do it take turns. $1 index, $2 number
pub(in crate::ledger) static BEGIN_CARRY_OUT: Sql = Sql::new(
    "UPDATE approvals SET passed = passed
     WHERE index_id = $1 AND n = $2 AND finished_at IS NULL AND state IN ('APPROVED', 'KEPT')
     RETURNING state, ceiling - passed, decided_at",
);

/// $1 index, $2 number, $3 files done now, $4 finished (1) or not (0)
pub(in crate::ledger) static END_CARRY_OUT: Sql = Sql::new(concat!(
    "UPDATE approvals SET
        passed = passed + CAST($3 AS BIGINT),
        finished_at = CASE WHEN CAST($4 AS BIGINT) = 1 THEN now_ms() END
     WHERE index_id = $1 AND n = $2
     RETURNING ",
    approval_columns!()
));

/// **carry_out**: is the file AWAITING_APPROVAL since before the decision? Approved, it is PENDING; kept, it is what its live
/// version is. A dirty one is PENDING either way, because its old points have to be removed. Nobody is asked again about the
/// absence that was approved.
///
/// $1 index, $2 approved (1) or kept (0), $3 when it was decided, $4 limit
pub(in crate::ledger) static DECIDE: Sql = Sql::new(
    "UPDATE files SET
        state = CASE WHEN CAST($2 AS BIGINT) = 1 OR dirty = 1 THEN 'PENDING' ELSE COALESCE(outcome, 'DELETED') END,
        applied_seq = CASE WHEN CAST($2 AS BIGINT) = 1 THEN applied_seq ELSE desired_seq END,
        last_error = CASE WHEN CAST($2 AS BIGINT) = 1 THEN last_error ELSE skip_error END,
        kept = CASE WHEN CAST($2 AS BIGINT) = 1 THEN 0 ELSE 1 END,
        gone_seq = CASE WHEN CAST($2 AS BIGINT) = 1 THEN desired_seq ELSE gone_seq END,
        attempts = 0,
        woken_at = 0,
        not_before = now_ms(),
        back_to = NULL,
        entries = entries + 1,
        updated_at = now_ms()
     WHERE index_id = $1 AND state = 'AWAITING_APPROVAL' AND updated_at <= CAST($3 AS BIGINT)
        AND file_id IN (SELECT file_id FROM files
            WHERE index_id = $1 AND state = 'AWAITING_APPROVAL' AND updated_at <= CAST($3 AS BIGINT)
            ORDER BY path LIMIT $4)
     RETURNING file_id, state, desired_seq, entries",
);

/// $1 limit
pub(in crate::ledger) static UNTOLD_APPROVALS: Sql = Sql::new(concat!(
    "SELECT ",
    approval_columns!(),
    " FROM approvals WHERE told IS NULL OR told <> state ORDER BY opened_at, index_id, n LIMIT $1"
));

/// $1 index, $2 number, $3 state
pub(in crate::ledger) static NOTE_TOLD: Sql =
    Sql::new("UPDATE approvals SET told = $3 WHERE index_id = $1 AND n = $2");

/// $1 index
pub(in crate::ledger) static ERASE_APPROVALS: Sql = Sql::new("DELETE FROM approvals WHERE index_id = $1");

/// Decisions that nobody asks about any more. $1 index, $2 age
pub(in crate::ledger) static PRUNE_APPROVALS: Sql =
    Sql::new("DELETE FROM approvals WHERE index_id = $1 AND finished_at < now_ms() - CAST($2 AS BIGINT)");
