//! Indexes, history and what is removed in time.

use super::Sql;

/// An existing index stays as it is, whichever generation of it is left. $1 index, $2 settings
pub(in crate::ledger) static ADD_INDEX: Sql = Sql::new(
    "INSERT INTO indexes (index_id, settings, created_at)
     SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), now_ms()
     WHERE NOT EXISTS (SELECT 1 FROM catalog WHERE name = $1)
     ON CONFLICT (index_id) DO NOTHING",
);

/// One line of history, numbered by its row. $1 index, $2 file, $3 n, $4 event, $5 state, $6 seq, $7 claim, $8 detail
pub(in crate::ledger) static RECORD: Sql = Sql::new(
    "INSERT INTO history (index_id, file_id, n, happened_at, event, state, seq, claim_id, detail)
     VALUES ($1, $2, $3, now_ms(), $4, $5, $6, $7, $8)",
);

/// $1 index, $2 claim, $3 file
pub(in crate::ledger) static BURY: Sql = Sql::new(
    "INSERT INTO dead_claims (index_id, claim_id, file_id, given_up_at) VALUES ($1, $2, $3, now_ms())
     ON CONFLICT (index_id, claim_id) DO NOTHING",
);

/// Claims whose points nobody will reuse: their file has settled since (it was running when they were given up), is gone,
/// or has taken too long. $1 index, $2 age, $3 limit
pub(in crate::ledger) static DEAD_CLAIMS: Sql = Sql::new(
    "SELECT dead_claims.file_id, dead_claims.claim_id
     FROM dead_claims LEFT JOIN files
        ON files.index_id = dead_claims.index_id AND files.file_id = dead_claims.file_id
     WHERE dead_claims.index_id = $1
        AND (files.file_id IS NULL
            OR files.state IN ('INDEXED', 'FAILED', 'SKIPPED', 'DELETED')
            OR dead_claims.given_up_at < now_ms() - CAST($2 AS BIGINT))
     ORDER BY dead_claims.given_up_at, dead_claims.claim_id LIMIT $3",
);

/// $1 index, list: claims
pub(in crate::ledger) static FORGET_DEAD_CLAIMS: Sql =
    Sql::new("DELETE FROM dead_claims WHERE index_id = $1 AND claim_id IN ({list})");

/// The end of the next page of files, so that pruning goes in small steps. $1 index, $2 end of the last page, $3 size
pub(in crate::ledger) static PAGE_END: Sql = Sql::new(
    "SELECT MAX(file_id) FROM (
        SELECT file_id FROM files WHERE index_id = $1 AND file_id > $2 ORDER BY file_id LIMIT $3) AS page",
);

/// Entries beyond the newest of each file of a page. $1 index, $2 after this file, $3 up to this one, $4 keep
pub(in crate::ledger) static PRUNE_HISTORY: Sql = Sql::new(
    "DELETE FROM history
     WHERE index_id = $1 AND file_id > $2 AND file_id <= $3
        AND n <= (SELECT entries FROM files
            WHERE files.index_id = history.index_id AND files.file_id = history.file_id) - CAST($4 AS BIGINT)",
);

/// $1 index, $2 age, $3 limit
pub(in crate::ledger) static PRUNE_TOMBSTONES: Sql = Sql::new(
    "DELETE FROM files
     WHERE (index_id, file_id) IN (
            SELECT index_id, file_id FROM files
            WHERE index_id = $1 AND state = 'DELETED' AND updated_at < now_ms() - CAST($2 AS BIGINT) LIMIT $3)
        AND state = 'DELETED' AND updated_at < now_ms() - CAST($2 AS BIGINT)
     RETURNING file_id",
);

/// $1 index, $2 file
pub(in crate::ledger) static FORGET_HISTORY: Sql =
    Sql::new("DELETE FROM history WHERE index_id = $1 AND file_id = $2");
