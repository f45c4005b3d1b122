"""TraceQL as people write it: what parses, what it means, what is refused and where."""

from __future__ import annotations

import pytest

from spanhouse.base.errors import InvalidQuery
from spanhouse.tracing.plan.predicates import And, Attribute, Compare, Constant, Exists, Intrinsic, Not, Or
from spanhouse.tracing.traceql import to_predicate

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
