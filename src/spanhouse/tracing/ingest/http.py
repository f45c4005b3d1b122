"""OTLP over HTTP: an RSGI application. Keys may come in the path, so no path is ever logged."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from urllib.parse import quote

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from spanhouse.base.errors import Forbidden, NotFound, SpanhouseError, Unavailable, UnsupportedMedia
from spanhouse.base.limits import BODY_BYTES_MAX, BODY_TIMEOUT_SECONDS
from spanhouse.tracing.ingest import answers
from spanhouse.tracing.ingest.admission import Admitted, Caller, is_loopback, may_share
from spanhouse.tracing.ingest.answers import CONTENT_TYPES, OUR_FAULT, MethodNotAllowed
from spanhouse.tracing.ingest.intake import Acknowledgement, Encoding, Intake
from spanhouse.tracing.ingest.pressure import Reservation
from spanhouse.tracing.ingest.rsgi import BodyReads, Exchange, Headers, IncomingBody, Scope, peer_address
from spanhouse.tracing.wire.inflate import inflate

TRACES_PATH = "/v1/traces"
OTHER_SIGNALS = ("/v1/metrics", "/v1/logs", "/v1development/profiles")
PREFLIGHT_SECONDS = 7200

_ENCODINGS: dict[str, Encoding] = {
    "application/x-protobuf": "protobuf",
    "application/protobuf": "protobuf",
    "application/json": "json",
}
_GREETING = b"Spanhouse takes OpenTelemetry traces here: POST /v1/traces (OTLP, protobuf or JSON).\n"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    path: str
    key: str = ""


def split_path(path: str) -> Target:
    """Take a key out of `/k/KEY/v1/traces` or `/adapt_KEY/api/otlp/traces`; other paths are as they are."""
    if path.startswith("/k/"):
        key, slash, rest = path[3:].partition("/")
        return Target(slash + rest, key)
    if path.startswith("/adapt_"):
        key, _, rest = path[7:].partition("/")
        if rest.startswith("api/otlp/"):
            return Target("/v1/" + rest.removeprefix("api/otlp/"), key)
    return Target(path)


@dataclass(frozen=True, slots=True)
class OtlpHttp:
    """The application; hand it to an RSGI server."""

    intake: Intake
    body_bytes_max: int = BODY_BYTES_MAX
    body_seconds_max: float = BODY_TIMEOUT_SECONDS
    reads: BodyReads = field(default_factory=BodyReads)

    async def __rsgi__(self, scope: Scope, exchange: Exchange) -> None:
        if scope.proto != "http":
            return
        await _Request(self, scope, exchange).answer()


class _Request:
    def __init__(self, app: OtlpHttp, scope: Scope, exchange: Exchange) -> None:
        self._app = app
        self._intake = app.intake
        self._exchange = exchange
        self._method = scope.method
        self._headers: Headers = scope.headers
        self._body = IncomingBody(exchange, self._headers.get("content-length"), app.reads)
        target = split_path(scope.path)
        self._path = target.path
        self._caller = Caller(
            header=self._headers.get,
            peer=peer_address(scope.client),
            host=self._headers.get("host") or scope.authority or "",
            path_key=target.key,
        )
        self._encoding: Encoding = _ENCODINGS.get(self._media_type(), "json")
        self._admitted: Admitted | None = None

    async def answer(self) -> None:
        try:
            await self._route()
        except SpanhouseError as error:
            await self._body.drain()
            self._respond_error(error)
        except Exception:
            log.error("request failed", traceback=traceback.format_exc())  # plain: no locals, they may hold keys
            self._respond_error(SpanhouseError(OUR_FAULT))

    async def _route(self) -> None:
        if self._path == TRACES_PATH:
            if self._method == "OPTIONS":
                self._preflight()
            elif self._method == "POST":
                await self._export()
            else:
                raise MethodNotAllowed(f"{TRACES_PATH} takes POST")
        elif self._path in OTHER_SIGNALS:
            raise NotFound("Spanhouse takes traces only: leave the exporter of this signal unset")
        elif self._method in ("GET", "HEAD"):
            self._page()
        else:
            raise NotFound(f"nothing is taken at this path; send traces to {TRACES_PATH}")

    async def _export(self) -> None:
        admitted = self._admitted = self._intake.admit(self._caller)
        if self._media_type() not in _ENCODINGS:
            raise UnsupportedMedia(f"Content-Type must be one of {', '.join(CONTENT_TYPES.values())}")
        with self._intake.in_flight.reserve(admitted.instance) as reservation:
            body = await self._read(reservation)
            acknowledgement = await self._intake.take(admitted, body, self._encoding)
        self._respond_acknowledgement(acknowledgement)

    async def _read(self, reservation: Reservation) -> bytes:
        limit = self._app.body_bytes_max
        body = await self._body.read(limit, reservation, self._app.body_seconds_max)
        inflated = inflate(body, self._headers.get("content-encoding") or "", limit)
        if inflated is not body:
            reservation.grow(len(inflated))
        return inflated

    def _page(self) -> None:
        if self._path == "/":
            self._respond(200, "text/plain; charset=utf-8", _GREETING)
        elif self._path == "/healthz":
            self._respond(200, "text/plain; charset=utf-8", b"ok\n")
        elif self._path == "/metrics" and is_loopback(self._caller):
            self._respond(200, CONTENT_TYPE_LATEST, generate_latest())
        else:
            raise NotFound(f"nothing is here; send traces to {TRACES_PATH}")

    def _preflight(self) -> None:
        sharing = self._sharing()
        if len(sharing) < 2:
            raise Forbidden("no key that lives here is bound to this origin")
        headers = [
            ("access-control-allow-methods", "POST"),
            ("access-control-allow-headers", "*, authorization"),
            ("access-control-max-age", str(PREFLIGHT_SECONDS)),
        ]
        self._exchange.response_bytes(204, headers + sharing, b"")

    def _sharing(self) -> list[tuple[str, str]]:
        """CORS headers when the page that asks may read the answer. Credentials (cookies) are never allowed."""
        origin = self._caller.header("origin")
        if not origin:
            return []
        headers = [("vary", "Origin")]
        try:
            shared = may_share(self._intake.grants.current(), self._caller, origin)
        except Unavailable:
            shared = False
        if shared:
            allowed = quote(origin, safe=":/[]@!$&'()*+,;=-._~%")  # nothing that could end the header
            headers += [("access-control-allow-origin", allowed), ("access-control-expose-headers", "Retry-After")]
        return headers

    def _media_type(self) -> str:
        return (self._headers.get("content-type") or "").partition(";")[0].strip().lower()

    def _respond_acknowledgement(self, acknowledgement: Acknowledgement) -> None:
        body = answers.encode_acknowledgement(acknowledgement, self._encoding)
        self._respond(200, CONTENT_TYPES[self._encoding], body)

    def _respond_error(self, error: SpanhouseError) -> None:
        answer = answers.answer_to(error)
        headers = []
        seconds = answers.retry_after_seconds(error)
        if seconds is not None:
            headers.append(("retry-after", str(seconds)))
        if answer.http == 401:
            headers.append(("www-authenticate", 'Bearer realm="spanhouse"'))
        if answer.http == 405:
            headers.append(("allow", "POST, OPTIONS"))
        self._intake.count_refused(self._admitted, error)
        body = answers.encode_error(error, self._encoding)
        self._respond(answer.http, CONTENT_TYPES[self._encoding], body, headers)

    def _respond(
        self, status: int, content_type: str, body: bytes, headers: list[tuple[str, str]] | None = None
    ) -> None:
        always = [("content-type", content_type), ("x-content-type-options", "nosniff")]
        self._exchange.response_bytes(status, always + (headers or []) + self._sharing(), body)
