"""Words that scripts need, in the reader's language. Scripts have no catalogue of their own."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def preset(name: str) -> str:
    """A relative range in words."""
    known = {
        "15m": _("Last 15 minutes"),
        "1h": _("Last 1 hour"),
        "6h": _("Last 6 hours"),
        "24h": _("Last 24 hours"),
        "7d": _("Last 7 days"),
        "15d": _("Last 15 days"),
    }
    return known.get(name, _("Last %(length)s") % {"length": name})


def frame() -> dict[str, str]:
    return {
        "updateFailed": _("The page could not be refreshed; what you see is older."),
        "badTraceId": _("A Trace ID has up to 32 hexadecimal characters."),
        "badTime": _("Please enter a time such as 2026-11-24 14:03:07."),
        "endBeforeStart": _("The end time must be later than the start time."),
    }


def trace() -> dict[str, str]:
    return {
        "loading": _("Loading"),
        "traceFailed": _("The trace could not be loaded."),
        "spanFailed": _("The details could not be loaded."),
        "spanName": _("Span name"),
        "service": _("Service"),
        "duration": _("Duration"),
        "selfTime": _("Self time"),
        "offset": _("Start offset"),
        "start": _("Start time"),
        "end": _("End time"),
        "kind": _("Span kind"),
        "status": _("Status"),
        "error": _("Error"),
        "depth": _("Depth"),
        "collapsed": _("collapsed"),
        "expanded": _("expanded"),
        "attributes": _("Attributes"),
        "events": _("Events"),
        "links": _("Span links"),
        "resource": _("Resource attributes"),
        "scope": _("Instrumentation scope"),
        "scopeName": _("Name"),
        "scopeVersion": _("Version"),
        "ids": _("Identifiers"),
        "traceId": "Trace ID",
        "spanId": "Span ID",
        "parentId": _("Parent span"),
        "stackTrace": _("Stack trace"),
        "copy": _("Copy"),
        "droppedAttributes": _("{n} attributes were dropped by the sender."),
        "droppedEvents": _("{n} events were dropped by the sender."),
        "droppedLinks": _("{n} links were dropped by the sender."),
        "sharedId": _("Several spans of this trace share this Span ID."),
        "orphan": _("The parent of this span has not arrived."),
        "oddTime": _("Time outside of the trace"),
        "oddTimeHelp": _("The times sent are far from the rest of the trace and are left out of the time axis."),
    }


def explore() -> dict[str, str]:
    return {
        "loading": _("Loading"),
        "duration": _("Duration"),
        "spans": _("Spans"),
        "errors": _("Errors"),
        "failed": _("The query failed."),
    }


def charts() -> dict[str, str]:
    return {
        "rate": _("Request rate"),
        "errors": _("Errors"),
        "p50": "P50",
        "p95": "P95",
        "p99": "P99",
    }


def kind(number: int) -> str:
    """A span kind in words; numbers we do not know are shown as they are."""
    known = (_("Unspecified"), _("Internal"), _("Server"), _("Client"), _("Producer"), _("Consumer"))
    return known[number] if 0 <= number < len(known) else str(number)


def status(code: int) -> str:
    known = (_("Unset"), _("Ok"), _("Error"))
    return known[code] if 0 <= code < len(known) else str(code)


def notice(kind: str, rows: int) -> str:
    """What a reader should know about a trace."""
    known = {
        "missing_parent": ngettext(
            "%(n)d span names a parent that has not arrived; it is shown at the top level.",
            "%(n)d spans name a parent that has not arrived; they are shown at the top level.",
            rows,
        ),
        "several_roots": _("The trace has %(n)d roots."),
        "no_root": _("The root span has not arrived."),
        "cycle": _("Some spans name each other as parents; the circle is cut at its earliest span."),
        "repeated_id": _("Some spans share a Span ID; each is shown."),
        "resent": _("Spans that were sent twice are shown once."),
        "implausible_time": ngettext(
            "%(n)d span has a time far from its receipt; it is left out of the time axis.",
            "%(n)d spans have times far from their receipt; they are left out of the time axis.",
            rows,
        ),
        "ends_early": _("Some spans end before they start; they are shown with no duration."),
    }
    return known[kind] % {"n": rows} if kind in known else ""


def status_named(name: str) -> str:
    return {"unset": _("Unset"), "ok": _("Ok"), "error": _("Error")}[name]
