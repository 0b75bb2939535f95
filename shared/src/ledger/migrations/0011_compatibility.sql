-- Which builds may work with the tables after a migration.

-- The least version that a build must know; 0 after a migration that only adds, with which every build goes on. NULL for
-- versions before this one, of which nobody asks.
ALTER TABLE schema_version ADD COLUMN needs BIGINT;
