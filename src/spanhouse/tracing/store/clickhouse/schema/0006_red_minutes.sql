-- Rate, errors and duration by minute of start, service, operation and kind.
-- The sketch keeps values to 8 bits: exact to merge, small, and cheap to make for many small groups.
CREATE TABLE red_minutes (
    instance LowCardinality(String),
    received_day UInt32,
    service LowCardinality(String),
    name String,
    kind Int32,
    minute UInt32,
    calls SimpleAggregateFunction(sum, UInt64),
    errors SimpleAggregateFunction(sum, UInt64),
    duration_sum SimpleAggregateFunction(sum, UInt64),
    durations AggregateFunction(quantilesBFloat16(0.5, 0.95, 0.99), UInt64)
) ENGINE = AggregatingMergeTree
PARTITION BY received_day
ORDER BY (instance, service, name, kind, minute)
SETTINGS non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1;

CREATE MATERIALIZED VIEW arrivals_to_red_minutes TO red_minutes AS
SELECT
    instance,
    toUInt32(intDiv(received_at, 86400000000000)) AS received_day,
    service,
    name,
    kind,
    toUInt32(intDiv(start_time, 60000000000)) AS minute,
    count() AS calls,
    countIf(status_code = 2) AS errors,
    sum(toUInt64(greatest(length, 0))) AS duration_sum,
    quantilesBFloat16State(0.5, 0.95, 0.99)(toUInt64(greatest(length, 0))) AS durations
FROM arrivals
GROUP BY instance, received_day, service, name, kind, minute;
