-- Parts of a file that its committed version lacks.

ALTER TABLE files ADD COLUMN missing TEXT; -- JSON array; NULL when the version is whole
-- Files that are indexed in part, in path order.
CREATE INDEX files_partial ON files (index_id, state, path) WHERE missing IS NOT NULL;
