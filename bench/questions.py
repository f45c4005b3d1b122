"""What is asked of a large store: through the reader, and as the best SQL by hand that we know for the same answer.

The SQL knows what the store holds: where the newest matches lie, that times are plausible. The reader must find out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.filling import INSTANCE, Filled
from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.tracing.plan.metrics import MetricsRequest
from spanhouse.tracing.plan.predicates import Attribute
from spanhouse.tracing.plan.requests import EVERY_SPAN, TraceSearch
from spanhouse.tracing.plan.scope import QueryLimits, Scope, TimeRange
from spanhouse.tracing.search.metrics import default_step
from spanhouse.tracing.store.clickhouse.engine import Engine
from spanhouse.tracing.store.clickhouse.read import ClickHouseReader
from spanhouse.tracing.store.clickhouse.rows import SPAN_COLUMNS
from spanhouse.tracing.traceql import to_metrics, to_spanset

HOUR = 3600 * NANOS_PER_SECOND
MINUTE = 60 * NANOS_PER_SECOND
BUCKET = 300 * NANOS_PER_SECOND
LIMIT = 20
SCOPE = Scope(INSTANCE, limits=QueryLimits(seconds=600))
"""Without the usual limit of time: what is slow is to be measured."""


@dataclass(frozen=True)
class Question:
    """That both answer the same (`agree`) is checked before anything is timed."""

    name: str
    ours: Callable[[], object]
    raw: Callable[[], object]
    agree: Callable[[object, object], bool]


class Questions:
    def __init__(self, engine: Engine, filled: Filled) -> None:
        self._engine = engine
        self._reader = ClickHouseReader(engine)
        self._range = TimeRange(filled.first, filled.last + 60 * NANOS_PER_SECOND)
        self._last_bucket = filled.last // BUCKET
        self._turns = {"ours": 0, "raw": 0}
        self._ids = filled.trace_ids
        self._order = filled.order

    def all(self) -> list[Question]:
        return [
            Question("trace by id", self._trace, self._raw_trace, _same_size),
            self._search("{}", None),
            self._search("{ status = error }", "status_code = 2"),
            self._search(
                "{ span.http.response.status_code >= 500 && duration > 200ms }",
                "attributes_int['http.response.status_code'] >= 500 AND length > 200000000",
            ),
            self._selective(),
            self._descendants(),
            self._values(),
            self._rate("1 h", HOUR),
            self._rate("24 h", 24 * HOUR),
        ]

    def sql(self, text: str) -> Sequence[Sequence[object]]:
        # An answer that is remembered from the last time would be nobody's first.
        return self._engine.query(text, {}, {"use_query_condition_cache": 0}).rows()

    # -- one trace

    def _next_id(self, side: str) -> str:
        self._turns[side] += 1
        return self._ids[self._turns[side] % len(self._ids)]

    def _trace(self) -> object:
        return self._reader.trace(SCOPE, bytes.fromhex(self._next_id("ours")), 10_000).spans

    def _raw_trace(self) -> object:
        wanted = f"instance = 'local' AND trace_id = unhex('{self._next_id('raw')}')"
        return self.sql(f"SELECT {', '.join(SPAN_COLUMNS)} FROM spans WHERE {wanted}")

    # -- searches

    def _asked(self, query: str) -> Callable[[], object]:
        where = EVERY_SPAN if query == "{}" else to_spanset(query)
        request = TraceSearch(SCOPE, self._range, where, limit=LIMIT)
        return lambda: [found.summary.trace_id.hex() for found in self._reader.search(request).traces]

    def _search(self, query: str, condition: str | None) -> Question:
        """The newest 20 lie in the last two buckets, of which a person who knows the store reads no more."""
        recent = f"instance = 'local' AND start_bucket >= {self._last_bucket - 1}"
        matching = f"SELECT DISTINCT trace_id FROM spans WHERE {recent} AND {condition}"
        among = f"AND trace_id IN ({matching})" if condition else ""
        traces = (
            "SELECT trace_id, min(start) AS started, max(end), sum(spans), sum(errors), min(root) FROM trace_summaries "
            f"WHERE {recent} {among} GROUP BY trace_id ORDER BY started DESC LIMIT {LIMIT}"
        )
        spans = (
            "SELECT trace_id, sumMap(map(toString(service), 1)), "
            f"groupArrayIf({LIMIT})((start_time, hex(span_id), service, name, length), {condition or 1}) "
            f"FROM spans WHERE {recent} AND trace_id IN (SELECT trace_id FROM newest) GROUP BY trace_id"
        )
        text = (
            f"WITH newest AS ({traces}) SELECT lower(hex(trace_id)), newest.*, matched.* "
            f"FROM newest INNER JOIN ({spans}) AS matched USING trace_id ORDER BY started DESC"
        )
        return Question(query, self._asked(query), lambda: [row[0] for row in self.sql(text)], _equal)

    def _selective(self) -> Question:
        query = f'{{ span.shop.order.id = "{self._order}" }}'
        condition = f"instance = 'local' AND attributes_string['shop.order.id'] = '{self._order}'"
        matched = f"SELECT trace_id, start_time, span_id, service, name, length FROM spans WHERE {condition}"
        text = (
            f"WITH matched AS ({matched}) "
            "SELECT lower(hex(trace_id)), min(start), max(end), sum(spans), sum(errors), min(root) "
            "FROM trace_summaries "
            "WHERE instance = 'local' AND trace_id IN (SELECT trace_id FROM matched) GROUP BY trace_id"
        )
        return Question(
            "one order of 24 h, by attribute", self._asked(query), lambda: [row[0] for row in self.sql(text)], _equal
        )

    def _descendants(self) -> Question:
        """Upwards from each error, step by step, until there is no parent."""
        recent = f"instance = 'local' AND start_bucket >= {self._last_bucket - 1}"
        text = f"""
            WITH RECURSIVE
                candidates AS (
                    SELECT trace_id, span_id, parent_span_id, service = 'cart' AS wanted, status_code = 2 AS failed
                    FROM spans WHERE {recent} AND trace_id IN (
                        SELECT trace_id FROM spans WHERE {recent} GROUP BY trace_id
                        HAVING countIf(service = 'cart') > 0 AND countIf(status_code = 2) > 0)
                ),
                climb AS (
                    SELECT trace_id, parent_span_id AS above, false AS reached FROM candidates WHERE failed
                    UNION ALL
                    SELECT candidates.trace_id, candidates.parent_span_id, candidates.wanted
                    FROM climb INNER JOIN candidates
                        ON candidates.trace_id = climb.trace_id AND candidates.span_id = climb.above
                )
            SELECT lower(hex(trace_id)), min(start) AS started, max(end), sum(spans), sum(errors), min(root)
            FROM trace_summaries
            WHERE {recent} AND trace_id IN (SELECT trace_id FROM climb WHERE reached)
            GROUP BY trace_id ORDER BY started DESC LIMIT {LIMIT}"""
        query = '{ resource.service.name = "cart" } >> { status = error }'
        return Question(query, self._asked(query), lambda: [row[0] for row in self.sql(text)], _equal)

    # -- values and rates

    def _values(self) -> Question:
        text = (
            "SELECT attributes_int['http.response.status_code'] AS value, count() AS seen FROM spans "
            f"WHERE instance = 'local' AND start_time BETWEEN {self._range.start} AND {self._range.end} AND "
            "mapContains(attributes_int, 'http.response.status_code') GROUP BY value ORDER BY seen DESC LIMIT 1000"
        )
        field = Attribute("span", "http.response.status_code")
        return Question(
            "values of span.http.response.status_code",
            lambda: sorted(value.text for value in self._reader.field_values(SCOPE, self._range, field, 1000).values),
            lambda: sorted(str(row[0]) for row in self.sql(text)),
            _equal,
        )

    def _rate(self, name: str, length: int) -> Question:
        step = default_step(TimeRange(self._range.end - length, self._range.end))
        end = self._range.end // step * step
        times = TimeRange(end - length, end)
        if step % MINUTE:
            source = (
                f"SELECT intDiv(start_time, {step}) AS at, service, count() FROM spans WHERE instance = 'local' "
                f"AND start_bucket BETWEEN {times.start // BUCKET} AND {times.end // BUCKET} "
                f"AND start_time >= {times.start} AND start_time < {times.end}"
            )
        else:
            source = (
                f"SELECT intDiv(minute, {step // MINUTE}) AS at, service, sum(calls) FROM red_minutes "
                f"WHERE instance = 'local' AND minute >= {times.start // MINUTE} AND minute < {times.end // MINUTE}"
            )
        text = f"{source} GROUP BY at, service"
        request = MetricsRequest(SCOPE, times, to_metrics("{} | rate() by (resource.service.name)"), step)
        return Question(
            f"rate() by (resource.service.name), {name} by {step // NANOS_PER_SECOND} s",
            lambda: sorted(str(series.labels[0][1]) for series in self._reader.metrics(request).series),
            lambda: sorted({str(row[1]) for row in self.sql(text)}),
            _equal,
        )


def _equal(ours: object, raw: object) -> bool:
    return ours == raw


def _same_size(ours: object, raw: object) -> bool:
    return isinstance(ours, Sequence) and isinstance(raw, Sequence) and len(ours) == len(raw)
