"""Catalog, stock and cart: what there is, how much of it, and what a visitor has picked."""

from __future__ import annotations

from spanhouse.runtime.demo.shop.faults import Deadlock, NoSuchProduct, OutOfStock
from spanhouse.runtime.demo.shop.flow import Flow
from spanhouse.runtime.demo.shop.staff import Shop

PRODUCTS = 400
_LIST = "SELECT id, title, price FROM products WHERE category = $1 ORDER BY rank LIMIT 40"
_FIND = "SELECT id, title, ts_rank(words, q) FROM products, to_tsquery($1) q WHERE words @@ q ORDER BY 3 DESC LIMIT 20"
_SHOW = "SELECT id, title, price, description, pictures FROM products WHERE id = $1"
_RESERVE = "UPDATE stock SET reserved = reserved + $1 WHERE sku = $2 AND on_hand - reserved >= $1"
_ON_HAND = "SELECT on_hand - reserved FROM stock WHERE sku = $1"


def any_product(flow: Flow) -> str:
    """Few products are looked at often, most seldom."""
    return f"sku-{min(PRODUCTS - 1, int(flow.rng.paretovariate(1.1)) * 3 + flow.rng.randint(0, 4)):04d}"


def list_category(shop: Shop, flow: Flow, category: str) -> None:
    catalog = shop["catalog"]

    def handler(flow: Flow) -> None:
        hit = flow.chance(0.6)
        catalog.cache(flow, "GET", f"category:{category}", hit=hit)
        if not hit:
            _query_products(shop, flow, _LIST, ms=9, rows=40)
            catalog.cache(flow, "SETEX", f"category:{category}")

    shop["gateway"].http_call(flow, catalog, "GET", "/categories/{name}", handler, path=f"/categories/{category}")


def find_products(shop: Shop, flow: Flow, words: str) -> None:
    catalog = shop["catalog"]

    def handler(flow: Flow) -> None:
        with catalog.span(flow, "parse query", attributes={"shop.search.words": words.split()}):
            flow.spend(0.7)
        _query_products(shop, flow, _FIND, ms=22, rows=flow.rng.randint(0, 20))
        with catalog.span(flow, "rank results", attributes={"shop.search.personal": flow.chance(0.5)}):
            flow.spend(5)

    shop["gateway"].http_call(flow, catalog, "GET", "/search", handler)


def show_product(shop: Shop, flow: Flow, product: str) -> None:
    catalog = shop["catalog"]

    def handler(flow: Flow) -> None:
        _query_products(shop, flow, _SHOW, ms=2, rows=1)
        if flow.chance(0.02):
            raise NoSuchProduct(f"{product} was taken out of the catalog")
        catalog.grpc_call(flow, shop["stock"], "shop.stock.v1.Stock/OnHand", lambda f: _on_hand(shop, f, product))

    shop["gateway"].http_call(flow, catalog, "GET", "/products/{id}", handler, path=f"/products/{product}")


def put_in_cart(shop: Shop, flow: Flow, product: str) -> None:
    cart = shop["cart"]

    def handler(flow: Flow) -> None:
        cart.grpc_call(flow, shop["stock"], "shop.stock.v1.Stock/OnHand", lambda f: _on_hand(shop, f, product))
        cart.cache(flow, "HINCRBY", f"cart:{flow.rng.getrandbits(32):08x} {product} 1")
        cart.event(flow, "cart.item_added", {"shop.sku": product, "shop.quantity": flow.rng.randint(1, 3)})

    shop["gateway"].http_call(flow, cart, "POST", "/items", handler)


def reserve(shop: Shop, flow: Flow, skus: list[str]) -> None:
    """Runs in the stock service. Raises OutOfStock; sometimes two orders lock each other and one is retried."""
    stock = shop["stock"]
    for sku in skus:
        for attempt in range(2):
            try:
                _reserve_row(shop, flow, attempt)
                break
            except Deadlock as error:
                stock.event(flow, "retry", {"reason": str(error), "attempt": attempt + 1})
                flow.wait(0.02)
        if flow.chance(0.04):
            raise OutOfStock(f"{sku}: 0 left, 1 wanted")
        if flow.chance(0.15):
            _tell_purchasing(shop, flow, sku)


def _reserve_row(shop: Shop, flow: Flow, attempt: int) -> None:
    stock = shop["stock"]
    with stock.span(flow, "reserve", attributes={"shop.attempt": attempt}):
        stock.query(flow, "postgresql", "UPDATE", "stock", _RESERVE, ms=3)
        if attempt == 0 and flow.chance(0.03):
            raise Deadlock("deadlock detected while locking a row of stock")


def _on_hand(shop: Shop, flow: Flow, sku: str) -> None:
    hit = flow.chance(0.8)
    shop["stock"].cache(flow, "GET", f"stock:{sku}", hit=hit)
    if not hit:
        shop["stock"].query(flow, "postgresql", "SELECT", "stock", _ON_HAND, ms=1.2, rows=1)


def _query_products(shop: Shop, flow: Flow, text: str, *, ms: float, rows: int) -> None:
    if not shop.slow_queries(flow.now) or text == _SHOW:
        shop["catalog"].query(flow, "postgresql", "SELECT", "products", text, ms=ms, rows=rows)
    elif flow.chance(0.2):
        shop["catalog"].timed_out_query(flow, "postgresql", "SELECT", "products", text, seconds=3)
    else:
        shop["catalog"].query(flow, "postgresql", "SELECT", "products", text, ms=900, rows=rows)


def _tell_purchasing(shop: Shop, flow: Flow, sku: str) -> None:
    """The second message flow: little is left, so more is to be bought."""
    message = f"{flow.rng.getrandbits(64):016x}"
    headers = shop["stock"].publish(flow, "rabbitmq", "stock.low", message)
    due = flow.now + flow.rng.randint(5, 400) * 1_000_000
    shop.agenda.at(due, lambda later: _buy_more(shop, later, sku, message, headers))


def _buy_more(shop: Shop, flow: Flow, sku: str, message: str, headers: dict[str, str]) -> None:
    purchasing = shop["purchasing"]
    with purchasing.consume(flow, "rabbitmq", "stock.low", "purchasing", [(message, headers)]):
        text = "INSERT INTO purchase_orders (sku, quantity) VALUES ($1, $2) ON CONFLICT (sku) DO NOTHING"
        purchasing.query(flow, "mysql", "INSERT", "purchase_orders", text, ms=4)
        purchasing.event(flow, "purchase.planned", {"shop.sku": sku, "shop.quantity": flow.rng.randint(10, 200)})
