"""A rewritten condition is true of the same spans as the one that was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse.tracing.traceql.rewrites import REWRITES, Rewrite, rewritten
from spanhouse.tracing.traceql.syntax import Binary, Boolean, Duration, Expression, Number, Unary
from tests.kit.traceql_queries import attributes, conditions, number_fields
from tests.kit.traceql_reference import families
from tests.kit.traceql_spans import a_crowd
from tests.kit.traceql_values import satisfies

FAMILIES = families(a_crowd(10))
NUMBERS = st.sampled_from([Number(2), Number(3), Number(0.5), Number(-1), Number(0), Duration(10**6)])
SUMS = st.recursive(
    NUMBERS,
    lambda inner: (
        st.builds(Binary, st.sampled_from(["+", "-", "*", "/", "%", "^"]), inner, inner)
        | st.builds(Unary, st.just("-"), inner)
    ),
    max_leaves=4,
)
COMPARED = st.builds(Binary, st.sampled_from(["=", "!=", ">", ">=", "<", "<="]), SUMS, number_fields | SUMS)
TRUTHS = st.recursive(
    conditions | COMPARED | attributes | st.builds(Boolean, st.booleans()),
    lambda inner: st.one_of(
        st.builds(Unary, st.just("!"), inner),
        st.builds(Binary, st.sampled_from(["&&", "||"]), inner, inner),
        st.builds(Binary, st.sampled_from(["=", "!="]), st.builds(Unary, st.just("!"), inner), inner),
    ),
    max_leaves=4,
)


@pytest.mark.parametrize("rewrites", [REWRITES, *((each,) for each in REWRITES)], ids=lambda some: str(len(some)))
@given(TRUTHS)
def test_a_rewritten_condition_means_what_was_written(rewrites: tuple[Rewrite, ...], condition: Expression) -> None:
    simpler = rewritten(condition, rewrites)

    for family in FAMILIES:
        for span in family.spans:
            assert satisfies(span, family, simpler) == satisfies(span, family, condition)
