-- One row per span. Every field of OTLP comes back from here unchanged.
-- Key: newest first is what people look at, so a bucket of time leads; inside it the rows of one service and operation
-- lie together and compress well. `by_trace` finds a trace without a time range.
-- A trace's spans are scattered over the key, each in a granule of its own: small ones keep reading a trace cheap.
-- Partitioned by the day of receipt, never by the span's own, untrusted time.
-- `length` is end minus start modulo 2^64: one column gives both back exactly, however absurd they are.
CREATE TABLE spans (
    instance LowCardinality(String),
    received_at UInt64 CODEC(Delta(8), ZSTD(1)),
    trace_id FixedString(16) CODEC(ZSTD(1)),
    span_id FixedString(8) CODEC(NONE),
    parent_span_id FixedString(8) CODEC(ZSTD(1)),
    trace_state String CODEC(ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1)),
    service LowCardinality(String),
    name String CODEC(ZSTD(1)),
    kind Int32 CODEC(ZSTD(1)),
    start_time UInt64 CODEC(Delta(8), ZSTD(1)),
    length Int64 CODEC(ZSTD(1)),
    status_code Int32 CODEC(ZSTD(1)),
    status_message String CODEC(ZSTD(1)),
    dropped_attributes UInt32 CODEC(ZSTD(1)),
    dropped_events UInt32 CODEC(ZSTD(1)),
    dropped_links UInt32 CODEC(ZSTD(1)),
    attributes_string Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attributes_int Map(LowCardinality(String), Int64) CODEC(ZSTD(1)),
    attributes_float Map(LowCardinality(String), Float64) CODEC(ZSTD(1)),
    attributes_bool Map(LowCardinality(String), Bool) CODEC(ZSTD(1)),
    attributes_other Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource_string Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource_int Map(LowCardinality(String), Int64) CODEC(ZSTD(1)),
    resource_float Map(LowCardinality(String), Float64) CODEC(ZSTD(1)),
    resource_bool Map(LowCardinality(String), Bool) CODEC(ZSTD(1)),
    resource_other Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource_dropped UInt32 CODEC(ZSTD(1)),
    resource_entities Array(String) CODEC(ZSTD(1)),
    resource_schema_url LowCardinality(String),
    scope_name LowCardinality(String),
    scope_version LowCardinality(String),
    scope_string Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    scope_int Map(LowCardinality(String), Int64) CODEC(ZSTD(1)),
    scope_float Map(LowCardinality(String), Float64) CODEC(ZSTD(1)),
    scope_bool Map(LowCardinality(String), Bool) CODEC(ZSTD(1)),
    scope_other Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    scope_dropped UInt32 CODEC(ZSTD(1)),
    scope_schema_url LowCardinality(String),
    event_time Array(UInt64) CODEC(ZSTD(1)),
    event_name Array(LowCardinality(String)),
    event_string Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    event_int Array(Map(LowCardinality(String), Int64)) CODEC(ZSTD(1)),
    event_float Array(Map(LowCardinality(String), Float64)) CODEC(ZSTD(1)),
    event_bool Array(Map(LowCardinality(String), Bool)) CODEC(ZSTD(1)),
    event_other Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    event_dropped Array(UInt32) CODEC(ZSTD(1)),
    link_trace_id Array(String) CODEC(ZSTD(1)),
    link_span_id Array(String) CODEC(ZSTD(1)),
    link_trace_state Array(String) CODEC(ZSTD(1)),
    link_flags Array(UInt32) CODEC(ZSTD(1)),
    link_string Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    link_int Array(Map(LowCardinality(String), Int64)) CODEC(ZSTD(1)),
    link_float Array(Map(LowCardinality(String), Float64)) CODEC(ZSTD(1)),
    link_bool Array(Map(LowCardinality(String), Bool)) CODEC(ZSTD(1)),
    link_other Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    link_dropped Array(UInt32) CODEC(ZSTD(1)),
    start_bucket UInt32 MATERIALIZED toUInt32(intDiv(start_time, 300000000000)) CODEC(Delta(4), ZSTD(1)),
    end_time UInt64 ALIAS reinterpretAsUInt64(toInt64(start_time) + length),
    duration UInt64 ALIAS toUInt64(greatest(length, 0)),
    INDEX start_range start_time TYPE minmax GRANULARITY 1,
    INDEX received_range received_at TYPE minmax GRANULARITY 1,
    PROJECTION by_trace INDEX trace_id TYPE basic
) ENGINE = MergeTree
PARTITION BY intDiv(received_at, 86400000000000)
ORDER BY (instance, start_bucket, service, name, start_time)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1,
    lightweight_mutation_projection_mode = 'rebuild';

CREATE MATERIALIZED VIEW arrivals_to_spans TO spans AS
SELECT * EXCEPT (span_names, resource_names, scope_names, event_names, link_names)
FROM arrivals;
