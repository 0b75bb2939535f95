-- Keys, and what was done with them.

CREATE TABLE api_keys (
    key_id       TEXT NOT NULL PRIMARY KEY,
    name         TEXT NOT NULL,
    scopes       TEXT NOT NULL,      -- JSON array
    indexes      TEXT,               -- JSON array; NULL: all of them
    prefix       TEXT NOT NULL,      -- start of the secret: recognises it, and is no secret itself
    hash         TEXT NOT NULL,      -- BLAKE3 of the whole secret, in hexadecimal
    old_prefix   TEXT,               -- the same of the secret before the last rotation
    old_hash     TEXT,
    old_until    BIGINT,             -- until when that one is still accepted
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    revoked_at   BIGINT,
    last_used_at BIGINT
);
CREATE UNIQUE INDEX api_keys_by_prefix ON api_keys (prefix);
CREATE INDEX api_keys_by_old_prefix ON api_keys (old_prefix) WHERE old_prefix IS NOT NULL;

-- Written before a change is made, completed when its outcome is known.
CREATE TABLE audit (
    audit_id    TEXT NOT NULL PRIMARY KEY,
    happened_at BIGINT NOT NULL,
    actor       TEXT NOT NULL,       -- name of the key; 'local' where no key is asked for
    key_id      TEXT,
    action      TEXT NOT NULL,       -- the operation's id in the OpenAPI document
    path        TEXT NOT NULL,
    index_id    TEXT,
    request_id  TEXT NOT NULL,
    status      BIGINT,              -- HTTP status of the answer; NULL: the process died before, or the caller hung up
    code        TEXT                 -- code of the problem; NULL when it was done
);
CREATE INDEX audit_by_time ON audit (happened_at, audit_id);
