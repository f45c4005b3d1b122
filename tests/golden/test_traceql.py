"""TraceQL as people write it: what parses, what it means, what is refused and where."""

from __future__ import annotations

import pytest

from spanhouse.base.errors import InvalidQuery
from spanhouse.tracing.plan.predicates import (
    And,
    Attribute,
    Calculated,
    Compare,
    Constant,
    Exists,
    Fixed,
    Intrinsic,
    Negative,
    Not,
    Or,
    Relate,
)
from spanhouse.tracing.traceql import parse, to_predicate
from spanhouse.tracing.traceql.rewrites import REWRITES, Rewrite, rewritten
from spanhouse.tracing.traceql.syntax import Filter

FOO = Attribute("span", "foo")

MEANINGS = [
    ("{}", Constant(True)),
    ("{ true }", Constant(True)),
    ("{ .a }", Compare(Attribute("any", "a"), "=", True)),
    ('{ span.foo = "bar" }', Compare(FOO, "=", "bar")),
    ("{ 3 < span.foo }", Compare(FOO, ">", 3)),
    ("{ span.foo >= -1.5 }", Compare(FOO, ">=", -1.5)),
    ("{ span.foo = 1 + 2 * 3 }", Compare(FOO, "=", 7)),
    ("{ duration > 1.5s }", Compare(Intrinsic.DURATION, ">", 1_500_000_000)),
    ("{ span:duration > 1s500ms }", Compare(Intrinsic.DURATION, ">", 1_500_000_000)),
    ("{ .duration = 1 }", Compare(Attribute("any", "duration"), "=", 1)),
    ("{ status = error }", Compare(Intrinsic.STATUS, "=", 2)),
    ("{ server = kind }", Compare(Intrinsic.KIND, "=", 2)),
    ("{ rootServiceName = `a` }", Compare(Intrinsic.ROOT_SERVICE, "=", "a")),
    ("{ span.foo != nil }", Exists(FOO)),
    ("{ nil != span.foo }", Exists(FOO)),
    ("{ span.foo = nil }", Not(Exists(FOO))),
    ("{ nestedSetParent < 0 }", Not(Exists(Intrinsic.PARENT_ID))),
    ("{ nestedSetParent = -1 }", Not(Exists(Intrinsic.PARENT_ID))),
    ("{ nestedSetParent < 1 }", Compare(Intrinsic.NESTED_SET_PARENT, "<", 1)),
    ("{ nestedSetLeft > 3 }", Compare(Intrinsic.NESTED_SET_LEFT, ">", 3)),
    ("{ childCount = 0 }", Compare(Intrinsic.CHILD_COUNT, "=", 0)),
    ("{ parent = nil }", Not(Exists(Intrinsic.PARENT_ID))),
    ("{ name != nil }", Exists(Intrinsic.NAME)),
    ("{ nil = nil }", Constant(True)),
    ("{ parent.a != 3 }", Compare(Attribute("any", "a", of_parent=True), "!=", 3)),
    ("{ parent.resource.a }", Compare(Attribute("resource", "a", of_parent=True), "=", True)),
    ("{ .a = .b }", Relate(Attribute("any", "a"), "=", Attribute("any", "b"))),
    ("{ -span.foo < 1 }", Relate(Negative(FOO), "<", Fixed(1))),
    ("{ 10 < span.foo * 2 }", Relate(Calculated("*", FOO, Fixed(2)), ">", Fixed(10))),
    ("{ duration > 1s / 0 }", Relate(Intrinsic.DURATION, ">", Calculated("/", Fixed(10**9), Fixed(0)))),
    ("{ duration > 1w }", Compare(Intrinsic.DURATION, ">", 7 * 86_400 * 10**9)),
    ("{ span.foo > minInt }", Compare(FOO, ">", -(2**63))),
    ("{ status = .a }", Constant(False)),
    ("{ .a != error }", Constant(False)),
    ("{ (span.foo > 1) = false }", Not(Compare(FOO, ">", 1))),
    ('{ "ab" =~ "a" }', Constant(False)),
    ('{ "ab" =~ "a." }', Relate(Fixed("ab"), "=~", Fixed("a."))),
    ('{ span:id = "FF" }', Compare(Intrinsic.SPAN_ID, "=", "00000000000000ff")),
    ('{ "FF" != link:traceID }', Compare(Intrinsic.LINK_TRACE_ID, "!=", "000000000000000000000000000000ff")),
    ("{ !!(span.foo = 1) && true }", Compare(FOO, "=", 1)),
    ("{ !!.a }", Not(Not(Compare(Attribute("any", "a"), "=", True)))),
    ("{ span.foo = 1 || true }", Constant(True)),
    ('{ !(name = "a") }', Not(Compare(Intrinsic.NAME, "=", "a"))),
    (
        "{ .a = 1 || .b = 2 && .c = 3 }",
        And(
            (
                Or((Compare(Attribute("any", "a"), "=", 1), Compare(Attribute("any", "b"), "=", 2))),
                Compare(Attribute("any", "c"), "=", 3),
            )
        ),
    ),
]

