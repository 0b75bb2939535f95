-- Indexes and the generations behind them.
--
-- A generation is an index of its own, with files, claims, runs and collection. An index without a row in the catalog has one
-- generation, its first; the row comes with the first call that has to say more.

ALTER TABLE indexes ADD COLUMN family TEXT; -- the name that people know; NULL for a first generation, whose index_id is that

CREATE TABLE catalog (
    name        TEXT NOT NULL PRIMARY KEY,
    live        TEXT NOT NULL,               -- the index_id that search shows
    building    TEXT,                        -- the one that is to take its place
    retired     TEXT,                        -- the one that was live before, for an undo
    made        BIGINT NOT NULL DEFAULT 1,   -- generations so far; no number is given twice
    paused      SMALLINT NOT NULL DEFAULT 0, -- by somebody; a retired generation is paused anyway
    deleting    SMALLINT NOT NULL DEFAULT 0, -- all of it goes
    going_back  SMALLINT NOT NULL DEFAULT 0, -- the retired one catches up and becomes live again
    began_at    BIGINT,                      -- when the latest build was begun
    progress    BIGINT NOT NULL DEFAULT 0,   -- files of it that are settled, and when that last changed
    progress_at BIGINT,
    waits_for   TEXT,                        -- JSON; what stood in the way of the swap when that was last tried
    swapped_at  BIGINT,
    alias       TEXT,                        -- the index_id that the collection's alias was last pointed to
    failed      TEXT,                        -- the latest build that was rolled back, when and why
    failed_at   BIGINT,
    failure     TEXT,
    CHECK (building IS NULL OR going_back = 0),
    CHECK (going_back = 0 OR retired IS NOT NULL),
    CHECK (live IS DISTINCT FROM building AND live IS DISTINCT FROM retired)
);
