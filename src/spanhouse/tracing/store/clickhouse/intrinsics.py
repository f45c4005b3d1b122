"""Where the intrinsics of a span lie in its row."""

from __future__ import annotations

from typing import Final

from spanhouse.tracing.plan.predicates import Intrinsic, Operator, Value
from spanhouse.tracing.spans.model import SPAN_ID_BYTES, TRACE_ID_BYTES, SpanKind, StatusCode
from spanhouse.tracing.store.clickhouse.statements import Build

COLUMNS: Final[dict[Intrinsic, str]] = {
    Intrinsic.NAME: "name",
    Intrinsic.SERVICE: "service",
    Intrinsic.KIND: "kind",
    Intrinsic.STATUS: "status_code",
    Intrinsic.STATUS_MESSAGE: "status_message",
    Intrinsic.DURATION: "duration",
    Intrinsic.START: "start_time",
    Intrinsic.SPAN_ID: "span_id",
    Intrinsic.PARENT_ID: "parent_span_id",
    Intrinsic.TRACE_ID: "trace_id",
    Intrinsic.SCOPE_NAME: "scope_name",
    Intrinsic.SCOPE_VERSION: "scope_version",
}
ELEMENT_COLUMNS: Final[dict[Intrinsic, str]] = {
    Intrinsic.EVENT_NAME: "event_name",
    Intrinsic.EVENT_TIME_SINCE_START: "event_time",
    Intrinsic.LINK_TRACE_ID: "link_trace_id",
    Intrinsic.LINK_SPAN_ID: "link_span_id",
}
TRACE_LEVEL: Final[dict[Intrinsic, str]] = {
    Intrinsic.TRACE_DURATION: "trace_duration",
    Intrinsic.ROOT_NAME: "root_name",
    Intrinsic.ROOT_SERVICE: "root_service",
}
"""Columns of `Build.trace_summaries`."""

ID_BYTES: Final[dict[Intrinsic, int]] = {
    Intrinsic.SPAN_ID: SPAN_ID_BYTES,
    Intrinsic.PARENT_ID: SPAN_ID_BYTES,
    Intrinsic.TRACE_ID: TRACE_ID_BYTES,
    Intrinsic.LINK_TRACE_ID: TRACE_ID_BYTES,
    Intrinsic.LINK_SPAN_ID: SPAN_ID_BYTES,
}
NO_SUCH: Final = -1
"""Neither a kind nor a status."""


def compare_id(build: Build, field: Intrinsic, column: str, operator: Operator, value: Value) -> str | None:
    """An id compares with hex of either case, its leading zeros left off or not. None: the field is no id."""
    size = ID_BYTES.get(field)
    if size is None:
        return None
    if not isinstance(value, str):
        return "0"
    present = "parent_span_id != toFixedString('', 8) AND " if field is Intrinsic.PARENT_ID else ""
    if operator not in ("=", "!="):
        return f"({present}{_text(build, column, operator, value)})"
    padded = value.lower().rjust(size * 2, "0")
    if len(padded) != size * 2 or not set(padded) <= set("0123456789abcdef"):
        return "0" if operator == "=" else f"({present}1)"
    encoded = f"unhex({build.parameter(padded, 'String')})"
    if field not in ELEMENT_COLUMNS:
        encoded = f"toFixedString({encoded}, {size})"
    return f"({present}{column} {operator} {encoded})"


def _text(build: Build, column: str, operator: Operator, value: str) -> str:
    text = f"lower(hex({column}))"
    if operator in ("=~", "!~"):
        pattern = build.parameter(f"(?s)^(?:{value})$", "String")
        return f"{'NOT ' if operator == '!~' else ''}match({text}, {pattern})"
    return f"{text} {operator} {build.parameter(value, 'String')}"


def kind_number(text: str) -> int:
    name = text.upper().removeprefix("SPAN_KIND_")
    return SpanKind[name].value if name in SpanKind.__members__ else NO_SUCH


def status_number(text: str) -> int:
    name = text.upper().removeprefix("STATUS_CODE_")
    return StatusCode[name].value if name in StatusCode.__members__ else NO_SUCH
