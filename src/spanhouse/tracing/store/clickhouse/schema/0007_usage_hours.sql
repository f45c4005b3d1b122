-- What was taken in, by hour of receipt and service. No deletion of spans ever touches it.
-- Bytes are of the uncompressed protobuf body, the resource counted once per request.
CREATE TABLE usage_hours (
    instance LowCardinality(String),
    hour UInt32,
    service LowCardinality(String),
    spans UInt64,
    bytes UInt64
) ENGINE = SummingMergeTree
ORDER BY (instance, hour, service)
SETTINGS non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1;

CREATE MATERIALIZED VIEW batches_to_usage_hours TO usage_hours AS
SELECT
    instance,
    toUInt32(intDiv(received_at, 3600000000000)) AS hour,
    tupleElement(portion, 'service') AS service,
    sum(toUInt64(tupleElement(portion, 'spans'))) AS spans,
    sum(tupleElement(portion, 'bytes')) AS bytes
FROM batches
ARRAY JOIN portions AS portion
GROUP BY instance, hour, service;
