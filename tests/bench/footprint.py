"""How soon a service is ready, and how much memory it holds."""

import statistics
import time

import machine
from report import Result
from store import SERVICES, ByHand, Store

STARTS = 5
GOAL_READY_MS = 100
GOAL_IDLE_MB = 20
GOAL_LOADED_MB = 40


def measure_starts(store: Store) -> list[Result]:
    """Time from exec to ready, and the memory of a service that has done nothing yet."""
    ready, idle = [], []
    for name in SERVICES:
        times = []
        with ByHand(store, name) as service:
            for number in range(STARTS):
                process, seconds = service.start()
                times.append(seconds * 1000)
                if number == STARTS - 1:
                    time.sleep(2)
                    memory = machine.resident_mb(process.pid)
                service.stop(process)
        median = statistics.median(times)
        ready.append(Result(f"{name}, exec to ready", "ms", median, f"< {GOAL_READY_MS}",
                            median < GOAL_READY_MS))
        idle.append(Result(f"{name}, memory idle", "MB", memory, f"< {GOAL_IDLE_MB}",
                           memory < GOAL_IDLE_MB))
    return ready + idle


def measure_loaded(store: Store) -> list[Result]:
    """Memory after everything that was measured before."""
    pids = store.pids()
    memory = {name: machine.resident_mb(pids[name]) for name in SERVICES}
    return [Result(f"{name}, memory after the load", "MB", used, f"< {GOAL_LOADED_MB}",
                   used < GOAL_LOADED_MB) for name, used in memory.items()]
