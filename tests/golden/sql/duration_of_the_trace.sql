-- { traceDuration > 1s }
WITH (start_time BETWEEN {p1:UInt64} AND {p2:UInt64} AND trace_id IN (SELECT trace_id
FROM (SELECT trace_id, min(good_start) AS first_good, if(first_good = 18446744073709551615, min(start), first_good) AS trace_start, if(first_good = 18446744073709551615, max(end), max(good_end)) AS trace_end, min(root) AS first_root, trace_end - trace_start AS trace_duration, first_root.1 = 0 AS has_root, first_root.3 AS root_service, first_root.4 AS root_name
FROM trace_summaries
WHERE instance = {instance:String}
GROUP BY trace_id)
WHERE trace_duration > {p3:Int64})) AS matches
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
   groupArraySortedIf(3)(tuple(start_time, hex(span_id), toString(service), name, duration), matches) AS spans,
   minIf(start_time, matches AND start_time BETWEEN {p1:UInt64} AND {p2:UInt64}) AS bound,
   (SELECT count() > 0
FROM trace_summaries
WHERE instance = {instance:String} AND start_bucket BETWEEN {p4:UInt32} AND {p5:UInt32} AND implausible > 0) AS strange
FROM spans
WHERE instance = {instance:String} AND trace_id IN (SELECT trace_id
FROM spans
WHERE instance = {instance:String} AND start_bucket BETWEEN {p4:UInt32} AND {p5:UInt32} AND start_time BETWEEN {p1:UInt64} AND {p2:UInt64} AND trace_id IN (SELECT trace_id
FROM (SELECT trace_id, min(good_start) AS first_good, if(first_good = 18446744073709551615, min(start), first_good) AS trace_start, if(first_good = 18446744073709551615, max(end), max(good_end)) AS trace_end, min(root) AS first_root, trace_end - trace_start AS trace_duration, first_root.1 = 0 AS has_root, first_root.3 AS root_service, first_root.4 AS root_name
FROM trace_summaries
WHERE instance = {instance:String}
GROUP BY trace_id)
WHERE trace_duration > {p3:Int64})
GROUP BY trace_id
ORDER BY min(start_time) DESC, trace_id LIMIT 60 OFFSET 0)
GROUP BY trace_id
