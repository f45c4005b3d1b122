"""The console's REST API as commands ask it; our own errors for its refusals, with its words."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from spanhouse.base import limits
from spanhouse.base.errors import ConfigurationError, Forbidden, Malformed, Refused, Unauthenticated, Unavailable
from spanhouse.runtime.settings import TOKEN_VARIABLE

ANSWER_SECONDS_MAX: Final = limits.QUERY_SECONDS_MAX + 10
_PROBLEM_BYTES_MAX: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class ConsoleApi:
    base: str
    token: str = ""

    def get(self, path: str, asked: dict[str, str]) -> Any:
        """The answer of `/api/v1/PATH`. Raises Refused, Unauthenticated, Forbidden, Unavailable, Malformed."""
        if urllib.parse.urlsplit(self.base).scheme not in ("http", "https"):
            raise ConfigurationError(f"{self.base!r} is not an http address")
        address = f"{self.base.rstrip('/')}/api/v1/{path}?{urllib.parse.urlencode(asked)}"
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        request = urllib.request.Request(address, headers=headers)  # noqa: S310 (the scheme is checked above)
        try:
            with _opener().open(request, timeout=ANSWER_SECONDS_MAX) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise _refusal(error) from None
        except (urllib.error.URLError, TimeoutError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise Unavailable(f"no console answers at {self.base} ({reason}); is `spanhouse serve` running?") from None
        except ValueError:
            raise Malformed(f"what answers at {self.base} is not this program's console") from None


def nanos_text(at: int) -> str:
    """ns since 1970 as the API takes them for such: by 18 digits or more."""
    return f"{at:019d}"


def _opener() -> urllib.request.OpenerDirector:
    """Without proxies: a token is sent, and the console is no page of the world outside."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _refusal(error: urllib.error.HTTPError) -> Refused | Unavailable:
    text = _detail(error.read(_PROBLEM_BYTES_MAX)) or error.reason
    match error.code:
        case HTTPStatus.UNAUTHORIZED:
            return Unauthenticated(f"{text} (option --token or {TOKEN_VARIABLE})")
        case HTTPStatus.FORBIDDEN:
            return Forbidden(text)
        case code if code >= HTTPStatus.INTERNAL_SERVER_ERROR or code == HTTPStatus.TOO_MANY_REQUESTS:
            return Unavailable(text)
    return Refused(text)


def _detail(body: bytes) -> str:
    """Of a problem, or the text as it is."""
    text = body.decode("utf-8", "replace").strip()
    try:
        problem = json.loads(text)
    except ValueError:
        return text
    return str(problem.get("detail", text)) if isinstance(problem, dict) else text
