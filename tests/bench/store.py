"""A store of the benchmark's own: brought up by ./souk, in the shipped configuration."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import machine
from machine import Cores, Failed, Meter

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "tests" / "results"
SERVICES = ["product-service", "cart-service", "order-service", "payment-service",
            "inventory-service", "mock-gateway"]
PORTS = {name: i + 1 for i, name in enumerate(SERVICES)} | {
    "postgres": 54, "redis": 63, "gateway": 88, "prometheus": 90}
POSTGRES_PROGRAMS = Path("/usr/lib/postgresql/15/bin")


def _free_port_base() -> int:
    def free(port: int) -> bool:
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return True
            except OSError:
                return False

    for base in range(12_000, 20_000, 100):
        if all(free(base + offset) for offset in PORTS.values()):
            return base
    raise Failed("no free range of ports from 12000 to 20000")


def _shipped_environment() -> tuple[dict[str, str], list[str]]:
    """The environment without what would change the store's configuration; and what that was."""
    runner = (ROOT / "local/runner/services.sh").read_text()
    passed_on = re.search(r"PASSED_ON=\((.*?)\)", runner, re.S)
    if not passed_on:
        raise Failed("local/runner/services.sh has no list PASSED_ON")
    changing = re.compile(r"(SOUK_(?!JOBS)|GATEWAY_|DATABASE_URL|REDIS_URL|PUBLIC_ORIGINS|PG).*")
    dropped = [name for name in os.environ
               if name in passed_on[1].split() or changing.fullmatch(name)]
    return {k: v for k, v in os.environ.items() if k not in dropped}, dropped


