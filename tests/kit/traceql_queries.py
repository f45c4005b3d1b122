"""Queries that make sense, of everything in the language, about what `traceql_spans` puts into traces."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from spanhouse.tracing.traceql.syntax import (
    Aggregate,
    Attribute,
    Binary,
    Boolean,
    By,
    Coalesce,
    Compare,
    Duration,
    Expression,
    Filter,
    Having,
    Intrinsic,
    Keyword,
    Metrics,
    MetricsBinary,
    Nil,
    Number,
    Pipeline,
    Query,
    Ranked,
    Scalar,
    ScalarBinary,
    ScalarPipeline,
    Select,
    Series,
    Spanset,
    SpansetBinary,
    Stage,
    Text,
    Threshold,
    Unary,
)
from tests.kit.spans import BASE, MS, span_id
from tests.kit.traceql_spans import (
    BIG_ID,
    EVENT_FIELDS,
    EVENT_NAMES,
    LINK_FIELDS,
    MISSING_ID,
    NUMBERS,
    RESOURCE_FIELDS,
    SCOPE_FIELDS,
    SERVICES,
    SPAN_FIELDS,
    SPAN_NAMES,
    TEXTS,
    trace_number,
)

STRUCTURE: tuple[Any, ...] = (">", ">>", "<", "<<", "~")
OPERATORS = (*STRUCTURE, *(f"{mark}{one}" for mark in "!&" for one in STRUCTURE), "&&", "||", "&&", "||")
EQUAL, ORDER, MATCH = ("=", "!="), ("=", "!=", ">", ">=", "<", "<="), ("=~", "!~")
KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")
PATTERNS = ("a.*", "GET.*", ".*", "a", "(?i)AB?", "x.y", "[ab]+|1", "web|cart", "", "true", ".*o")

_LENGTHS = tuple(Duration(nanos) for nanos in (0, 1, MS, 1_500_000, 100 * MS, 1_000 * MS, 3_600_000 * MS))
_TREE_NUMBERS = tuple(Number(number) for number in (-1, 0, 1, 2, 3, 5, 8))
TREE_FIELDS = ("span:childCount", "nestedSetLeft", "nestedSetRight", "nestedSetParent")
NAME_FIELDS = {
    "span:name": SPAN_NAMES,
    "span:statusMessage": ("", "boom"),
    "trace:rootName": SPAN_NAMES,
    "trace:rootService": SERVICES,
    "event:name": EVENT_NAMES,
    "instrumentation:name": ("", "lib"),
    "instrumentation:version": ("", "1.0"),
}
ID_FIELDS = ("span:id", "span:parentID", "trace:id", "link:spanID", "link:traceID")
MAY_BE_MISSING = ("span:parentID", "event:name", "event:timeSinceStart", "link:traceID", "link:spanID", "parent")
IDS = (
    span_id(1).hex(),
    "1",
    "2",
    span_id(BIG_ID + 3).hex(),
    "FFFFFFFFFFFFFF03",
    span_id(MISSING_ID).hex(),
    trace_number(1).hex(),
)

# -- fields

attributes = st.one_of(
    st.sampled_from([Attribute("span", name) for name in SPAN_FIELDS]),
    st.sampled_from([Attribute("any", name) for name in ("num", "x", "x", "foo", "flag", "tags", "absent")]),
    st.sampled_from([Attribute("resource", name) for name in (*RESOURCE_FIELDS, "service.name")]),
    st.sampled_from([Attribute("event", name) for name in EVENT_FIELDS]),
    st.sampled_from([Attribute("link", name) for name in LINK_FIELDS]),
    st.sampled_from([Attribute("instrumentation", name) for name in SCOPE_FIELDS]),
    st.sampled_from(
        [
            Attribute("any", "x", of_parent=True),
            Attribute("any", "foo", of_parent=True),
            Attribute("span", "num", of_parent=True),
            Attribute("resource", "num", of_parent=True),
        ]
    ),
)
lengths = st.sampled_from([Intrinsic(name) for name in ("span:duration", "trace:duration", "event:timeSinceStart")])
tree_numbers = st.sampled_from([Intrinsic(name) for name in TREE_FIELDS])
number_fields = st.one_of(
    st.sampled_from([Attribute("span", "num"), Attribute("any", "num"), Attribute("span", "x"), Attribute("any", "x")]),
    st.sampled_from([Attribute("event", "num"), Attribute("link", "num"), Attribute("span", "num", of_parent=True)]),
    lengths,
    tree_numbers,
)
names = st.sampled_from([Intrinsic(name) for name in NAME_FIELDS])
group_fields = st.one_of(
    attributes,
    st.sampled_from(
        [Intrinsic(name) for name in ("span:name", "span:status", "span:kind", "trace:rootName", "trace:rootService")]
    ),
    st.sampled_from([Intrinsic(name) for name in ("event:name", "span:parentID", "link:spanID", "span:childCount")]),
    lengths,
)

# -- expressions

numbers = st.sampled_from(NUMBERS).map(Number)
texts = st.sampled_from(TEXTS).map(Text)
constants = st.one_of(numbers, texts, st.booleans().map(Boolean))


@st.composite
def arithmetic(draw: st.DrawFn, fields: st.SearchStrategy[Any] = number_fields) -> Expression:
    """With at least one field, and nothing divided by a constant 0."""
    one = draw(fields)
    how = draw(st.sampled_from(["+", "-", "*", "/", "%", "^", "minus"]))
    if how == "minus":
        return Unary("-", one)
    small = st.sampled_from([Number(1), Number(2), Number(3), Number(0.5)])
    other = draw(small) if how == "^" else draw(st.one_of(small, fields, arithmetic(fields)))
    if how in "+-*" and draw(st.booleans()):
        return Binary(how, other, one)  # type: ignore[arg-type]
    return Binary(how, one, other)  # type: ignore[arg-type]


@st.composite
def comparisons(draw: st.DrawFn) -> Expression:
    return draw(
        draw(
            st.sampled_from([_of_attribute, _of_attribute, _of_attribute, _of_intrinsic, _of_intrinsic, _of_two, _odd])
        )
    )


def _compared(
    left: Expression, how: tuple[str, ...], right: st.SearchStrategy[Any] | tuple[Any, ...]
) -> st.SearchStrategy[Expression]:
    rights = right if isinstance(right, st.SearchStrategy) else st.sampled_from(right)
    return st.builds(lambda operator, other: Binary(operator, left, other), st.sampled_from(how), rights)


def _about(field: Attribute) -> st.SearchStrategy[Expression]:
    """Mostly with a constant of a type that the field's values have."""
    of_numbers, of_texts = _compared(field, ORDER, numbers), _compared(field, ORDER, texts)
    of_booleans = _compared(field, EQUAL, st.booleans().map(Boolean))
    of_patterns = _compared(field, MATCH, tuple(map(Text, PATTERNS)))
    of_services = _compared(field, ORDER, tuple(map(Text, SERVICES)))
    fitting = {
        "num": [of_numbers] * 4 + [_compared(field, ORDER, (Duration(1), Duration(2)))],
        "duration": [of_numbers] * 4,
        "flag": [of_booleans, of_booleans, st.just(field)],
        "service.name": [of_services] * 4,
    }.get(field.name, [of_texts, of_texts, of_patterns, of_patterns])
    always = field.name == "service.name"
    odd = (
        [of_numbers, of_texts, of_booleans, of_patterns, st.just(field)]
        if field.name == "x"
        else [of_numbers, of_texts]
    )
    return st.one_of(*fitting, *odd, *([] if always else [_compared(field, EQUAL, (Nil(),))]))


