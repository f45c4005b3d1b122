"""What follows a placed order: the first message flow, to shipping one by one and to mail in batches."""

from __future__ import annotations

from spanhouse.base.clock import NANOS_PER_SECOND
from spanhouse.runtime.demo.shop.faults import BadTemplate
from spanhouse.runtime.demo.shop.flow import NANOS_PER_MS, Flow
from spanhouse.runtime.demo.shop.service import Headers
from spanhouse.runtime.demo.shop.staff import Shop

TOPIC = "order.placed"
_MAIL_EVERY_SECONDS = 4
_LABEL = "INSERT INTO parcels (order_id, carrier, label) VALUES ($1, $2, $3)"


def announce(shop: Shop, flow: Flow, order: str) -> None:
    """Runs in orders: tell whoever listens that an order was placed."""
    headers = shop["orders"].publish(flow, "kafka", TOPIC, order)
    shop.mailbag.append((order, headers))
    due = flow.now + flow.rng.randint(20, 900) * NANOS_PER_MS
    shop.agenda.at(due, lambda later: _pack(shop, later, order, headers))


def _pack(shop: Shop, flow: Flow, order: str, headers: Headers) -> None:
    shipping = shop["shipping"]
    with shipping.consume(flow, "kafka", TOPIC, "shipping", [(order, headers)]):
        carrier = flow.rng.choice(("north-post", "speedy", "bike-messenger"))
        with shipping.span(flow, "choose carrier", attributes={"shop.carrier": carrier}):
            flow.spend(3)
        with shipping.span(flow, "print label", attributes={"shop.carrier": carrier}):
            flow.spend(45, spread=0.5)
        shipping.query(flow, "mysql", "INSERT", "parcels", _LABEL, ms=4)


def mail_round(shop: Shop, flow: Flow) -> None:
    """Every few seconds mail takes all orders that wait: one span that links to each of them."""
    shop.agenda.at(flow.now + _MAIL_EVERY_SECONDS * NANOS_PER_SECOND, lambda later: mail_round(shop, later))
    batch, shop.mailbag[:] = list(shop.mailbag), []
    if not batch:
        return
    mail = shop["mail"]
    with mail.consume(flow, "kafka", TOPIC, "mail", batch):
        for order, _ in batch:
            try:
                _send_mail(shop, flow, order)
            except BadTemplate as error:
                mail.event(flow, "mail.put_aside", {"shop.order.id": order, "reason": str(error)})


def _send_mail(shop: Shop, flow: Flow, order: str) -> None:
    mail = shop["mail"]
    with mail.span(flow, "send confirmation", attributes={"shop.order.id": order}):
        with mail.span(flow, "fill template"):
            flow.spend(6)
            if flow.chance(0.05):
                raise BadTemplate("placeholder {delivery_day} has no value")
        flow.spend(60, spread=0.6)
