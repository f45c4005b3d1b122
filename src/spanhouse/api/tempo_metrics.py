"""Tempo's metrics over HTTP, as Grafana asks for them: points over time and one number per series.

A sample carries the time at which its step ends, as Tempo's do. The messages are QueryRangeResponse and
QueryInstantResponse of tempo.proto in protobuf's JSON form; Grafana refuses fields of the latter that it does not know.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from spanhouse.api import parameters
from spanhouse.api.authentication import query_scope
from spanhouse.api.problem import answers_errors, json_text_response, text_answer
from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.base.errors import InvalidQuery, Malformed
from spanhouse.tracing.plan.metrics import Exemplar, MetricsAnswer, MetricSeries
from spanhouse.tracing.plan.scope import TimeRange
from spanhouse.tracing.search import metrics
from spanhouse.tracing.spans.model import AttributeValue
from spanhouse.tracing.store.metrics.labels import META_ERROR, META_TYPE
from spanhouse.tracing.traces.otlp import number_text, value_json

NAME: Final = "__name__"
MISSING: Final = "nil"
SINCE_DEFAULT: Final = 3600 * NANOS_PER_SECOND
TIME_MAX: Final = 2**63 - 1
_NANOS_PER_MS: Final = 1_000_000
_SECONDS_DIGITS_MAX: Final = 10
"""A whole number of more digits is a time in ns."""
_TEXT_MAX: Final = 40
_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": _NANOS_PER_MS,
    "s": NANOS_PER_SECOND,
    "m": 60 * NANOS_PER_SECOND,
    "h": 3_600 * NANOS_PER_SECOND,
    "d": 86_400 * NANOS_PER_SECOND,
    "w": 7 * 86_400 * NANOS_PER_SECOND,
    "y": 365 * 86_400 * NANOS_PER_SECOND,
}
_DURATION_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w|y)", re.ASCII)

answers = answers_errors(text_answer)


@answers
def query_range(request: HttpRequest) -> HttpResponse:
    scope = query_scope(request)
    asked = request.GET.dict()
    step = _step(asked)
    exemplars = asked.get("exemplars", "").strip()
    limit = parameters.whole_number(asked, "exemplars", 0, 0, 2**32 - 1) if exemplars else None
    measured = metrics.over_time(scope, _query(asked), _time_range(asked), step, limit)
    return json_text_response(range_text(measured))


@answers
def query_instant(request: HttpRequest) -> HttpResponse:
    scope = query_scope(request)
    asked = request.GET.dict()
    return json_text_response(instant_text(metrics.at_once(scope, _query(asked), _time_range(asked))))


# -- what is asked


def _query(asked: Mapping[str, str]) -> str:
    """`query` is Prometheus' name for it."""
    text = asked.get("q") or asked.get("query") or ""
    if not text.strip():
        raise InvalidQuery("q holds the query, as in { status = error } | rate()")
    return text


def _time_range(asked: Mapping[str, str]) -> TimeRange:
    """From start to end; without a start, `since` or an hour before the end, of which the future does not count."""
    now = settings.CLOCK.now_ns()
    end = _moment(asked, "end", now)
    since = _duration(asked["since"].strip(), "since") if asked.get("since", "").strip() else SINCE_DEFAULT
    start = _moment(asked, "start", max(0, min(end, now) - since))
    if end <= start:
        raise Malformed("end lies after start")
    return TimeRange(start, end)


def _moment(asked: Mapping[str, str], name: str, absent: int) -> int:
    """ns since 1970 of seconds, with or without a fraction, of whole nanoseconds, or of RFC 3339."""
    text = asked.get(name, "").strip()
    if not text:
        return absent
    at = parameters.rfc3339(text) if len(text) <= _TEXT_MAX else None
    if at is None:
        whole = text.isascii() and text.isdigit()
        at = _decimal(text, 1 if whole and len(text) > _SECONDS_DIGITS_MAX else NANOS_PER_SECOND)
    if at is None or not 0 <= at <= TIME_MAX:
        raise Malformed(
            f"{name} is a time in seconds or nanoseconds since 1970 or as 2026-11-24T12:00:00Z, "
            f"not {text[:_TEXT_MAX]!r}"
        )
    return at