_of_attribute: st.SearchStrategy[Expression] = attributes.flatmap(_about)
_of_intrinsic: st.SearchStrategy[Expression] = st.one_of(
    lengths.flatmap(lambda field: _compared(field, ORDER, _LENGTHS)),
    tree_numbers.flatmap(lambda field: _compared(field, ORDER, _TREE_NUMBERS)),
    names.flatmap(lambda field: _compared(field, ORDER, tuple(map(Text, NAME_FIELDS[field.name])))),
    names.flatmap(lambda field: _compared(field, MATCH, tuple(map(Text, PATTERNS)))),
    st.sampled_from(ID_FIELDS).flatmap(lambda name: _compared(Intrinsic(name), EQUAL, tuple(map(Text, IDS)))),
    _compared(Intrinsic("span:status"), EQUAL, tuple(Keyword("status", name) for name in STATUSES)),
    _compared(Intrinsic("span:kind"), EQUAL, tuple(Keyword("kind", name) for name in KINDS)),
    st.sampled_from(MAY_BE_MISSING).flatmap(lambda name: _compared(Intrinsic(name), EQUAL, (Nil(),))),
)


def _fields(of: Expression) -> list[Attribute | Intrinsic]:
    match of:
        case Attribute() | Intrinsic():
            return [of]
        case Unary(_, operand):
            return _fields(operand)
        case Binary(_, left, right):
            return _fields(left) + _fields(right)
    return []


