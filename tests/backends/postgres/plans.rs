//! Statements stay cheap as tables grow: each finds its rows through the index that is meant for it.

use shared::ledger::postgres::hot_statements;

use super::desk;

/// Some thousand rows in every state, of two indexes.
const ROWS: &str = "
    INSERT INTO indexes (index_id, settings, created_at) VALUES ('other', '{}', 0);
    INSERT INTO runs (run_id, index_id, kind, opened_at) SELECT 'run-' || n, CASE n % 2 WHEN 0 THEN 'docs' ELSE 'other' END, 'scan', n
    FROM generate_series(1, 5000) n;
    UPDATE runs SET state = 'RUNNING' WHERE opened_at % 1000 < 2;
    INSERT INTO files (index_id, file_id, path, state, desired_seq, claimed_seq, applied_seq, lane, woken_at, not_before,
        waits_for, suspended, suspended_at, reason, run_id, enqueued_at, claim_id, owner, fence, lease_until, started_at, live_claim, prev_claim,
        dirty, outcome, size, chunks, entries, updated_at)
    SELECT CASE n % 2 WHEN 0 THEN 'docs' ELSE 'other' END, md5(n::text), 'folder/' || n, state, 2,
        CASE state WHEN 'PENDING' THEN 1 ELSE 2 END, CASE WHEN state IN ('PENDING', 'PROCESSING', 'FAILED') THEN 1 ELSE 2 END,
        n % 2, CASE WHEN n % 50 = 0 THEN n ELSE 0 END, n, CASE WHEN state = 'PENDING' AND n % 100 = 1 THEN 'x' END,
        CASE n % 200 WHEN 2 THEN 'run' WHEN 3 THEN 'file' END, CASE WHEN n % 200 IN (2, 3) THEN n END, 'scan',
        'run-' || n % 50, n, CASE WHEN state = 'PROCESSING' THEN 'claim-' || n END,
        CASE WHEN state = 'PROCESSING' THEN 'owner-' || n % 9 END, 1, CASE WHEN state = 'PROCESSING' THEN n END,
        CASE WHEN state = 'PROCESSING' THEN n END, 'live-' || n, NULL, 0, 'INDEXED', 100, 5, 3, n
    FROM (SELECT n, CASE WHEN n % 10 < 4 THEN 'PENDING' WHEN n % 1000 = 4 THEN 'PROCESSING' WHEN n % 100 = 5 THEN 'FAILED'
        WHEN n % 100 = 6 THEN 'DELETED' ELSE 'INDEXED' END AS state FROM generate_series(1, 20000) n) AS rows;
    INSERT INTO history (index_id, file_id, n, happened_at, event, state, seq, claim_id, detail)
    SELECT index_id, file_id, entry, 0, 'claimed', 'PENDING', 1, 'claim', '{}' FROM files, generate_series(1, 3) entry;
    INSERT INTO operations (operation_id, index_id, kind, opened_at, finished_at)
    SELECT 'op-' || n, CASE n % 2 WHEN 0 THEN 'docs' ELSE 'other' END, '{}', n, CASE WHEN n % 100 > 1 THEN n END
    FROM generate_series(1, 5000) n;
    INSERT INTO run_counts SELECT 'run-' || n % 50, md5(n::text), 'INDEXED', '', 1, 0, 0, 0, 0, 0, 0 FROM generate_series(1, 5000) n;
    INSERT INTO api_keys (key_id, name, scopes, prefix, hash, old_prefix, created_at)
    SELECT 'key-' || n, 'a key', '[]', 'prefix-' || n, 'hash', CASE WHEN n % 10 = 0 THEN 'old-' || n END, n
    FROM generate_series(1, 5000) n;
    INSERT INTO audit (audit_id, happened_at, actor, action, path, request_id)
    SELECT 'entry-' || n, n, 'somebody', 'indexes_pause', '/indexes/docs/pause', 'request-' || n FROM generate_series(1, 20000) n;
    INSERT INTO dead_claims SELECT index_id, 'dead-' || path, file_id, updated_at FROM files WHERE state <> 'PENDING';
    ANALYZE";

