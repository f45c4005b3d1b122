"""The search form as its address says it: everything a person sees can be sent to another as a link."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import QueryDict
from django.utils.translation import gettext as _

from spanhouse.base import limits
from spanhouse.base.errors import InvalidQuery, Malformed, QueryLimitReached
from spanhouse.console.visit import Visit
from spanhouse.tracing.plan.requests import Order, SearchAnswer
from spanhouse.tracing.plan.spansets import Spanset
from spanhouse.tracing.search import find

LIMITS = (20, 50, 100, 200, 500)
STATUSES = ("error", "ok", "unset")


@dataclass(frozen=True, slots=True)
class SearchForm:
    """What was typed, as it was typed."""

    service: str
    operation: str
    status: str
    shortest: str
    longest: str
    tags: str
    query: str
    order: Order
    limit: int

    @classmethod
    def of(cls, params: QueryDict) -> SearchForm:
        """Choices that are not among those offered fall back to the default; texts are read when the search runs."""
        status, order, limit = params.get("status", ""), params.get("order", ""), params.get("limit", "")
        return cls(
            service=params.get("service", ""),
            operation=params.get("operation", ""),
            status=status if status in STATUSES else "",
            shortest=params.get("min", "").strip(),
            longest=params.get("max", "").strip(),
            tags=params.get("tags", "").strip(),
            query=params.get("q", "").strip(),
            order=Order(order) if order in (Order.NEWEST.value, Order.SLOWEST.value) else Order.NEWEST,
            limit=min(int(limit), limits.SEARCH_LIMIT_MAX)
            if limit.isascii() and limit.isdigit() and int(limit)
            else 50,
        )

    def asks_for_metrics(self) -> bool:
        """Whether the answer is numbers over time. Raises InvalidQuery."""
        return bool(self.query) and find.is_metrics(self.query)

    def spanset(self) -> Spanset:
        """Raises Malformed or InvalidQuery. A TraceQL query stands for the whole; the fields then ask nothing."""
        if self.query:
            return find.spanset_of(find.SpanForm(query=self.query))
        return find.spanset_of(
            find.SpanForm(
                service=self.service,
                operation=self.operation,
                status=self.status,
                duration_min=find.parse_duration_text(self.shortest, _("Minimum duration")),
                duration_max=find.parse_duration_text(self.longest, _("Maximum duration")),
                tags=self.tags,
            )
        )


def run(visit: Visit, form: SearchForm) -> SearchAnswer:
    return find.search(visit.scope, visit.chosen.range, form.spanset(), order=form.order, limit=form.limit)


@dataclass(frozen=True, slots=True)
class QueryProblem:
    """A query that could not be read: where, as the line and what stands there."""

    message: str
    line: int
    column: int
    before: str
    at: str
    after: str


def problem_of(error: Malformed | InvalidQuery | QueryLimitReached, query: str) -> QueryProblem:
    """A position only where the language gave one."""
    if not isinstance(error, InvalidQuery) or not query:
        return QueryProblem(str(error), 0, 0, "", "", "")
    lines = query.splitlines() or [""]
    text = lines[min(error.line, len(lines)) - 1]
    start = min(max(error.column - 1, 0), len(text))
    return QueryProblem(
        _said(error), error.line, error.column, text[:start], text[start : start + 1] or " ", text[start + 1 :]
    )


def _said(error: InvalidQuery) -> str:
    """The sentence of a refusal in the reader's language; signs and words of the query language stay as they are."""
    seen, _expected, _names = str(error).partition("; expected ")
    seen = seen.replace(f" at line {error.line}, column {error.column}", "")
    if seen == "the query ends here":
        seen = _("The query ends here")
    elif seen.startswith("unexpected "):
        seen = _("Unexpected %(text)s") % {"text": seen.removeprefix("unexpected ")}
    else:
        return seen
    if not error.expected:
        return seen
    return _("%(seen)s; expected %(expected)s") % {"seen": seen, "expected": ", ".join(error.expected)}
