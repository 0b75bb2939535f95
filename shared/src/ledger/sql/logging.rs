//! The filter of log lines that goes for every process.

use super::Sql;

pub(in crate::ledger) static LOGGING: Sql = Sql::new(
    "SELECT filter, set_by, set_at, until_at, until_at - now_ms() FROM logging WHERE id = 1 AND until_at > now_ms()",
);

/// $1 filter, $2 how long, $3 who
pub(in crate::ledger) static SET_LOGGING: Sql = Sql::new(
    "INSERT INTO logging (id, filter, set_by, set_at, until_at)
     VALUES (1, $1, $3, now_ms(), now_ms() + CAST($2 AS BIGINT))
     ON CONFLICT (id) DO UPDATE SET filter = excluded.filter, set_by = excluded.set_by, set_at = excluded.set_at,
        until_at = excluded.until_at
     RETURNING filter, set_by, set_at, until_at, until_at - set_at",
);

pub(in crate::ledger) static RESET_LOGGING: Sql = Sql::new("DELETE FROM logging WHERE id = 1");
