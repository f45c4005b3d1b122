"""What visitors do: each function is one request to the web shop, from its root span on."""

from __future__ import annotations

from spanhouse.runtime.demo.shop import goods, sales
from spanhouse.runtime.demo.shop.flow import Flow
from spanhouse.runtime.demo.shop.service import Handler
from spanhouse.runtime.demo.shop.staff import Shop

_CATEGORIES = ("kettles", "lamps", "chairs", "carpets", "clocks", "teapots")
_BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) AppleWebKit/605.1.15 Version/18.3 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0",
    "shop-ios/9.4.1 (iPhone16,2; iOS 19.0)",
)


def visit(shop: Shop, flow: Flow) -> None:
    """One request of the mix: mostly looking, sometimes buying."""
    draw = flow.rng.random()
    if draw < 0.38:
        browse(shop, flow)
    elif draw < 0.68:
        look_at(shop, flow)
    elif draw < 0.80:
        search(shop, flow)
    elif draw < 0.92:
        add_to_cart(shop, flow)
    else:
        check_out(shop, flow)


def browse(shop: Shop, flow: Flow) -> None:
    category = flow.rng.choice(_CATEGORIES)

    def page(flow: Flow) -> None:
        _through_gateway(
            shop, flow, "GET", f"/api/catalog/{category}", lambda f: goods.list_category(shop, f, category)
        )
        _render(shop, flow, "category.html", 4)

    _request(shop, flow, "GET", "/c/{category}", f"/c/{category}", page)


def look_at(shop: Shop, flow: Flow) -> None:
    product = goods.any_product(flow)

    def page(flow: Flow) -> None:
        _through_gateway(shop, flow, "GET", f"/api/products/{product}", lambda f: goods.show_product(shop, f, product))
        _render(shop, flow, "product.html", 6)

    _request(shop, flow, "GET", "/p/{product}", f"/p/{product}", page)


def search(shop: Shop, flow: Flow) -> None:
    words = " ".join(flow.rng.sample(_CATEGORIES, 2))

    def page(flow: Flow) -> None:
        _through_gateway(shop, flow, "GET", "/api/search", lambda f: goods.find_products(shop, f, words))
        _render(shop, flow, "results.html", 5)

    _request(shop, flow, "GET", "/search", "/search", page)


def add_to_cart(shop: Shop, flow: Flow) -> None:
    product = goods.any_product(flow)

    def page(flow: Flow) -> None:
        _through_gateway(shop, flow, "POST", "/api/cart/items", lambda f: goods.put_in_cart(shop, f, product))

    _request(shop, flow, "POST", "/cart", "/cart", page)


def check_out(shop: Shop, flow: Flow) -> None:
    def page(flow: Flow) -> None:
        _through_gateway(shop, flow, "POST", "/api/orders", lambda f: sales.place_order(shop, f))
        _render(shop, flow, "thanks.html", 3)

    _request(shop, flow, "POST", "/checkout", "/checkout", page)


def _request(shop: Shop, flow: Flow, method: str, route: str, path: str, page: Handler) -> None:
    rng = flow.rng
    extra = {
        "client.address": f"203.0.113.{rng.randint(1, 254)}",
        "user_agent.original": rng.choice(_BROWSERS),
        "user.id": f"u-{rng.randint(1, 5000)}",
        "session.id": f"{rng.getrandbits(64):016x}",
    }
    shop["web-shop"].serve_http(flow, method, route, page, path=path, extra=extra)


def _through_gateway(shop: Shop, flow: Flow, method: str, path: str, behind: Handler) -> None:
    """The gateway knows the visitor's session and sends the request on."""
    gateway = shop["gateway"]

    def forward(flow: Flow) -> None:
        with gateway.span(flow, "authenticate", attributes={"shop.session.known": not flow.chance(0.3)}):
            gateway.cache(flow, "GET", "session:*", hit=not flow.chance(0.1))
        behind(flow)

    prefix = "/".join(path.split("/")[:3])
    shop["web-shop"].http_call(flow, gateway, method, f"{prefix}/*", forward, path=path)


def _render(shop: Shop, flow: Flow, template: str, ms: float) -> None:
    with shop["web-shop"].span(flow, "render template", attributes={"shop.template": template}):
        flow.spend(ms)
