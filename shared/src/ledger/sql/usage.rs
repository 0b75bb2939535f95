//! Statements about what embedding costs.

use super::Sql;

/// **spend**: does today's budget have as many tokens left? $1 index, $2 tokens, $3 limit
pub(in crate::ledger) static SPEND: Sql = Sql::new(
    "INSERT INTO usage (index_id, day, tokens)
     SELECT CAST($1 AS TEXT), now_ms() / 86400000, CAST($2 AS BIGINT) WHERE CAST($2 AS BIGINT) <= CAST($3 AS BIGINT)
     ON CONFLICT (index_id, day) DO UPDATE SET tokens = usage.tokens + excluded.tokens
        WHERE usage.tokens + excluded.tokens <= CAST($3 AS BIGINT)
     RETURNING tokens",
);

/// Tokens of today, and milliseconds until tomorrow. $1 index
pub(in crate::ledger) static SPENT: Sql = Sql::new(
    "SELECT COALESCE((SELECT tokens FROM usage WHERE index_id = $1 AND day = now_ms() / 86400000), 0),
        86400000 - now_ms() % 86400000",
);

/// $1 index, $2 tokens, $3 chunks embedded, $4 chunks reused, $5 bytes
pub(in crate::ledger) static NOTE_USAGE: Sql = Sql::new(
    "INSERT INTO usage (index_id, day, tokens, embedded, reused, bytes)
     VALUES ($1, now_ms() / 86400000, CASE WHEN CAST($2 AS BIGINT) > 0 THEN CAST($2 AS BIGINT) ELSE 0 END, $3, $4, $5)
     ON CONFLICT (index_id, day) DO UPDATE SET
        tokens = CASE WHEN usage.tokens + CAST($2 AS BIGINT) > 0 THEN usage.tokens + CAST($2 AS BIGINT) ELSE 0 END,
        embedded = usage.embedded + excluded.embedded,
        reused = usage.reused + excluded.reused,
        bytes = usage.bytes + excluded.bytes",
);

/// $1 index, $2 days
pub(in crate::ledger) static USAGE: Sql = Sql::new(
    "SELECT day * 86400000, tokens, embedded, reused, bytes FROM usage
     WHERE index_id = $1 ORDER BY day DESC LIMIT $2",
);

/// What all generations of an index used, once none of them is left. $1 name
pub(in crate::ledger) static ERASE_USAGE: Sql = Sql::new(
    "DELETE FROM usage WHERE index_id = $1
        AND NOT EXISTS (SELECT 1 FROM indexes WHERE COALESCE(family, indexes.index_id) = $1)",
);

/// $1 index, $2 the failure's code as it stands in its JSON
pub(in crate::ledger) static WAKE_WAITING: Sql = Sql::new(
    "UPDATE files SET not_before = now_ms(), woken_at = 0
     WHERE index_id = $1 AND state = 'PENDING' AND not_before > now_ms() AND last_error LIKE $2",
);
