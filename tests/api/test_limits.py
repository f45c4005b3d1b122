"""What an instance may ask, held below every page and API."""

from __future__ import annotations

import inspect
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from spanhouse.base import limits as node
from spanhouse.base.errors import RateLimited
from spanhouse.contracts.limits import Limits
from spanhouse.contracts.refused import Amount, Refused, RefusedIn, refused_file
from spanhouse.customers.instances import limits, refused
from spanhouse.customers.instances.models import Instance
from spanhouse.tracing.plan.scope import QueryLimits, Scope, TimeRange
from spanhouse.tracing.search.bounded import bounded
from spanhouse.tracing.search.registry import set_reader
from spanhouse.tracing.store.protocols import Reader
from tests.kit.accounts import NOON, operator
from tests.kit.fake_reader import FakeReader
from tests.kit.spans import BASE, MS, make_span

pytestmark = pytest.mark.clause("R5")

HOUR = BASE // (3600 * 10**9)
ALL_TIME = TimeRange(0, 2**63)
WITHIN = {"start": str(BASE), "end": str(BASE + 60_000 * MS)}


class SlowReader(FakeReader):
    """Answers names of services when `may_end` is set, and says how many have begun."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Event()

    def service_names(self, scope: Scope, time_range: TimeRange) -> list[str]:
        self.begun.release()
        assert self.may_end.wait(20)
        return [scope.instance]


def scope(instance: str = "local", **granted: Any) -> Scope:
    return Scope(instance, None, QueryLimits.of(Limits(**granted)))


@given(st.integers(1, 10**12))
def test_an_instance_is_never_granted_more_than_the_node_has(granted: int) -> None:
    of = QueryLimits.of(
        Limits(
            query_seconds=granted,
            query_memory_bytes=granted,
            search_traces=granted,
            trace_spans=granted,
            metric_series=granted,
            query_range_seconds=granted,
        )
    )

    assert of.seconds == min(granted, node.QUERY_SECONDS_MAX)
    assert of.memory_bytes == min(granted, node.QUERY_MEMORY_BYTES_MAX)
    assert of.traces == min(granted, node.SEARCH_LIMIT_MAX)
    assert of.trace_spans == min(granted, node.TRACE_SPANS_MAX)
    assert of.series == min(granted, node.SERIES_MAX)
    assert of.range_ns == granted * 10**9


def test_without_limits_the_nodes_hold() -> None:
    assert QueryLimits.of(Limits()) == QueryLimits()


def test_queries_past_the_number_that_may_run_are_refused_and_other_instances_are_not() -> None:
    slow = SlowReader()
    reader = bounded(slow)
    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(reader.service_names, scope(concurrent_queries=2), ALL_TIME) for _ in range(2)]
        assert all(slow.begun.acquire(timeout=20) for _ in running)

        with pytest.raises(RateLimited, match="2 queries of this instance are running") as refused:
            reader.service_names(scope(concurrent_queries=2), ALL_TIME)
        other = threads.submit(reader.service_names, scope("other", concurrent_queries=1), ALL_TIME)
        assert slow.begun.acquire(timeout=20)
        slow.may_end.set()

        assert refused.value.retry_after_seconds == 1
        assert [each.result(20) for each in (*running, other)] == [["local"], ["local"], ["other"]]
    assert reader.service_names(scope(concurrent_queries=1), ALL_TIME) == ["local"]


def test_a_query_that_fails_gives_its_place_back() -> None:
    class Failing(FakeReader):
        def service_names(self, scope: Scope, time_range: TimeRange) -> list[str]:
            raise OSError("broken")

    reader = bounded(Failing())
    for _ in range(3):
        with pytest.raises(OSError, match="broken"):
            reader.service_names(scope(concurrent_queries=1), ALL_TIME)


def test_every_question_names_its_scope_first() -> None:
    questions = {name: method for name, method in vars(Reader).items() if callable(method) and name[0] != "_"}
    first = {name: list(inspect.signature(method).parameters)[1] for name, method in questions.items()}

    assert len(questions) > 10
    assert set(first.values()) == {"scope", "request"}


@pytest.fixture
def asked(client: Client, db: None) -> Iterator[Client]:
    """An API over six traces, of which the first has nine spans, asked from this machine."""
    operator()
    spans = [make_span(number, trace=1) for number in range(1, 10)]
    spans += [make_span(20 + trace, trace=trace, at=trace) for trace in range(2, 7)]
    set_reader(bounded(FakeReader(spans)))
    yield client
    set_reader(None)


def limit(**changes: int) -> None:
    limits.set_limits(Instance.objects.get(), changes, now=NOON)


def get(client: Client, path: str, **asked: Any) -> Any:
    return client.get(path, {**WITHIN, **asked}, headers={"host": "localhost"})


def test_pages_of_a_search_are_as_long_as_the_instance_may_ask_and_leave_nothing_out(asked: Client) -> None:
    limit(search_traces=4)

    first = get(asked, "/api/v1/traces", limit=20)
    second = get(asked, "/api/v1/traces", limit=20, cursor=first.json()["next"])

    assert [len(page.json()["traces"]) for page in (first, second)] == [4, 2]


def test_tempos_search_says_that_traces_are_left_out(asked: Client) -> None:
    limit(search_traces=4)

    answer = get(asked, "/tempo/api/search", limit=20, q="{}", start=BASE // 10**9, end=BASE // 10**9 + 60)

    assert len(answer.json()["traces"]) == 4
    assert "at most 4 traces are returned of this instance" in json.dumps([answer.json(), dict(answer.headers)])


def test_a_trace_is_cut_at_the_instances_limit_and_says_so(asked: Client) -> None:
    limit(trace_spans=3)

    columns = get(asked, f"/api/v1/traces/{1:032x}").json()
    tempo = asked.get(f"/tempo/api/v2/traces/{1:032x}", headers={"host": "localhost"}).json()

    assert columns["truncated"] is True
    assert tempo["status"] == "PARTIAL"
    assert tempo["message"] == "the trace is cut: an answer holds 3 spans"


def refuse(directory: Path, *amounts: tuple[str, int, Amount], instance: str = "local") -> None:
    by = {RefusedIn(instance, reason, HOUR + hour): amount for reason, hour, amount in amounts}
    (directory / refused_file(0)).write_bytes(Refused("r-a", by).to_json())
    refused.take_up(directory, now_hour=HOUR)


def test_what_was_refused_is_shown_by_reason_and_hour(asked: Client, tmp_path: Path) -> None:
    refuse(
        tmp_path,
        ("spans_per_second", -1, Amount(2, 20, 200)),
        ("spans_per_second", 0, Amount(1, 10, 100)),
        ("attributes", 0, Amount(0, 3, 30)),
    )

    told = asked.get("/api/v1/usage/refused", headers={"host": "localhost"}).json()
    now = get(asked, "/api/v1/usage/refused").json()

    assert told["total"] == {"requests": 3, "spans": 33, "bytes": 330}
    assert told["reasons"] == [
        {"reason": "attributes", "requests": 0, "spans": 3, "bytes": 30},
        {"reason": "spans_per_second", "requests": 3, "spans": 30, "bytes": 300},
    ]
    assert [(row["hour"], row["reason"], row["spans"]) for row in told["hours"]] == [
        ("2026-11-24T22:00:00Z", "spans_per_second", 20),
        ("2026-11-24T23:00:00Z", "attributes", 3),
        ("2026-11-24T23:00:00Z", "spans_per_second", 10),
    ]
    assert [row["hour"] for row in now["hours"]] == ["2026-11-24T23:00:00Z"] * 2


def test_what_another_instance_was_refused_is_not_shown(asked: Client, tmp_path: Path) -> None:
    refuse(tmp_path, ("attributes", 0, Amount(0, 3, 30)), instance="other")

    assert get(asked, "/api/v1/usage/refused").json() == {
        "total": {"requests": 0, "spans": 0, "bytes": 0},
        "reasons": [],
        "hours": [],
    }


def test_who_may_read_some_services_is_not_told_what_was_refused(
    asked: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = Scope("local", frozenset({"cart"}))
    monkeypatch.setattr("spanhouse.api.rest.app.query_scope", lambda request: some)

    assert get(asked, "/api/v1/usage/refused").status_code == 403


def test_over_http_a_query_too_many_is_429_with_when_to_come_back(asked: Client) -> None:
    limit(concurrent_queries=1)
    slow = SlowReader()
    set_reader(bounded(slow))
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(bounded_names, scope(concurrent_queries=1))
        assert slow.begun.acquire(timeout=20)

        answers = [get(asked, path) for path in ("/api/v1/services", "/jaeger/api/services", "/zipkin/api/v2/services")]

        slow.may_end.set()
        running.result(20)
    assert [(answer.status_code, answer["Retry-After"]) for answer in answers] == [(429, "1")] * 3


def bounded_names(of: Scope) -> object:
    from spanhouse.tracing.search.registry import reader

    return reader().service_names(of, ALL_TIME)