def _decimal(text: str, unit: int) -> int | None:
    try:
        value = Decimal(text) if text.isascii() and "_" not in text and len(text) <= _TEXT_MAX else Decimal("NaN")
    except InvalidOperation:
        return None
    return int(value * unit) if value.is_finite() and abs(value) * unit <= TIME_MAX else None


def _step(asked: Mapping[str, str]) -> int | None:
    """ns of seconds or of a duration"""
    text = asked.get("step", "").strip()
    if not text:
        return None
    step = _decimal(text, NANOS_PER_SECOND)
    step = _duration(text, "step") if step is None else step
    if step <= 0:
        raise Malformed(f"step is longer than 0, not {text[:_TEXT_MAX]!r}")
    return step


def _duration(text: str, name: str) -> int:
    position, total = 0, Decimal(0)
    while (part := _DURATION_PART.match(text, position)) and position < _TEXT_MAX:
        total += Decimal(part[1]) * _UNITS[part[2]]
        position = part.end()
    if not text or position != len(text) or total > TIME_MAX:
        raise Malformed(f"{name} is a duration such as 15s or 1h30m, not {text[:_TEXT_MAX]!r}")
    return int(total)


# -- what is answered


@dataclass(frozen=True, slots=True)
class _Samples:
    """The text before each point's number; made once, since all series have the same times."""

    heads: tuple[str, ...]

    @classmethod
    def of(cls, measured: metrics.Measured) -> _Samples:
        ends = (at + measured.step for at in measured.answer.times)
        return cls(tuple(f'{{"timestampMs":"{end // _NANOS_PER_MS}","value":' for end in ends))

    def text(self, series: MetricSeries) -> str:
        pairs = zip(self.heads, series.points, strict=True)
        return ",".join(f"{head}{_number(point)}}}" for head, point in pairs if point is not None)


def range_text(measured: metrics.Measured) -> str:
    """A QueryRangeResponse."""
    samples = _Samples.of(measured)
    texts = []
    for series in measured.answer.series:
        labels = _labels(series, measured.name)
        exemplars = [_exemplar(exemplar, labels) for exemplar in series.exemplars]
        texts.append(f'{{"labels":{_json(labels)},"samples":[{samples.text(series)}],"exemplars":{_json(exemplars)}}}')
    return _answer_text(measured.answer, texts)


def instant_text(measured: metrics.Measured) -> str:
    """A QueryInstantResponse."""
    texts = [
        f'{{"labels":{_json(_labels(series, measured.name))},"value":{_number(point)}}}'
        for series in measured.answer.series
        for point in series.points
        if point is not None
    ]
    return _answer_text(measured.answer, texts)


def _answer_text(answer: MetricsAnswer, series: list[str]) -> str:
    partial = {"status": "PARTIAL", "message": "; ".join(answer.warnings)} if answer.warnings else {}
    about = {"metrics": {"inspectedBytes": str(answer.cost.bytes), "completedJobs": 1, "totalJobs": 1}, **partial}
    return f'{{"series":[{",".join(series)}],{_json(about)[1:]}'


def _labels(series: MetricSeries, name: str) -> list[dict[str, Any]]:
    """Fields that the spans lack are left out; where they lack all, the first is `nil`, since a series has a label."""
    if not series.labels:
        return [_label(NAME, name)]
    if series.labels[0][0] in (META_TYPE, META_ERROR):
        return [_label(key, value) for key, value in series.labels]
    known = [_label(key, value) for key, value in series.labels if value is not None]
    return known or [_label(series.labels[0][0], None)]


def _label(key: str, value: AttributeValue) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": MISSING} if value is None else value_json(value)}


def _exemplar(exemplar: Exemplar, labels: list[dict[str, Any]]) -> dict[str, Any]:
    """Grafana finds the trace by the label `trace:id`."""
    ids = [_label("trace:id", exemplar.trace_id.hex()), _label("span:id", exemplar.span_id.hex())]
    value = exemplar.value if math.isfinite(exemplar.value) else number_text(exemplar.value)
    return {"labels": [*ids, *labels], "value": value, "timestampMs": str(exemplar.at // _NANOS_PER_MS)}


def _number(value: float) -> str:
    return repr(value) if math.isfinite(value) else f'"{number_text(value)}"'


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
