-- Tables of the ledger, in the dialect that PostgreSQL and SQLite share. PostgreSQL gets every TEXT with COLLATE "C": ranges of
-- paths are ranges of bytes.
--
-- The CHECK constraints repeat the invariants of the protocol, so that a wrong statement fails instead of doing harm.

CREATE TABLE indexes (
    index_id   TEXT NOT NULL PRIMARY KEY,
    state      TEXT NOT NULL DEFAULT 'ACTIVE'   -- only files of an ACTIVE index are woken and claimed
               CHECK (state IN ('ACTIVE', 'PAUSED', 'DELETING')),
    settings   TEXT NOT NULL,                   -- JSON, as the index was made with
    created_at BIGINT NOT NULL,                 -- all times are milliseconds since the Unix epoch
    comparison TEXT                             -- JSON; what the latest comparison with the source found
);

CREATE TABLE files (
    index_id        TEXT NOT NULL REFERENCES indexes (index_id),
    file_id         TEXT NOT NULL,
    path            TEXT NOT NULL,
    state           TEXT NOT NULL,

    -- What is wanted.
    desired_seq     BIGINT NOT NULL,            -- changes reported
    claimed_seq     BIGINT NOT NULL DEFAULT 0,  -- the one that the current or last attempt took on
    applied_seq     BIGINT NOT NULL DEFAULT 0,  -- the one that search shows
    lane            SMALLINT NOT NULL,          -- position in Lane::ALL, most urgent first
    woken_at        BIGINT NOT NULL DEFAULT 0,  -- last confirmed wake-up; 0 is the outbox
    not_before      BIGINT NOT NULL,
    waits_for       TEXT,                       -- file_id whose settling this row waits for
    renamed_from    TEXT,                       -- file_id that the blob had before
    reason          TEXT NOT NULL,              -- who reported the latest change
    sequencer       TEXT,                       -- order given by the source; a hint for people
    run_id          TEXT,                       -- the run that last asked
    run_joined      SMALLINT NOT NULL DEFAULT 0, -- 1: the latest request brought the row into its run
    enqueued_at     BIGINT NOT NULL,            -- when the oldest unapplied change was reported
    newer_at        BIGINT,                     -- when the oldest change since the claim was reported

    -- Who holds it. claim_id is set exactly while the file is running.
    claim_id        TEXT,
    owner           TEXT,
    fence           BIGINT NOT NULL DEFAULT 0,  -- claims so far
    lease_until     BIGINT,
    started_at      BIGINT,
    last_claim      TEXT,                       -- the latest claim that ended, and its owner
    last_owner      TEXT,

    -- What search shows.
    live_claim      TEXT,
    prev_claim      TEXT,                       -- its points wait for removal
    dirty           SMALLINT NOT NULL DEFAULT 0, -- 1 from commit to release
    committed_claim TEXT,                       -- the claim that made the latest commit
    outcome         TEXT,                       -- the state that the latest commit's release leads to
    etag            TEXT,                       -- these five: what the committed version was made from
    content_hash    TEXT,
    pipeline        TEXT,
    size            BIGINT,
    chunks          BIGINT,
    seen_etag       TEXT,                       -- the source's tag when the file last settled, failures included

    -- How it went.
    attempts        BIGINT NOT NULL DEFAULT 0,
    failure_count   BIGINT NOT NULL DEFAULT 0,
    last_error      TEXT,                       -- JSON
    skip_error      TEXT,                       -- JSON; why the committed version is not indexed
    entries         BIGINT NOT NULL,            -- history entries written
    updated_at      BIGINT NOT NULL,

    PRIMARY KEY (index_id, file_id),
    CHECK (state IN ('PENDING', 'PROCESSING', 'PUBLISHING', 'INDEXED', 'FAILED', 'SKIPPED', 'DELETED',
                     'AWAITING_APPROVAL')),
    CHECK ((claim_id IS NOT NULL) = (state IN ('PROCESSING', 'PUBLISHING'))),
    CHECK (applied_seq <= desired_seq AND claimed_seq <= desired_seq),
    CHECK (prev_claim IS NULL OR dirty = 1),
    CHECK (state <> 'PROCESSING' OR dirty = 0),
    CHECK (state <> 'PUBLISHING' OR dirty = 1),
    CHECK (state NOT IN ('INDEXED', 'SKIPPED', 'DELETED') OR (dirty = 0 AND applied_seq = desired_seq)),
    CHECK (waits_for IS NULL OR waits_for <> file_id)
);

