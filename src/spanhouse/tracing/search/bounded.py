"""A Reader within the limits of each question's scope: so many questions of an instance at once, so many traces and
spans of one in an answer. Between all pages and APIs and the store, so that none can leave it out."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from typing import Any, cast

from spanhouse.base.errors import RateLimited
from spanhouse.tracing.plan.requests import SearchAnswer, StoredTrace, TraceSearch
from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.store.protocols import Reader

RETRY_AFTER_SECONDS = 1


class Running:
    """How many questions of each instance this process asks the store now."""

    def __init__(self) -> None:
        self._count: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def one_of(self, scope: Scope) -> Iterator[None]:
        """Raises RateLimited when as many run as the scope's instance may have."""
        most = scope.limits.concurrent
        with self._lock:
            if most and self._count[scope.instance] >= most:
                raise RateLimited(
                    f"{most} queries of this instance are running, as many as it may have at once",
                    retry_after_seconds=RETRY_AFTER_SECONDS,
                )
            self._count[scope.instance] += 1
        try:
            yield
        finally:
            with self._lock:
                self._count[scope.instance] -= 1
                if not self._count[scope.instance]:
                    del self._count[scope.instance]


def bounded(reader: Reader) -> Reader:
    """The same, within limits."""
    return cast(Reader, _Bounded(reader))


class _Bounded:
    """Every method of a Reader takes a scope first, or a request that has one."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._running = Running()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._reader, name)

        @wraps(method)
        def asked(about: Any, *arguments: Any, **named: Any) -> Any:
            with self._running.one_of(about if isinstance(about, Scope) else about.scope):
                return method(about, *arguments, **named)

        return asked

    def search(self, request: TraceSearch) -> SearchAnswer:
        most = request.scope.limits.traces
        with self._running.one_of(request.scope):
            if request.limit <= most:
                return self._reader.search(request)
            answer = self._reader.search(replace(request, limit=most))
        if len(answer.traces) < most:
            return answer
        warning = f"at most {most} traces are returned of this instance; narrow the time range"
        return replace(answer, warnings=(*answer.warnings, warning))

    def trace(self, scope: Scope, trace_id: bytes, span_limit: int) -> StoredTrace:
        with self._running.one_of(scope):
            return self._reader.trace(scope, trace_id, min(span_limit, scope.limits.trace_spans))

    def traces(self, scope: Scope, trace_ids: Sequence[bytes], span_limit: int) -> Mapping[bytes, StoredTrace]:
        with self._running.one_of(scope):
            return self._reader.traces(scope, trace_ids, min(span_limit, scope.limits.trace_spans))
