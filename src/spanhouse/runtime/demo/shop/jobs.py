"""Work that nobody asked for: jobs on a timetable. A report is one trace with several roots."""

from __future__ import annotations

from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.runtime.demo.shop.flow import Flow
from spanhouse.runtime.demo.shop.staff import Shop

REPORT_EVERY_SECONDS = 45
EXPIRY_EVERY_SECONDS = 30
_SALES = "SELECT sku, sum(quantity), sum(total) FROM order_items WHERE placed_at >= $1 GROUP BY sku"
_STALE = "DELETE FROM carts WHERE touched_at < now() - interval '30 days' RETURNING id"


def report(shop: Shop, flow: Flow) -> None:
    """Three steps, begun one after another without a common parent."""
    shop.agenda.at(flow.now + REPORT_EVERY_SECONDS * NANOS_PER_SECOND, lambda later: report(shop, later))
    reports = shop["reports"]
    shop.job_ids.begin_job()
    try:
        with reports.span(flow, "collect sales", attributes={"shop.report": "daily-sales"}):
            reports.query(flow, "postgresql", "SELECT", "order_items", _SALES, ms=260, rows=flow.rng.randint(50, 400))
        with reports.span(flow, "summarise", attributes={"shop.report": "daily-sales"}):
            flow.spend(80)
        with reports.span(flow, "upload", attributes={"shop.report": "daily-sales", "shop.report.bytes": 48_211}):
            flow.spend(150, spread=0.6)
    finally:
        shop.job_ids.end_job()


def expire_carts(shop: Shop, flow: Flow) -> None:
    shop.agenda.at(flow.now + EXPIRY_EVERY_SECONDS * NANOS_PER_SECOND, lambda later: expire_carts(shop, later))
    cart = shop["cart"]
    with cart.span(flow, "expire carts"):
        cart.query(flow, "postgresql", "DELETE", "carts", _STALE, ms=35, rows=flow.rng.randint(0, 30))
