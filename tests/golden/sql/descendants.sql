-- { resource.env = "prod" } >> { status = error }
SELECT reinterpretAsUInt64(reverse(substring(trace_id, 1, 8))) AS place_trace_high,
   reinterpretAsUInt64(reverse(substring(trace_id, 9, 8))) AS place_trace_low,
   reinterpretAsUInt64(reverse(span_id)) AS place_span,
   reinterpretAsUInt64(reverse(parent_span_id)) AS place_parent,
   start_time AS place_start,
   (start_time >= 946684800000000000 AND start_time <= received_at + 86400000000000) AS place_plausible,
   0 AS place_candidate,
   mapContains(resource_string, {p1:String}) AND resource_string[{p1:String}] = {p2:String} AS flag_0,
   status_code = {p3:Int64} AS flag_1
FROM spans
WHERE instance = {instance:String} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({p4:Array(String)})), 16))
