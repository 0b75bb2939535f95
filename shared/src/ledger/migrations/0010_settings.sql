-- How often the settings of an index were changed, and one.

ALTER TABLE indexes ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;
