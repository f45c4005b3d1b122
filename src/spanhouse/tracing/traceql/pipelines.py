"""What the operands of a pipeline make together. The grammar takes any of them side by side; here is said which fit.

An operand is a spanset, a figure of a spanset (`count()`), a number, a metric in brackets, a metric's function that
still waits for its spans, or a stage that only stands behind a `|`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias, cast, get_args

from lark import Token

from spanhouse.tracing.traceql import syntax
from spanhouse.tracing.traceql.constants import folded
from spanhouse.tracing.traceql.faults import position, refusal

STAGES_MAX: Final = 100
"""of one pipeline"""

SPANSET_OPERATORS: Final = frozenset(get_args(syntax.SpansetOperator))
NUMBER_COMPARISONS: Final = frozenset({"=", "!=", ">", ">=", "<", "<="})
METRIC_ARITHMETIC: Final = frozenset({"+", "-", "*", "/"})


@dataclass(frozen=True, slots=True)
class Call:
    """A metric's function that has not been given yet what it works on."""

    name: str
    takes: Literal["spans", "a metric"]
    of: Callable[[Any], syntax.Metrics]
    at: syntax.Position
    thresholds: tuple[tuple[str, float, syntax.Position], ...] = ()

    def applied(self, to: Operand) -> syntax.Metrics:
        made = self.of(to)
        for operator, value, at in self.thresholds:
            made = syntax.Threshold(cast(Any, operator), made, value, at)
        return made


Operand: TypeAlias = syntax.Stage | syntax.Scalar | syntax.Metrics | Call
Kind = Literal["spanset", "figure", "number", "metric", "call", "condition", "stage"]

_IN_WORDS: Final[dict[Kind, str]] = {
    "spanset": "a spanset",
    "figure": "a figure of a spanset",
    "number": "a number",
    "metric": "a metric",
    "call": "a metric without brackets",
    "condition": "a condition on a figure",
    "stage": "a stage",
}


def kind_of(operand: Operand) -> Kind:
    match operand:
        case syntax.Filter() | syntax.SpansetBinary() | syntax.Pipeline():
            return "spanset"
        case syntax.Aggregate() | syntax.ScalarBinary() | syntax.ScalarPipeline():
            return "figure"
        case syntax.Number() | syntax.Duration():
            return "number"
        case syntax.Having():
            return "condition"
        case Call():
            return "call"
        case syntax.By() | syntax.Coalesce() | syntax.Select():
            return "stage"
    return "metric"


def operated(left: Operand, token: Token, right: Operand) -> Operand:
    """`left operator right`."""
    operator, at = str(token), position(token)
    kinds = (kind_of(left), kind_of(right))
    made: Any = None
    match kinds:
        case ("spanset", "spanset") if operator in SPANSET_OPERATORS:
            made = syntax.SpansetBinary(cast(Any, operator), cast(Any, left), cast(Any, right), at)
        case ("figure", "figure" | "number") | ("number", "figure"):
            made = _of_figures(operator, cast(syntax.Scalar, left), cast(syntax.Scalar, right), at)
        case ("number", "number") if operator in syntax.ARITHMETIC:
            made = _of_numbers(operator, cast(Any, left), cast(Any, right), at)
        case ("metric", "metric" | "number") | ("number", "metric") if operator in METRIC_ARITHMETIC:
            made = syntax.MetricsBinary(cast(Any, operator), _factor(left), _factor(right), at)
        case ("metric" | "call", "number") if operator in NUMBER_COMPARISONS:
            made = _threshold(operator, cast(Any, left), cast(Any, right), at)
    if made is None:
        raise refusal(_misfit(operator, *kinds), at)
    return cast(Operand, made)


def negative(token: Token, operand: Operand) -> Operand:
    match operand:
        case syntax.Number(value):
            return syntax.Number(-value, position(token))
        case syntax.Duration(value):
            return syntax.Duration(-value, position(token))
    raise refusal("between stages, a minus stands before a number only; write 0 - … instead", position(token))


def piped(first: Operand, rest: Sequence[tuple[syntax.Position, Operand]]) -> Operand:
    """`first | stage | …`. What begins with a condition or a stage works on every span."""
    if len(rest) > STAGES_MAX:
        raise refusal(f"a pipeline has at most {STAGES_MAX} stages", rest[STAGES_MAX][0])
    made, stages = first, list[Any]()
    if kind_of(first) in ("condition", "stage"):
        made, stages = syntax.Filter(), [first]
    for at, stage in rest:
        if kind_of(made) == "spanset" and kind_of(stage) in ("spanset", "condition", "stage"):
            stages.append(stage)
        else:
            made, stages = _turned(_closed(made, stages), stage, at), []
    return _closed(made, stages)


