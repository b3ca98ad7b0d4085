"""Complete checkouts, against the limit of their SQL: 1 / sum(1 / rate) of a pgbench script for
each database, with the services' own statements and transactions."""

import itertools
import json
import time

import machine
from loads import build_checkouts
from machine import Failed
from report import Result, Round, Side, against, alternate
from statements import Calls, Log, Marker, compare, compose, repeats_under_load, samples
from store import SERVICES, Store

SHOPPERS = 16
SECONDS = 8
LIMIT_SECONDS = 4
SAMPLES = 5


class Shoppers:
    """The generator, buying some products in turn."""

    def __init__(self, store: Store, name: str, products: list[str]):
        self._store = store
        self._program = build_checkouts()
        file = store.state.parent / f"products-{name}"
        file.write_text("\n".join(products) + "\n")
        self.command = machine.on_core(
            store.cores.others, self._program, "--cart", store.url("cart-service"), "--payment",
            store.url("payment-service"), "--order", store.url("order-service"),
            "--products", str(file))
        self.latencies: list[tuple[float, float]] = []  # median and p99 of each load

    def run(self, *arguments: str, limit: float) -> tuple[dict, float]:
        """What the generator tells, and its CPU time."""
        done = machine.run([*self.command, *arguments], limit=limit)
        told = json.loads(done.output.strip().splitlines()[-1])
        if told["failures"]:
            raise Failed(f"of {told['begun']} checkouts these failed: {told['failures']}")
        return told, done.seconds

    def load(self, seconds: float, shoppers: int = SHOPPERS, prepare: int = 0) -> Round:
        """So many at a time. With `prepare`, so many have come to the last step before."""
        meter = self._store.meter(*SERVICES, "postgres", "redis", "supervisor")
        began = time.monotonic()
        told, cpu = self.run("--shoppers", str(shoppers), "--seconds", f"{seconds:.0f}",
                             "--prepare", str(prepare), limit=seconds + 60 + prepare / 20)
        self.latencies.append((told["checkout_p50_ms"], told["checkout_p99_ms"]))
        return Round(told["rate"], told["completed"], meter.stop(), "shoppers", cpu,
                     time.monotonic() - began)


def measure(store: Store, products: list[str]) -> Result:
    shoppers = Shoppers(store, "all", products)

    def souk(seconds: float = SECONDS) -> Round:
        return shoppers.load(seconds)

    souk(3)
    store.settle()
    log = Log(store)
    with log.recording() as log:
        idle = time.time()
        time.sleep(4)
        begin = time.time()
        told, _ = Shoppers(store, "one", products[:1]).run(
            "--count", str(SAMPLES), "--pause", "700", limit=60)
        time.sleep(0.7)
        begins = told["began_at"] + [time.time()]
    sampled = samples(log.executions, (idle, begin), list(itertools.pairwise(begins)))

    calls = Calls(store)
    operations = souk(5).operations
    time.sleep(1)
    service_calls = calls.read()
    array = ",".join(products)
    scripts = compose(store, sampled, [
        Marker([products[0]] * SAMPLES, f"('{{{array}}}'::uuid[])[:product::int]",
               [f"\\set product random(1, {len(products)})"]),
    ], repeats_under_load(sampled, service_calls, operations))
    if not {"order", "inventory", "payment"} <= set(scripts):
        raise Failed(f"a checkout writes to {', '.join(scripts) or 'no database'} only")

    notes = []
    for database, script in scripts.items():
        calls = Calls(store)
        _, count, _ = script.run(store, SHOPPERS, 2)
        c = compare(script, service_calls[database], operations, calls.read()[database], count)
        notes.append(c.tell("checkout"))

    def limit(database: str):
        def one() -> Round:
            meter = store.meter("postgres")
            began = time.monotonic()
            rate, count, cpu = scripts[database].run(store, SHOPPERS, LIMIT_SECONDS)
            return Round(rate, count, meter.stop(), "pgbench", cpu, time.monotonic() - began)
        return one

    shoppers.latencies.clear()
    ours, *limits = alternate(3, souk, *(limit(database) for database in scripts))
    p50, p99 = (sorted(column)[len(column) // 2] for column in zip(*shoppers.latencies))
    notes.insert(0, f"a checkout took {p50:.0f} ms (median), {p99:.0f} ms (99 of 100 took less)")
    return against(
        "complete checkouts", "checkouts/s", 0.4,
        Side.of(f"session, add, token, order; {SHOPPERS} shoppers at a time", ours),
        [Side.of(f"pgbench, a checkout's statements on {database}", rounds)
         for database, rounds in zip(scripts, limits)],
        notes)
