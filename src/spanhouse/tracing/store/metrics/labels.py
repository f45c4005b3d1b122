"""What tells series apart: labels whose values keep their types, so that 1, 1.0, "1" and true are four series."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.tracing.plan.metrics import Combined, Compared, Metrics, Ranked, Series, Threshold
from spanhouse.tracing.plan.predicates import Calculated, Expression, Intrinsic, Negative
from spanhouse.tracing.spans.model import AttributeValue, SpanKind, StatusCode

Labels: TypeAlias = tuple[tuple[str, AttributeValue], ...]
Key: TypeAlias = tuple[tuple[str, str, str], ...]

BUCKET: Final = "__bucket"
QUANTILE: Final = "p"
META_TYPE: Final = "__meta_type"
META_ERROR: Final = "__meta_error"
TOO_MANY_VALUES: Final = "__too_many_values__"

DURATIONS: Final = frozenset({Intrinsic.DURATION, Intrinsic.TRACE_DURATION, Intrinsic.EVENT_TIME_SINCE_START})
_KINDS: Final = frozenset(SpanKind)
_STATES: Final = frozenset(StatusCode)
_UNITS: Final = ((3600 * NANOS_PER_SECOND, "h"), (60 * NANOS_PER_SECOND, "m"))
_ORDER: Final = {bool: 0, int: 1, float: 1, str: 2, type(None): 3}


def key(labels: Labels) -> Key:
    """What series match by: names, types and values, in whatever order. Whole numbers are one type, 1 is 1.0."""
    return tuple(sorted((name, *_typed(value)) for name, value in labels))


def _typed(value: AttributeValue) -> tuple[str, str]:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return type(value).__name__, repr(value)


def order(labels: Labels) -> tuple[object, ...]:
    """Sorts series: by name of label, then type of value (numbers are one), then value; missing values last."""
    return tuple((name, *_place(value)) for name, value in labels)


def _place(value: AttributeValue) -> tuple[int, object]:
    if isinstance(value, bool | int | float | str):
        return _ORDER[type(value)], value
    return (3, 0) if value is None else (4, repr(value))


def shown(kind: str, value: AttributeValue) -> AttributeValue:
    """A value as a label has it: what is a `kind` or a `status` by name, a `duration` of ns as `1.5s`."""
    if not isinstance(value, int):
        return value
    match kind:
        case "kind":
            return SpanKind(value).name.lower() if value in _KINDS else str(value)
        case "status":
            return StatusCode(value).name.lower() if value in _STATES else str(value)
        case "duration":
            return duration_text(value)
    return value


def duration_text(nanos: int) -> str:
    """As Go writes durations: `0s`, `250ns`, `1.5ms`, `1h0m2s`."""
    if nanos < 0:
        return "-" + duration_text(-nanos)
    if nanos == 0:
        return "0s"
    for size, unit in ((1_000_000, "ms"), (1_000, "µs"), (1, "ns")):
        if size <= nanos < min(size * 1000, NANOS_PER_SECOND):
            return f"{_decimal(nanos, size)}{unit}"
    text = ""
    for size, unit in _UNITS:
        whole, nanos = divmod(nanos, size)
        if whole or text:
            text += f"{whole}{unit}"
    return f"{text}{_decimal(nanos, NANOS_PER_SECOND)}s"


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    digits = f"{rest:0{len(str(unit)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)


def in_seconds(of: Expression | None) -> bool:
    """Whether the values are durations, which answers give in seconds though spans have them in ns."""
    match of:
        case Intrinsic():
            return of in DURATIONS
        case Negative(inner):
            return in_seconds(inner)
        case Calculated("+" | "-" | "%", left, right):
            return in_seconds(left) or in_seconds(right)
        case Calculated("*", left, right):
            return in_seconds(left) != in_seconds(right)
        case Calculated("/", left, right):
            return in_seconds(left) and not in_seconds(right)
    return False


def parts(metrics: Metrics) -> Iterable[Series | Compared]:
    """What spans are looked at for, from left to right."""
    match metrics:
        case Series() | Compared():
            yield metrics
        case Ranked(of) | Threshold(of):
            yield from parts(of)
        case Combined(_, left, right):
            for side in (left, right):
                if not isinstance(side, float | int):
                    yield from parts(side)
