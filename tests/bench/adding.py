"""Add to cart, against redis-benchmark running the same script."""

import re
import subprocess
import time

import machine
from loads import wrk
from machine import Failed
from report import Result, Round, Side, against, alternate
from store import Store

CONNECTIONS = 32
SECONDS = 6
SHOPPERS = 2_000
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b"}


def _shoppers(store: Store, count: int) -> list[tuple[str, str]]:
    sessions = [store.json("POST", store.url("cart-service") + "/session") for _ in range(count)]
    return [(s["user_id"], s["token"]) for s in sessions]


def _add(store: Store, user: str, token: str, product: str) -> dict:
    return store.json("POST", f"{store.url('cart-service')}/cart/{user}/items",
                      {"product_id": product, "quantity": 1}, Authorization=f"Bearer {token}")


def _words(line: str) -> list[str]:
    """The words of a line of MONITOR: quoted, with escapes."""
    def unescape(m: re.Match) -> str:
        code = m[1]
        return chr(int(code[1:], 16)) if code[0] == "x" else _ESCAPES.get(code, code)

    quoted = re.findall(r'"((?:[^"\\]|\\.)*)"', line)
    return [re.sub(r"\\(x[0-9a-f]{2}|.)", unescape, word) for word in quoted]


def _script_call(store: Store, user: str, token: str, product: str) -> list[str]:
    """EVALSHA and its arguments, as the service sends them for an add."""
    monitor = subprocess.Popen(
        ["redis-cli", "-p", str(store.port("redis")), "MONITOR"], stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
        env={"PATH": "/usr/bin:/bin", "REDISCLI_AUTH": store.secret("redis")})
    try:
        if monitor.stdout.readline().strip() != "OK":
            raise Failed("redis-cli MONITOR does not begin")
        _add(store, user, token, product)
        time.sleep(0.3)
    finally:
        monitor.terminate()
        seen, _ = monitor.communicate(timeout=10)
    calls = [_words(line) for line in seen.splitlines()
             if user in line and '"EVALSHA"' in line.upper() and " lua]" not in line]
    if len(calls) != 1:
        raise Failed(f"an add runs {len(calls)} scripts, where one is expected")
    return calls[0]


def measure(store: Store, products: list[str]) -> Result:
    shoppers = _shoppers(store, SHOPPERS)
    file = store.state.parent / "shoppers"
    file.write_text("".join(f"{user} {token} {products[i % len(products)]}\n"
                            for i, (user, token) in enumerate(shoppers)))
    [(user, token)] = _shoppers(store, 1)
    _add(store, user, token, products[0])
    call = _script_call(store, user, token, products[0])
    if not all(c.isprintable() for word in call for c in word):
        raise Failed("the script's arguments are not printable text")
    # As many carts as there are shoppers; redis-benchmark writes twelve digits.
    cart = f"{user[:-12]}__rand_int__"
    call = [word.replace(user, cart) for word in call]
    added = 0

    def souk(seconds: float = SECONDS) -> Round:
        meter = store.meter("cart-service", "product-service", "inventory-service", "redis",
                            "postgres", "supervisor")
        return wrk(store, meter, store.url("cart-service"), "cart.lua", CONNECTIONS, seconds,
                   str(file))

    def redis(operations: int) -> Round:
        nonlocal added
        meter = store.meter("redis")
        began = time.monotonic()
        done = machine.run(machine.on_core(
            store.cores.others, "redis-benchmark", "-p", str(store.port("redis")),
            "-a", store.secret("redis"), "-c", str(CONNECTIONS), "-n", str(operations),
            "-r", str(SHOPPERS), "--csv", *call), limit=120)
        usage = meter.stop()
        # The command itself, then rate and six latencies.
        columns = done.output.strip().splitlines()[-1].rsplit('","', 7)
        if len(columns) != 8:
            raise Failed(f"redis-benchmark told nothing: {done.output[-500:]}")
        added += operations
        return Round(float(columns[1]), operations, usage, "redis-benchmark", done.seconds,
                     time.monotonic() - began)

    souk(2)
    operations = int(redis(20_000).rate * SECONDS)
    ours, limit = alternate(3, souk, lambda: redis(operations))
    _check(store, cart, added)
    return against("add to cart", "adds/s", 0.5,
                   Side.of(f"POST /cart/{{user_id}}/items, {SHOPPERS:,} shoppers, "
                           f"{CONNECTIONS} connections", ours),
                   [Side.of("redis-benchmark, the same script and arguments", limit)])


def _check(store: Store, cart: str, added: int) -> None:
    """redis-benchmark takes any answer for success: has it added what it says?"""
    script = """
        local sum = 0
        for i = 0, tonumber(ARGV[2]) - 1 do
          local key = string.gsub(ARGV[1], '__rand_int__', string.format('%012d', i))
          local cart = redis.call('HGETALL', key)
          for j = 1, #cart, 2 do
            if #cart[j] == 36 then sum = sum + tonumber(cart[j + 1]) end  -- an identifier
          end
        end
        return sum"""
    total = int(store.redis("EVAL", script, "0", f"cart:{{{cart}}}", str(SHOPPERS)).strip())
    if total != added:
        raise Failed(f"redis-benchmark ran {added} adds, but {total} units are in the carts")
