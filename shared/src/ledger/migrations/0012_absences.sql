-- The change by which a comparison said that the blob is gone, or whose removal was approved. While it is the latest one, that
-- absence is no news.

ALTER TABLE files ADD COLUMN gone_seq BIGINT;
