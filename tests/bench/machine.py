"""Cores, processes and the kernel's counters."""

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass, field

TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A measurement that could not be made; the text says why."""


@dataclass(frozen=True)
class Cores:
    tested: int  # what is measured runs here: Souk's programs, or the static nginx
    others: int  # everything else: generators, PostgreSQL, Redis, supervisor


def choose_cores() -> Cores:
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise Failed("two cores are needed: one for what is measured, one for generator and stores")
    return Cores(allowed[0], allowed[1])


def on_core(core: int, *command: str) -> list[str]:
    return ["taskset", "-c", str(core), *command]


def pin(pid: int, core: int) -> None:
    """All threads of a process; those that it starts later inherit."""
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            os.sched_setaffinity(int(thread), {core})
    except (FileNotFoundError, ProcessLookupError):
        pass


def processes_in(folder: str) -> dict[int, str]:
    """The processes that work inside a folder: pid and program file."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            where = os.readlink(f"/proc/{name}/cwd")
            if where == folder or where.startswith(folder + "/"):
                found[int(name)] = os.readlink(f"/proc/{name}/exe").removesuffix(" (deleted)")
        except OSError:
            continue
    return found


def _stat(pid: int) -> list[str]:
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rpartition(")")[2].split()


def tree_of(root: int) -> list[int]:
    """A process and its children of the first generation."""
    found = [root]
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if int(_stat(int(name))[1]) == root:
                    found.append(int(name))
            except (OSError, IndexError):
                continue
    return found


# Programs that work in processes of their own making.
FORKING = {"postgres", "redis", "nginx"}


def cpu_seconds(name: str, root: int) -> float:
    """Used by a program so far: for those that fork by its children too, also ended ones."""
    total = 0
    for pid in tree_of(root) if name in FORKING else [root]:
        try:
            fields = _stat(pid)
        except OSError:
            continue  # ended meanwhile: its parent's counters have it now
        total += sum(int(t) for t in fields[11:15 if name in FORKING and pid == root else 13])
    return total / TICKS


def resident_mb(pid: int) -> float:
    with open(f"/proc/{pid}/status") as f:
        found = re.search(r"^VmRSS:\s+(\d+) kB", f.read(), re.M)
    if not found:
        raise Failed(f"process {pid} has no resident memory")
    return int(found[1]) / 1024


def _core_times(core: int) -> tuple[int, int, int]:
    """Busy, stolen by the hypervisor, and all time of a core, in ticks."""
    with open("/proc/stat") as f:
        for line in f:
            name, *numbers = line.split()
            if name == f"cpu{core}":
                user, nice, system, idle, wait, irq, soft, steal = map(int, numbers[:8])
                busy = user + nice + system + irq + soft
                return busy, steal, busy + steal + idle + wait
    raise Failed(f"the kernel counts nothing for core {core}")


@dataclass
class Usage:
    """What was used between the making of a Meter and its stop()."""
    seconds: dict[str, float] = field(default_factory=dict)  # CPU time by program
    busy: dict[str, float] = field(default_factory=dict)     # share of each core: tested, others
    stolen: float = 0.0                                      # largest share that a core lost
    core_seconds: float = 0.0                                # that both cores were busy


class Meter:
    def __init__(self, cores: Cores, roots: dict[str, int]):
        self._cores = {"tested": cores.tested, "others": cores.others}
        self._roots = roots
        self._cpu = {name: cpu_seconds(name, pid) for name, pid in roots.items()}
        self._times = {name: _core_times(core) for name, core in self._cores.items()}

    def stop(self) -> Usage:
        usage = Usage()
        for name, core in self._cores.items():
            busy, steal, total = (b - a for a, b in zip(self._times[name], _core_times(core)))
            usage.busy[name] = busy / total if total else 0.0
            usage.stolen = max(usage.stolen, steal / total if total else 0.0)
            usage.core_seconds += busy / TICKS
        for name, pid in self._roots.items():
            usage.seconds[name] = cpu_seconds(name, pid) - self._cpu[name]
        return usage


@dataclass
class Finished:
    """A program that was run to its end."""
    output: str
    seconds: float  # CPU time


def run(command: list[str], limit: float, env: dict[str, str] | None = None) -> Finished:
    """Runs a generator; its exit status must be 0."""
    program = next(w for w in command if w not in ("taskset", "-c") and not w.isdigit())
    name = os.path.basename(program)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env={**os.environ, **(env or {})}) as process:
        before = os.times()
        try:
            output, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Failed(f"{name} did not end within {limit:.0f} s") from None
        after = os.times()
    text = output.decode(errors="replace")
    if process.returncode != 0:
        raise Failed(f"{name} ended with status {process.returncode}: {text.strip()[-600:]}")
    return Finished(text, after.children_user - before.children_user
                    + after.children_system - before.children_system)


def _first_line(*command: str) -> str:
    if not shutil.which(command[0]):
        return ""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return ((done.stdout or done.stderr).splitlines() or [""])[0]


def describe() -> dict[str, str]:
    """The machine and the programs that the figures depend on."""
    with open("/proc/cpuinfo") as f:
        model = re.search(r"^model name\s*:\s*(.+)$", f.read(), re.M)
    with open("/proc/meminfo") as f:
        memory = re.search(r"^MemTotal:\s+(\d+)", f.read(), re.M)

    def version(pattern: str, *command: str) -> str:
        found = re.search(pattern, _first_line(*command))
        return found[1] if found else "unknown"

    return {
        "processor": model[1] if model else platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{int(memory[1]) / 1048576:.1f} GiB" if memory else "unknown",
        "kernel": platform.release(),
        "postgresql": version(r"(\d+\.\d+)", "psql", "--version"),
        "redis": version(r"v=([\d.]+)", "redis-server", "--version"),
        "nginx": version(r"nginx/([\d.]+)", "nginx", "-v"),
        "wrk": version(r"wrk (\S+)", "wrk", "-v"),
    }
