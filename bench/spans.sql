-- Traces first … first + count of a shop of 24 services with 20 operations each, straight into `arrivals`.
-- All that varies comes of keyed hashes: of a trace (`t`), and of one of its calls (`call` 0 is the root). Ids never repeat.
-- A call is a client span and, unless it goes to a database or stays inside, a server span of another service:
-- span 2n-1 and 2n of call n. Traces follow one another every `every` ns from `from`.
INSERT INTO arrivals (
    instance, received_at, trace_id, span_id, parent_span_id, trace_state, flags, service, name, kind, start_time, length,
    status_code, status_message, attributes_string, attributes_int, attributes_float, resource_string, scope_name,
    scope_version, event_time, event_name, event_string, event_int, event_float, event_bool, event_other, event_dropped,
    span_names, resource_names, event_names)
WITH
    traces AS (
        SELECT number AS t, sipHash64({seed:UInt64}, number) AS dice, 1 + dice % 8 AS calls,
            {from:UInt64} + number * {every:UInt64} AS begin,
            toUInt64(exp(18.2 + 1.1 * (bitShiftRight(dice, 8) % 1000 + bitShiftRight(dice, 20) % 1000 + bitShiftRight(dice, 32) % 1000 + bitShiftRight(dice, 44) % 1000 - 1998) / 577.)) AS lasts
        FROM numbers({first:UInt64}, {count:UInt64})
    ),
    of_traces AS (
        SELECT t, dice, calls, begin, lasts, arrayJoin(range(2 * calls + 1)) AS nth,
            intDiv(nth + 1, 2) AS call,
            sipHash64({seed:UInt64}, t, call) AS luck,
            call > 0 AND luck % 5 < 2 AS leaf,
            sipHash64({seed:UInt64}, t, nth, 'span') AS noise
        FROM traces
    ),
    placed AS (
        SELECT *, nth % 2 = 1 AS client,
            if(call = 0, 0, call - 1 - bitShiftRight(luck, 4) % greatest(1, least(call, 3))) AS near,
            if(near > 0 AND sipHash64({seed:UInt64}, t, near) % 5 < 2, 0, near) AS caller,
            if(caller = 0, dice % 4, bitShiftRight(sipHash64({seed:UInt64}, t, caller), 8) % 24) AS calling,
            if(call = 0, dice % 4, bitShiftRight(luck, 8) % 24) AS called,
            bitShiftRight(luck, 16) % 20 AS operation,
            leaf AND luck % 5 = 0 AS inside,
            leaf AND NOT inside AS statement,
            luck % 53 = 0 AND NOT inside AS failed,
            if(client, calling, called) AS place
        FROM of_traces
        WHERE client OR NOT leaf
    ),
    named AS (
        SELECT *,
            concat(['cart', 'checkout', 'payment', 'stock', 'catalog', 'search', 'users', 'login', 'mail', 'shipping', 'prices', 'offers',
                'reviews', 'images', 'ledger', 'fraud', 'taxes', 'returns', 'wishes', 'labels', 'routes', 'depots', 'audit', 'export'][called + 1],
                '/', ['list', 'get', 'put', 'find', 'sum', 'check', 'open', 'close', 'move', 'copy', 'sort', 'join', 'split', 'mark',
                'clear', 'count', 'lock', 'merge', 'trim', 'send'][operation + 1]) AS target,
            ['GET', 'GET', 'GET', 'POST', 'PUT'][operation % 5 + 1] AS method,
            ['cart', 'checkout', 'payment', 'stock', 'catalog', 'search', 'users', 'login', 'mail', 'shipping', 'prices', 'offers',
                'reviews', 'images', 'ledger', 'fraud', 'taxes', 'returns', 'wishes', 'labels', 'routes', 'depots', 'audit', 'export'][place + 1] AS service,
            CAST(multiIf(
                inside, map('code.function.name', concat('shop.', service, '.step', toString(operation))),
                statement, map('db.system.name', 'postgresql', 'db.namespace', service, 'db.query.text',
                    concat('SELECT id, state, total FROM ', service, '_', toString(operation), ' WHERE id = $1 AND shop = $2')),
                client, map('http.request.method', method, 'server.address', concat(splitByChar('/', target)[1], '.shop.svc'), 'url.full',
                    concat('http://', target, '/', lower(hex(noise)))),
                map('http.request.method', method, 'http.route', concat('/', target, '/{id}'), 'url.path', concat('/', target, '/', toString(noise % 16777216)),
                    'client.address', concat('10.', toString(noise % 256), '.', toString(bitShiftRight(noise, 8) % 256), '.', toString(bitShiftRight(noise, 16) % 256)),
                    'user_agent.original', ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'okhttp/4.12.0', 'shop-android/7.3.1'][noise % 3 + 1])
            ), 'Map(LowCardinality(String), String)') AS texts,
            CAST(multiIf(inside, map(), statement, map('db.response.returned_rows', toInt64(noise % 512)),
                map('http.response.status_code', if(failed, toInt64(503), [200, 200, 200, 201, 204, 304][noise % 6 + 1]))
            ), 'Map(LowCardinality(String), Int64)') AS integers,
            CAST(if(inside, map('shop.cost', (noise % 100000) / 1000.), map()), 'Map(LowCardinality(String), Float64)') AS numbers,
            CAST(map('service.name', service, 'service.version', concat('2.', toString(place % 5), '.1'), 'service.namespace', 'shop',
                'k8s.pod.name', concat(service, '-', toString(dice % 3)), 'host.name', concat('node-', toString((dice + place) % 7)),
                'telemetry.sdk.language', ['java', 'go', 'python', 'nodejs'][place % 4 + 1], 'telemetry.sdk.name', 'opentelemetry'),
                'Map(LowCardinality(String), String)') AS texts_of_resource,
            CAST(if(failed, map('exception.type', 'shop.Refused', 'exception.message', concat('refused: ', toString(noise % 1000000)),
                'exception.stacktrace', concat('shop.Refused: refused\n  at shop.', service, '.Pipeline.run(Pipeline.java:90)\n  at shop.Main.main(Main.java:12)')), map()),
                'Map(LowCardinality(String), String)') AS texts_of_event
        FROM placed
    )
