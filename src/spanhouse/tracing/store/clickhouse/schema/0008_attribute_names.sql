-- Which attributes exist, by day of receipt. Values are looked up in the spans when asked for.
CREATE TABLE attribute_names (
    instance LowCardinality(String),
    received_day UInt32,
    scope LowCardinality(String),
    type LowCardinality(String),
    name String
) ENGINE = ReplacingMergeTree
PARTITION BY received_day
ORDER BY (instance, scope, name, type)
SETTINGS non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1;

CREATE MATERIALIZED VIEW arrivals_to_attribute_names TO attribute_names AS
SELECT instance, received_day, tupleElement(found, 1) AS scope, tupleElement(found, 2) AS type,
    tupleElement(found, 3) AS name
FROM (
    SELECT
        instance,
        toUInt32(intDiv(received_at, 86400000000000)) AS received_day,
        arrayJoin(arrayConcat(
            arrayMap(n -> ('span', 'string', n), groupUniqArrayArray(mapKeys(attributes_string))),
            arrayMap(n -> ('span', 'int', n), groupUniqArrayArray(mapKeys(attributes_int))),
            arrayMap(n -> ('span', 'float', n), groupUniqArrayArray(mapKeys(attributes_float))),
            arrayMap(n -> ('span', 'bool', n), groupUniqArrayArray(mapKeys(attributes_bool))),
            arrayMap(n -> ('span', 'other', n), groupUniqArrayArray(mapKeys(attributes_other))),
            arrayMap(n -> ('event', 'string', n), groupUniqArrayArray(arrayFlatten(arrayMap(m -> mapKeys(m), event_string)))),
            arrayMap(n -> ('event', 'int', n), groupUniqArrayArray(arrayFlatten(arrayMap(m -> mapKeys(m), event_int)))),
            arrayMap(n -> ('event', 'float', n), groupUniqArrayArray(arrayFlatten(arrayMap(m -> mapKeys(m), event_float)))),
            arrayMap(n -> ('event', 'bool', n), groupUniqArrayArray(arrayFlatten(arrayMap(m -> mapKeys(m), event_bool)))),
            arrayMap(n -> ('event', 'other', n), groupUniqArrayArray(arrayFlatten(arrayMap(m -> mapKeys(m), event_other)))),
            arrayMap(n -> ('link', 'string', n), groupUniqArrayArray(arrayFlatten(arrayMap(m -> mapKeys(m), link_string)))),
            arrayMap(n -> ('link', 'int', n), groupUniqArrayArray(arrayFlatten(arrayMap(m -> mapKeys(m), link_int)))),
            arrayMap(n -> ('link', 'float', n), groupUniqArrayArray(arrayFlatten(arrayMap(m -> mapKeys(m), link_float)))),
            arrayMap(n -> ('link', 'bool', n), groupUniqArrayArray(arrayFlatten(arrayMap(m -> mapKeys(m), link_bool)))),
            arrayMap(n -> ('link', 'other', n), groupUniqArrayArray(arrayFlatten(arrayMap(m -> mapKeys(m), link_other)))))) AS found
    FROM arrivals
    GROUP BY instance, received_day
);

-- Resources and scopes are looked at once per batch, not once per span.
CREATE MATERIALIZED VIEW batches_to_attribute_names TO attribute_names AS
SELECT instance, received_day, tupleElement(found, 1) AS scope, tupleElement(found, 2) AS type,
    tupleElement(found, 3) AS name
FROM (
    SELECT
        instance,
        toUInt32(intDiv(received_at, 86400000000000)) AS received_day,
        arrayJoin(arrayConcat(
            arrayMap(n -> ('resource', 'string', n), groupUniqArrayArray(mapKeys(otlp_strings(otlp_unique(of_resource.resource.attributes))))),
            arrayMap(n -> ('resource', 'int', n), groupUniqArrayArray(mapKeys(otlp_ints(otlp_unique(of_resource.resource.attributes))))),
            arrayMap(n -> ('resource', 'float', n), groupUniqArrayArray(mapKeys(otlp_floats(otlp_unique(of_resource.resource.attributes))))),
            arrayMap(n -> ('resource', 'bool', n), groupUniqArrayArray(mapKeys(otlp_bools(otlp_unique(of_resource.resource.attributes))))),
            arrayMap(n -> ('resource', 'other', n), groupUniqArrayArray(mapKeys(otlp_others(otlp_unique(of_resource.resource.attributes))))))) AS found
    FROM (SELECT instance, received_at, arrayJoin(tupleElement(body, 'resource_spans')) AS of_resource FROM batches)
    GROUP BY instance, received_day
);

CREATE MATERIALIZED VIEW scopes_to_attribute_names TO attribute_names AS
SELECT instance, received_day, tupleElement(found, 1) AS scope, tupleElement(found, 2) AS type,
    tupleElement(found, 3) AS name
FROM (
    SELECT
        instance,
        toUInt32(intDiv(received_at, 86400000000000)) AS received_day,
        arrayJoin(arrayConcat(
            arrayMap(n -> ('instrumentation', 'string', n), groupUniqArrayArray(mapKeys(otlp_strings(otlp_unique(of_scope.scope.attributes))))),
            arrayMap(n -> ('instrumentation', 'int', n), groupUniqArrayArray(mapKeys(otlp_ints(otlp_unique(of_scope.scope.attributes))))),
            arrayMap(n -> ('instrumentation', 'float', n), groupUniqArrayArray(mapKeys(otlp_floats(otlp_unique(of_scope.scope.attributes))))),
            arrayMap(n -> ('instrumentation', 'bool', n), groupUniqArrayArray(mapKeys(otlp_bools(otlp_unique(of_scope.scope.attributes))))),
            arrayMap(n -> ('instrumentation', 'other', n), groupUniqArrayArray(mapKeys(otlp_others(otlp_unique(of_scope.scope.attributes))))))) AS found
    FROM (
        SELECT instance, received_at, arrayJoin(scopes) AS of_scope
        FROM (
            SELECT instance, received_at,
                arrayJoin(tupleElement(tupleElement(body, 'resource_spans'), 'scope_spans')) AS scopes
            FROM batches
        )
    )
    GROUP BY instance, received_day
);
