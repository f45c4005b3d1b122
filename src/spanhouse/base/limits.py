"""Bounds that hold everywhere unless an instance's Grant is stricter. Unit last in each name."""

BODY_BYTES_MAX = 20 * 1024 * 1024  # OTLP/HTTP advises 20 MiB, before and after inflating
GRPC_MESSAGE_BYTES_MAX = 4 * 1024 * 1024  # gRPC's own default
BODY_TIMEOUT_SECONDS = 30  # a body that trickles in longer than this is dropped
SPAN_BYTES_MAX = 2 * 1024 * 1024  # one span, encoded; larger ones are refused alone
JSON_DEPTH_MAX = 100  # nesting of attribute values; protobuf's own limit is the same

JOURNAL_BYTES_MAX = 4 * 1024 * 1024 * 1024  # past this intake answers 503 until the loader catches up
SEGMENT_BYTES_MAX = 64 * 1024 * 1024
SEGMENT_AGE_MS_MAX = 750  # of a segment that is worth a load; see the journal for one that holds little

RETRY_WINDOW_SECONDS = 300  # equal bodies of an instance within this are one client's retry

RETENTION_DAYS_DEFAULT = 15
RETENTION_DAYS_MAX = 3650

QUERY_SECONDS_MAX = 30
QUERY_MEMORY_BYTES_MAX = 4 * 1024 * 1024 * 1024
TRACE_SPANS_MAX = 200_000  # spans of one trace that an answer holds; past it the answer says it is cut
ANSWER_SPANS_MAX = 500_000  # spans of all traces of one answer over HTTP; past it the answer says it is cut
SEARCH_LIMIT_DEFAULT = 20
SEARCH_LIMIT_MAX = 1000
SPANS_PER_TRACE_DEFAULT = 3
SPANS_PER_SPANSET_MAX = 10_000  # matching spans that a search returns of one trace, however many it asks for
SERIES_MAX = 1_000  # of one metric; past it the answer says it is cut
POINTS_MAX = 11_000  # steps of a metric
