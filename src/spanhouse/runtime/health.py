"""`/healthz` the process lives, `/readyz` it can do its work, `/metrics` its own figures."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from spanhouse.runtime import readiness


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    waiting = readiness.waiting()
    if not waiting:
        return HttpResponse("ready\n", content_type="text/plain")
    lines = "".join(f"{part}: {why}\n" for part, why in sorted(waiting.items()))
    return HttpResponse(lines, status=503, content_type="text/plain", headers={"Retry-After": "1"})


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)
