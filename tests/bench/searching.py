"""Filtered search over 100,000 products, no query repeated, against the same SQL by pgbench."""

import itertools
import time
import urllib.parse

import catalogue
from loads import wrk
from machine import Failed
from report import Result, Round, Side, against, alternate
from statements import Calls, Log, Marker, compare, compose, repeats_under_load, samples
from store import Store

CONNECTIONS = 8
SECONDS = 8
SAMPLES = 4


def _ask(store: Store, word: str, category: str, low: int, high: int) -> int:
    query = urllib.parse.urlencode({"search": word, "category": category, "min_price": low,
                                    "max_price": high}, quote_via=urllib.parse.quote)
    return len(store.json("GET", f"{store.url('product-service')}/products?{query}")["items"])


def measure(store: Store, import_seconds: float) -> Result:
    words, categories = catalogue.write_words(store.state.parent)
    first = itertools.count(0, 1_000_000)  # each run begins at another query

    def souk(seconds: float = SECONDS) -> Round:
        meter = store.meter("product-service", "inventory-service", "postgres", "supervisor")
        return wrk(store, meter, store.url("product-service"), "search.lua", CONNECTIONS, seconds,
                   str(next(first)), str(words), str(categories))

    souk(2)
    store.settle()
    asked = [(catalogue.WORDS[i * 9], catalogue.CATEGORIES[i * 11], 700 + i, 90_000 + i)
             for i in range(SAMPLES)]
    log = Log(store)
    times = []
    with log.recording() as log:
        idle = time.time()
        time.sleep(3)
        begin = time.time()
        hits = []
        for query in asked:
            begins = time.time()
            hits.append(_ask(store, *query))
            time.sleep(1)
            times.append((begins, time.time()))
    if not all(hits):
        raise Failed("the sample searches found nothing")
    sampled = samples(log.executions, (idle, begin), times)

    calls = Calls(store)
    operations = souk(4).operations
    service_calls = calls.read()
    scripts = compose(store, sampled, [
        Marker([a[0] for a in asked], _pick(catalogue.WORDS, "word"),
               [f"\\set word random(1, {len(catalogue.WORDS)})"]),
        Marker([a[1] for a in asked], _pick(catalogue.CATEGORIES, "category"),
               [f"\\set category random(1, {len(catalogue.CATEGORIES)})"]),
        Marker([str(a[3]) for a in asked], "(:high)::bigint",
               ["\\set low 500 + random(0, 10006)", "\\set high :low + 15000 + random(0, 100)"]),
        Marker([str(a[2]) for a in asked], "(:low)::bigint"),
    ], repeats_under_load(sampled, service_calls, operations))
    if "product" not in scripts:
        raise Failed("a search does not reach the database")

    def limit(database: str):
        def one() -> Round:
            meter = store.meter("postgres")
            began = time.monotonic()
            rate, count, cpu = scripts[database].run(store, CONNECTIONS, SECONDS)
            return Round(rate, count, meter.stop(), "pgbench", cpu, time.monotonic() - began)
        return one

    calls_of = {}
    for database in scripts:
        calls = Calls(store)
        rate, count, _ = scripts[database].run(store, CONNECTIONS, 2)
        calls_of[database] = compare(scripts[database], service_calls[database], operations,
                                     calls.read()[database], count)
    ours, *limits = alternate(3, souk, *(limit(database) for database in scripts))
    return against(
        "filtered search", "searches/s", 0.8,
        Side.of(f"search, category and prices over {catalogue.PRODUCTS:,} products, "
                f"{CONNECTIONS} connections", ours),
        [Side.of(f"pgbench, the same statements on {database}", rounds)
         for database, rounds in zip(scripts, limits)],
        [c.tell("search") for c in calls_of.values()]
        + [f"the {catalogue.PRODUCTS:,} products were imported in {import_seconds:.0f} s"])


def _pick(texts: list[str], variable: str) -> str:
    array = ",".join('"' + t + '"' for t in texts)
    return f"('{{{array}}}'::text[])[:{variable}::int]"
