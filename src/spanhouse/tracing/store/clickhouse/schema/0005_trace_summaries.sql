-- One row per trace and bucket of five minutes of its spans' starts, to be merged by trace_id when read.
-- `start` and `end` are raw; `good_start` and `good_end` those of spans whose times are plausible (plan/plausible.py has
-- the rule), 2^64 - 1 and 0 without any. `implausible` counts the others: rare, so an index passes over all but them.
-- `root` is the least of (is a child, start, service, name): a true root before any other span, the earliest first.
CREATE TABLE trace_summaries (
    instance LowCardinality(String),
    received_day UInt32,
    start_bucket UInt32,
    trace_id FixedString(16),
    start SimpleAggregateFunction(min, UInt64),
    end SimpleAggregateFunction(max, UInt64),
    good_start SimpleAggregateFunction(min, UInt64),
    good_end SimpleAggregateFunction(max, UInt64),
    implausible SimpleAggregateFunction(sum, UInt64),
    spans SimpleAggregateFunction(sum, UInt64),
    errors SimpleAggregateFunction(sum, UInt64),
    root SimpleAggregateFunction(min, Tuple(is_child Bool, start UInt64, service String, name String)),
    INDEX implausible_range implausible TYPE minmax GRANULARITY 1
) ENGINE = AggregatingMergeTree
PARTITION BY received_day
ORDER BY (instance, start_bucket, trace_id)
SETTINGS non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1;

CREATE MATERIALIZED VIEW arrivals_to_trace_summaries TO trace_summaries AS
WITH
    start_time + toUInt64(greatest(length, 0)) AS span_end,
    received_at + 86400000000000 AS latest,
    start_time >= 946684800000000000 AND start_time <= latest AS plausible
SELECT
    instance,
    toUInt32(intDiv(received_at, 86400000000000)) AS received_day,
    toUInt32(intDiv(start_time, 300000000000)) AS start_bucket,
    trace_id,
    min(start_time) AS start,
    max(span_end) AS end,
    min(if(plausible, start_time, 18446744073709551615)) AS good_start,
    max(multiIf(NOT plausible, 0, span_end > latest, start_time, span_end)) AS good_end,
    countIf(NOT plausible) AS implausible,
    count() AS spans,
    countIf(status_code = 2) AS errors,
    min(CAST((parent_span_id != toFixedString('', 8), start_time, service, name),
        'Tuple(is_child Bool, start UInt64, service String, name String)')) AS root
FROM arrivals
GROUP BY instance, received_day, start_bucket, trace_id;
