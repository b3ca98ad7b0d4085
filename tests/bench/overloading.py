"""Ten times as many orders as the store can carry: what it completes, how it refuses the rest, what
memory that takes, and how soon it is as before."""

import statistics
import threading
import time
from dataclasses import dataclass

import buying
import machine
from machine import Failed
from report import Result
from store import SERVICES, Store

TIMES = 10
NORMAL = 0.5  # of the peak
BEFORE, DURING, AFTER = 10, 30, 20  # seconds
SHOPPERS = (16, 48, 96)  # at a time, for the peak
PEAK_SECONDS = 5

GOAL_GOODPUT = 0.8
GOAL_REFUSED_MS = 100
GOAL_NORMAL_S = 5
GOAL_MEMORY_MB = 40
GOAL_ARRIVALS = 0.99


def measure(store: Store, products: list[str]) -> list[Result]:
    with store.on_one_core():
        return _measure(store, buying.Shoppers(store, "all", products))


def _measure(store: Store, shoppers: buying.Shoppers) -> list[Result]:
    whole = shoppers.load(4, 32).rate
    enough = int(3 * whole * (PEAK_SECONDS + 1)) + 100
    rates = {n: shoppers.load(PEAK_SECONDS, n, enough).rate for n in SHOPPERS}
    peak = max(rates.values())
    store.settle()

    normal = NORMAL * peak
    prepared = int(normal * (BEFORE + AFTER) + 1.5 * peak * DURING) + 2_000
    begun_at = store.sql("order", "SELECT now()")[0][0]
    memory = _Memory(store)
    meter = store.meter(*SERVICES, "postgres", "redis", "supervisor")
    began = time.monotonic()
    with memory:
        told, cpu = shoppers.run(
            "--prepare", str(prepared), "--schedule",
            f"{normal:.2f}:{BEFORE} {TIMES * peak:.2f}:{DURING} {normal:.2f}:{AFTER}",
            limit=prepared / 20 + BEFORE + DURING + AFTER + 60)
    usage = meter.stop()
    foreign = (usage.core_seconds - sum(usage.seconds.values()) - cpu) / (time.monotonic() - began)
    before, during, after = told["parts"]
    started = told["schedule_began_at"] + BEFORE
    for name, part in (("before", before), ("after", after)):
        if part["confirmed"] == 0:
            raise Failed(f"no order was confirmed {name} the overload: {part}")

    goodput = during["answered_201"] / DURING
    normal_after = _seconds_until_normal(told["seconds"])
    wrong = sum(p["without_retry_after"] + sum(p["failures"].values()) for p in told["parts"])
    arrived = during["due"] / (DURING + during["late_max_ms"] / 1000)
    placed, unsettled = _settled(store, begun_at)
    answered = sum(p["confirmed"] + p["accepted"] for p in told["parts"])
    store.souk("audit", limit=600)  # fails unless the books balance
    memories = {name: memory.of(name, started) for name in SERVICES}

    notes = [
        f"the peak is that of POST /orders alone, by shoppers who have a cart and a card's token: "
        f"{', '.join(f'{rate:.0f}/s with {n} at a time' for n, rate in rates.items())}; complete "
        f"checkouts: {whole:.0f}/s with 32",
        "the store, its databases too, had one core, and the generator the other one for itself",
        f"of {during['due']:,} orders due in {DURING} s, {during['confirmed']:,} were confirmed, "
        f"{during['accepted']:,} answered 202, {during['refused']:,} refused ("
        + ", ".join(f"{n:,} {what}" for what, n in sorted(during["refusals"].items())) + ")",
        f"refusals took {during['refused_p50_ms']:.1f} ms (median), "
        f"{during['refused_p99_ms']:.1f} ms (99 of 100 took less), {during['refused_max_ms']:.0f} "
        f"ms (the longest)",
        f"confirmed orders took {before['confirmed_p50_ms']:.0f} ms (median) and "
        f"{before['confirmed_p99_ms']:.0f} ms (99 of 100 took less) before, "
        f"{during['confirmed_p50_ms']:.0f} and {during['confirmed_p99_ms']:.0f} during, "
        f"{after['confirmed_p50_ms']:.0f} and {after['confirmed_p99_ms']:.0f} after the overload",
        f"the generator sent 99 of 100 orders less than {during['late_p99_ms']:.1f} ms after they "
        f"were due, the last of them {during['late_max_ms']:.0f} ms; it used {cpu:.0f} s of CPU "
        f"time in all",
        f"{placed:,} orders were placed, {answered:,} were answered with 201 or 202, {unsettled} "
        f"are not settled; the audit balances",
        "memory before, at most during, and after: " + "; ".join(
            f"{name} {m.before:.1f}, {m.peak:.1f}, {m.after:.1f} MB"
            for name, m in memories.items()),
    ]
    if failures := {k: v for p in told["parts"] for k, v in p["failures"].items()}:
        notes.append(f"FAILURES: {failures}")
    if usage.stolen > 0.02:
        notes.append(f"the machine's host took {usage.stolen:.0%} of a core meanwhile")
    if foreign > 0.15:
        notes.append(f"OTHER PROGRAMS took {foreign:.0%} of a core meanwhile: measure again when "
                     "the machine is quiet")
    title = f"orders at {TIMES} times the peak"
    return [
        Result(f"{title}, completed", "orders/s", goodput, f"≥ {GOAL_GOODPUT}",
               goodput >= GOAL_GOODPUT * peak, peak, goodput / peak, notes=notes,
               series=told["seconds"]),
        Result(f"{title}, arrived as due", "orders/s", arrived, f"≥ {GOAL_ARRIVALS}",
               arrived >= GOAL_ARRIVALS * TIMES * peak, TIMES * peak, arrived / (TIMES * peak)),
        Result(f"{title}, 99 of 100 refused within", "ms", during["refused_p99_ms"],
               f"< {GOAL_REFUSED_MS}", during["refused_p99_ms"] < GOAL_REFUSED_MS),
        Result(f"{title}, lost or refused without Retry-After", "orders", wrong, "0", wrong == 0),
        Result(f"{title}, begun and not finished", "orders", unsettled + abs(placed - answered),
               "0", unsettled == 0 and placed == answered),
        Result(f"{title}, as before after", "s", normal_after, f"< {GOAL_NORMAL_S}",
               normal_after < GOAL_NORMAL_S),
        *(Result(f"{name}, memory in the overload", "MB", m.peak, f"< {GOAL_MEMORY_MB}",
                 m.peak < GOAL_MEMORY_MB) for name, m in memories.items())]


