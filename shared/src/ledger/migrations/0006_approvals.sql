-- Removals that wait for a decision.

CREATE TABLE approvals (
    index_id    TEXT NOT NULL REFERENCES indexes (index_id),
    n           BIGINT NOT NULL,                -- from 1, per index
    state       TEXT NOT NULL CHECK (state IN ('WAITING', 'APPROVED', 'KEPT', 'WITHDRAWN')),
    reason      TEXT NOT NULL,                  -- who reported the first of its removals
    opened_at   BIGINT NOT NULL,
    files       BIGINT NOT NULL DEFAULT 0,      -- that waited when it was decided
    ceiling     BIGINT,                         -- most files that the decision is about
    decided_at  BIGINT,
    decided_by  TEXT,
    note        TEXT,
    passed      BIGINT NOT NULL DEFAULT 0,      -- files that the decision was carried out on
    finished_at BIGINT,                         -- when it was carried out; NULL while it waits or is under way
    told        TEXT,                           -- the state that the webhook was told last
    PRIMARY KEY (index_id, n),
    CHECK ((state = 'WAITING') = (decided_at IS NULL)),
    CHECK (passed <= COALESCE(ceiling, 0))
);
-- An index has one approval at a time that is not finished: it is about whatever waits.
CREATE UNIQUE INDEX approvals_open ON approvals (index_id) WHERE finished_at IS NULL;
CREATE INDEX approvals_by_age ON approvals (opened_at, index_id, n);
-- For the webhook.
CREATE INDEX approvals_untold ON approvals (index_id, n) WHERE told IS NULL OR told <> state;

-- 1: its removal was reported, and somebody decided to keep it.
ALTER TABLE files ADD COLUMN kept SMALLINT NOT NULL DEFAULT 0;
