//! Statements about the audit log.

use super::Sql;

/// $1 id, $2 actor, $3 key, $4 action, $5 path, $6 index, $7 request
pub(in crate::ledger) static BEGIN_AUDIT: Sql = Sql::new(
    "INSERT INTO audit (audit_id, happened_at, actor, key_id, action, path, index_id, request_id)
     VALUES ($1, now_ms(), $2, $3, $4, $5, $6, $7)
     ON CONFLICT (audit_id) DO NOTHING",
);

/// $1 id, $2 status, $3 code
pub(in crate::ledger) static END_AUDIT: Sql =
    Sql::new("UPDATE audit SET status = CAST($2 AS BIGINT), code = $3 WHERE audit_id = $1");

/// $1 before this time, $2 and this entry, $3 limit
pub(in crate::ledger) static AUDIT: Sql = Sql::new(
    "SELECT audit_id, happened_at, actor, key_id, action, path, index_id, request_id, status, code FROM audit
     WHERE (happened_at, audit_id) < (CAST($1 AS BIGINT), CAST($2 AS TEXT))
     ORDER BY happened_at DESC, audit_id DESC LIMIT $3",
);

/// $1 age
pub(in crate::ledger) static FORGET_AUDIT: Sql =
    Sql::new("DELETE FROM audit WHERE happened_at < now_ms() - CAST($1 AS BIGINT)");
