-- { } | by(span.code) | avg(duration) > 1s
SELECT reinterpretAsUInt64(reverse(substring(trace_id, 1, 8))) AS place_trace_high,
   reinterpretAsUInt64(reverse(substring(trace_id, 9, 8))) AS place_trace_low,
   reinterpretAsUInt64(reverse(span_id)) AS place_span,
   reinterpretAsUInt64(reverse(parent_span_id)) AS place_parent,
   start_time AS place_start,
   (start_time >= 946684800000000000 AND start_time <= received_at + 86400000000000) AS place_plausible,
   0 AS place_candidate,
   1 AS flag_0,
   1 AS has_0,
   toFloat64(duration) AS number_0,
   multiIf(mapContains(attributes_int, {p1:String}), 'int', 'missing') AS kind_0,
   multiIf(mapContains(attributes_int, {p1:String}), toString(attributes_int[{p1:String}]), '') AS text_0
FROM spans
WHERE instance = {instance:String} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({p2:Array(String)})), 16))
