"""Tempo's metrics addresses as Grafana calls them, over the real store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from spanhouse.base.clock import FixedClock
from spanhouse.tracing.plan.scope import QueryLimits, Scope, TimeRange
from spanhouse.tracing.search.metrics import default_step
from spanhouse.tracing.search.registry import set_reader
from spanhouse.tracing.spans.model import AttributeValue, Span
from tests.kit.spans import BASE, MS, make_span, trace_id
from tests.kit.store import Store

SECOND = 1_000 * MS
START = BASE // (60 * SECOND) * 60 * SECOND
SECONDS = START // SECOND
ODD: tuple[AttributeValue, ...] = (1, 1.5, "1", True)


def at(second: float, number: int, **fields: Any) -> Span:
    return make_span(number, start_time=START + int(second * SECOND), **fields)


SPANS = [
    *(
        at(n, n + 1, trace=n + 1, service="web" if n % 2 else "cart", status_code=2 if n % 10 == 0 else 0, lasts=500)
        for n in range(60)
    ),
    *(at(100 + n, 100 + n, service="odd", attributes={"v": value}) for n, value in enumerate(ODD)),
    at(110, 110, service="odd"),
]


@pytest.fixture
def api(store: Store, client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    scope = Scope(store.new_instance(), limits=QueryLimits(series=5))
    store.put(scope.instance, SPANS)
    monkeypatch.setattr("spanhouse.api.tempo_metrics.query_scope", lambda request: scope)
    settings.CLOCK = FixedClock(START + 120 * SECOND)
    set_reader(store.reader)
    yield client
    set_reader(None)


def get(api: Client, form: str, **asked: Any) -> Any:
    response = api.get(f"/tempo/api/metrics/{form}", {"start": SECONDS, "end": SECONDS + 60, **asked})
    assert response.status_code == 200, response.content
    assert response["Content-Type"] == "application/json"
    return json.loads(response.content, parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


def refused(api: Client, form: str = "query_range", **asked: Any) -> str:
    response = api.get(f"/tempo/api/metrics/{form}", asked)
    assert response.status_code == 400, response.content
    assert response["Content-Type"].startswith("text/plain")
    return response.content.decode()


def labels(series: dict[str, Any]) -> dict[str, Any]:
    """Values by key, each as (type, value)."""
    return {label["key"]: next(iter(label["value"].items())) for label in series["labels"]}


@pytest.mark.report("V34")
def test_a_rate_by_service_has_one_series_each_with_a_sample_a_step(api: Client) -> None:
    answer = get(api, "query_range", q="{ } | rate() by (resource.service.name)", step="10s", exemplars=0)

    assert answer["series"] == [
        {
            "labels": [{"key": "resource.service.name", "value": {"stringValue": service}}],
            "samples": [{"timestampMs": str((SECONDS + 10 * n) * 1000), "value": 0.5} for n in range(1, 7)],
            "exemplars": [],
        }
        for service in ("cart", "web")
    ]
    assert answer["metrics"]["completedJobs"] == answer["metrics"]["totalJobs"]
    assert int(answer["metrics"]["inspectedBytes"]) > 0


@pytest.mark.report("V34")
def test_the_instant_form_has_one_value_a_series(api: Client) -> None:
    answer = get(api, "query", q="{ status = error } | count_over_time() by (resource.service.name)")

    assert answer["series"] == [
        {"labels": [{"key": "resource.service.name", "value": {"stringValue": "cart"}}], "value": 6.0}
    ]


@pytest.mark.report("V34")
@pytest.mark.parametrize("step", ["500ms", "10s", "1m", "600", "7"])
def test_the_sum_over_time_is_the_instant_count_whatever_the_step(api: Client, step: str) -> None:
    over = get(api, "query_range", q="{ } | count_over_time()", step=step)["series"][0]["samples"]

    assert sum(sample["value"] for sample in over) == 60
    assert get(api, "query", q="{ } | count_over_time()")["series"][0]["value"] == 60


@pytest.mark.report("V34")
def test_adjoining_windows_add_up_at_odd_edges(api: Client) -> None:
    def count(form: str, start: float, end: float) -> Any:
        series = get(api, form, q="{ } | count_over_time()", start=start, end=end, step="10s")["series"]
        return sum(
            sample["value"] for one in series for sample in (one.get("samples") or [{"value": one.get("value")}])
        )

    for form in ("query", "query_range"):
        for cut in (SECONDS + 0.5, SECONDS + 30, SECONDS + 33):
            assert count(form, SECONDS, cut) + count(form, cut, SECONDS + 60) == 60


@pytest.mark.report("V34")
def test_every_type_has_its_own_series_and_a_missing_value_is_nil(api: Client) -> None:
    answer = get(api, "query", q='{ resource.service.name = "odd" } | count_over_time() by (span.v)', end=SECONDS + 120)

    assert sorted(map(repr, (labels(series)["span.v"] for series in answer["series"]))) == sorted(
        map(
            repr,
            [
                ("intValue", "1"),
                ("doubleValue", 1.5),
                ("stringValue", "1"),
                ("boolValue", True),
                ("stringValue", "nil"),
            ],
        )
    )


def test_without_by_the_series_is_called_as_its_function(api: Client) -> None:
    ratio = "({ status = error } | rate()) / ({ } | rate())"

    assert labels(get(api, "query", q="{ } | avg_over_time(duration)")["series"][0]) == {
        "__name__": ("stringValue", "avg_over_time")
    }
    assert get(api, "query", q=ratio)["series"] == [
        {"labels": [{"key": "__name__", "value": {"stringValue": "(rate / rate)"}}], "value": 0.1}
    ]


def test_a_step_without_a_value_has_no_sample(api: Client) -> None:
    samples = get(api, "query_range", q="{ } | max_over_time(duration)", end=SECONDS + 120, step="30s")["series"][0]

    assert [sample["timestampMs"][-6:-3] for sample in samples["samples"]] == [
        str(SECONDS + second)[-3:] for second in (30, 60, 120)
    ]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (str(SECONDS), str(SECONDS + 60)),
        (str(START), str(START + 60 * SECOND)),
        (f"{SECONDS}.0", f"{SECONDS + 59}.999999999"),
        ("2026-11-24T23:12:00Z", "2026-11-25T07:13:00+08:00"),
        ("2026-11-24T23:12:00.000Z", "2026-11-24T23:12:59.5Z"),
    ],
)
def test_times_are_seconds_nanoseconds_or_rfc3339(api: Client, start: str, end: str) -> None:
    assert get(api, "query", q="{ } | count_over_time()", start=start, end=end)["series"][0]["value"] == 60


def test_without_times_it_is_the_hour_before_now(api: Client) -> None:
    response = api.get("/tempo/api/metrics/query", {"q": "{ } | count_over_time()"})

    assert response.json()["series"][0]["value"] == 65


@pytest.mark.parametrize(("since", "count"), [("1m", 5), ("1m30s", 35), ("1d", 65), ("2m0s", 65)])
def test_since_counts_back_from_the_end(api: Client, since: str, count: int) -> None:
    response = api.get("/tempo/api/metrics/query", {"q": "{ } | count_over_time()", "since": since})

    assert response.json()["series"][0]["value"] == count


def test_the_query_may_be_called_query_and_the_step_left_out(api: Client) -> None:
    answer = get(api, "query_range", q="", query="{ } | count_over_time()", start=SECONDS - 3540)

    assert len(answer["series"][0]["samples"]) == 240


@pytest.mark.report("V34")
@pytest.mark.parametrize(
    "times",
    [
        {"start": "yesterday"},
        {"start": "-1"},
        {"start": "1e99"},
        {"start": "NaN"},
        {"start": "9" * 30},
        {"end": "2026-13-01T00:00:00Z"},
        {"start": SECONDS, "end": SECONDS},
        {"start": SECONDS + 1, "end": SECONDS},
        {"since": "1 hour"},
        {"since": "-1h"},
        {"step": "0"},
        {"step": "-10s"},
        {"step": "fast"},
        {"exemplars": "many"},
        {"start": SECONDS, "end": SECONDS + 60, "step": "1ms"},
    ],
)
def test_times_and_steps_that_make_no_sense_are_refused_by_name(api: Client, times: dict[str, Any]) -> None:
    text = refused(api, q="{ } | rate()", **times)

    assert any(name in text for name in ("start", "end", "since", "step", "exemplars"))


@pytest.mark.parametrize("query", ["", "{ } | rate(", "{ }", "{ } | rate() by ()", "nonsense"])
@pytest.mark.parametrize("form", ["query", "query_range"])
def test_a_text_that_is_no_metric_is_refused(api: Client, form: str, query: str) -> None:
    assert refused(api, form, q=query)


def test_past_the_limit_of_series_the_answer_is_partial_and_says_so(api: Client) -> None:
    answer = get(api, "query", q="{ } | count_over_time() by (span:id)")

    assert answer["status"] == "PARTIAL"
    assert "more than 5 series" in answer["message"]
    assert len(answer["series"]) == 5


def test_another_method_is_refused(api: Client) -> None:
    assert api.post("/tempo/api/metrics/query").status_code == 405


def test_exemplars_name_their_trace(api: Client) -> None:
    answer = get(api, "query_range", q="{ } | rate() by (resource.service.name)", step="10s", exemplars=4)

    found = [exemplar for series in answer["series"] for exemplar in series["exemplars"]]
    known = {trace_id(n + 1).hex() for n in range(60)}
    assert 0 < len(found) <= 4
    assert all(labels(exemplar)["trace:id"][1] in known for exemplar in found)
    assert all(exemplar["value"] == 0.5 for exemplar in found)


@pytest.mark.parametrize(
    ("hint", "asked", "most"),
    [
        ("with(exemplars=2)", "50", 2),
        ("with(exemplars=false)", "50", 0),
        ("with(exemplars=true)", "1", 100),
        ("", "3", 3),
    ],
)
def test_a_hint_says_how_many_exemplars_before_the_parameter(api: Client, hint: str, asked: str, most: int) -> None:
    answer = get(api, "query_range", q=f"{{ }} | rate() {hint}", step="1s", exemplars=asked)

    found = sum(len(series["exemplars"]) for series in answer["series"])
    assert bool(found) == bool(most)
    assert found <= most


@pytest.mark.parametrize(
    "query", ["{ } | rate() by (span.v, kind)", "{ } > { } | rate()", "{ } | compare({ kind = server })"]
)
def test_an_answer_has_only_the_fields_of_tempos_messages(api: Client, query: str) -> None:
    """Grafana reads the instant form strictly: a field that the message lacks is an error there."""
    over, instant = (get(api, form, q=query, end=SECONDS + 120, step="1m") for form in ("query_range", "query"))

    for answer, of_series in ((over, {"labels", "samples", "exemplars"}), (instant, {"labels", "value"})):
        assert answer.keys() <= {"series", "metrics", "status", "message"}
        assert answer["metrics"].keys() <= {"inspectedTraces", "inspectedBytes", "completedJobs", "totalJobs"}
        assert all(series.keys() == of_series for series in answer["series"])
        assert all(label.keys() == {"key", "value"} for series in answer["series"] for label in series["labels"])
    samples = [sample for series in over["series"] for sample in series["samples"]]
    assert all(
        isinstance(sample["timestampMs"], str) and sample.keys() == {"timestampMs", "value"} for sample in samples
    )


@pytest.mark.parametrize(
    ("seconds", "step"),
    [(10, 0.05), (59, 0.2), (60, 1), (600, 2), (3600, 15), (6 * 3600, 60), (24 * 3600, 300), (30 * 86_400, 10_800)],
)
def test_the_step_is_chosen_for_about_240_points(seconds: int, step: float) -> None:
    assert default_step(TimeRange(START, START + seconds * SECOND)) == step * SECOND
