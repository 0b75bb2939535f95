-- What processes know of the health of their dependencies.

CREATE TABLE breakers (
    process       TEXT NOT NULL,
    dependency    TEXT NOT NULL,
    role          TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('CLOSED', 'HALF_OPEN', 'OPEN')),
    since_at      BIGINT NOT NULL,
    failures      BIGINT NOT NULL,              -- since it last answered
    next_probe_at BIGINT,
    last_error    TEXT,
    seen_at       BIGINT NOT NULL,              -- the report; old ones are of dead processes
    PRIMARY KEY (process, dependency)
);

-- The change whose content was given up as FAILED; it counts while it is above applied_seq. NULL once somebody asked for
-- another try.
ALTER TABLE files ADD COLUMN failed_seq BIGINT;