class Store:
    """Its programs run on the cores of the measurement: services on one, all else on the other."""

    def __init__(self, cores: Cores):
        self.cores = cores
        self._on_one_core = False
        self.base = _free_port_base()
        # On a disk: fsync means nothing in a file system that lives in memory.
        self._folder = Path(tempfile.mkdtemp(prefix="souk-bench-", dir="/var/tmp"))
        self._folder.chmod(0o755)  # as root, the store runs as another user
        self.state = self._folder / "state"
        shipped, self.ignored = _shipped_environment()
        self._env = shipped | {"SOUK_STATE": str(self.state), "SOUK_PORT_BASE": str(self.base)}

    def souk(self, *arguments: str, limit: float = 900) -> str:
        done = subprocess.run([ROOT / "souk", *arguments], env=self._env, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=limit, check=False)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()
            raise Failed(f"./souk {arguments[0]} failed: {said[-1500:]}")
        return done.stdout

    def up(self) -> None:
        self.souk("up")
        self.pin()

    def down(self) -> None:
        """Ends and deletes everything; keeps the logs in tests/results."""
        if self.state.exists():
            logs = RESULTS / "bench-logs"
            shutil.rmtree(logs, ignore_errors=True)
            shutil.copytree(self.state / "logs", logs, dirs_exist_ok=True)
            self.souk("down", limit=120)
        shutil.rmtree(self._folder, ignore_errors=True)

    # ---------------------------------------------------------------------------------------------

    def port(self, name: str) -> int:
        return self.base + PORTS[name]

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port(name)}"

    def secret(self, name: str) -> str:
        return (self.state / "secrets" / name).read_text().strip()

    def pin(self) -> None:
        services = {str(self.state / "bin" / name) for name in SERVICES}
        for pid, program in machine.processes_in(str(self.state)).items():
            tested = self._on_one_core or program in services
            machine.pin(pid, self.cores.tested if tested else self.cores.others)

    @contextlib.contextmanager
    def on_one_core(self):
        """All of the store on the tested core, so that the other one is the generator's alone."""
        self._on_one_core = True
        self.pin()
        try:
            yield
        finally:
            self._on_one_core = False
            self.pin()

    def pids(self) -> dict[str, int]:
        """The programs' first processes."""
        services = {str(self.state / "bin" / name): name for name in SERVICES}
        found = {}
        for pid, program in machine.processes_in(str(self.state)).items():
            if program in services:
                found[services[program]] = pid
            elif Path(program).name.startswith("redis-"):
                found["redis"] = pid
        postmaster = (self.state / "data/postgres/postmaster.pid").read_text()
        found["postgres"] = int(postmaster.split()[0])
        found["supervisor"] = int((self.state / "run/supervisord.pid").read_text())
        missing = (set(SERVICES) | {"redis"}) - set(found)
        if missing:
            raise Failed(f"not running: {', '.join(sorted(missing))}")
        return found

    def meter(self, *programs: str) -> Meter:
        """Counts what these programs use from now on. (supervisor writes down the access logs.)"""
        self.pin()
        pids = self.pids()
        return Meter(self.cores, {name: pids[name] for name in programs})

    # ---------------------------------------------------------------------------------------------

    def request(self, method: str, url: str, body: object = None,
                headers: dict[str, str] | None = None) -> tuple[int, bytes, dict[str, str]]:
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(url, data=data, method=method, headers={
            **({} if data is None else {"Content-Type": "application/json"}), **(headers or {})})
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read(), dict(refusal.headers)
        except (urllib.error.URLError, OSError) as error:
            raise Failed(f"{method} {url}: {error}") from None

    def json(self, method: str, url: str, body: object = None, **headers: str):
        status, answer, _ = self.request(method, url, body, headers)
        if not 200 <= status < 300:
            said = answer.decode(errors="replace")
            raise Failed(f"{method} {url} answered {status}: {said[:500]}")
        return json.loads(answer)

    def sql(self, database: str, query: str) -> list[list[str]]:
        """As superuser."""
        done = subprocess.run(
            ["psql", "-h", "127.0.0.1", "-p", str(self.port("postgres")), "-U", "postgres",
             "-d", database, "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-f", "-"],
            input=query, capture_output=True, text=True, timeout=300, check=False,
            env={**os.environ, "PGPASSWORD": self.secret("postgres-superuser")})
        if done.returncode != 0:
            raise Failed(f"SQL failed: {done.stderr.strip()}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def redis(self, *command: str) -> str:
        done = subprocess.run(["redis-cli", "-p", str(self.port("redis")), *command],
                              capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, "REDISCLI_AUTH": self.secret("redis")})
        if done.returncode != 0:
            raise Failed(f"redis-cli failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def settle(self, quiet: float = 1.0, limit: float = 60.0) -> None:
        """Waits until the store's own work after an import or a load has ended."""
        until = time.monotonic() + limit
        programs = ["product-service", "inventory-service", "order-service", "postgres"]
        while time.monotonic() < until:
            meter = self.meter(*programs)
            time.sleep(quiet)
            if sum(meter.stop().seconds.values()) < 0.1 * quiet:
                return

    # ---------------------------------------------------------------------------------------------

    def supervisorctl(self, *arguments: str) -> None:
        done = subprocess.run(["supervisorctl", "-c", str(self.state / "etc/supervisord.conf"),
                               *arguments], capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise Failed(f"supervisorctl {' '.join(arguments)}: {done.stdout.strip()}")

    def wait_until_ready(self, name: str, limit: float = 30) -> None:
        until = time.monotonic() + limit
        while time.monotonic() < until:
            try:
                if self.request("GET", self.url(name) + "/health/ready")[0] == 200:
                    return
            except Failed:
                pass
            time.sleep(0.02)
        raise Failed(f"{name} is not ready after {limit:.0f} s")


class ByHand:
    """A service outside of supervisor, started the way that supervisor starts it."""

    def __init__(self, store: Store, name: str):
        self._store = store
        self._name = name
        pid = store.pids()[name]
        with open(f"/proc/{pid}/environ", "rb") as f:
            self._env = dict(e.split(b"=", 1) for e in f.read().split(b"\0") if b"=" in e)
        self._user = os.stat(f"/proc/{pid}").st_uid
        self._group = os.stat(f"/proc/{pid}").st_gid

    def __enter__(self) -> "ByHand":
        self._store.supervisorctl("stop", self._name)
        return self

    def __exit__(self, *_: object) -> None:
        self._store.supervisorctl("start", self._name)
        self._store.wait_until_ready(self._name)

    def start(self) -> tuple[subprocess.Popen, float]:
        """Starts it; seconds from before exec until it says that it is ready."""
        own = os.geteuid() == self._user
        port = self._store.port(self._name)
        began = time.perf_counter()
        process = subprocess.Popen(
            machine.on_core(self._store.cores.tested, str(self._store.state / "bin" / self._name)),
            env=self._env, cwd=self._store.state, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            user=None if own else self._user, group=None if own else self._group,
            extra_groups=None if own else [])
        while time.perf_counter() - began < 10:
            if self._ready(port):
                return process, time.perf_counter() - began
            time.sleep(0.0005)
        self.stop(process)
        raise Failed(f"{self._name} is not ready after 10 s")

    @staticmethod
    def _ready(port: int) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as s:
                s.sendall(b"GET /health/ready HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
                return s.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    @staticmethod
    def stop(process: subprocess.Popen) -> None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