-- Lists in path order; the reconciler.
CREATE UNIQUE INDEX files_by_path ON files (index_id, path);
-- Counts per state; lists of a state in path order.
CREATE INDEX files_by_state ON files (index_id, state, path);
-- due: never woken (woken_at = 0) in order of not_before; woken ones by time.
CREATE INDEX files_due ON files (index_id, lane, woken_at, not_before, file_id)
    WHERE state = 'PENDING' AND waits_for IS NULL;
-- renew and sweep: as many rows as there are workers' slots.
CREATE INDEX files_running ON files (index_id, claim_id) WHERE claim_id IS NOT NULL;
-- Age of the oldest change that still has to be applied.
CREATE INDEX files_unapplied ON files (index_id, enqueued_at)
    WHERE state IN ('PENDING', 'PROCESSING', 'PUBLISHING') AND desired_seq > applied_seq;
-- Which claims the scrub must keep; sums over live versions.
CREATE INDEX files_live ON files (index_id, live_claim, chunks, size) WHERE live_claim IS NOT NULL;
CREATE INDEX files_prev ON files (index_id, prev_claim) WHERE prev_claim IS NOT NULL;
-- Rows that a settling file lets go.
CREATE INDEX files_waiting ON files (index_id, waits_for) WHERE waits_for IS NOT NULL;
-- The backlog, per index and lane.
CREATE INDEX files_working ON files (index_id, lane, state) WHERE state IN ('PENDING', 'PROCESSING', 'PUBLISHING');
-- Counts of a run.
CREATE INDEX files_by_run ON files (run_id, state) WHERE run_id IS NOT NULL;

CREATE TABLE history (
    index_id    TEXT NOT NULL,
    file_id     TEXT NOT NULL,
    n           BIGINT NOT NULL,                -- files.entries after the statement that wrote it
    happened_at BIGINT NOT NULL,
    event       TEXT NOT NULL,
    state       TEXT NOT NULL,
    seq         BIGINT NOT NULL,
    claim_id    TEXT,
    detail      TEXT NOT NULL,                  -- JSON object
    PRIMARY KEY (index_id, file_id, n)
);

CREATE TABLE runs (
    run_id         TEXT NOT NULL PRIMARY KEY,
    index_id       TEXT NOT NULL REFERENCES indexes (index_id),
    kind           TEXT NOT NULL,
    opened_at      BIGINT NOT NULL,
    completed_at   BIGINT,
    sealed         SMALLINT NOT NULL DEFAULT 0,
    total          BIGINT NOT NULL DEFAULT 0,
    -- Its files per settled state, kept when it completes: later runs take the rows over.
    ended_indexed  BIGINT NOT NULL DEFAULT 0,
    ended_failed   BIGINT NOT NULL DEFAULT 0,
    ended_skipped  BIGINT NOT NULL DEFAULT 0,
    ended_deleted  BIGINT NOT NULL DEFAULT 0,
    ended_awaiting BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX runs_by_index ON runs (index_id, opened_at, run_id);

-- Claims that were given up and may have left points.
CREATE TABLE dead_claims (
    index_id    TEXT NOT NULL,
    claim_id    TEXT NOT NULL,
    file_id     TEXT NOT NULL,
    given_up_at BIGINT NOT NULL,
    PRIMARY KEY (index_id, claim_id)
);
CREATE INDEX dead_claims_by_age ON dead_claims (index_id, given_up_at, claim_id);

-- Background work that one replica of the control plane does at a time.
CREATE TABLE duties (
    duty        TEXT NOT NULL PRIMARY KEY,
    owner       TEXT NOT NULL,
    lease_until BIGINT NOT NULL
);

-- Events about directories, kept until every file below is recorded, and for a while after.
CREATE TABLE operations (
    operation_id TEXT NOT NULL PRIMARY KEY,
    index_id     TEXT NOT NULL REFERENCES indexes (index_id),
    kind         TEXT NOT NULL,                 -- JSON
    sequencer    TEXT,
    opened_at    BIGINT NOT NULL,
    page_after   TEXT,                          -- the last file that is recorded
    held         SMALLINT,                      -- do its removals wait for approval?
    files        BIGINT NOT NULL DEFAULT 0,     -- recorded so far
    finished_at  BIGINT
);
CREATE INDEX operations_open ON operations (index_id, opened_at, operation_id) WHERE finished_at IS NULL;

-- Messages that nobody could read.
CREATE TABLE dead_letters (
    letter_id   TEXT NOT NULL PRIMARY KEY,
    received_at BIGINT NOT NULL,
    queue       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    problem     TEXT NOT NULL,
    body        TEXT NOT NULL
);
CREATE INDEX dead_letters_by_age ON dead_letters (received_at, letter_id);
