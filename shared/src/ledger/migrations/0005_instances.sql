-- Files and runs that people hold or end.

-- What keeps a file from being woken and claimed until somebody resumes it: 'file' when it was suspended itself, 'run' when
-- the dispatcher set it aside because its run is suspended.
ALTER TABLE files ADD COLUMN suspended TEXT;
ALTER TABLE files ADD COLUMN suspended_at BIGINT;
-- When the row was made; NULL for rows of earlier builds.
ALTER TABLE files ADD COLUMN created_at BIGINT;

-- Since when none of its files is claimed.
ALTER TABLE runs ADD COLUMN suspended_at BIGINT;
-- 1 when files may be set aside because of it.
ALTER TABLE runs ADD COLUMN set_aside SMALLINT NOT NULL DEFAULT 0;

-- due: as files_due, without those that are suspended, of which there may be very many.
CREATE INDEX files_ready ON files (index_id, lane, woken_at, not_before, file_id)
    WHERE state = 'PENDING' AND waits_for IS NULL AND suspended IS NULL;
-- Suspended files by what suspends them, in path order; those that do not count as backlog. Empty nearly always.
CREATE INDEX files_suspended ON files (index_id, suspended, path, state, lane) WHERE suspended IS NOT NULL;
-- Files to let go when their run is resumed.
CREATE INDEX files_set_aside ON files (run_id, index_id, file_id) WHERE suspended = 'run';
-- Runs whose files may have been set aside.
CREATE INDEX runs_set_aside ON runs (run_id) WHERE set_aside = 1;
