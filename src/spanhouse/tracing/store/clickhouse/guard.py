"""The second look at every statement before it is sent: an independent reading of the text, not of the plan.

A statement that is not certainly a bounded read of one instance raises `GuardViolation`, which is a fault of ours and
never an answer to a caller. The guard knows the names of the tables and of the functions we use and nothing about
how the compiler came to its text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from spanhouse.base import limits
from spanhouse.tracing.plan.scope import QueryLimits, Scope
from spanhouse.tracing.store.clickhouse.statements import Statement

TENANT_TABLES: Final = frozenset({"spans", "trace_summaries", "red_minutes", "edges", "attribute_names", "usage_hours"})
SCOPED: Final = "WHERE instance = {instance:String}"
SCOPED_BY_SERVICE: Final = re.compile(
    r"WHERE instance = \{instance:String\} AND \w+ (?P<hidden>NOT )?IN \{services:Array\(String\)\}"
)

_WORDS: Final = """
    abs arrayConcat arrayExists arrayFilter arrayFirstIndex arrayFlatten arrayJoin arrayMap arrayMax arrayResize
    arraySum avg concat count countIf empty emptyArrayString greatest groupArray groupArrayIf groupArraySortedIf hex
    if intDiv isNaN least lower map mapApply mapContains mapKeys mapValues match max maxIf min minIf multiIf
    notEmpty pow quantilesBFloat16Merge quantilesBFloat16MergeIf quantilesExactInclusive range reinterpretAsUInt64
    reverse roundToExp2 startsWith substring sum sumIf sumMap toFixedString toFloat64 toInt128 toInt64 toJSONString
    toString toUInt32 toUInt64 toUInt8 transform trunc tuple unhex
    otlp_bool otlp_elements otlp_float otlp_int otlp_is_bool otlp_is_float otlp_is_int otlp_is_text otlp_text
    and as by from having in join not or over select using where with
