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

-- The batches' large column is left behind before anything else.
CREATE MATERIALIZED VIEW batches_to_usage_hours TO usage_hours AS
WITH each AS (SELECT instance, received_at, arrayJoin(portions) AS portion FROM batches)
SELECT
    instance,
    toUInt32(intDiv(received_at, 3600000000000)) AS hour,
    portion.service AS service,
    sum(toUInt64(portion.spans)) AS spans,
    sum(portion.bytes) AS bytes
FROM each
GROUP BY instance, hour, service;
