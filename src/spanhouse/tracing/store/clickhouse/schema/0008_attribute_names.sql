-- Which attributes exist, by day of receipt: one row per instance. Names stand behind the letter of their type, as in
-- `arrivals`. Values are looked up in the spans when asked for.
-- Of each scope the first 2,000 names of a day are kept: a sender who puts values into names has no end of them, and
-- each of them would be a row of its own.
CREATE TABLE attribute_name_sets (
    instance LowCardinality(String),
    received_day UInt32,
    span AggregateFunction(groupUniqArrayArray(2000), Array(String)),
    resource AggregateFunction(groupUniqArrayArray(2000), Array(String)),
    instrumentation AggregateFunction(groupUniqArrayArray(2000), Array(String)),
    event AggregateFunction(groupUniqArrayArray(2000), Array(String)),
    link AggregateFunction(groupUniqArrayArray(2000), Array(String))
) ENGINE = AggregatingMergeTree
PARTITION BY received_day
ORDER BY instance
SETTINGS non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1;

CREATE MATERIALIZED VIEW arrivals_to_attribute_name_sets TO attribute_name_sets AS
SELECT
    instance,
    toUInt32(intDiv(received_at, 86400000000000)) AS received_day,
    groupUniqArrayArrayState(2000)(span_names) AS span,
    groupUniqArrayArrayState(2000)(resource_names) AS resource,
    groupUniqArrayArrayState(2000)(scope_names) AS instrumentation,
    groupUniqArrayArrayState(2000)(event_names) AS event,
    groupUniqArrayArrayState(2000)(link_names) AS link
FROM arrivals
GROUP BY instance, received_day;

-- What questions are asked of: one row per name and type.
CREATE VIEW attribute_names AS
WITH
    of_scopes AS (
        SELECT instance, received_day, arrayJoin([
            ('span', groupUniqArrayArrayMerge(2000)(span)),
            ('resource', groupUniqArrayArrayMerge(2000)(resource)),
            ('instrumentation', groupUniqArrayArrayMerge(2000)(instrumentation)),
            ('event', groupUniqArrayArrayMerge(2000)(event)),
            ('link', groupUniqArrayArrayMerge(2000)(link))]) AS of_scope
        FROM attribute_name_sets
        GROUP BY instance, received_day
    ),
    each AS (
        SELECT instance, received_day, tupleElement(of_scope, 1) AS scope, arrayJoin(tupleElement(of_scope, 2)) AS found
        FROM of_scopes
    )
SELECT instance, received_day, scope, substring(found, 2) AS name,
    transform(substring(found, 1, 1), ['s', 'i', 'd', 'b'], ['string', 'int', 'float', 'bool'], 'other') AS type
FROM each;
