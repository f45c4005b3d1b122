"""TraceQL's spansets, pipelines and metrics: what they are planned as, and what is refused where."""

from __future__ import annotations

import pytest

from spanhouse.base.errors import InvalidQuery
from spanhouse.tracing.plan import metrics, spansets
from spanhouse.tracing.plan.metrics import Combined, Compared, MetricFunction, Ranked, Series, Threshold
from spanhouse.tracing.plan.predicates import Attribute, Calculated, Compare, Constant, Fixed, Intrinsic, Not
from spanhouse.tracing.plan.scope import TimeRange
from spanhouse.tracing.plan.spansets import (
    Aggregate,
    Both,
    Coalesce,
    Either,
    Figures,
    GroupBy,
    Having,
    Keep,
    OfPipeline,
    Piped,
    Related,
    Relation,
    Select,
    Spanset,
)
from spanhouse.tracing.traceql import hints, parse, to_metrics, to_predicate, to_spanset, to_text

EVERY = Constant(True)
A, B, C = (Compare(Attribute("any", name), "=", True) for name in "abc")
COUNT = Aggregate("count")
RATE = Series(EVERY, MetricFunction.RATE)

SPANSETS: list[tuple[str, Spanset]] = [
    ("{ .a } && { .b }", Both(A, B)),
    ("{ .a } || { .b } && { .c }", Both(Either(A, B), C)),
    ("{ .a } || ({ .b } && { .c })", Either(A, Both(B, C))),
    ("{ .a } || { .b } > { .c }", Either(A, Related(Relation.CHILD, B, C))),
    ("{ .a } >> { .b } ~ { .c }", Related(Relation.SIBLING, Related(Relation.DESCENDANT, A, B), C)),
    ("{ .a } < { .b }", Related(Relation.PARENT, A, B)),
    ("{ .a } !<< { .b }", Related(Relation.ANCESTOR, A, B, negated=True)),
    ("{ .a } !~ { .b }", Related(Relation.SIBLING, A, B, negated=True)),
    ("{ .a } &> { .b }", Related(Relation.CHILD, A, B, union=True)),
    ("{ .a } | { .b }", Piped(A, (Keep(B),))),
    ("{ .a } | { .b } >> { .c }", Piped(A, (Keep(Related(Relation.DESCENDANT, B, C)),))),
    ("count() > 2", Piped(EVERY, (Having(">", COUNT, 2.0),))),
    ("{ .a } | 2 < count()", Piped(A, (Having("<", 2.0, COUNT),))),
    ("avg(duration) >= 1.5ms", Piped(EVERY, (Having(">=", Aggregate("avg", Intrinsic.DURATION), 1_500_000.0),))),
    ("count() > 2 + 3 * 4", Piped(EVERY, (Having(">", COUNT, 14.0),))),
    ("count() > 7 / 2", Piped(EVERY, (Having(">", COUNT, 3.0),))),
    ("count() > 7 / 2.0", Piped(EVERY, (Having(">", COUNT, 3.5),))),
    ("count() > -(2 + 3)", Piped(EVERY, (Having(">", COUNT, -5.0),))),
    ("count() + 1 > -2", Piped(EVERY, (Having(">", Figures("+", COUNT, 1.0), -2.0),))),
    ("{ .a } | by(resource.x) | coalesce()", Piped(A, (GroupBy(Attribute("resource", "x"), "resource.x"), Coalesce()))),
    ("by(span:name)", Piped(EVERY, (GroupBy(Intrinsic.NAME, "name"),))),
    ("by(2 * .n)", Piped(EVERY, (GroupBy(Calculated("*", Fixed(2), Attribute("any", "n")), "2 * .n"),))),
    (
        'select(span."my attr", status)',
        Piped(EVERY, (Select((("my attr", Attribute("span", "my attr")), ("status", Intrinsic.STATUS))),)),
    ),
    (
        "({ .a } | count()) > ({ .b } | max(duration))",
        Piped(EVERY, (Having(">", OfPipeline(A, COUNT), OfPipeline(B, Aggregate("max", Intrinsic.DURATION))),)),
    ),
    (
        "({ .a } | count() > 1) >> ({ .b } | count() > 2)",
        Related(Relation.DESCENDANT, Piped(A, (Having(">", COUNT, 1.0),)), Piped(B, (Having(">", COUNT, 2.0),))),
    ),
    ("(count() > 1) && ({ .a } | { .b })", Both(Piped(EVERY, (Having(">", COUNT, 1.0),)), Piped(A, (Keep(B),)))),
    ("{ .a } // to the line's end\n && /* or\n so */ { .b }", Both(A, B)),
]

