"""A product by id, and the first page of the catalogue, against nginx serving the same bytes."""

from loads import StaticNginx, wrk
from machine import Failed
from report import Result, Side, against, alternate
from store import Store

CONNECTIONS = 32
SECONDS = 5


def _path_of_a_product(store: Store) -> str:
    items = store.json("GET", store.url("product-service") + "/products?limit=24")["items"]
    # One without variants, of the middle of the page.
    plain = [i for i in items if not i.get("variants_count")] or items
    return f"/products/{plain[len(plain) // 2]['id']}"


def measure(store: Store, which: str) -> Result:
    name = "product by id" if which == "product" else "catalogue, first page"
    path = _path_of_a_product(store) if which == "product" else "/products"
    service = store.url("product-service") + path
    status, body, headers = store.request("GET", service)
    if status != 200:
        raise Failed(f"{service} answered {status}")
    alike = {k: v for k, v in headers.items() if k.lower() in ("etag", "cache-control", "vary")}
    alike = {k: v.replace('"', '\\"') for k, v in alike.items()}
    with StaticNginx(store, {path: (body, alike)}) as nginx:
        def souk(seconds: float = SECONDS):
            return wrk(store, store.meter("product-service", "supervisor"), service, "get.lua",
                       CONNECTIONS, seconds)

        def limit(seconds: float = SECONDS):
            return wrk(store, nginx.meter(), nginx.url(path), "get.lua", CONNECTIONS, seconds)

        souk(2), limit(2)
        ours, nginx_rounds = alternate(3, souk, limit)
    shown = "/products/{id}" if which == "product" else path
    return against(name, "answers/s", 1.0,
                   Side.of(f"GET {shown}, {CONNECTIONS} connections", ours),
                   [Side.of(f"nginx, the same {len(body):,} bytes from a file", nginx_rounds)])
