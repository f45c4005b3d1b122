"""The tree of a trace, the times on it, and its forms for readers."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from spanhouse.tracing.spans.model import Event, Link, Span, SpanKind
from spanhouse.tracing.traces.jaeger import jaeger_text, to_jaeger
from spanhouse.tracing.traces.otlp import resource_spans_text, to_json, to_otlp
from spanhouse.tracing.traces.payload import payload
from spanhouse.tracing.traces.times import critical_path, scale_of, self_segments
from spanhouse.tracing.traces.tree import NO_PARENT, Tree, build
from tests.kit.spans import BASE, MS, make_span, span_id


def shape(tree: Tree) -> list[tuple[str, int]]:
    return [(span.name, depth) for span, depth in zip(tree.spans, tree.depths, strict=True)]


def notices(tree: Tree) -> dict[str, tuple[int, ...]]:
    return {notice.kind: notice.rows for notice in tree.notices}


def offsets(segments: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [((start - BASE) // MS, (end - BASE) // MS) for start, end in segments]


def test_children_follow_their_parent_by_start() -> None:
    spans = [make_span(3, 1, at=5), make_span(2, 1, at=2), make_span(4, 2, at=3), make_span(1)]

    tree = build(spans)

    assert shape(tree) == [("n1", 0), ("n2", 1), ("n4", 2), ("n3", 1)]
    assert tree.notices == ()


def test_orphans_and_several_roots_are_shown_and_said() -> None:
    tree = build([make_span(1), make_span(2, 99, at=1), make_span(3, at=2)])

    assert shape(tree) == [("n1", 0), ("n2", 0), ("n3", 0)]
    assert notices(tree) == {"missing_parent": (1,), "several_roots": (0, 2)}
    assert tree.root == 0


@pytest.mark.report("V24")
def test_only_children_have_no_root() -> None:
    tree = build([make_span(2, 1), make_span(3, 1)])

    assert tree.root is None
    assert "no_root" in notices(tree)


@pytest.mark.report("V17")
@pytest.mark.parametrize(
    "spans",
    [
        [make_span(1, 1)],
        [make_span(1, 2), make_span(2, 1, at=1)],
        [make_span(1, 3), make_span(2, 1, at=1), make_span(3, 2, at=2), make_span(4, 3, at=3)],
    ],
    ids=["itself", "two", "three and a child"],
)
def test_a_cycle_is_cut_at_its_earliest_span(spans: list[Span]) -> None:
    tree = build(spans)

    assert sorted(span.name for span in tree.spans) == sorted(span.name for span in spans)
    assert tree.roots == (0,)
    assert tree.spans[0].name == "n1"
    assert notices(tree)["cycle"] == (0,)


@pytest.mark.report("V17")
def test_a_link_never_becomes_a_parent() -> None:
    parent = make_span(1, links=(Link(make_span(2).trace_id, make_span(2).span_id),))

    tree = build([parent, make_span(2, 1, at=1)])

    assert shape(tree) == [("n1", 0), ("n2", 1)]


@pytest.mark.report("V15")
def test_a_server_that_shares_its_clients_id_goes_under_it() -> None:
    client = make_span(1, 9, kind=SpanKind.CLIENT, service="front")
    server = make_span(1, 9, at=1, kind=SpanKind.SERVER, service="back")
    child = make_span(2, 1, at=2, service="back")

    tree = build([client, server, child])

    assert [(span.service, depth) for span, depth in zip(tree.spans, tree.depths, strict=True)] == [
        ("front", 0),
        ("back", 1),
        ("back", 2),
    ]


@pytest.mark.report("V15")
def test_spans_of_one_id_are_kept_and_a_resent_one_is_shown_once() -> None:
    first = make_span(1, status_message="499", received_at=BASE)
    second = replace(first, status_message="200")
    again = replace(first, received_at=BASE + 5)

    tree = build([first, second, again])

    assert len(tree.spans) == 2
    assert notices(tree)["repeated_id"] == (0, 1)
    assert "resent" in notices(tree)


@pytest.mark.report("V21")
def test_a_chain_of_15_000_is_walked_to_its_end() -> None:
    spans = [make_span(number + 1, number, at=number) for number in range(15_000)]

    tree = build(spans)
    drawn = payload(tree)

    assert tree.depths[-1] == 14_999
    assert drawn["rows"]["parent"][-1] == 14_998
    assert len(to_jaeger(spans)["spans"]) == 15_000


@pytest.mark.report("V21")
def test_120_000_spans_under_one_root_take_seconds_not_minutes() -> None:
    spans = [make_span(1, lasts=200_000), *(make_span(number, 1, at=number) for number in range(2, 120_001))]
    started = time.process_time()

    drawn = payload(build(spans))

    assert len(drawn["rows"]["id"]) == 120_000
    assert time.process_time() - started < 15


@pytest.mark.report("V22")
def test_implausible_times_do_not_stretch_the_scale() -> None:
    good = make_span(1, received_at=BASE)
    unset = make_span(2, 1, start_time=0, lasts=0, received_at=BASE)
    far = make_span(3, 1, start_time=2**63, lasts=0, received_at=BASE)

    drawn = payload(build([good, unset, far]))

    assert drawn["start"] == str(BASE)
    assert drawn["duration"] == 10 * MS
    odd = next(notice for notice in drawn["notices"] if notice["kind"] == "implausible_time")
    assert len(odd["rows"]) == 2


@pytest.mark.report("V08")
@pytest.mark.parametrize("end_time", [BASE - 1, 0])
def test_a_span_that_ends_before_it_starts_lasts_nothing(end_time: int) -> None:
    span = make_span(1, end_time=end_time)

    tree = build([span])

    assert payload(tree)["rows"]["duration"] == [0]
    assert notices(tree) == {"ends_early": (0,)}
    assert to_jaeger([span])["spans"][0]["duration"] == 0


def test_scale_of_no_spans_is_empty() -> None:
    assert scale_of([]).length == 0


def test_own_time_is_what_children_leave() -> None:
    spans = [make_span(1, lasts=100), make_span(2, 1, at=10, lasts=20), make_span(3, 1, at=20, lasts=30)]

    assert offsets(self_segments(build(spans), 0)) == [(0, 10), (50, 100)]


def test_own_time_ignores_what_children_do_after_their_parent() -> None:
    spans = [make_span(1, lasts=100), make_span(2, 1, at=90, lasts=50), make_span(3, 1, at=200, lasts=5)]

    assert offsets(self_segments(build(spans), 0)) == [(0, 90)]


def test_the_critical_path_runs_back_from_the_end_through_what_was_waited_for() -> None:
    spans = [
        make_span(1, lasts=100),
        make_span(2, 1, at=10, lasts=20),
        make_span(3, 1, at=15, lasts=60),
        make_span(4, 3, at=20, lasts=30),
    ]

    path = critical_path(build(spans))

    assert {build(spans).spans[row].name: offsets(found) for row, found in path.items()} == {
        "n1": [(0, 15), (75, 100)],
        "n3": [(15, 20), (50, 75)],
        "n4": [(20, 50)],
    }


def test_the_payload_has_a_row_for_each_span_and_numbers_for_names() -> None:
    spans = [
        make_span(1, lasts=100, service="web", events=(Event(BASE + 3 * MS, "log"),)),
        make_span(2, 1, at=10, status_code=2, service="db"),
    ]

    drawn = payload(build(spans))

    assert drawn["rows"] == {
        "id": ["0000000000000001", "0000000000000002"],
        "parent": [NO_PARENT, 0],
        "depth": [0, 1],
        "start": [0, 10 * MS],
        "duration": [100 * MS, 10 * MS],
        "service": [0, 1],
        "name": [0, 1],
        "kind": [2, 2],
        "error": [0, 1],
    }
    assert drawn["services"] == [{"name": "web", "spans": 1, "errors": 0}, {"name": "db", "spans": 1, "errors": 1}]
    assert drawn["events"] == {"0": [3 * MS]}
    assert drawn["self"] == {"0": [0, 10 * MS, 20 * MS, 100 * MS]}


@pytest.mark.report("V09")
def test_numbers_json_has_no_word_for_are_text() -> None:
    span = make_span(1, attributes={"a": float("nan"), "b": float("inf"), "c": [-float("inf")], "d": 2**63 - 1})

    otlp = json.loads(json.dumps(to_json([span]), allow_nan=False))
    jaeger = json.loads(json.dumps(to_jaeger([span]), allow_nan=False))

    values = [item["value"] for item in otlp["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"]]
    assert values == [
        {"doubleValue": "NaN"},
        {"doubleValue": "Infinity"},
        {"arrayValue": {"values": [{"doubleValue": "-Infinity"}]}},
        {"intValue": "9223372036854775807"},
    ]
    assert jaeger["spans"][0]["tags"][3]["value"] == 9223372036854775807


def test_values_that_python_calls_equal_are_different_resources() -> None:
    one = make_span(1, resource=replace(make_span().resource, attributes={"a": 1}))
    other = make_span(2, resource=replace(make_span().resource, attributes={"a": True}))

    assert len(to_otlp([one, other]).resource_spans) == 2


@pytest.mark.report("V15")
def test_jaeger_gets_an_id_for_each_span() -> None:
    client = make_span(1, kind=SpanKind.CLIENT, service="front")
    server = make_span(1, at=1, kind=SpanKind.SERVER, service="back")

    read = to_jaeger([client, server])["spans"]

    assert len({span["spanID"] for span in read}) == 2
    assert read[1]["references"][0]["spanID"] == read[0]["spanID"]


@pytest.mark.report("V27")
def test_jaeger_gets_the_status_as_its_error_tag() -> None:
    (span,) = to_jaeger([make_span(1, status_code=2, status_message="boom")])["spans"]

    tags = {tag["key"]: tag["value"] for tag in span["tags"]}
    assert tags["error"] is True
    assert tags["otel.status_description"] == "boom"
    assert tags["span.kind"] == "server"


def test_of_roots_that_start_together_the_first_by_service_and_name_is_the_root() -> None:
    spans = [make_span(1, name="b"), make_span(2, name="c", service="a"), make_span(3, name="b", service="a")]

    tree = build(spans)

    assert tree.root is not None
    assert tree.spans[tree.root].span_id == span_id(3)


def test_an_answers_text_says_what_its_objects_say() -> None:
    spans = [make_span(n, n // 2, attributes={"n": n, "x": float("nan")}, service=f"s{n % 2}") for n in range(1, 6)]

    assert json.loads(resource_spans_text(spans)) == to_json(spans)["resourceSpans"]
    assert json.loads(jaeger_text(spans, truncated=True)) == to_jaeger(spans, truncated=True)
