//! Statements stay cheap with a million rows: each finds its rows through the index that is meant for it.

use std::sync::Arc;

use rusqlite::Connection;

use super::super::connection::Place;
use crate::clock::SystemClock;
use crate::ledger::sql::{self, Sql};

fn plan(db: &Connection, sql: &Sql) -> String {
    let mut statement = db
        .prepare(&format!("EXPLAIN QUERY PLAN {}", sql.sqlite()))
        .unwrap();
    for parameter in 1..=statement.parameter_count() {
        statement.raw_bind_parameter(parameter, 0).unwrap();
    }
    let mut rows = statement.raw_query();
    let mut plan = String::new();
    while let Some(row) = rows.next().unwrap() {
        plan += &row.get::<_, String>(3).unwrap();
        plan.push('\n');
    }
    plan
}

#[test]
fn each_statement_uses_its_index() {
    let db = Place::Memory.open_writer(&(Arc::new(SystemClock) as _)).unwrap();
    let by_key = "SEARCH files USING INDEX sqlite_autoindex_files_1 (index_id=? AND file_id=?)";
    let expected = [
        (&sql::MARK_WOKEN, by_key),
        (&sql::CLAIM, by_key),
        (&sql::HELD, by_key),
        (&sql::COMMIT, by_key),
        (&sql::COMMITTED, by_key),
        (&sql::RELEASE, by_key),
        (&sql::FAIL, by_key),
        (&sql::FILE, by_key),
        (&sql::LIVE_CLAIMS, by_key),
        (&sql::SWEEP, "SCAN files USING INDEX files_running"),
        (&sql::RENEW, "SCAN files USING INDEX files_running"),
        (
            &sql::LET_GO,
            "USING INDEX files_waiting (index_id=? AND waits_for=?)",
        ),
        (&sql::RETRY, "USING INDEX files_by_state (index_id=? AND state=?)"),
        (
            &sql::DUE,
            "USING INDEX files_ready (index_id=? AND lane=? AND woken_at=? AND not_before<?)",
        ),
        (
            &sql::DUE,
            "USING INDEX files_ready (index_id=? AND lane=? AND woken_at>? AND woken_at<?)",
        ),
        (
            &sql::WOKEN,
            "INDEX files_ready (index_id=? AND lane=? AND woken_at>?)",
        ),
        (
            &sql::NEXT_DUE,
            "INDEX files_ready (index_id=? AND lane=? AND woken_at=?)",
        ),
        (&sql::OLDEST, "INDEX files_unapplied (index_id=?)"),
        (&sql::COUNTS, "COVERING INDEX files_by_state (index_id=?)"),
        (&sql::SIZES, "COVERING INDEX files_live (index_id=?"),
        (&sql::PARTIAL, "INDEX files_partial (index_id=?)"),
        (
            &sql::CLAIMS_IN_USE,
            "COVERING INDEX files_live (index_id=? AND live_claim=?)",
        ),
        (
            &sql::CLAIMS_IN_USE,
            "COVERING INDEX files_prev (index_id=? AND prev_claim=?)",
        ),
        (
            &sql::CLAIMS_IN_USE,
            "COVERING INDEX files_running (index_id=? AND claim_id=?)",
        ),
        (
            &sql::FILES,
            "INDEX files_by_state (index_id=? AND (state,path)>(?,?) AND (state,path)<(?,?))",
        ),
        (
            &sql::KNOWN_FILES,
            "INDEX files_by_path (index_id=? AND path>? AND path<?)",
        ),
        (&sql::COMPLETE_RUN, "INDEX files_by_run (run_id=? AND state=?)"),
        (&sql::CLOSE_BATCH, "INDEX files_by_run (run_id=? AND state=?)"),
        (&sql::GIVE_BACK, "INDEX files_by_run (run_id=? AND state=?)"),
        (&sql::RUN_SUMS, "(run_id=?)"),
        (&sql::OPEN_RUNS, "INDEX runs_open (index_id=?)"),
        (
            &sql::RUNS,
            "INDEX runs_by_index (index_id=? AND (opened_at,run_id)<(?,?))",
        ),
        (&sql::OPERATIONS, "INDEX operations_open (index_id=?)"),
        (&sql::BACKLOG, "SCAN files USING COVERING INDEX files_working"),
        (&sql::LIVE_FILES, "(index_id=? AND file_id>?)"),
        (&sql::SPOIL, "INDEX files_live (index_id=? AND live_claim=?)"),
        (&sql::DEAD_CLAIMS, "INDEX dead_claims_by_age (index_id=?)"),
        (&sql::BACKLOG, "SCAN files USING COVERING INDEX files_suspended"),
        (&sql::TERMINATE, by_key),
        (&sql::SUSPEND, by_key),
        (&sql::RESUME, by_key),
        (&sql::SET_ASIDE, by_key),
        (&sql::LET_RUN_GO, "COVERING INDEX files_set_aside (run_id=?)"),
        (&sql::RESUMED_RUNS, "INDEX runs_set_aside"),
        (&sql::REWIND_RUN, "INDEX files_by_run (run_id=? AND state=?)"),
        (
            &sql::SUSPENDED_FILES,
            "INDEX files_suspended (index_id=? AND suspended=? AND path>?)",
        ),
        (
            &sql::SUSPENDED_PENDING,
            "COVERING INDEX files_suspended (index_id=?",
        ),
        (&sql::HISTORY_BEFORE, "(index_id=? AND file_id=? AND n<?)"),
    ];
    // As many rows as there is work.
    let small = ["files_running", "files_working", "files_suspended"];
    for (sql, index) in expected {
        let plan = plan(&db, sql);
        assert!(plan.contains(index), "{}\n{plan}wanted: {index}", sql.sqlite());
        let scans = plan
            .lines()
            .filter(|line| line.starts_with("SCAN files") && !small.iter().any(|index| line.contains(index)));
        assert_eq!(scans.count(), 0, "{}\n{plan}", sql.sqlite());
    }
}
