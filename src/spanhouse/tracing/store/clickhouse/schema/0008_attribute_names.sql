-- Which attributes exist, by day of receipt. Values are looked up in the spans when asked for.
CREATE TABLE attribute_names (
    instance LowCardinality(String),
    received_day UInt32,
    scope LowCardinality(String),
    name String
) ENGINE = ReplacingMergeTree
PARTITION BY received_day
ORDER BY (instance, scope, name)
SETTINGS non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1;

-- Spans have few sets of names, so distinct sets are collected before distinct names.
CREATE MATERIALIZED VIEW arrivals_to_attribute_names TO attribute_names AS
SELECT instance, received_day, tupleElement(found, 1) AS scope, arrayJoin(arrayDistinct(arrayFlatten(tupleElement(found, 2)))) AS name
FROM (
    SELECT
        instance,
        toUInt32(intDiv(received_at, 86400000000000)) AS received_day,
        arrayJoin([
            ('span', groupUniqArray(arrayConcat(mapKeys(attributes_string), mapKeys(attributes_int), mapKeys(attributes_float), mapKeys(attributes_bool), mapKeys(attributes_other)))),
            ('resource', groupUniqArray(arrayConcat(mapKeys(resource_string), mapKeys(resource_int), mapKeys(resource_float), mapKeys(resource_bool), mapKeys(resource_other)))),
            ('instrumentation', groupUniqArray(arrayConcat(mapKeys(scope_string), mapKeys(scope_int), mapKeys(scope_float), mapKeys(scope_bool), mapKeys(scope_other)))),
            ('event', groupUniqArray(arrayConcat(arrayFlatten(arrayMap(m -> mapKeys(m), event_string)), arrayFlatten(arrayMap(m -> mapKeys(m), event_int)), arrayFlatten(arrayMap(m -> mapKeys(m), event_float)), arrayFlatten(arrayMap(m -> mapKeys(m), event_bool)), arrayFlatten(arrayMap(m -> mapKeys(m), event_other))))),
            ('link', groupUniqArray(arrayConcat(arrayFlatten(arrayMap(m -> mapKeys(m), link_string)), arrayFlatten(arrayMap(m -> mapKeys(m), link_int)), arrayFlatten(arrayMap(m -> mapKeys(m), link_float)), arrayFlatten(arrayMap(m -> mapKeys(m), link_bool)), arrayFlatten(arrayMap(m -> mapKeys(m), link_other)))))]) AS found
    FROM arrivals
    GROUP BY instance, received_day
);
