-- A filter of log lines that somebody set for every process, for a while.

CREATE TABLE IF NOT EXISTS logging (
    id       BIGINT PRIMARY KEY,            -- always 1: the latest one counts
    filter   TEXT NOT NULL,
    set_by   TEXT NOT NULL,
    set_at   BIGINT NOT NULL,
    until_at BIGINT NOT NULL                -- from then on it says nothing any more
);