NAMES = [
    ("span.resource.id", Attribute("span", "resource.id")),
    ('span."my attr"', Attribute("span", "my attr")),
    (r'."a\"b"', Attribute("any", 'a"b')),
    ('span.db.st"ateme"nt', Attribute("span", "db.statement")),
    ("span.account-channel", Attribute("span", "account-channel")),
    ("resource.jaeger-debug-id", Attribute("resource", "jaeger-debug-id")),
    ('event."a/b//c"', Attribute("event", "a/b//c")),
    (".名字", Attribute("any", "名字")),
    ("span.5xx", Attribute("span", "5xx")),
    ("span.a/b//c", Attribute("span", "a/b//c")),
    ("parent.event.x", Attribute("any", "event.x", of_parent=True)),
    ('parent."span.x"', Attribute("any", "span.x", of_parent=True)),
]

REFUSED = [
    ("{ true", 1, 7),
    ("{ .a == 3 }", 1, 7),
    ('{\n  span.foo =~ "["\n}', 2, 15),
    ('{ span.foo =~ "a)(b" }', 1, 15),
    ('{ span.foo =~ "(?=a)" }', 1, 15),
    ("{ name = nil }", 1, 8),
    ("{ span:status = nil }", 1, 15),
    ("{ resource.service.name = nil }", 1, 25),
    ("{ status > ok }", 1, 10),
    ('{ duration = "1s" }', 1, 12),
    ('{ .a = "\\q" }', 1, 8),
    ("{ span:foo = 1 }", 1, 3),
    ("", 1, 1),
    ("{ childCount = nil }", 1, 14),
    ("{ (.a + 1) = nil }", 1, 12),
    ("{ .a = parent }", 1, 6),
    ("{ foo.bar = 1 }", 1, 3),
    ("{ duration > 300y }", 1, 14),
    ("{ .a = 1e999 }", 1, 8),
    ('{ .a = "\\ud800" }', 1, 8),
    ("{ .a = `\ud800` }", 1, 1),
]


@pytest.mark.parametrize(("text", "predicate"), MEANINGS, ids=[text for text, _ in MEANINGS])
def test_a_query_means_its_predicate(text: str, predicate: object) -> None:
    assert to_predicate(text) == predicate


@pytest.mark.report("V31")
@pytest.mark.parametrize(("written", "attribute"), NAMES, ids=[written for written, _ in NAMES])
def test_names_of_attributes_are_read_as_written(written: str, attribute: Attribute) -> None:
    assert to_predicate(f"{{ {written} = 1 }}") == Compare(attribute, "=", 1)


@pytest.mark.parametrize(("text", "line", "column"), REFUSED, ids=[text for text, _, _ in REFUSED])
def test_a_refusal_says_where(text: str, line: int, column: int) -> None:
    with pytest.raises(InvalidQuery) as refusal:
        to_predicate(text)

    assert (refusal.value.line, refusal.value.column) == (line, column)


def test_a_refusal_names_what_was_expected() -> None:
    with pytest.raises(InvalidQuery) as refusal:
        to_predicate("{ .a = }")

    assert "a number" in refusal.value.expected


@pytest.mark.report("V32")
def test_escapes_and_raw_strings_mean_the_same_text() -> None:
    assert to_predicate(r'{ .a = "x\ny" }') == to_predicate("{ .a = `x\ny` }")


@pytest.mark.parametrize("text", ["{ " + "!" * 9000 + "true }", "{ " + "1 ^ " * 5000 + "1 = 1 }"])
def test_deep_nesting_is_refused_not_crashed_on(text: str) -> None:
    with pytest.raises(InvalidQuery):
        to_predicate(text)


def test_conditions_compare_by_whether_they_hold() -> None:
    one, other = Compare(FOO, ">", 1), Compare(FOO, "<", 9)

    equal = to_predicate("{ (span.foo > 1) = (span.foo < 9) }")

    assert equal == Or((And((one, other)), And((Not(one), Not(other)))))


def test_a_condition_equals_an_attribute_that_says_the_same() -> None:
    holds, says = Compare(FOO, ">", 1), Attribute("any", "a")

    equal = to_predicate("{ .a = (span.foo > 1) }")

    assert equal == Or((And((holds, Compare(says, "=", True))), And((Not(holds), Compare(says, "=", False)))))


@pytest.mark.parametrize("rewrite", REWRITES, ids=[rewrite.__name__ for rewrite in REWRITES])
def test_each_rewrite_can_be_left_out(rewrite: Rewrite) -> None:
    filtered = parse("{ true && !!(-(1 + 2) < span.foo) }").root
    assert isinstance(filtered, Filter)
    assert filtered.expression is not None

    without = rewritten(filtered.expression, tuple(each for each in REWRITES if each is not rewrite))

    assert without != rewritten(filtered.expression)
