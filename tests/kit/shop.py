"""Traces of a made-up shop for pages to show: nested, with errors, events and links. The same every time."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from spanhouse.tracing.spans.model import Event, Link, Resource, Scope, Span, SpanKind, StatusCode

MS = 1_000_000
_LANGUAGES = ("java", "go", "python", "nodejs")


@dataclass(frozen=True)
class Call:
    """One span of the plan: what it calls and how much of its own time (ms) goes before each call."""

    service: str
    name: str
    kind: SpanKind
    own_ms: float
    calls: tuple[Call, ...] = field(default=())
    fails: float = 0.0
    attributes: dict[str, object] = field(default_factory=dict)


def _db(service: str, statement: str, own_ms: float, fails: float = 0.0) -> Call:
    attributes: dict[str, object] = {"db.system.name": "postgresql", "db.query.text": statement, "db.rows": 12}
    return Call(service, statement.split(" WHERE")[0], SpanKind.CLIENT, own_ms, (), fails, attributes)


def _post(path: str, status: int = 200) -> dict[str, object]:
    return {"http.request.method": "POST", "url.path": path, "http.response.status_code": status, "retry": False}


_FRAUD = Call("fraud", "score", SpanKind.SERVER, 40, (_db("fraud", "SELECT features WHERE card = $1", 45),))
_BANK = Call("bank", "POST /authorize", SpanKind.SERVER, 120, (), 0.18, _post("/authorize"))
_CHARGE = Call("payment", "charge card", SpanKind.SERVER, 18, (_FRAUD, _BANK), 0.05, _post("/v1/charge"))
_CART = Call("cart", "get cart", SpanKind.SERVER, 6, (_db("cart", "SELECT cart_items WHERE cart = $1", 14),))
_STOCK = Call(
    "stock", "reserve items", SpanKind.SERVER, 10, (_db("stock", "UPDATE stock WHERE sku = ANY($1)", 38),), 0.02
)
_MAIL = Call("mail", "send order-placed", SpanKind.CONSUMER, 22, (), 0.0, {"messaging.system": "kafka"})
_NOTIFY = Call("orders", "publish order-placed", SpanKind.PRODUCER, 3, (_MAIL,), 0.0, {"messaging.system": "kafka"})
_ORDER = Call(
    "orders",
    "create order",
    SpanKind.SERVER,
    14,
    (_CART, _STOCK, _CHARGE, _db("orders", "INSERT orders WHERE true", 16), _NOTIFY),
)
_GATEWAY = Call("gateway", "POST /api/orders", SpanKind.SERVER, 4, (_ORDER,), 0.0, _post("/api/orders"))
PLANS = (
    Call("web-shop", "POST /checkout", SpanKind.SERVER, 9, (_GATEWAY,), 0.0, _post("/checkout")),
    Call(
        "web-shop",
        "GET /products/{id}",
        SpanKind.SERVER,
        5,
        (Call("catalog", "get product", SpanKind.SERVER, 8, (_db("catalog", "SELECT products WHERE id = $1", 9),)),),
    ),
    Call(
        "web-shop", "GET /search", SpanKind.SERVER, 7, (Call("search", "query index", SpanKind.SERVER, 60, (), 0.03),)
    ),
)


class Shop:
    """Makes traces; two shops with one seed make the same."""

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)

    def traces(self, many: int, *, first_start: int, every: int) -> list[Span]:
        spans: list[Span] = []
        for number in range(many):
            plan = self._random.choices(PLANS, (3, 5, 2))[0]
            spans += self.trace(plan, first_start + number * every)
        return spans

    def trace(self, plan: Call, start: int) -> list[Span]:
        """Depth first; a failing call marks the spans above it, up to the first that copes."""
        trace_id = self._random.randbytes(16)
        spans: list[Span] = []
        self._call(plan, trace_id, b"", start, spans)
        return spans

    def _call(self, call: Call, trace_id: bytes, parent: bytes, start: int, spans: list[Span]) -> tuple[int, bool]:
        """Its end and whether it failed."""
        span_id = self._random.randbytes(8)
        place = len(spans)
        spans.append(self._span(call, trace_id, span_id, parent, start))
        now, failed = start, False
        for below in call.calls:
            now += self._took(call.own_ms)
            now, broke = self._call(below, trace_id, span_id, now, spans)
            failed = failed or (broke and call.service != "web-shop")
        now += self._took(call.own_ms)
        failed = failed or self._random.random() < call.fails
        spans[place] = self._ended(spans[place], now, failed)
        return now, failed

    def _took(self, own_ms: float) -> int:
        return int(own_ms * MS * self._random.lognormvariate(0, 0.55))

    def _span(self, call: Call, trace_id: bytes, span_id: bytes, parent: bytes, start: int) -> Span:
        language = _LANGUAGES[len(call.service) % len(_LANGUAGES)]
        resource = {
            "service.name": call.service,
            "service.version": "2.7.1",
            "host.name": f"{call.service}-7f9c",
            "cloud.region": "cn-east",
            "telemetry.sdk.language": language,
            "process.pid": 4211,
        }
        return Span(
            trace_id=trace_id,
            span_id=span_id,
            parent_span_id=parent,
            name=call.name,
            kind=int(call.kind),
            start_time=start,
            end_time=start,
            service=call.service,
            attributes={"order.id": f"A-{place_of(span_id)}", **call.attributes},  # type: ignore[dict-item]
            resource=Resource(resource),
            scope=Scope(f"io.opentelemetry.{language}", "1.44.0"),
            links=(Link(trace_id[::-1], span_id, attributes={"why": "batch"}),)
            if call.kind == SpanKind.CONSUMER
            else (),
            received_at=start,
        )

    def _ended(self, span: Span, end: int, failed: bool) -> Span:
        if not failed:
            return replace(span, end_time=end)
        at = span.start_time + (end - span.start_time) * 4 // 5
        exception = Event(
            at,
            "exception",
            {
                "exception.type": "shop.payment.CardDeclined",
                "exception.message": "insufficient funds",
                "exception.stacktrace": _STACK,
            },
        )
        retry = Event(span.start_time + (end - span.start_time) // 3, "retry", {"attempt": 2})
        return replace(
            span,
            end_time=end,
            status_code=int(StatusCode.ERROR),
            status_message="CardDeclined: insufficient funds",
            events=(retry, exception),
        )


def place_of(span_id: bytes) -> int:
    return int.from_bytes(span_id[:2], "big")


_STACK = """Traceback (most recent call last):
  File "/app/shop/payment/charge.py", line 88, in charge
    receipt = bank.authorize(card, amount)
  File "/app/shop/payment/bank.py", line 41, in authorize
    raise CardDeclined(answer.reason)
shop.payment.CardDeclined: insufficient funds"""


def chain(depth: int, start: int, trace_id: bytes = b"\xdd" * 16) -> list[Span]:
    """Each span the only child of the one before."""
    return [
        _plain(trace_id, row + 1, row, start + row * 1000, (2 * depth - row) * 1000, f"n{row}") for row in range(depth)
    ]


def flat(many: int, start: int, trace_id: bytes = b"\xf1" * 16) -> list[Span]:
    """One root with `many` children."""
    root = _plain(trace_id, 1, 0, start, (many + 10) * 1000, "batch")
    return [root, *(_plain(trace_id, row + 2, 1, start + row * 1000, 3000, f"item {row % 40}") for row in range(many))]


def _plain(trace_id: bytes, number: int, parent: int, start: int, length: int, name: str) -> Span:
    return Span(
        trace_id=trace_id,
        span_id=number.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        name=name,
        kind=int(SpanKind.INTERNAL),
        start_time=start,
        end_time=start + length,
        service=("worker", "batcher", "writer")[number % 3],
        received_at=start,
    )
