"""Generated products: many to search, and some with plenty of stock to buy."""

import json
import random
import tempfile
import time
from pathlib import Path

from machine import Failed
from store import Store

PRODUCTS = 100_000
BUYABLE = 200
_STOCK = 1_000_000  # of each: no load of the benchmark sells out

WORDS = """amber ancient birch brass bright carved cedar chequered classic copper coral cotton
crystal dusky elegant enamel forged frosted glazed golden granite hammered ivory jade lacquered
linen marble matte mellow midnight oaken olive painted pewter polished rustic scarlet slate velvet
woven""".split()
_MATERIALS = """ash bamboo basalt bronze cashmere ceramic clay cork felt glass hemp iron leather
maple merino nylon porcelain rattan satin silk steel stone teak walnut wool""".split()
_THINGS = """apron basket beaker blanket bowl brush candle carafe chair clock coaster cushion
decanter dish fork frame goblet grater hammock hook jar jug kettle knife ladle lamp lantern mat
mirror mitten mug napkin needle pan pillow pitcher planter plate pot rack rug saucer scarf shelf
spoon stool table towel tray vase""".split()
CATEGORIES = [f"Bench/{'ABCDE'[i % 5]} house/{thing.capitalize()}s"
              for i, thing in enumerate(_THINGS)]
_BRANDS = [f"{first}{second}" for first in ("North", "Stone", "Fern", "Harbour", "Wild")
           for second in ("field", "works", " & Co")]
_COLORS = ["Red", "Green", "Blue", "Black", "White", "Sand", "Plum", "Teal"]


def _lines(count: int):
    chance = random.Random(1)
    for i in range(count):
        thing = i % len(_THINGS)
        word, material = chance.choice(WORDS), chance.choice(_MATERIALS)
        color = chance.choice(_COLORS)
        yield json.dumps({
            "sku": f"BENCH-{i:06}",
            "name": f"{word.capitalize()} {material} {_THINGS[thing]} {i}",
            "description": f"A {_THINGS[thing]} of {material}, {word} and {color.lower()}, made in "
                           f"small numbers and meant to be used every day. Model {i}.",
            "categories": [CATEGORIES[thing]],
            "brand": chance.choice(_BRANDS),
            "price_minor": chance.randrange(500, 40_000), "currency": "USD",
            "attributes": {"color": color, "material": material.capitalize(),
                           "size": chance.choice(["S", "M", "L"])}})


def import_products(store: Store) -> float:
    """The products to search; seconds that their import took."""
    began = time.monotonic()
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for line in _lines(PRODUCTS):
            file.write(line + "\n")
        file.flush()
        store.souk("import", file.name)
    took = time.monotonic() - began
    # What autovacuum does sooner or later, before the measurements rather than in them.
    store.sql("product", "VACUUM ANALYZE")
    store.settle()
    return took


def import_buyable(store: Store) -> list[str]:
    """The identifiers of products that can be bought, when their stock is there."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for i in range(BUYABLE):
            file.write(json.dumps({
                "sku": f"BENCH-BUY-{i:03}", "name": f"Benchmark parcel {i}",
                "description": "Plenty of it.", "categories": ["Bench/Parcels"],
                "price_minor": 1_000 + i, "currency": "USD", "quantity": _STOCK,
                "attributes": {}}) + "\n")
        file.flush()
        store.souk("import", file.name)
    ids = [row[0] for row in store.sql(
        "product", "SELECT id FROM products WHERE sku LIKE 'BENCH-BUY-%' ORDER BY sku")]
    if len(ids) != BUYABLE:
        raise Failed(f"of {BUYABLE} products {len(ids)} were imported")
    until = time.monotonic() + 60
    while time.monotonic() < until:
        items = []
        for part in (ids[:100], ids[100:]):
            items += store.json("GET", f"{store.url('inventory-service')}/inventory"
                                       f"?ids={','.join(part)}")["items"]
        if sum(item["available"] > 0 for item in items) == BUYABLE:
            return ids
        time.sleep(0.3)
    raise Failed("the stock of the imported products has not come within 60 s")


def write_words(folder: Path) -> tuple[Path, Path]:
    """Files for the generator: words, and categories as they stand in a query."""
    words, categories = folder / "words", folder / "categories"
    words.write_text("\n".join(WORDS) + "\n")
    categories.write_text("\n".join(c.replace(" ", "%20") for c in CATEGORIES) + "\n")
    return words, categories