def _is_answered(comparison: Expression) -> bool:
    """A value of an event or a link is not compared with a span's place in its trace (docs/query-traceql.md)."""
    fields = _fields(comparison)
    of_tree = any(isinstance(field, Intrinsic) and field.name in TREE_FIELDS for field in fields)
    return not (of_tree and any(_is_of_element(field) for field in fields))


def _is_of_element(field: Attribute | Intrinsic) -> bool:
    if isinstance(field, Attribute):
        return field.scope in ("event", "link")
    return field.name.startswith(("event:", "link:"))


_of_two: st.SearchStrategy[Expression] = st.one_of(
    attributes.flatmap(lambda field: _compared(field, ORDER, attributes)),
    attributes.flatmap(lambda field: _compared(field, EQUAL, names)),
    number_fields.flatmap(lambda field: _compared(field, ORDER, number_fields)),
    arithmetic().flatmap(
        lambda calculated: _compared(calculated, ORDER, st.one_of(numbers, number_fields, arithmetic()))
    ),
    arithmetic(lengths).flatmap(
        lambda calculated: _compared(calculated, ORDER, st.one_of(st.sampled_from(_LENGTHS), lengths))
    ),
).filter(_is_answered)
_odd: st.SearchStrategy[Expression] = st.one_of(
    st.booleans().map(Boolean),
    st.builds(Binary, st.sampled_from(ORDER), numbers, numbers),
    st.builds(Binary, st.sampled_from(ORDER), texts, texts),
    st.builds(Binary, st.sampled_from(ORDER), constants, attributes).filter(
        lambda one: not isinstance(one.left, Boolean) or one.operator in EQUAL
    ),
    st.builds(
        Binary,
        st.sampled_from(EQUAL),
        st.sampled_from([Keyword("status", "error"), Keyword("kind", "server")]),
        attributes,
    ),
)
conditions: st.SearchStrategy[Expression] = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        st.builds(Binary, st.sampled_from(["&&", "||"]), inner, inner),
        st.builds(Binary, st.sampled_from(["&&", "||"]), inner, inner),
        st.builds(lambda of: Unary("!", of), inner),
    ),
    max_leaves=4,
)
filters = st.one_of(
    st.just(Filter()),
    comparisons().map(Filter),
    comparisons().map(Filter),
    conditions.map(Filter),
)

# -- spansets and pipelines

operated: st.SearchStrategy[Spanset] = st.recursive(
    filters, lambda inner: st.builds(SpansetBinary, st.sampled_from(OPERATORS), inner, inner), max_leaves=3
)


@st.composite
def aggregates(draw: st.DrawFn) -> Aggregate:
    function: Any = draw(st.sampled_from(["count", "count", "avg", "min", "max", "sum"]))
    if function == "count":
        return Aggregate("count")
    return Aggregate(function, draw(number_fields | arithmetic()))


