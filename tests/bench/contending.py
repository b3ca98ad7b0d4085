"""All want the same product: inventory's reserve against pgbench running the same statements on the
same row, and complete checkouts of one product against those of many."""

import itertools
import time
import uuid

import buying
from loads import wrk
from machine import Failed, Meter
from report import Result, Round, Side, against, alternate
from statements import Calls, Log, compare, compose, repeats_under_load, samples
from store import Store

CONNECTIONS = 16
SECONDS = 5
SAMPLES = 5


def measure(store: Store, products: list[str]) -> list[Result]:
    checkouts = _checkouts(store, products)  # before pgbench writes what no service knows of
    return [_reserves(store, products[0]), checkouts]


def _checkouts(store: Store, products: list[str]) -> Result:
    hot = buying.Shoppers(store, "hot", products[:1])
    spread = buying.Shoppers(store, "spread", products)
    hot.load(2)
    spread.load(2)
    ours, limit = alternate(3, lambda: hot.load(SECONDS), lambda: spread.load(SECONDS))
    return against("complete checkouts of one product", "checkouts/s", 0.8,
                   Side.of(f"{buying.SHOPPERS} shoppers at a time, all buy the same", ours),
                   [Side.of(f"the same, {len(products)} products in turn", limit)])


def _reserves(store: Store, product: str) -> Result:
    credential = f"order:{store.secret('service-order')}"

    def souk(seconds: float = SECONDS) -> Round:
        meter = store.meter("inventory-service", "postgres", "supervisor")
        began = f"{int(time.time() * 1000):012x}"
        return wrk(store, meter, store.url("inventory-service"), "reserve.lua", CONNECTIONS,
                   seconds, credential, product, began)

    def reserve_one() -> None:
        store.json("POST", store.url("inventory-service") + "/reservations",
                   {"order_id": str(uuid.uuid4()), "lines": [
                       {"product_id": product, "quantity": 1}]}, **{"Souk-Service": credential})

    souk(2)
    store.settle()
    log = Log(store)
    with log.recording() as log:
        idle = time.time()
        time.sleep(3)
        begins = []
        for _ in range(SAMPLES):
            begins.append(time.time())
            reserve_one()
            time.sleep(0.3)
        begins.append(time.time())
    sampled = samples(log.executions, (idle, begins[0]), list(itertools.pairwise(begins)))
    if "inventory" not in sampled:
        raise Failed("a reserve writes nothing to inventory's database")

    calls = Calls(store)
    operations = souk(3).operations
    time.sleep(1)
    service_calls = calls.read()
    script = compose(store, {"inventory": sampled["inventory"]}, [],
                     repeats_under_load(sampled, service_calls, operations))["inventory"]
    calls = Calls(store)
    _, count, _ = script.run(store, CONNECTIONS, 2)
    note = compare(script, service_calls["inventory"], operations, calls.read()["inventory"],
                   count).tell("reserve")

    def limit() -> Round:
        meter: Meter = store.meter("postgres")
        began = time.monotonic()
        rate, count, cpu = script.run(store, CONNECTIONS, SECONDS)
        return Round(rate, count, meter.stop(), "pgbench", cpu, time.monotonic() - began)

    ours, limits = alternate(3, souk, limit)
    return against("reserve one hot product", "reserves/s", 0.5,
                   Side.of(f"POST /reservations, all of one product, {CONNECTIONS} connections",
                           ours),
                   [Side.of(f"pgbench, a reserve's statements on the same row, {CONNECTIONS} "
                            "connections", limits)], [note])
