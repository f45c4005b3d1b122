-- Elements of an array, whose bytes (OTLP's ArrayValue) stand behind the tag 'a'. The bytes are canonical protobuf.
-- An element is field 1: byte 0x0A, its length as a varint, then an AnyValue; there are at most as many as 0x0A occurs.
-- The walk keeps where each element's length stands, and where the next element begins.
CREATE OR REPLACE FUNCTION otlp_length_bytes AS (bytes, at) -> multiIf(
    reinterpretAsUInt8(substring(bytes, at, 1)) < 128, 1,
    reinterpretAsUInt8(substring(bytes, at + 1, 1)) < 128, 2,
    reinterpretAsUInt8(substring(bytes, at + 2, 1)) < 128, 3, 4);

CREATE OR REPLACE FUNCTION otlp_length AS (bytes, at) -> toUInt64(
    bitAnd(reinterpretAsUInt8(substring(bytes, at, 1)), 127)
    + if(otlp_length_bytes(bytes, at) > 1, 128 * bitAnd(reinterpretAsUInt8(substring(bytes, at + 1, 1)), 127), 0)
    + if(otlp_length_bytes(bytes, at) > 2, 16384 * bitAnd(reinterpretAsUInt8(substring(bytes, at + 2, 1)), 127), 0)
    + if(otlp_length_bytes(bytes, at) > 3, 2097152 * bitAnd(reinterpretAsUInt8(substring(bytes, at + 3, 1)), 127), 0));

CREATE OR REPLACE FUNCTION otlp_elements AS encoded -> arrayMap(
    at -> substring(encoded, at + otlp_length_bytes(encoded, at), otlp_length(encoded, at)),
    arrayFold(
        (walked, step) -> if(
            tupleElement(walked, 1) > length(encoded),
            walked,
            (tupleElement(walked, 1) + 1 + otlp_length_bytes(encoded, tupleElement(walked, 1) + 1)
                + otlp_length(encoded, tupleElement(walked, 1) + 1),
             arrayPushBack(tupleElement(walked, 2), tupleElement(walked, 1) + 1))),
        range(countSubstrings(encoded, '\n')),
        (toUInt64(2), CAST([], 'Array(UInt64)'))).2);

-- What an element holds, by the field of its AnyValue: 1 a text, 2 a boolean, 3 a whole number, 4 a number.
CREATE OR REPLACE FUNCTION otlp_is_text AS element -> startsWith(element, unhex('0A'));
CREATE OR REPLACE FUNCTION otlp_is_bool AS element -> startsWith(element, unhex('10'));
CREATE OR REPLACE FUNCTION otlp_is_int AS element -> startsWith(element, unhex('18'));
CREATE OR REPLACE FUNCTION otlp_is_float AS element -> startsWith(element, unhex('21'));

CREATE OR REPLACE FUNCTION otlp_text AS element -> substring(element, 2 + otlp_length_bytes(element, 2));
CREATE OR REPLACE FUNCTION otlp_bool AS element -> substring(element, 2, 1) != unhex('00');
CREATE OR REPLACE FUNCTION otlp_int AS element -> reinterpretAsInt64(arraySum(
    nth -> bitShiftLeft(toUInt64(bitAnd(reinterpretAsUInt8(substring(element, nth + 1, 1)), 127)), 7 * (nth - 1)),
    range(1, greatest(length(element), 1))));
CREATE OR REPLACE FUNCTION otlp_float AS element -> reinterpretAsFloat64(substring(element, 2, 8));
