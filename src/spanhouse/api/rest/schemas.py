"""What the REST API answers. Times are RFC 3339 in UTC to the ns, durations whole ns."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from ninja import Field, Schema

Hex128 = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Hex64 = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
Time = Annotated[str, Field(examples=["2026-11-24T23:12:00.000000000Z"])]
Nanos = Annotated[int, Field(ge=0, description="ns")]
Count = Annotated[int, Field(ge=0)]
Number = float | Literal["NaN", "Infinity", "-Infinity"]


class Fault(Schema):
    """One thing that is wrong with a request."""

    parameter: str
    detail: str


class Problem(Schema):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    faults: list[Fault] = Field([], description="of parameters that do not fit")
    line: int | None = Field(None, description="of a query that cannot be read; the first is 1")
    column: int | None = None
    expected: list[str] = Field([], description="what would have been right there")


class Statement(Schema):
    """One that the answer took, as it was sent to the engine."""

    purpose: str
    sql: str
    parameters: dict[str, Any]
    rows: Count = Field(description="read")
    bytes: Count = Field(description="read")
    milliseconds: float


class AnyValue(Schema):
    """OTLP's AnyValue in its JSON form: at most one of these."""

    stringValue: str | None = None
    boolValue: bool | None = None
    intValue: str | None = None
    doubleValue: Number | None = None
    bytesValue: str | None = Field(None, description="Base64")
    arrayValue: dict[str, Any] | None = None
    kvlistValue: dict[str, Any] | None = None


class Attribute(Schema):
    key: str
    value: AnyValue


class FoundSpan(Schema):
    span_id: Hex64
    service: str
    name: str
    start: Time
    duration_ns: Nanos
    attributes: list[Attribute] = Field(description="what the query selects")


class SpanSet(Schema):
    matched: Count = Field(description="spans, of which `spans` are the first")
    spans: list[FoundSpan]
    attributes: list[Attribute] = Field(description="what by() parted the spans by, and figures that were compared")


class ServiceShare(Schema):
    service: str
    spans: Count
    errors: Count


class FoundTrace(Schema):
    trace_id: Hex128
    start: Time
    duration_ns: Nanos
    spans: Count
    errors: Count
    root_service: str | None = Field(description="null while no root has arrived")
    root_name: str | None
    services: list[ServiceShare]
    matched: Count
    span_sets: list[SpanSet]


class Traces(Schema):
    traces: list[FoundTrace]
    next: str | None = Field(description="the cursor of the next page; null where there is none")
    warnings: list[str] = Field(description="what a limit has left out, and what to narrow")
    statements: list[Statement] | None = Field(None, description="with explain=true")


class TraceColumns(Schema):
    """A trace as columns: row i of each list is a span, parents before their children."""

    trace_id: Hex128
    start: str = Field(description="ns since 1970, as text")
    duration: int = Field(description="ns")
    root: int | None = Field(description="row of the root")
    services: list[dict[str, Any]]
    names: list[str]
    rows: dict[str, list[Any]] = Field(
        description="id, parent (row or -1), depth, start and duration (ns, from the trace's start), service and name "
        "(numbers into those lists), kind, error"
    )
    events: dict[str, list[int]] = Field(description="times by row")
    own: dict[str, list[int]] = Field(alias="self", description="own time of rows with children: from, to, from, to …")
    critical: dict[str, list[int]] = Field(description="the critical path by row: from, to, from, to …")
    notices: list[dict[str, Any]] = Field(description="what does not fit: missing parents, cycles, repeated ids …")
    truncated: bool = Field(description="the trace has more spans than an answer holds")


class TracesData(Schema):
    """OTLP's TracesData in its JSON form."""

    resourceSpans: list[dict[str, Any]]


class Rates(Schema):
    calls: Count
    errors: Count
    calls_per_second: float
    p50_ns: float
    p95_ns: float
    p99_ns: float


class ServiceRates(Rates):
    service: str


class OperationRates(Rates):
    service: str
    name: str
    kind: str


class Services(Schema):
    services: list[ServiceRates]


class Operations(Schema):
    operations: list[OperationRates] = Field(description="those called most, most first")


class Edge(Schema):
    parent: str
    child: str
    calls: Count
    errors: Count


class Edges(Schema):
    edges: list[Edge]


class Point(Schema):
    at: Time = Field(description="start of the step")
    calls: Count
    errors: Count
    p50_ns: float
    p95_ns: float
    p99_ns: float


class RedSeries(Schema):
    step_seconds: int
    points: list[Point] = Field(description="steps without a call are left out")


class TagScope(Schema):
    scope: Literal["resource", "span", "event", "link", "instrumentation", "intrinsic"]
    names: list[str]


class Tags(Schema):
    scopes: list[TagScope]


class TagValue(Schema):
    type: Literal["string", "int", "float", "bool", "keyword"]
    value: str
    seen: Count = Field(description="spans that have it, among the newest that were looked at")


class TagValues(Schema):
    values: list[TagValue] = Field(description="most frequent first")
    complete: bool = Field(description="false: older spans of the range may have other values")
    statements: list[Statement] | None = Field(None, description="with explain=true")


class Exemplar(Schema):
    trace_id: Hex128
    span_id: Hex64
    at: Time
    value: Number


class MetricSeries(Schema):
    labels: list[Attribute]
    points: list[Number | None] = Field(description="one for each of `times`; null: no span")
    exemplars: list[Exemplar]


class Metrics(Schema):
    name: str = Field(description="of the series that has no label")
    step_ns: Nanos
    times: list[Time] = Field(description="the start of each step; steps are whole multiples of their length")
    series: list[MetricSeries]
    warnings: list[str]
    statements: list[Statement] | None = Field(None, description="with explain=true")


class UsageFigures(Schema):
    spans: Count
    bytes: Count = Field(description="of uncompressed protobuf")


class ServiceUsage(UsageFigures):
    service: str


class HourUsage(ServiceUsage):
    hour: str = Field(description="of receipt; its start", examples=["2026-11-24T23:00:00Z"])


class Usage(Schema):
    total: UsageFigures
    services: list[ServiceUsage]
    hours: list[HourUsage]


class RefusedFigures(UsageFigures):
    requests: Count = Field(
        description="those refused whole; how much was in those that could not be read is not known"
    )


class ReasonRefused(RefusedFigures):
    reason: str = Field(description="a limit of the instance, a rule of the protocol or a kind of error")


class HourRefused(ReasonRefused):
    hour: str = Field(description="of receipt; its start", examples=["2026-11-24T23:00:00Z"])


class Refused(Schema):
    total: RefusedFigures
    reasons: list[ReasonRefused]
    hours: list[HourRefused]