const EXPECTED: [(&str, &str); 61] = [
    ("ENQUEUE", "Conflict Arbiter Indexes: files_pkey"),
    ("MARK_WOKEN", "files_pkey"),
    ("CLAIM", "files_pkey"),
    ("CLAIM", "history_pkey"),
    ("HELD", "files_"),
    ("COMMIT", "files_"),
    ("COMMITTED", "files_pkey"),
    ("RELEASE", "files_"),
    ("FAIL", "files_"),
    ("FILE", "files_pkey"),
    ("LIVE_CLAIMS", "files_pkey"),
    ("SWEEP", "files_running"),
    ("RENEW", "files_running"),
    ("LET_GO", "files_waiting"),
    ("RETRY", "files_by_state"),
    ("DECIDE", "files_by_state"),
    ("DUE", "files_ready"),
    ("DUE", "(woken_at = 0) AND (not_before <= now_ms())"),
    ("WOKEN", "files_ready"),
    ("WOKEN", "(woken_at > (now_ms() - $3))"),
    ("NEXT_DUE", "files_ready"),
    ("OLDEST", "files_unapplied"),
    ("CLAIMS_IN_USE", "files_live"),
    ("CLAIMS_IN_USE", "files_prev"),
    ("CLAIMS_IN_USE", "files_running"),
    ("FILES", "files_by_state"),
    ("KNOWN_FILES", "files_by_path"),
    ("HISTORY", "history_pkey"),
    ("COMPLETE_RUN", "files_by_run"),
    ("CLOSE_BATCH", "files_by_run"),
    ("GIVE_BACK", "files_by_run"),
    ("RETRY_FILE", "files_"),
    ("WAKE_PENDING", "files_due"),
    ("RUN_SUMS", "run_counts_pkey"),
    ("RUNS", "runs_"),
    ("OPEN_RUNS", "runs_"),
    ("TAKE_RUN", "runs_"),
    ("DEAD_CLAIMS", "dead_claims_by_age"),
    ("PAGE_END", "files_pkey"),
    ("PRUNE_HISTORY", "history_pkey"),
    ("PRUNE_TOMBSTONES", "files_by_state"),
    ("FORGET_HISTORY", "history_pkey"),
    ("OPERATIONS", "operations_open"),
    ("BACKLOG", "files_working"),
    ("LIVE_FILES", "files_pkey"),
    ("SPOIL", "files_live"),
    ("BACKLOG", "files_suspended"),
    ("TERMINATE", "files_pkey"),
    ("SUSPEND", "files_pkey"),
    ("RESUME", "files_"),
    ("SET_ASIDE", "files_"),
    ("LET_RUN_GO", "files_set_aside"),
    ("REWIND_RUN", "files_by_run"),
    ("SUSPENDED_FILES", "files_suspended"),
    ("SUSPENDED_PENDING", "files_suspended"),
    ("HISTORY_BEFORE", "history_pkey"),
    ("PURGE_HISTORY", "history_pkey"),
    ("FIND_KEY", "api_keys_by_prefix"),
    ("FIND_KEY", "api_keys_by_old_prefix"),
    ("AUDIT", "audit_by_time"),
    ("FORGET_AUDIT", "audit_by_time"),
];

/// Read a whole index of the table, however they are written: counts and sums over all live rows.
const WHOLE: [&str; 2] = ["COUNTS", "SIZES"];

#[tokio::test]
async fn each_statement_uses_its_index() {
    let (postgres, _ledger) = desk::start().await;
    postgres.sql("ledger", ROWS).unwrap();
    let mut wrong = String::new();
    for (name, sql) in hot_statements() {
        let parameters = (1..)
            .take_while(|n| sql.contains(&format!("${n}")))
            .map(|_| "NULL");
        let values = parameters.collect::<Vec<_>>().join(", ");
        // As it is planned in a session that has run it a few times: for any values.
        let explain = format!(
            "SET plan_cache_mode = force_generic_plan; PREPARE it AS {sql}; EXPLAIN (COSTS OFF) EXECUTE it({values})"
        )
        .replace("it()", "it");
        let plan = postgres.sql("ledger", &explain).unwrap();
        let expected = EXPECTED.iter().filter(|(of, _)| *of == name);
        for (_, index) in expected.filter(|(_, index)| !plan.contains(index)) {
            wrong += &format!("{name} does not use {index}:\n{plan}\n\n");
        }
        let scans = [
            "Seq Scan on files",
            "Seq Scan on history",
            "Seq Scan on api_keys",
            "Seq Scan on audit",
        ];
        if scans.iter().any(|scan| plan.contains(scan)) && !WHOLE.contains(&name) {
            wrong += &format!("{name} reads a whole table:\n{plan}\n\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