def complete(made: Operand) -> syntax.Spanset | syntax.Metrics:
    """What the whole query makes: spans or a metric, nothing that waits for more."""
    match made:
        case Call():
            raise _waiting(made, made.at)
        case syntax.Aggregate() | syntax.ScalarBinary():
            raise refusal("a figure must be compared, as in count() > 1", made.at)
        case syntax.ScalarPipeline(_, aggregate):
            raise refusal("a figure must be compared, as in count() > 1", aggregate.at)
        case syntax.Number() | syntax.Duration():
            raise refusal("a query selects spans; this is only a number", made.at)
    return cast(syntax.Spanset | syntax.Metrics, made)


def _closed(made: Operand, stages: list[Any]) -> Operand:
    return syntax.Pipeline(cast(syntax.Spanset, made), tuple(stages)) if stages else made


def _turned(made: Operand, stage: Operand, at: syntax.Position) -> Operand:
    """What a stage makes of all before it when it is the last, or the last but those that rank."""
    before = kind_of(made)
    match stage:
        case Call(_, "spans") if before == "spanset":
            return stage.applied(made)
        case Call(_, "a metric") if before == "metric":
            return stage.applied(made)
        case syntax.Aggregate() if before == "spanset":
            return syntax.ScalarPipeline(cast(syntax.Spanset, made), stage)
        case Call():
            raise _waiting(stage, stage.at)
    if before in ("figure", "number", "call"):
        complete(made)
    if kind_of(stage) in ("figure", "number"):
        complete(stage)
    raise refusal(f"behind {_IN_WORDS[before]} cannot come {_IN_WORDS[kind_of(stage)]}", at)


def _waiting(call: Call, at: syntax.Position) -> Exception:
    example = "{ }" if call.takes == "spans" else "{ } | rate()"
    return refusal(f"{call.name}() stands behind {call.takes}, as in {example} | {call.name}(…)", at)


def _of_figures(operator: str, left: syntax.Scalar, right: syntax.Scalar, at: syntax.Position) -> Any:
    if operator in syntax.ARITHMETIC:
        return syntax.ScalarBinary(cast(syntax.Arithmetic, operator), left, right, at)
    if operator in NUMBER_COMPARISONS:
        return syntax.Having(cast(syntax.Comparison, operator), left, right, at)
    return None


def _of_numbers(
    operator: str,
    left: syntax.Number | syntax.Duration,
    right: syntax.Number | syntax.Duration,
    at: syntax.Position,
) -> syntax.Number:
    if isinstance(left, syntax.Duration) or isinstance(right, syntax.Duration):
        raise refusal("between stages, a duration takes no part in arithmetic with constants", at)
    value = folded(left.value, cast(syntax.Arithmetic, operator), right.value)
    if value is None:
        raise refusal("this cannot be calculated", at)
    return syntax.Number(value, left.at)


def _factor(operand: Operand) -> syntax.Metrics | float:
    match operand:
        case syntax.Number(value):
            return float(value)
        case syntax.Duration(_, at):
            raise refusal("a duration takes no part in arithmetic with metrics", at)
    return cast(syntax.Metrics, operand)


def _threshold(
    operator: str, left: syntax.Metrics | Call, right: syntax.Number | syntax.Duration, at: syntax.Position
) -> syntax.Metrics | Call:
    value = right.value / 10**9 if isinstance(right, syntax.Duration) else float(right.value)
    if isinstance(left, Call):
        if len(left.thresholds) == STAGES_MAX:
            raise refusal(f"a pipeline has at most {STAGES_MAX} stages", at)
        return replace(left, thresholds=(*left.thresholds, (operator, value, at)))
    return syntax.Threshold(cast(Any, operator), left, value, at)


def _misfit(operator: str, left: Kind, right: Kind) -> str:
    if (left, right) == ("number", "number"):
        return "two numbers are compared; one side must be a figure of the spans, such as count()"
    if "call" in (left, right):
        return "a metric that is calculated with stands in brackets with its spans, as in ({ } | rate()) * 100"
    if "condition" in (left, right):
        return f"{operator} does not go on behind a condition on a figure; write further ones behind |"
    return f"{operator} does not go between {_IN_WORDS[left]} and {_IN_WORDS[right]}"
