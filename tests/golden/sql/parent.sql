-- { parent.code = span.code }
SELECT reinterpretAsUInt64(reverse(substring(trace_id, 1, 8))) AS place_trace_high,
   reinterpretAsUInt64(reverse(substring(trace_id, 9, 8))) AS place_trace_low,
   reinterpretAsUInt64(reverse(span_id)) AS place_span,
   reinterpretAsUInt64(reverse(parent_span_id)) AS place_parent,
   start_time AS place_start,
   (start_time >= 946684800000000000 AND start_time <= received_at + 86400000000000) AS place_plausible,
   0 AS place_candidate,
   arrayExists((each_1) -> arrayExists((each_2) -> arrayExists((each_3) -> arrayExists((each_4) -> (each_3.1 = each_4.1 AND each_3.1 != 0) AND if(each_3.1 = 1, each_3.2 = each_4.2, if(each_3.5 AND each_4.5, each_3.4 = each_4.4, each_3.3 = each_4.3)), each_2), each_1), multiIf(mapContains(attributes_int, {p1:String}), multiIf(mapContains(attributes_int, {p1:String}), [[(toUInt8(2), '', toFloat64(attributes_int[{p1:String}]), toInt64(attributes_int[{p1:String}]), toUInt8(1))]], arrayResize([[(toUInt8(0), '', toFloat64(0), toInt64(0), toUInt8(0))]], 0)), arrayResize([[(toUInt8(0), '', toFloat64(0), toInt64(0), toUInt8(0))]], 0))), multiIf(mapContains(parent_row_attributes_int, {p1:String}), multiIf(mapContains(parent_row_attributes_int, {p1:String}), [[(toUInt8(2), '', toFloat64(parent_row_attributes_int[{p1:String}]), toInt64(parent_row_attributes_int[{p1:String}]), toUInt8(1))]], arrayResize([[(toUInt8(0), '', toFloat64(0), toInt64(0), toUInt8(0))]], 0)), arrayResize([[(toUInt8(0), '', toFloat64(0), toInt64(0), toUInt8(0))]], 0))) AS flag_0
FROM (SELECT *, duration, end_time, if(parent_span_id = span_id AND start_time = min(start_time) OVER (PARTITION BY trace_id, span_id), toFixedString('', 8), parent_span_id) AS parent_key
FROM spans
WHERE instance = {instance:String} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({p2:Array(String)})), 16))) AS own
ANY LEFT JOIN (SELECT trace_id, span_id AS parent_key, 1 AS parent_row_found, service AS parent_row_service, attributes_string AS parent_row_attributes_string, attributes_int AS parent_row_attributes_int, attributes_float AS parent_row_attributes_float, attributes_bool AS parent_row_attributes_bool, attributes_other AS parent_row_attributes_other, resource_string AS parent_row_resource_string, resource_int AS parent_row_resource_int, resource_float AS parent_row_resource_float, resource_bool AS parent_row_resource_bool, resource_other AS parent_row_resource_other, event_string AS parent_row_event_string, event_int AS parent_row_event_int, event_float AS parent_row_event_float, event_bool AS parent_row_event_bool, event_other AS parent_row_event_other, link_string AS parent_row_link_string, link_int AS parent_row_link_int, link_float AS parent_row_link_float, link_bool AS parent_row_link_bool, link_other AS parent_row_link_other, scope_string AS parent_row_scope_string, scope_int AS parent_row_scope_int, scope_float AS parent_row_scope_float, scope_bool AS parent_row_scope_bool, scope_other AS parent_row_scope_other
FROM spans
WHERE instance = {instance:String} AND trace_id IN (SELECT trace_id
FROM spans
WHERE instance = {instance:String} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({p2:Array(String)})), 16)))
ORDER BY start_time, name LIMIT 1 BY trace_id, span_id) AS parents USING (trace_id, parent_key)
