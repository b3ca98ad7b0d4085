"""The generators: wrk, and the static nginx that is a limit."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import machine
from machine import Failed, Meter
from report import Round
from store import ROOT, Store

HERE = Path(__file__).resolve().parent


def wrk(store: Store, meter: Meter, url: str, script: str, connections: int, seconds: float,
        *arguments: str) -> Round:
    """Runs a script of tests/bench/wrk; any answer but 2xx is a failure."""
    began = time.monotonic()
    done = machine.run(machine.on_core(
        store.cores.others, "wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds:.0f}s",
        "--timeout", "5s", "-s", str(HERE / "wrk" / script), url, "--", *arguments),
        limit=seconds + 30, env={"LUA_PATH": f"{HERE}/wrk/?.lua;;"})
    usage = meter.stop()
    try:
        summary = json.loads(done.output.strip().splitlines()[-1])
    except (json.JSONDecodeError, IndexError):
        raise Failed(f"wrk told nothing: {done.output[-500:]}") from None
    errors = {k: v for k, v in summary["errors"].items() if v}
    if errors:
        raise Failed(f"{url}: of {summary['requests']} requests these failed: {errors}")
    return Round(summary["requests"] / summary["seconds"], summary["requests"], usage, "wrk",
                 done.seconds, time.monotonic() - began)


class StaticNginx:
    """nginx as the store's gateway is set up, serving files: one process on the tested core."""

    def __init__(self, store: Store, files: dict[str, tuple[bytes, dict[str, str]]]):
        """Path -> body, and the headers that the service sends with it."""
        self._store = store
        self._folder = store.state.parent / "nginx"
        self._port = store.base + 99
        self._files = files

    def __enter__(self) -> "StaticNginx":
        (self._folder / "files").mkdir(parents=True, exist_ok=True)
        locations = []
        for number, (path, (body, headers)) in enumerate(self._files.items()):
            (self._folder / "files" / f"{number}.json").write_bytes(body)
            more = "".join(f'      add_header {k} "{v}";\n' for k, v in headers.items())
            locations.append(f"    location = {path} {{\n{more}"
                             f'      alias "{self._folder}/files/{number}.json";\n    }}\n')
        template = (HERE / "nginx.conf.template").read_text()
        for name, value in {"FOLDER": str(self._folder), "PORT": str(self._port),
                            "LOCATIONS": "".join(locations)}.items():
            template = template.replace(f"${{{name}}}", value)
        config = self._folder / "nginx.conf"
        config.write_text(template)
        for folder in (self._folder, self._folder / "files"):
            folder.chmod(0o755)
        self._process = subprocess.Popen(
            machine.on_core(self._store.cores.tested, shutil.which("nginx") or "nginx",
                            "-e", "stderr", "-c", str(config), "-g", "daemon off;"),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                for path, (body, _) in self._files.items():
                    status, got, _ = self._store.request("GET", self.url(path))
                    if status != 200 or got != body:
                        raise Failed(f"nginx answers {path} with {status}")
                return self
            except Failed:
                if self._process.poll() is not None:
                    break
                time.sleep(0.05)
        self.__exit__()
        raise Failed("nginx does not serve the files of the limit")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._port}{path}"

    def meter(self) -> Meter:
        return Meter(self._store.cores, {"nginx": self._process.pid})


def build_checkouts() -> str:
    """The shoppers' program, built like the services."""
    build = ROOT / "build" / "release"
    commands = (["cmake", "--preset", "release", "-DSOUK_BENCH=ON"],
                ["ninja", "-C", str(build), "souk-bench-checkouts"])
    for command in commands:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=900, env=os.environ)
        if done.returncode != 0:
            raise Failed(f"{command[0]} failed: {(done.stdout + done.stderr).strip()[-2000:]}")
    return str(build / "bin" / "souk-bench-checkouts")
