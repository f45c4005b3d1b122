"""Attribute values in models that have fewer types than OTLP: as plain JSON, and as text."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

from spanhouse.tracing.spans.model import AttributeValue
from spanhouse.tracing.traces.otlp import number_text


def plain(value: AttributeValue) -> Any:
    """A value that strict JSON has a form for: bytes in base64, NaN and the infinities as text."""
    match value:
        case list():
            return [plain(item) for item in value]
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case bytes():
            return base64.b64encode(value).decode()
        case float() if not math.isfinite(value):
            return number_text(value)
        case _:
            return value


def text_form(value: AttributeValue) -> str:
    """How the value is written where there is only text: `true`, `200`, `0.5`, `["a","b"]`; none is `""`."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case float():
            return number_text(value)
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))
