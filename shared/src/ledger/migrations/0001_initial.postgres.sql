-- What PostgreSQL needs beyond 0001_initial.sql.

-- The ledger's clock. STABLE, although it moves: only then do comparisons with it become ranges of an index. Each use
-- still reads the clock, also when a WHERE clause is evaluated again after a wait. In PL/pgSQL, because such a function in
-- SQL cannot be inlined and costs several times as much.
CREATE FUNCTION now_ms() RETURNS BIGINT LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN CAST(floor(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS BIGINT);
END
$$;

-- A file's row is updated some six times per change. Room on its page lets a renewal, which touches no index, stay there
-- (HOT), and keeps the other versions close. Dead versions are removed early: a table that has doubled is slow to scan.
ALTER TABLE files SET (
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 0
);
-- Every batch of a run adds to the run's row.
ALTER TABLE runs SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
ALTER TABLE indexes SET (fillfactor = 50);
-- Written once, removed from the old end.
ALTER TABLE history SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05);
ALTER TABLE dead_claims SET (autovacuum_vacuum_scale_factor = 0.05);
