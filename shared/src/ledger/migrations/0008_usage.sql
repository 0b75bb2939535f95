-- Tokens spent, by index and day.

CREATE TABLE usage (
    index_id TEXT NOT NULL,
    day      BIGINT NOT NULL,                   -- days since the Unix epoch, UTC
    tokens   BIGINT NOT NULL DEFAULT 0,         -- embedded, and asked for by requests under way
    embedded BIGINT NOT NULL DEFAULT 0,         -- chunks
    reused   BIGINT NOT NULL DEFAULT 0,         -- chunks whose vectors were there
    bytes    BIGINT NOT NULL DEFAULT 0,         -- of the blobs that these chunks are of
    PRIMARY KEY (index_id, day)
);