SELECT
    {instance:String} AS instance,
    start_time + 1000000000 + toUInt64(length) AS received_at,
    sipHash128({seed:UInt64}, t, 'trace') AS trace_id,
    reinterpretAsFixedString(sipHash64({seed:UInt64}, t, nth)) AS span_id,
    if(nth = 0, toFixedString('', 8), reinterpretAsFixedString(sipHash64({seed:UInt64}, t, if(client, caller * 2, nth - 1)))) AS parent_span_id,
    '' AS trace_state,
    if(client OR nth = 0, 257, 769) AS flags,
    service,
    multiIf(inside, concat('step ', toString(operation)), statement, concat('SELECT ', service, '_', toString(operation)), client, method, concat(method, ' /', target, '/{id}')) AS name,
    multiIf(inside, 1, client, 3, 2) AS kind,
    begin + toUInt64(lasts * (nth / (2. * calls + 2))) AS start_time,
    toInt64(lasts * (1 - nth / (2. * calls + 2)) * if(nth = 0, 1, 0.2 + (noise % 1000) / 1300.)) AS length,
    if(failed, 2, 0) AS status_code,
    if(failed, 'refused', '') AS status_message,
    if(nth = 0, mapConcat(texts, map('shop.order.id', lower(hex(sipHash64({seed:UInt64}, t, 'order'))))), texts) AS attributes_string,
    integers AS attributes_int,
    numbers AS attributes_float,
    texts_of_resource AS resource_string,
    concat('shop.', ['http', 'db', 'core'][luck % 3 + 1]) AS scope_name,
    '1.4.0' AS scope_version,
    if(failed, [start_time + toUInt64(length)], []) AS event_time,
    if(failed, ['exception'], []) AS event_name,
    if(failed, [texts_of_event], []) AS event_string,
    if(failed, [map()], []) AS event_int,
    if(failed, [map()], []) AS event_float,
    if(failed, [map()], []) AS event_bool,
    if(failed, [map()], []) AS event_other,
    if(failed, [0], []) AS event_dropped,
    arrayConcat(arrayMap(name -> concat('s', name), mapKeys(attributes_string)), arrayMap(name -> concat('i', name), mapKeys(integers)), arrayMap(name -> concat('d', name), mapKeys(numbers))) AS span_names,
    arrayMap(name -> concat('s', name), mapKeys(texts_of_resource)) AS resource_names,
    arrayMap(name -> concat('s', name), mapKeys(texts_of_event)) AS event_names
FROM named
