//! Statements about keys.

use super::Sql;

/// The columns of a key, as [`super::super::calls::keys`] reads them.
macro_rules! key_columns {
    () => {
        "key_id, name, scopes, indexes, prefix, old_prefix, old_until, created_at, expires_at, revoked_at, last_used_at"
    };
}

/// $1 id, $2 name, $3 scopes, $4 indexes, $5 prefix, $6 hash, $7 expiry
pub(in crate::ledger) static CREATE_KEY: Sql = Sql::new(
    "INSERT INTO api_keys (key_id, name, scopes, indexes, prefix, hash, expires_at, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, now_ms())
     ON CONFLICT (key_id) DO NOTHING",
);

/// **create_first_key**: has there never been a key? Two replicas that both see none meet at the primary key.
///
/// $1 id, $2 name, $3 scopes, $4 indexes, $5 prefix, $6 hash, $7 expiry
pub(in crate::ledger) static CREATE_FIRST_KEY: Sql = Sql::new(
    "INSERT INTO api_keys (key_id, name, scopes, indexes, prefix, hash, expires_at, created_at)
     SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS TEXT), CAST($6 AS TEXT),
        CAST($7 AS BIGINT), now_ms()
     WHERE NOT EXISTS (SELECT 1 FROM api_keys)
     ON CONFLICT (key_id) DO NOTHING",
);

/// Is it this secret's? $1 id, $2 hash
pub(in crate::ledger) static KEY_HAS_HASH: Sql =
    Sql::new("SELECT 1 FROM api_keys WHERE key_id = $1 AND hash = $2");

/// Is there a key, whatever became of it?
pub(in crate::ledger) static ANY_KEY: Sql = Sql::new("SELECT 1 FROM api_keys LIMIT 1");

/// $1 prefix
pub(in crate::ledger) static FIND_KEY: Sql = Sql::new(concat!(
    "SELECT ",
    key_columns!(),
    ", CASE WHEN prefix = $1 THEN hash ELSE old_hash END FROM api_keys
     WHERE (prefix = $1 OR (old_prefix = $1 AND old_until > now_ms()))
        AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now_ms())"
));

/// $1 after this key, $2 limit
pub(in crate::ledger) static KEYS: Sql = Sql::new(concat!(
    "SELECT ",
    key_columns!(),
    " FROM api_keys WHERE key_id > $1 ORDER BY key_id LIMIT $2"
));

/// $1 id
pub(in crate::ledger) static KEY: Sql = Sql::new(concat!(
    "SELECT ",
    key_columns!(),
    " FROM api_keys WHERE key_id = $1"
));

/// **rotate_key**: is the key valid, and no earlier rotation of it under way?
///
/// $1 id, $2 prefix, $3 hash, $4 overlap
pub(in crate::ledger) static ROTATE_KEY: Sql = Sql::new(concat!(
    "UPDATE api_keys SET
        old_prefix = CASE WHEN CAST($4 AS BIGINT) > 0 THEN prefix END,
        old_hash = CASE WHEN CAST($4 AS BIGINT) > 0 THEN hash END,
        old_until = CASE WHEN CAST($4 AS BIGINT) > 0 THEN now_ms() + CAST($4 AS BIGINT) END,
        prefix = $2,
        hash = $3
     WHERE key_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now_ms())
        AND (CAST($4 AS BIGINT) = 0 OR old_until IS NULL OR old_until <= now_ms())
     RETURNING ",
    key_columns!()
));

/// Is the key valid? $1 id
pub(in crate::ledger) static KEY_IS_VALID: Sql = Sql::new(
    "SELECT 1 FROM api_keys
     WHERE key_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now_ms())",
);

/// $1 id
pub(in crate::ledger) static REVOKE_KEY: Sql = Sql::new(concat!(
    "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, now_ms()) WHERE key_id = $1 RETURNING ",
    key_columns!()
));

/// $1 id, $2 coarse
pub(in crate::ledger) static TOUCH_KEY: Sql = Sql::new(
    "UPDATE api_keys SET last_used_at = now_ms()
     WHERE key_id = $1 AND (last_used_at IS NULL OR last_used_at < now_ms() - CAST($2 AS BIGINT))",
);
