"""Traces as the pages read them. One just opened is kept a little, so that a click on a span need not read it again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from django.utils.translation import gettext as _

from spanhouse.base import limits
from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.base.errors import Malformed, NotFound
from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.search.registry import reader
from spanhouse.tracing.traces.tree import Tree, build

_KEPT_NS = 60 * NANOS_PER_SECOND
_KEPT_SPANS_MAX = 250_000
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class ReadTrace:
    tree: Tree
    truncated: bool
    at_ns: int


class _Kept:
    """Traces by who reads them and id, the newest read last, never more spans than the bound but for the last one."""

    def __init__(self) -> None:
        self._traces: OrderedDict[tuple[Scope, bytes], ReadTrace] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[Scope, bytes], now_ns: int) -> ReadTrace | None:
        with self._lock:
            found = self._traces.get(key)
            return found if found and 0 <= now_ns - found.at_ns < _KEPT_NS else None

    def put(self, key: tuple[Scope, bytes], trace: ReadTrace) -> None:
        with self._lock:
            self._traces.pop(key, None)
            self._traces[key] = trace
            spans = sum(len(kept.tree.spans) for kept in self._traces.values())
            while spans > _KEPT_SPANS_MAX and len(self._traces) > 1:
                spans -= len(self._traces.popitem(last=False)[1].tree.spans)


_kept = _Kept()


def read_trace(scope: Scope, trace_id: bytes, now_ns: int, *, afresh: bool) -> ReadTrace:
    """Raises NotFound. `afresh` reads the store, else what was read within the last minute will do."""
    key = (scope, trace_id)
    kept = None if afresh else _kept.get(key, now_ns)
    if kept:
        return kept
    stored = reader().trace(scope, trace_id, limits.TRACE_SPANS_MAX)
    if not stored.spans:
        raise NotFound(trace_id.hex())
    trace = ReadTrace(build(stored.spans), stored.truncated, now_ns)
    _kept.put(key, trace)
    return trace


def trace_id_of(text: str) -> bytes:
    """Whatever spelling: trimmed zeros, blanks around, upper case, dashes. Raises Malformed."""
    digits = text.strip().lower().removeprefix("0x").replace("-", "")
    if not 1 <= len(digits) <= 32 or not _HEX.issuperset(digits) or not digits.strip("0"):
        raise Malformed(_("A Trace ID has up to 32 hexadecimal characters, not all of them zero."))
    return bytes.fromhex(digits.zfill(32))
