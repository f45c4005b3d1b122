"""The figures of the agreement: what each is by default, in which papers it stands, and by which clause. Pure.

An operator overrides a figure by its name (`term_buffer_days`), or in one paper (`general_terms.term_buffer_days`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Final

from spanhouse.base import limits
from spanhouse.base.errors import ConfigurationError

Value = int | Decimal | str
_MIB = 1024 * 1024


class Kind(StrEnum):
    GENERAL_TERMS = "general_terms"
    SPECIAL_TERMS = "special_terms"
    USAGE_RULES = "usage_rules"
    SERVICE_DESCRIPTION = "service_description"
    PRICE_LIST = "price_list"


RANKS: Final[Mapping[Kind, int]] = {
    Kind.SERVICE_DESCRIPTION: 1,
    Kind.PRICE_LIST: 1,
    Kind.SPECIAL_TERMS: 2,
    Kind.USAGE_RULES: 2,
    Kind.GENERAL_TERMS: 3,
}
"""Of papers that state a value differently, the one with the lower number counts (G14.1)."""


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    default: Value
    unit: str
    clause: str
    papers: tuple[Kind, ...] = (Kind.GENERAL_TERMS,)
    minimum: int = 0

    def parse(self, text: str) -> Value:
        """Raises ConfigurationError for what is no value of this figure."""
        try:
            value = Decimal(text.strip()) if isinstance(self.default, Decimal) else int(text)
        except (InvalidOperation, ValueError) as error:
            raise ConfigurationError(f"policy {self.name}: {text!r} is no number of {self.unit}") from error
        if isinstance(value, Decimal) and not value.is_finite():
            raise ConfigurationError(f"policy {self.name}: {text!r} is no number of {self.unit}")
        if value < self.minimum:
            raise ConfigurationError(f"policy {self.name}: at least {self.minimum} {self.unit}, not {text}")
        return value


_DESCRIBED = (Kind.SERVICE_DESCRIPTION,)

FIGURES: Final[Mapping[str, Figure]] = {
    figure.name: figure
    for figure in (
        Figure("unpaid_order_hours", 7 * 24, "hours", "G3.2.1", minimum=1),
        Figure("renewal_due_days", 7, "days", "G3.2.2"),
        Figure("late_fee_percent", Decimal("0.05"), "percent a day", "G3.4"),
        Figure("audit_days", 180, "days", "G4.6", minimum=180),
        Figure("ending_notice_days", 30, "days", "G9.3.4", minimum=1),
        Figure("outage_hours", 72, "hours", "G10.4", minimum=1),
        Figure("outage_offer_days", 30, "days", "G10.4", minimum=1),
        Figure("liability_months", 12, "months", "G10.5", minimum=1),
        Figure("paper_days", 5, "days", "G11.2"),
        Figure("agreement_notice_days", 30, "days", "G14.2", minimum=1),
        Figure("term_buffer_days", 7, "days", "S1.1.2", (Kind.SPECIAL_TERMS, Kind.GENERAL_TERMS)),
        Figure("arrears_buffer_days", 7, "days", "S1.2.1", (Kind.SPECIAL_TERMS,)),
        Figure("retention_days", limits.RETENTION_DAYS_DEFAULT, "days", "G4.1", _DESCRIBED, minimum=1),
        Figure("retention_days_max", limits.RETENTION_DAYS_MAX, "days", "G4.1", _DESCRIBED, minimum=1),
        Figure("key_revocation_seconds", 1, "seconds", "G4.5", _DESCRIBED, minimum=1),
        Figure("body_mib_max", limits.BODY_BYTES_MAX // _MIB, "MiB", "R5", _DESCRIBED, minimum=1),
        Figure("span_mib_max", limits.SPAN_BYTES_MAX // _MIB, "MiB", "R5", _DESCRIBED, minimum=1),
        Figure("query_seconds_max", limits.QUERY_SECONDS_MAX, "seconds", "R5", _DESCRIBED, minimum=1),
        Figure("probe_failures", 3, "probes", "G10.4", _DESCRIBED, minimum=1),
        Figure("probe_successes", 5, "probes", "G10.4", _DESCRIBED, minimum=1),
        Figure("maintenance_hours_max", 4, "hours", "G10.3", _DESCRIBED, minimum=1),
    )
}

ENFORCED: Final = frozenset(
    {"retention_days_max", "key_revocation_seconds", "body_mib_max", "span_mib_max", "query_seconds_max"}
)
"""What the program does whatever a paper says: not to be overridden."""


def check(overrides: Mapping[str, str]) -> None:
    """Raises ConfigurationError for a figure or paper that does not exist, and for a value that makes no sense."""
    for name, text in overrides.items():
        paper, dot, figure = name.rpartition(".")
        known = FIGURES.get(figure)
        if known is None or (dot and paper not in known.papers):
            raise ConfigurationError(f"policy {name}: there is no such figure{' in this paper' if known else ''}")
        if figure in ENFORCED:
            raise ConfigurationError(f"policy {name}: this is what the program does, and cannot be stated otherwise")
        known.parse(text)


def stated_in(kind: Kind, overrides: Mapping[str, str]) -> dict[str, Value]:
    """What a paper of this kind states when it is published now."""
    found: dict[str, Value] = {}
    for figure in FIGURES.values():
        if kind in figure.papers:
            text = overrides.get(f"{kind}.{figure.name}", overrides.get(figure.name))
            found[figure.name] = figure.default if text is None else figure.parse(text)
    return found