"""
FUNCTIONS: Final = frozenset(_WORDS.split())
"""Every function our statements call, and the words that may stand before a bracket."""

FORBIDDEN: Final = re.compile(
    r"\b(INSERT|ALTER|CREATE|DROP|TRUNCATE|RENAME|ATTACH|DETACH|OPTIMIZE|SYSTEM|KILL|GRANT|REVOKE|SET|SETTINGS|FORMAT|"
    r"OUTFILE|DESCRIBE|EXPLAIN|SHOW|USE|DELETE|UPDATE|EXCHANGE|BACKUP|RESTORE|WATCH|CHECK|DICTIONARY)\b",
    re.IGNORECASE,
)
_LITERAL: Final = re.compile(r"'[^'\\]*'")
_PLACEHOLDER: Final = re.compile(r"\{(\w+):[A-Za-z0-9()]+\}")
_CALL: Final = re.compile(r"\b([A-Za-z_]\w*)\s*\(")
STUBS: Final = (
    "SELECT hex(trace_id), hex(span_id), hex(parent_span_id), start_time, end_time FROM spans ",
    "SELECT reinterpretAsUInt64(reverse(substring(trace_id, 1, 8))) AS place_trace_high, "
    "reinterpretAsUInt64(reverse(substring(trace_id, 9, 8))) AS place_trace_low, "
    "reinterpretAsUInt64(reverse(span_id)) AS place_span, "
    "reinterpretAsUInt64(reverse(parent_span_id)) AS place_parent, start_time AS place_start FROM spans ",
)
"""All that is read of spans of hidden services: where they stand."""


class GuardViolation(Exception):
    """The statement must not be sent."""


def check(statement: Statement, scope: Scope) -> None:
    """Raise unless `statement` only reads, and reads tenant tables only within `scope`."""
    _check_parameters(statement.sql, statement.parameters, scope)
    text = _without_literals(statement.sql)
    if not re.match(r"\s*(SELECT|WITH)\b", text):
        raise GuardViolation("only SELECT is sent for a tenant")
    if forbidden := FORBIDDEN.search(text):
        raise GuardViolation(f"{forbidden.group().upper()} in a tenant's statement")
    _check_sources(text, scope)
    for name in _CALL.findall(_PLACEHOLDER.sub("", text)):
        if name not in FUNCTIONS and name.lower() not in FUNCTIONS:
            raise GuardViolation(f"{name}() is not a function that tenants' statements use")


def settings(
    of: QueryLimits | None = None, *, seconds: float = 0, rows: int = 0, result_rows: int = limits.TRACE_SPANS_MAX * 2
) -> dict[str, str | int | float]:
    """What every tenant's statement runs under. `readonly` also closes table functions that read files or the net.

    `seconds` and `rows` are what is left of the question's; 0: all that `of` grants.
    """
    of = of or QueryLimits()
    return {
        "readonly": 1,
        "max_execution_time": round(seconds or of.seconds, 3),
        "timeout_overflow_mode": "throw",
        "max_memory_usage": of.memory_bytes,
        "max_rows_to_read": rows or of.rows,
        "read_overflow_mode": "throw",
        "max_result_rows": result_rows,
        "result_overflow_mode": "throw",
        "output_format_json_quote_64bit_integers": 0,
        "output_format_json_quote_denormals": 1,
    }


def _without_literals(sql: str) -> str:
    """The text with its plain string literals blanked. What could hide text from this reading is refused."""
    text = _LITERAL.sub("''", sql)
    if hiding := re.search(r"--|/\*|#|;|\\|\"|`|\$|(?<!')'(?!')", text):
        raise GuardViolation(f"{hiding.group()!r} in a tenant's statement")
    return text


def _check_parameters(sql: str, parameters: Mapping[str, object], scope: Scope) -> None:
    if parameters.get("instance") != scope.instance:
        raise GuardViolation("the statement's instance is not the scope's")
    services = None if scope.services is None else sorted(scope.services)
    if parameters.get("services") != services:
        raise GuardViolation("the statement's services are not the scope's")
    used = {match.group(1) for match in _PLACEHOLDER.finditer(sql)}
    if missing := used - parameters.keys():
        raise GuardViolation(f"no value for {sorted(missing)}")


def _check_sources(text: str, scope: Scope) -> None:
    for found in re.finditer(r"\b(?:FROM|JOIN)\b\s*", text, re.IGNORECASE):
        rest = text[found.end() :]
        if rest.startswith("("):
            continue
        table, _, conditions = rest.partition(" ")
        if table not in TENANT_TABLES:
            raise GuardViolation(f"{table!r} is not a table that tenants read")
        if not conditions.startswith(SCOPED):
            raise GuardViolation(f"{table} is read without its scope")
        if scope.services is not None:
            _check_services(conditions, text)
        _check_conjunction(conditions)
    if bare := re.search(r"\bIN\s+(?![({])\S*", text, re.IGNORECASE):
        raise GuardViolation(f"{bare.group()!r} reads a table without its scope")


def _check_services(conditions: str, text: str) -> None:
    limited = SCOPED_BY_SERVICE.match(conditions)
    if limited is None:
        raise GuardViolation("a table is read without the services its scope is limited to")
    if limited["hidden"] and not text.startswith(STUBS):
        raise GuardViolation("more than stubs is read of hidden services")


def _check_conjunction(conditions: str) -> None:
    """Nothing at the condition's own level may be an OR that would let other instances in."""
    depth = 0
    for token in re.finditer(
        r"\(|\)|\b(?:OR|UNION|GROUP|ORDER|LIMIT|HAVING)\b", conditions[len(SCOPED) :], re.IGNORECASE
    ):
        word = token.group().upper()
        depth += (word == "(") - (word == ")")
        if depth < 0 or (depth == 0 and word in ("GROUP", "ORDER", "LIMIT", "HAVING", "UNION")):
            return
        if depth == 0 and word == "OR":
            raise GuardViolation("the scope's condition is one side of an OR")