METRICS: list[tuple[str, metrics.Metrics]] = [
    ("{ } | rate()", RATE),
    ("{ .a } >> { .b } | rate()", Series(Related(Relation.DESCENDANT, A, B), MetricFunction.RATE)),
    ("{ } | { .a } | rate()", Series(Piped(EVERY, (Keep(A),)), MetricFunction.RATE)),
    ("{ } | max_over_time(duration)", Series(EVERY, MetricFunction.MAX, Intrinsic.DURATION)),
    (
        "{ } | quantile_over_time(span.n, .5, 0.99, 1) by (name)",
        Series(EVERY, MetricFunction.QUANTILE, Attribute("span", "n"), (0.5, 0.99, 1.0), (("name", Intrinsic.NAME),)),
    ),
    ("{ } | rate() > 10", Threshold(RATE, ">", 10.0)),
    ("{ } | rate() > 1500ms", Threshold(RATE, ">", 1.5)),
    ("{ } | rate() | topk(5) > 10", Threshold(Ranked(RATE, True, 5), ">", 10.0)),
    ("{ } | rate() != 0 | bottomk(5)", Ranked(Threshold(RATE, "!=", 0.0), False, 5)),
    ("({ } | rate()) / ({ } | rate())", Combined("/", RATE, RATE)),
    ("100 * ({ } | rate()) / ({ } | rate())", Combined("/", Combined("*", 100.0, RATE), RATE)),
    ("1 - 2 * ({ } | rate())", Combined("-", 1.0, Combined("*", 2.0, RATE))),
    ("({ } | rate()) + 1 / 2", Combined("+", RATE, 0.0)),
    ("({ } | rate()) + 1 > 2 | topk(3)", Ranked(Threshold(Combined("+", RATE, 1.0), ">", 2.0), True, 3)),
    ("{ .a } | compare({ .b })", Compared(A, B)),
    ("{ .a } | compare({ .b }, 5, 10, 20)", Compared(A, B, 5, TimeRange(10, 20))),
]

LABELS = [
    ("resource.service.name", "resource.service.name"),
    (".foo", ".foo"),
    ("parent.foo", "parent.foo"),
    ("parent.span.foo", "parent.span.foo"),
    ('span."my attr"', 'span."my attr"'),
    ("span:name", "name"),
    ("span:childCount", "span:childCount"),
    ("trace:rootService", "rootServiceName"),
    ("trace:duration", "traceDuration"),
    ("event:name", "event:name"),
]

REFUSED = [
    ("{ } | count()", 1, 7, "compared"),
    ("count() > 1 > 2", 1, 13, "behind |"),
    ("count() > 1 && count() < 5", 1, 13, "behind |"),
    ("3 > 2", 1, 3, "two numbers"),
    ("{ } + { }", 1, 5, "a spanset and a spanset"),
    ("{ } | max(name) > 1", 1, 11, "a number is expected"),
    ("{ } | max(2) > 1", 1, 11, "a field is expected"),
    ("{ } | by(duration > 1s)", 1, 19, "not by a condition"),
    ("{ } | by(parent)", 1, 10, "nil"),
    ("{ } |\n  rate() + 1", 2, 10, "brackets"),
    ("{ } | rate() by (1)", 1, 18, "expected"),
    ("{ } | quantile_over_time(duration, 2)", 1, 7, "from 0 to 1"),
    ("coalesce() | { }", 1, 1, "expected"),
    ("{ } | topk(1)", 1, 7, "behind a metric"),
    ("rate()", 1, 1, "behind spans"),
    ("{ } | rate() | { }", 1, 14, "cannot come"),
    ("{ } | rate() | topk(0)", 1, 16, "at least one"),
    ("{ } | compare({ }, 1001)", 1, 7, "1000"),
    ("{ } | compare({ }, 1, 2, 1)", 1, 7, "ends before it starts"),
    ("{ } | compare({ }) | topk(1)", 1, 7, "by itself"),
    ("({ } | rate()) * 10s", 1, 18, "duration"),
    ("({ } | count() > 5) && { .a }", 1, 21, "brackets"),
    ("-count() > 1", 1, 1, "minus"),
    ("{ .a = 9223372036854775808 }", 1, 8, "too large"),
    ("{ (.a = .b) = ((.c = 1) = (.d = 1)) }", 1, 13, "not itself compared"),
    ("{ .a =~ .b }", 1, 9, "a string is expected"),
    ("{ } with(1)", 1, 10, "a hint's name"),
]


