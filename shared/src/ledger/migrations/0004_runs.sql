-- What a run knows of itself.

-- A run is an intent that somebody carries out, page by page. Runs of older builds count as complete.
ALTER TABLE runs ADD COLUMN state TEXT NOT NULL DEFAULT 'COMPLETED';
ALTER TABLE runs ADD COLUMN asked_by TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN path TEXT;                          -- only this file
ALTER TABLE runs ADD COLUMN phase TEXT NOT NULL DEFAULT '';     -- what is being recorded while LISTING
ALTER TABLE runs ADD COLUMN page_after TEXT;                    -- the last file of the phase that is recorded
ALTER TABLE runs ADD COLUMN pages BIGINT NOT NULL DEFAULT 0;    -- pages recorded; tells whether somebody else recorded one
ALTER TABLE runs ADD COLUMN lease_until BIGINT NOT NULL DEFAULT 0; -- somebody is at it until then
ALTER TABLE runs ADD COLUMN sealed_at BIGINT;
ALTER TABLE runs ADD COLUMN problem TEXT;                       -- why the listing does not get on
CREATE INDEX runs_open ON runs (index_id, opened_at, run_id) WHERE state IN ('LISTING', 'RUNNING', 'CANCELLING');

-- What became of a run's files. A row per stripe, so that workers that settle files of one run do not wait for each other.
CREATE TABLE run_counts (
    run_id      TEXT NOT NULL,
    stripe      TEXT NOT NULL,              -- the first digit of a file's id
    what        TEXT NOT NULL,              -- JOINED, an outcome, or COMMITTED: sums without an outcome
    code        TEXT NOT NULL,              -- of a failure; empty for the others
    files       BIGINT NOT NULL,
    embedded    BIGINT NOT NULL,            -- chunks sent to the model
    reused      BIGINT NOT NULL,            -- chunks whose vectors were there
    tokens      BIGINT NOT NULL,
    this_minute BIGINT NOT NULL,            -- number of the minute of the last change
    in_minute   BIGINT NOT NULL,            -- files in that minute
    in_previous BIGINT NOT NULL,            -- files in the minute before
    PRIMARY KEY (run_id, stripe, what, code)
);

-- The run that takes in changes which are reported without one, while there is such work.
ALTER TABLE indexes ADD COLUMN batch_run TEXT;
ALTER TABLE indexes ADD COLUMN batches BIGINT NOT NULL DEFAULT 0; -- opened so far

-- 1: its run waits for it. 2: the latest statement ended that. 0: no run does.
ALTER TABLE files ADD COLUMN run_open SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE files ADD COLUMN run_left TEXT;                     -- the run that the latest request took it from
ALTER TABLE files ADD COLUMN back_to TEXT;                      -- PENDING only because a run asked: the state before
ALTER TABLE files ADD COLUMN again_seq BIGINT NOT NULL DEFAULT 0; -- the latest change that wants it made again, same content or not