def _seconds_until_normal(seconds: list[dict]) -> float:
    """From the end of the overload to the first of three seconds in a row whose orders were all
    confirmed, 99 of 100 of them in the time that it took before."""
    known = max(s["confirmed_p99_ms"] for s in seconds[2:BEFORE])
    after = seconds[BEFORE + DURING:BEFORE + DURING + AFTER]
    normal = [s["confirmed"] == s["due"] and s["confirmed_p99_ms"] <= 1.2 * known for s in after]
    for i in range(AFTER - 2):
        if all(normal[i:i + 3]):
            return float(i)
    return float(AFTER)


def _settled(store: Store, since: str) -> tuple[int, int]:
    """Orders placed since then, and those of them that are not settled a minute later."""
    until = time.monotonic() + 60
    while True:
        [[placed, unsettled]] = store.sql("order", f"""
            SELECT count(*), count(*) FILTER (WHERE unfinished_since IS NOT NULL
                                                 OR state NOT IN ('confirmed', 'rejected'))
            FROM orders WHERE created_at >= '{since}'""")
        if int(unsettled) == 0 or time.monotonic() > until:
            return int(placed), int(unsettled)
        time.sleep(0.5)


class _Memory(threading.Thread):
    """Looks at the services' resident memory several times a second."""

    def __init__(self, store: Store):
        super().__init__(daemon=True)
        self._pids = store.pids()
        self._seen: list[tuple[float, dict[str, float]]] = []  # seconds since 1970, MB
        self._ended = threading.Event()

    def __enter__(self) -> "_Memory":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        while not self._ended.wait(0.2):
            try:
                self._seen.append((time.time(), {
                    name: machine.resident_mb(self._pids[name]) for name in SERVICES}))
            except OSError as gone:
                raise Failed(f"a service has ended: {gone}") from None

    @dataclass
    class Of:
        before: float
        peak: float
        after: float

    def of(self, name: str, overload_began: float) -> "_Memory.Of":
        ends = overload_began + DURING
        before = [mb[name] for at, mb in self._seen if overload_began - 3 <= at < overload_began]
        during = [mb[name] for at, mb in self._seen if overload_began <= at]
        if not before or not self._seen or self._seen[-1][0] < ends:
            raise Failed(f"{name} has ended during the overload")
        return self.Of(statistics.median(before), max(during), self._seen[-1][1][name])
