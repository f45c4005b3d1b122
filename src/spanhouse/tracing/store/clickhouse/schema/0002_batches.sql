-- Where a journal segment enters: one row per envelope, kept nowhere. Its columns are envelope.proto's fields.
CREATE TABLE batches (
    instance String,
    received_at UInt64,
    portions Array(Tuple(service String, spans UInt32, bytes UInt64)),
    body Tuple(resource_spans Array(Tuple(
        resource Tuple(
            attributes Array(Tuple(key String, value Tuple(s Nullable(String), b Nullable(Bool), i Nullable(Int64), d Nullable(Float64), a Nullable(String), k Nullable(String), y Nullable(String)))),
            dropped_attributes_count UInt32,
            entity_refs Array(String)),
        scope_spans Array(Tuple(
            scope Tuple(
                name String,
                version String,
                attributes Array(Tuple(key String, value Tuple(s Nullable(String), b Nullable(Bool), i Nullable(Int64), d Nullable(Float64), a Nullable(String), k Nullable(String), y Nullable(String)))),
                dropped_attributes_count UInt32),
            spans Array(Tuple(
                trace_id String, span_id String, trace_state String, parent_span_id String, name String, kind Int32,
                start_time_unix_nano UInt64, end_time_unix_nano UInt64,
                attributes Array(Tuple(key String, value Tuple(s Nullable(String), b Nullable(Bool), i Nullable(Int64), d Nullable(Float64), a Nullable(String), k Nullable(String), y Nullable(String)))),
                dropped_attributes_count UInt32,
                events Array(Tuple(
                    time_unix_nano UInt64, name String,
                    attributes Array(Tuple(key String, value Tuple(s Nullable(String), b Nullable(Bool), i Nullable(Int64), d Nullable(Float64), a Nullable(String), k Nullable(String), y Nullable(String)))),
                    dropped_attributes_count UInt32)),
                dropped_events_count UInt32,
                links Array(Tuple(
                    trace_id String, span_id String, trace_state String,
                    attributes Array(Tuple(key String, value Tuple(s Nullable(String), b Nullable(Bool), i Nullable(Int64), d Nullable(Float64), a Nullable(String), k Nullable(String), y Nullable(String)))),
                    dropped_attributes_count UInt32, flags UInt32)),
                dropped_links_count UInt32,
                status Tuple(message String, code Int32),
                flags UInt32)),
            schema_url String)),
        schema_url String)))
) ENGINE = Null;