@pytest.mark.parametrize(("text", "plan"), SPANSETS, ids=[text for text, _ in SPANSETS])
def test_a_search_is_planned(text: str, plan: spansets.Spanset) -> None:
    assert to_spanset(text) == plan


@pytest.mark.parametrize(("text", "plan"), METRICS, ids=[text for text, _ in METRICS])
def test_a_metrics_query_is_planned(text: str, plan: metrics.Metrics) -> None:
    assert to_metrics(text) == plan


@pytest.mark.parametrize("text", [text for text, _ in [*SPANSETS, *METRICS]])
def test_a_query_reads_back_the_same_from_its_print(text: str) -> None:
    assert parse(to_text(parse(text))) == parse(text)


@pytest.mark.parametrize(("written", "label"), LABELS, ids=[written for written, _ in LABELS])
def test_series_are_labelled_alike_whatever_the_spelling(written: str, label: str) -> None:
    series = to_metrics(f"{{ }} | rate() by ({written})")

    assert isinstance(series, Series)
    assert [name for name, _ in series.by] == [label]


@pytest.mark.parametrize(("text", "line", "column", "reason"), REFUSED, ids=[text for text, *_ in REFUSED])
def test_what_makes_no_sense_is_refused_with_its_place_and_reason(
    text: str, line: int, column: int, reason: str
) -> None:
    with pytest.raises(InvalidQuery, match=reason.replace("|", r"\|")) as refusal:
        (to_metrics if "rate()" in text or "_over_time" in text or "compare" in text else to_spanset)(text)

    assert (refusal.value.line, refusal.value.column) == (line, column)


@pytest.mark.parametrize(
    ("ask", "text"), [(to_spanset, "{ } | rate()"), (to_metrics, "{ } | count() > 1"), (to_predicate, "{ } >> { }")]
)
def test_a_query_of_another_sort_is_refused(ask: object, text: str) -> None:
    with pytest.raises(InvalidQuery):
        ask(text)  # type: ignore[operator]


def test_a_long_chain_of_conditions_is_one_list() -> None:
    ids = [f"{number:032x}" for number in range(500)]

    predicate = to_predicate("{ " + " || ".join(f'trace:id = "{trace}"' for trace in ids) + " }")

    assert [getattr(part, "value", None) for part in getattr(predicate, "of", ())] == ids


def test_a_pipeline_has_a_limited_number_of_stages() -> None:
    with pytest.raises(InvalidQuery, match="at most 100 stages"):
        to_spanset("{ }" + " | { }" * 101)


def test_hints_are_told_by_name() -> None:
    said = hints("{ } | rate() with(sample=0.1, exemplars=true) with (job_size=10, debug_return_in=1s, x=`a`, x=`b`)")

    assert said == {"sample": 0.1, "exemplars": True, "job_size": 10, "debug_return_in": 10**9, "x": "b"}


def test_brackets_by_the_thousand_mean_nothing() -> None:
    assert to_spanset("(" * 5000 + "{ " + "(" * 5000 + "!.a" + ")" * 5000 + " }" + ")" * 5000) == Not(A)
