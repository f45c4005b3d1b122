"""Orders, payment and fraud: the way of an order until it is placed and told to others."""

from __future__ import annotations

from opentelemetry.util.types import AttributeValue

from spanhouse.runtime.demo.shop import delivery, goods
from spanhouse.runtime.demo.shop.faults import BankTimeout, CallFailed, CardDeclined, SuspectedFraud
from spanhouse.runtime.demo.shop.flow import Flow
from spanhouse.runtime.demo.shop.staff import Shop

_ATTEMPTS = 3
_INSERT = "INSERT INTO orders (id, user_id, total, currency, state) VALUES ($1, $2, $3, $4, 'placed')"


def place_order(shop: Shop, flow: Flow) -> None:
    orders = shop["orders"]

    def handler(flow: Flow) -> None:
        order = f"o-{flow.rng.getrandbits(40):010x}"
        skus = [goods.any_product(flow) for _ in range(flow.rng.randint(1, 4))]
        total = round(flow.rng.lognormvariate(3.6, 0.7), 2)
        details: dict[str, AttributeValue] = {
            "shop.order.id": order,
            "shop.order.skus": skus,
            "shop.order.total": total,
            "shop.order.express": flow.chance(0.2),
            "shop.order.items": len(skus),
        }
        with orders.span(flow, "place order", attributes=details):
            orders.http_call(flow, shop["cart"], "GET", "/cart", lambda f: _load_cart(shop, f))
            orders.grpc_call(flow, shop["stock"], "shop.stock.v1.Stock/Reserve", lambda f: goods.reserve(shop, f, skus))
            _pay(shop, flow, total)
            orders.query(flow, "postgresql", "INSERT", "orders", _INSERT, ms=5)
            delivery.announce(shop, flow, order)

    shop["gateway"].http_call(flow, orders, "POST", "/orders", handler)


def _load_cart(shop: Shop, flow: Flow) -> None:
    shop["cart"].cache(flow, "HGETALL", f"cart:{flow.rng.getrandbits(32):08x}", hit=True)


def _pay(shop: Shop, flow: Flow, total: float) -> None:
    """Charge the card; a bank that does not answer is asked again, with a pause."""
    for attempt in range(_ATTEMPTS):
        try:
            shop["orders"].http_call(
                flow, shop["payment"], "POST", "/charges", lambda f: _charge(shop, f, total), resends=attempt
            )
            return
        except CallFailed as error:
            if error.status != BankTimeout.status or attempt == _ATTEMPTS - 1:
                raise
            shop["orders"].event(flow, "retry", {"reason": str(error), "attempt": attempt + 1})
            flow.wait(0.1 * 2**attempt)


def _charge(shop: Shop, flow: Flow, total: float) -> None:
    payment = shop["payment"]
    payment.grpc_call(flow, shop["fraud"], "shop.fraud.v1.Scoring/Score", lambda f: _score(shop, f, total))
    with payment.span(flow, "charge card", attributes={"shop.payment.amount": total, "shop.payment.currency": "EUR"}):
        if flow.chance(0.05):
            flow.wait(0.8)
            raise BankTimeout("no answer from the bank within 800 ms")
        flow.spend(120, spread=0.5)
        if flow.chance(0.07):
            raise CardDeclined(flow.rng.choice(("insufficient funds", "card expired", "limit exceeded")))
    text = "INSERT INTO charges (id, amount, currency) VALUES ($1, $2, $3)"
    payment.query(flow, "postgresql", "INSERT", "charges", text, ms=4)


def _score(shop: Shop, flow: Flow, total: float) -> None:
    fraud = shop["fraud"]
    with fraud.span(flow, "evaluate rules", attributes={"shop.fraud.rules": 42, "shop.fraud.amount": total}):
        flow.spend(14, spread=0.6)
        score = flow.rng.betavariate(1, 12)
        fraud.event(flow, "fraud.scored", {"shop.fraud.score": score, "shop.fraud.review": score > 0.3})
        if score > 0.4:
            raise SuspectedFraud(f"score {score:.2f} is over 0.40")
