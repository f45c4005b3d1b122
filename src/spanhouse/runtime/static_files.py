"""Static files served by the process itself, from memory, under a name that changes with their content."""

from __future__ import annotations

import mimetypes
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import cast

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".woff2": "font/woff2", ".svg": "image/svg+xml"}


@require_safe
def static_file(request: HttpRequest, version: str, path: str) -> HttpResponse:
    found = finders.find(path)
    if not isinstance(found, str) or not Path(found).is_file():
        raise Http404
    modified_ns = Path(found).stat().st_mtime_ns
    content, etag = _content(found, modified_ns)
    response = HttpResponse(content, content_type=_type_of(found), headers={"ETag": etag})
    response["Cache-Control"] = _FOREVER if version == settings.STATIC_VERSION else _ASK_AGAIN
    # Compares weakly, as it must: compression on the way makes the tag a weak one.
    return cast(HttpResponse, get_conditional_response(request, etag, None, response))


@lru_cache(maxsize=512)
def _content(path: str, modified_ns: int) -> tuple[bytes, str]:
    content = Path(path).read_bytes()
    return content, f'"{sha256(content).hexdigest()[:32]}"'


def _type_of(path: str) -> str:
    kind = _TYPES.get(Path(path).suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") or kind == "image/svg+xml" else kind
