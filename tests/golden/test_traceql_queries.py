"""Queries with the verdict that a full implementation gives them. A machine that has none has no cases."""

from __future__ import annotations

import pytest

from spanhouse.base.errors import InvalidQuery
from spanhouse.tracing.traceql import check, parse, to_metrics, to_spanset
from spanhouse.tracing.traceql.syntax import Filter, Pipeline, SpansetBinary
from tests.kit.peers import traceql_queries


def verdict(text: str) -> str:
    try:
        query = parse(text)
    except InvalidQuery:
        return "parse_fails"
    try:
        check(query)
    except InvalidQuery:
        return "validate_fails"
    is_search = isinstance(query.root, Filter | SpansetBinary | Pipeline)
    assert (to_spanset if is_search else to_metrics)(text) is not None
    return "valid"


@pytest.mark.parametrize("expected", ["valid", "parse_fails", "validate_fails"])
def test_queries_get_the_verdict_of_a_full_implementation(expected: str) -> None:
    others = {text: found for text in traceql_queries(expected) if (found := verdict(text)) != expected}

    assert others == {}


def test_queries_that_a_peer_does_not_answer_yet_are_planned_if_they_make_sense() -> None:
    refused = [text for text in traceql_queries("unsupported") if verdict(text) != "valid"]

    assert all("parent" in text and "parent." not in text for text in refused)
