"""Fields of a query and fields of the plan, and what answers call them."""

from __future__ import annotations

import re
from typing import Final

from spanhouse.tracing.plan import predicates as plan
from spanhouse.tracing.traceql.printing import expression_text
from spanhouse.tracing.traceql.syntax import OLD_SPELLINGS, Attribute, Expression, Intrinsic

INTRINSICS: Final = {
    "span:duration": plan.Intrinsic.DURATION,
    "span:name": plan.Intrinsic.NAME,
    "span:status": plan.Intrinsic.STATUS,
    "span:statusMessage": plan.Intrinsic.STATUS_MESSAGE,
    "span:kind": plan.Intrinsic.KIND,
    "span:childCount": plan.Intrinsic.CHILD_COUNT,
    "span:id": plan.Intrinsic.SPAN_ID,
    "span:parentID": plan.Intrinsic.PARENT_ID,
    "trace:id": plan.Intrinsic.TRACE_ID,
    "trace:duration": plan.Intrinsic.TRACE_DURATION,
    "trace:rootName": plan.Intrinsic.ROOT_NAME,
    "trace:rootService": plan.Intrinsic.ROOT_SERVICE,
    "event:name": plan.Intrinsic.EVENT_NAME,
    "event:timeSinceStart": plan.Intrinsic.EVENT_TIME_SINCE_START,
    "link:traceID": plan.Intrinsic.LINK_TRACE_ID,
    "link:spanID": plan.Intrinsic.LINK_SPAN_ID,
    "instrumentation:name": plan.Intrinsic.SCOPE_NAME,
    "instrumentation:version": plan.Intrinsic.SCOPE_VERSION,
    "nestedSetLeft": plan.Intrinsic.NESTED_SET_LEFT,
    "nestedSetRight": plan.Intrinsic.NESTED_SET_RIGHT,
    "nestedSetParent": plan.Intrinsic.NESTED_SET_PARENT,
}
ID_DIGITS: Final = {"span:id": 16, "span:parentID": 16, "trace:id": 32, "link:spanID": 16, "link:traceID": 32}
_NAMES_IN_ANSWERS: Final = {scoped: old for old, scoped in OLD_SPELLINGS.items() if old != "childCount"}
_MUST_BE_QUOTED: Final = re.compile(r"[\s{}()=~!<>&|^,\"]")


def field_of(expression: Attribute | Intrinsic) -> plan.Field:
    if isinstance(expression, Attribute):
        return plan.Attribute(expression.scope, expression.name, expression.of_parent)
    return INTRINSICS[expression.name]


def label_of(expression: Expression) -> str:
    """What answers call it, however it was spelled in the query: `resource.service.name`, `.foo`, `rootServiceName`."""
    match expression:
        case Intrinsic(name):
            return _NAMES_IN_ANSWERS.get(name, name)
        case Attribute():
            scope = "" if expression.scope == "any" else expression.scope
            parts = ["parent"] * expression.of_parent + [scope, _quoted(expression.name)]
            return ".".join(parts if scope or not expression.of_parent else [parts[0], parts[-1]])
    return expression_text(expression)


def bare_name_of(expression: Attribute | Intrinsic) -> str:
    """What a span in an answer calls what was selected of it: attributes without their scope."""
    return expression.name if isinstance(expression, Attribute) else label_of(expression)


def _quoted(name: str) -> str:
    if not _MUST_BE_QUOTED.search(name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
