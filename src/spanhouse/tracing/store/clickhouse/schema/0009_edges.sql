-- Calls between services by minute of the called span's start. A minute is recomputed whole when a load touched it:
-- the rows of the highest `version` of an (instance, minute) replace all earlier ones.
CREATE TABLE edges (
    instance LowCardinality(String),
    received_day UInt32,
    minute UInt32,
    version UInt64,
    parent LowCardinality(String),
    child LowCardinality(String),
    calls UInt64,
    errors UInt64
) ENGINE = MergeTree
PARTITION BY received_day
ORDER BY (instance, minute, version, parent, child)
SETTINGS non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1;
