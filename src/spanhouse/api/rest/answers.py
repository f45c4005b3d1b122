"""How operations of the REST API answer: documented statuses, statements shown on demand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from spanhouse.api.rest.schemas import Problem
from spanhouse.tracing.plan.requests import Sent

FAILURES: Final = frozenset({400, 401, 403, 404, 413, 422, 429, 503})


def answers(schema: Any) -> dict[Any, Any]:
    """The responses of an operation that answers with `schema`: whatever goes wrong is a problem."""
    return {200: schema, FAILURES: Problem}


def statements_json(statements: Iterable[Sent]) -> list[dict[str, Any]]:
    return [
        {
            "purpose": sent.purpose,
            "sql": sent.sql,
            "parameters": dict(sent.parameters),
            "rows": sent.rows,
            "bytes": sent.bytes,
            "milliseconds": sent.nanos / 1_000_000,
        }
        for sent in statements
    ]