scalars: st.SearchStrategy[Scalar] = st.one_of(
    aggregates(),
    aggregates(),
    st.builds(ScalarBinary, st.sampled_from(["+", "-", "*", "/"]), aggregates(), aggregates() | st.just(Number(2))),
)
limits = st.sampled_from(
    [Number(number) for number in (0, 1, 2, 3, 5, -1, 0.5, 1.5)] + [Duration(100 * MS), Duration(MS)]
)
havings = st.one_of(
    st.builds(Having, st.sampled_from(ORDER), scalars, limits),
    st.builds(Having, st.sampled_from(ORDER), scalars, limits),
    st.builds(Having, st.sampled_from(ORDER), scalars, scalars),
)
bys = st.one_of(group_fields, group_fields, arithmetic()).map(By)
stages: st.SearchStrategy[Stage] = st.one_of(
    bys,
    havings,
    havings,
    filters,
    st.builds(SpansetBinary, st.sampled_from(OPERATORS), filters, filters),
    st.just(Coalesce()),
    st.just(Select((Attribute("span", "foo"), Intrinsic("span:duration")))),
)
pipelines: st.SearchStrategy[Spanset] = st.builds(
    Pipeline, operated, st.lists(stages, min_size=1, max_size=3).map(tuple)
)
bracketed = st.builds(SpansetBinary, st.sampled_from(OPERATORS), pipelines, pipelines)
whole_figures = st.builds(
    Having,
    st.sampled_from(ORDER),
    st.builds(ScalarPipeline, operated, aggregates()),
    st.one_of(limits, st.builds(ScalarPipeline, operated, aggregates())),
).map(lambda having: Pipeline(Filter(), (having,)))
searches: st.SearchStrategy[Query] = st.one_of(
    filters, operated, operated, pipelines, pipelines, bracketed, whole_figures
).map(Query)

# -- metrics

_of_spans = st.one_of(filters, filters, operated, pipelines)
_by = st.lists(group_fields, max_size=2, unique_by=str).map(tuple)


@st.composite
def series(draw: st.DrawFn, by: tuple[Any, ...] | None = None) -> Series:
    function: Any = draw(
        st.sampled_from(
            [
                "rate",
                "count_over_time",
                "min_over_time",
                "max_over_time",
                "avg_over_time",
                "sum_over_time",
                "quantile_over_time",
                "histogram_over_time",
            ]
        )
    )
    spans, fields = draw(_of_spans), draw(_by) if by is None else by
    if function in ("rate", "count_over_time"):
        return Series(spans, function, by=fields)
    shares = draw(st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]), min_size=1, max_size=2, unique=True))
    return Series(
        spans, function, draw(number_fields), tuple(shares) if function == "quantile_over_time" else (), fields
    )


@st.composite
def _of_two_series(draw: st.DrawFn) -> MetricsBinary:
    """Of the same fields, so that some meet; or one side without any."""
    by = draw(_by)
    left, right = draw(series(by)), draw(series(draw(st.sampled_from([by, by, ()]))))
    return MetricsBinary(draw(st.sampled_from(["+", "-", "*", "/"])), left, right)


@st.composite
def compares(draw: st.DrawFn) -> Compare:
    window = draw(st.sampled_from([(0, 0), (0, 0), (BASE, BASE + 10_000 * MS)]))
    return Compare(draw(_of_spans), draw(filters), draw(st.sampled_from([1, 3, 10])), *window)


_first = st.one_of(series(), series(), series(), _of_two_series())
metrics: st.SearchStrategy[Metrics] = st.one_of(
    _first,
    _first,
    compares(),
    st.builds(Ranked, st.sampled_from(["topk", "bottomk"]), _first, st.integers(1, 3)),
    st.builds(Threshold, st.sampled_from(ORDER), _first, st.sampled_from([0.0, 1.0, 2.0, 0.5, -1.0])),
    st.builds(MetricsBinary, st.sampled_from(["+", "-", "*", "/"]), _first, st.sampled_from([2.0, 0.5, -1.0, 100.0])),
    st.builds(MetricsBinary, st.sampled_from(["+", "-", "*", "/"]), st.sampled_from([2.0, 0.5, -1.0]), _first),
)
metrics_queries = metrics.map(Query)
