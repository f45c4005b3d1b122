"""The services a filled store shows: names, operations, hosts, who calls whom. Drawn once, from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

from spanhouse.runtime.demo.encoding import AttributeInput, attribute, attributes, nested, resource, text, varint

KIND_INTERNAL, KIND_SERVER, KIND_CLIENT, KIND_PRODUCER, KIND_CONSUMER = 1, 2, 3, 4, 5

# fmt: off
_NOUNS = (
    "gateway", "accounts", "orders", "cart", "stock", "payment", "fraud", "mail",
    "shipping", "catalog", "search", "pricing", "reviews", "media", "sessions", "invoices",
    "refunds", "coupons", "warehouse", "loyalty", "geocoder", "ranking", "exports", "profiles",
)
# fmt: on
_VERBS = ("list", "create", "update", "remove", "confirm")
_METHODS = {"list": "GET", "create": "POST", "update": "PUT", "remove": "DELETE", "confirm": "POST"}
_DATABASES = ("postgresql", "mysql", "redis", "mongodb")
_SPAN_NAME, _SPAN_KIND = b"\x2a", b"\x30"  # Span.name = 5, Span.kind = 6
OPERATIONS_PER_SERVICE = 20
FRONT_SERVICES = 3  # the first ones; they take traffic from outside


@dataclass(frozen=True, slots=True)
class Operation:
    """Encoded once: `head` is name and kind, `fixed` the attributes that never change."""

    name: str
    route: str
    head: bytes
    fixed: bytes
    call_head: bytes
    """Name and kind of the client span that calls it."""
    call_fixed: bytes


@dataclass(frozen=True, slots=True)
class Statement:
    head: bytes
    fixed: bytes


@dataclass(frozen=True, slots=True, eq=False)  # hashed by identity: it keys every span made
class Service:
    name: str
    operations: tuple[Operation, ...]
    statements: tuple[Statement, ...]
    steps: tuple[Statement, ...]
    publishes: tuple[Statement, ...]
    resources: tuple[bytes, ...]
    """One encoded Resource per running instance."""
    scope: bytes
    calls: tuple[int, ...]
    """Indices of the services it calls; always later ones, so that calls end."""


def landscape(count: int, rng: random.Random) -> tuple[Service, ...]:
    """`count` ≥ 1 services; the first ones take traffic from outside."""
    names = [_NOUNS[i % len(_NOUNS)] + (f"-{i // len(_NOUNS) + 1}" if i >= len(_NOUNS) else "") for i in range(count)]
    return tuple(_service(index, names, rng) for index in range(count))


def _service(index: int, names: list[str], rng: random.Random) -> Service:
    name = names[index]
    tables = [f"{name.replace('-', '_')}_{suffix}" for suffix in ("items", "events", "owners", "archive")]
    return Service(
        name=name,
        operations=tuple(_operation(name, i) for i in range(OPERATIONS_PER_SERVICE)),
        statements=tuple(_statement(name, table, rng.choice(_DATABASES)) for table in tables),
        steps=tuple(_step(name, verb) for verb in ("validate", "price", "render", "serialise")),
        publishes=tuple(_publish(f"{name}.{suffix}") for suffix in ("changed", "audited")),
        resources=tuple(_resource(name, number, rng) for number in range(3)),
        scope=text(b"\x0a", f"io.shop.{name}") + text(b"\x12", "2.4.1"),
        calls=_calls(index, len(names), rng),
    )


def _calls(index: int, count: int, rng: random.Random) -> tuple[int, ...]:
    """Front services share out all others between them, so that each is called; the rest call a few later ones."""
    if index < FRONT_SERVICES:
        return tuple(range(FRONT_SERVICES + index, count, FRONT_SERVICES))
    later = range(index + 1, count)
    return tuple(sorted(rng.sample(later, min(4, len(later)))))


def _head(name: str, kind: int) -> bytes:
    return text(_SPAN_NAME, name) + _SPAN_KIND + varint(kind)


def _operation(service: str, number: int) -> Operation:
    verb = _VERBS[number % len(_VERBS)]
    method = _METHODS[verb]
    route = f"/{service}/v{number // len(_VERBS) + 1}/{verb}/{{id}}"
    address = f"{service}.shop.internal"
    common: list[tuple[str, AttributeInput]] = [
        ("http.request.method", method),
        ("server.address", address),
        ("server.port", 8443),
    ]
    return Operation(
        name=f"{method} {route}",
        route=route.removesuffix("{id}"),
        head=_head(f"{method} {route}", KIND_SERVER),
        fixed=attributes([*common, ("http.route", route), ("url.scheme", "https"), ("network.protocol.version", "2")]),
        call_head=_head(method, KIND_CLIENT),
        call_fixed=attributes(common),
    )


def _statement(service: str, table: str, system: str) -> Statement:
    columns, condition = "id, owner_id, state, updated_at", "owner_id = $1 AND state <> $2 LIMIT $3"
    query = " ".join(("SELECT", columns, "FROM", table, "WHERE", condition))
    return Statement(
        head=_head(f"SELECT {table}", KIND_CLIENT),
        fixed=attributes(
            [
                ("db.system.name", system),
                ("db.namespace", service),
                ("db.collection.name", table),
                ("db.operation.name", "SELECT"),
                ("db.query.text", query),
                ("server.address", f"{system}.{service}.internal"),
            ]
        ),
    )


def _step(service: str, verb: str) -> Statement:
    name = f"{service}.{verb}"
    return Statement(head=_head(name, KIND_INTERNAL), fixed=attribute("code.function.name", name))


def _publish(topic: str) -> Statement:
    return Statement(
        head=_head(f"send {topic}", KIND_PRODUCER),
        fixed=attributes(
            [
                ("messaging.system", "kafka"),
                ("messaging.destination.name", topic),
                ("messaging.operation.name", "send"),
                ("messaging.operation.type", "send"),
            ]
        ),
    )


def _resource(service: str, number: int, rng: random.Random) -> bytes:
    unique = f"{rng.getrandbits(40):010x}"
    return nested(
        b"\x0a",
        resource(
            [
                ("service.name", service),
                ("service.version", f"{rng.randint(1, 6)}.{rng.randint(0, 30)}.{rng.randint(0, 9)}"),
                ("service.instance.id", f"{service}-{unique}-{number}"),
                ("host.name", f"node-{rng.randint(1, 40):02d}"),
                ("deployment.environment.name", "production"),
                ("k8s.pod.name", f"{service}-{unique[:6]}-{number}"),
                ("process.pid", rng.randint(10, 4_000_000)),
                ("telemetry.sdk.language", rng.choice(("java", "go", "python", "nodejs"))),
                ("telemetry.sdk.name", "opentelemetry"),
            ]
        ),
    )
