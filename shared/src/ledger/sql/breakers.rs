//! Reports of circuit breakers.

use super::Sql;

/// What the process said before, and what dead ones said. $1 process, $2 age
pub(in crate::ledger) static FORGET_REPORTS: Sql =
    Sql::new("DELETE FROM breakers WHERE process = $1 OR seen_at < now_ms() - CAST($2 AS BIGINT)");

/// $1 process, $2 dependency, $3 role, $4 state, $5 time in it, $6 failures, $7 time to the next probe, $8 last error
pub(in crate::ledger) static REPORT: Sql = Sql::new(
    "INSERT INTO breakers (process, dependency, role, state, since_at, failures, next_probe_at, last_error, seen_at)
     VALUES ($1, $2, $3, $4, now_ms() - CAST($5 AS BIGINT), CAST($6 AS BIGINT), now_ms() + CAST($7 AS BIGINT), $8, now_ms())",
);

/// $1 age
pub(in crate::ledger) static REPORTS: Sql = Sql::new(
    "SELECT dependency, process, role, state, since_at, failures, next_probe_at, last_error, seen_at FROM breakers
     WHERE seen_at >= now_ms() - CAST($1 AS BIGINT) ORDER BY dependency, process",
);
