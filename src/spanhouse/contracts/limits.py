"""What one instance may send and ask for. Frozen, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

BURST_SECONDS_DEFAULT = 10
"""A burst that is not given is what the rate brings in this time."""

LIMIT_MAX = 10**15
"""No limit makes sense past this, and all arithmetic on it stays exact."""

SERVICES_OFF_MAX = 1_000
SERVICE_CHARACTERS_MAX = 1_024


@dataclass(frozen=True, slots=True)
class Limits:
    """0 means: no bound but the node's own (`base.limits`), which no instance passes.

    Rates and caps count what would be kept: spans that pass the limits on single ones, and their encoded bytes.
    """

    spans_per_second: int = 0
    spans_burst: int = 0
    """0: what the rate brings in BURST_SECONDS_DEFAULT. A batch larger than this waits until all before it is paid."""
    bytes_per_second: int = 0
    bytes_burst: int = 0
    key_spans_per_day: int = 0
    """of each key of the instance, in a day of UTC"""
    span_bytes: int = 0
    attributes: int = 0
    """of one span, event, link, scope or resource"""
    attribute_value_length: int = 0
    """characters of a string, bytes of a byte string; elements of arrays and maps count one by one"""
    trace_spans: int = 0
    """of one trace in one request, and in one answer"""
    attribute_keys_per_day: int = 0
    """different keys of attributes in a day of UTC; spans with still another key are refused"""
    services_off: tuple[str, ...] = ()
    """services whose spans are not taken in"""
    concurrent_queries: int = 0
    query_seconds: int = 0
    query_memory_bytes: int = 0
    query_rows: int = 0
    """read from the store for one question"""
    query_range_seconds: int = 0
    """longest time range of a search or a metric"""
    search_traces: int = 0
    metric_series: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError for a value that makes no sense."""
        for name in AMOUNTS:
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value <= LIMIT_MAX:
                raise ValueError(f"{name} must be an integer from 0 (no limit) to {LIMIT_MAX}")
        if len(self.services_off) > SERVICES_OFF_MAX:
            raise ValueError(f"services_off names over {SERVICES_OFF_MAX} services")
        for service in self.services_off:
            if type(service) is not str or not 0 < len(service) <= SERVICE_CHARACTERS_MAX:
                raise ValueError(f"services_off holds names of 1 to {SERVICE_CHARACTERS_MAX} characters")

    @property
    def spans_burst_max(self) -> int:
        return self.spans_burst or self.spans_per_second * BURST_SECONDS_DEFAULT

    @property
    def bytes_burst_max(self) -> int:
        return self.bytes_burst or self.bytes_per_second * BURST_SECONDS_DEFAULT

    @property
    def on_rate(self) -> bool:
        """Whether what comes in is counted over time."""
        return bool(self.spans_per_second or self.bytes_per_second or self.key_spans_per_day)

    @property
    def on_spans(self) -> bool:
        """Whether single spans may have to be refused."""
        return bool(
            self.span_bytes
            or self.attributes
            or self.attribute_value_length
            or self.trace_spans
            or self.attribute_keys_per_day
            or self.services_off
        )

    def to_dict(self) -> dict[str, Any]:
        """Only what is limited; fit for JSON."""
        limited = {name: value for name, value in asdict(self).items() if value}
        if self.services_off:
            limited["services_off"] = list(self.services_off)
        return limited

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Limits:
        """Raises ValueError for an unknown name or a value that makes no sense."""
        unknown = sorted(set(data) - _NAMES)
        if unknown:
            raise ValueError(f"there is no limit {unknown[0]!r}")
        services = data.get("services_off", ())
        if not isinstance(services, (list, tuple)):
            raise ValueError("services_off must be a list")
        return cls(**{**data, "services_off": tuple(services)})


AMOUNTS = tuple(field.name for field in fields(Limits) if field.name != "services_off")
_NAMES = frozenset((*AMOUNTS, "services_off"))

NO_LIMITS = Limits()
