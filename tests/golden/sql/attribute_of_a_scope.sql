-- { span.code >= 500 && duration > 200ms }
WITH (start_time BETWEEN {p2:UInt64} AND {p3:UInt64} AND ((mapContains(attributes_int, {p1:String}) AND attributes_int[{p1:String}] >= {p4:Int64}) AND (duration > {p5:Int64}))) AS matches
SELECT hex(trace_id),
   countIf((start_time >= 946684800000000000 AND start_time <= received_at + 86400000000000)) AS believed,
   if(believed > 0, minIf(start_time, (start_time >= 946684800000000000 AND start_time <= received_at + 86400000000000)), min(start_time)) AS trace_start,
   if(believed > 0, maxIf(start_time + if(start_time + duration > received_at + 86400000000000, 0, duration), (start_time >= 946684800000000000 AND start_time <= received_at + 86400000000000)), max(start_time + duration)) AS trace_end,
   count(),
   countIf(status_code = 2),
   sumMap(map(service, toUInt64(1))),
   sumMap(map(service, toUInt64(status_code = 2))),
   min(tuple(parent_span_id != toFixedString('', 8), start_time, service, name)),
   countIf(matches) AS matched,
   groupArraySortedIf(3)(tuple(start_time, hex(span_id), toString(service), name, duration, multiIf(mapContains(attributes_int, {p1:String}), 'int', 'missing'), multiIf(mapContains(attributes_int, {p1:String}), toString(attributes_int[{p1:String}]), '')), matches) AS spans,
   minIf(start_time, matches AND start_time BETWEEN {p2:UInt64} AND {p3:UInt64}) AS bound,
   (SELECT count() > 0
FROM trace_summaries
WHERE instance = {instance:String} AND start_bucket BETWEEN {p6:UInt32} AND {p7:UInt32} AND implausible > 0) AS strange
FROM spans
WHERE instance = {instance:String} AND trace_id IN (SELECT trace_id
FROM spans
WHERE instance = {instance:String} AND start_bucket BETWEEN {p6:UInt32} AND {p7:UInt32} AND start_time BETWEEN {p2:UInt64} AND {p3:UInt64} AND ((mapContains(attributes_int, {p1:String}) AND attributes_int[{p1:String}] >= {p4:Int64}) AND (duration > {p5:Int64}))
GROUP BY trace_id
ORDER BY min(start_time) DESC, trace_id LIMIT 60 OFFSET 0)
GROUP BY trace_id
