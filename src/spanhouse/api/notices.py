"""What a limit has left out of an answer whose format has no place to say so: said in a header."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from django.http import HttpResponse

from spanhouse.base import limits
from spanhouse.tracing.plan.requests import StoredTrace, TraceSummary
from spanhouse.tracing.search.whole import within

HEADER: Final = "Spanhouse-Notice"


class Notices:
    """Collected while an answer is made; each once."""

    def __init__(self, warnings: Iterable[str] = ()) -> None:
        self.texts = list(dict.fromkeys(warnings))

    def add(self, text: str) -> None:
        if text not in self.texts:
            self.texts.append(text)

    def within(self, found: Sequence[TraceSummary]) -> Sequence[TraceSummary]:
        """Those of the traces found that one answer has room for."""
        shown = within(found)
        if len(shown) < len(found):
            self.add(
                f"{len(found) - len(shown)} traces are left out: an answer holds {limits.ANSWER_SPANS_MAX} spans; "
                "ask for fewer traces"
            )
        return shown

    def truncated(self, trace: StoredTrace) -> None:
        if trace.truncated:
            self.add(f"a trace is cut: an answer holds {len(trace.spans)} spans of one")

    def on(self, response: HttpResponse) -> HttpResponse:
        if self.texts:
            response[HEADER] = "; ".join(self.texts).replace("\n", " ")
        return response
