-- OTLP's key-value lists as typed maps. `kvs` is Array(Tuple(key, value)), each member of value Nullable.
-- Of a key sent twice the first value counts, whatever the types.
CREATE OR REPLACE FUNCTION otlp_unique AS kvs -> if(
    length(arrayDistinct(tupleElement(kvs, 'key'))) = length(tupleElement(kvs, 'key')),
    kvs,
    arrayFilter((kv, nth) -> nth = 1, kvs, arrayEnumerateUniq(tupleElement(kvs, 'key'))));

CREATE OR REPLACE FUNCTION otlp_strings AS kvs -> CAST((
    arrayFilter((k, v) -> isNotNull(v), tupleElement(kvs, 'key'), tupleElement(tupleElement(kvs, 'value'), 's')),
    arrayMap(v -> assumeNotNull(v), arrayFilter(v -> isNotNull(v), tupleElement(tupleElement(kvs, 'value'), 's')))
), 'Map(LowCardinality(String), String)');

CREATE OR REPLACE FUNCTION otlp_ints AS kvs -> CAST((
    arrayFilter((k, v) -> isNotNull(v), tupleElement(kvs, 'key'), tupleElement(tupleElement(kvs, 'value'), 'i')),
    arrayMap(v -> assumeNotNull(v), arrayFilter(v -> isNotNull(v), tupleElement(tupleElement(kvs, 'value'), 'i')))
), 'Map(LowCardinality(String), Int64)');

CREATE OR REPLACE FUNCTION otlp_floats AS kvs -> CAST((
    arrayFilter((k, v) -> isNotNull(v), tupleElement(kvs, 'key'), tupleElement(tupleElement(kvs, 'value'), 'd')),
    arrayMap(v -> assumeNotNull(v), arrayFilter(v -> isNotNull(v), tupleElement(tupleElement(kvs, 'value'), 'd')))
), 'Map(LowCardinality(String), Float64)');

CREATE OR REPLACE FUNCTION otlp_bools AS kvs -> CAST((
    arrayFilter((k, v) -> isNotNull(v), tupleElement(kvs, 'key'), tupleElement(tupleElement(kvs, 'value'), 'b')),
    arrayMap(v -> assumeNotNull(v), arrayFilter(v -> isNotNull(v), tupleElement(tupleElement(kvs, 'value'), 'b')))
), 'Map(LowCardinality(String), Bool)');

-- What has no type of its own keeps its bytes behind a tag: a array, k key-value list, y bytes, n a value sent unset.
CREATE OR REPLACE FUNCTION otlp_others AS kvs -> CAST(arrayMap(
    kv -> (tupleElement(kv, 'key'), multiIf(
        isNotNull(tupleElement(tupleElement(kv, 'value'), 'a')),
            concat('a', assumeNotNull(tupleElement(tupleElement(kv, 'value'), 'a'))),
        isNotNull(tupleElement(tupleElement(kv, 'value'), 'k')),
            concat('k', assumeNotNull(tupleElement(tupleElement(kv, 'value'), 'k'))),
        isNotNull(tupleElement(tupleElement(kv, 'value'), 'y')),
            concat('y', assumeNotNull(tupleElement(tupleElement(kv, 'value'), 'y'))),
        'n')),
    arrayFilter(
        kv -> isNull(tupleElement(tupleElement(kv, 'value'), 's'))
            AND isNull(tupleElement(tupleElement(kv, 'value'), 'i'))
            AND isNull(tupleElement(tupleElement(kv, 'value'), 'd'))
            AND isNull(tupleElement(tupleElement(kv, 'value'), 'b')),
        kvs)
), 'Map(LowCardinality(String), String)');
