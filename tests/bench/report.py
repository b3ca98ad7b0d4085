"""Rounds, medians, and how they are told."""

import json
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from machine import Usage


@dataclass
class Round:
    """One run of a load."""
    rate: float        # operations a second
    operations: int    # during the whole run
    usage: Usage       # of the programs, during the whole run
    generator: str
    generator_seconds: float
    seconds: float     # that the run took

    def cpu(self) -> dict[str, float]:
        """Microseconds per operation, by program."""
        used = {**self.usage.seconds, self.generator: self.generator_seconds}
        return {name: s * 1e6 / self.operations for name, s in used.items()}

    def foreign(self) -> float:
        """How much of a core was taken by programs that have nothing to do with it."""
        own = sum(self.usage.seconds.values()) + self.generator_seconds
        return max(0.0, self.usage.core_seconds - own) / self.seconds


@dataclass
class Side:
    """The median of several rounds, and what went with it."""
    what: str
    rate: float
    rates: list[float]
    cpu: dict[str, float]
    tested_busy: float
    others_busy: float
    generator: str
    generator_share: float  # of one core
    stolen: float   # by the machine's host
    foreign: float  # by other programs, of one core

    @staticmethod
    def of(what: str, rounds: list[Round]) -> "Side":
        programs = rounds[0].cpu()
        return Side(
            what, statistics.median(r.rate for r in rounds), [round(r.rate, 1) for r in rounds],
            {p: statistics.median(r.cpu()[p] for r in rounds) for p in programs},
            statistics.median(r.usage.busy["tested"] for r in rounds),
            statistics.median(r.usage.busy["others"] for r in rounds),
            rounds[0].generator,
            statistics.median(r.generator_seconds / r.seconds for r in rounds),
            max(r.usage.stolen for r in rounds), max(r.foreign() for r in rounds))

    def bound(self, tested: str) -> str:
        """Whether the generator kept its rate. A closed loop asks as fast as it is answered, so it
        does unless its core was full; then the rate tells of that core."""
        share = f"{self.generator} took {self.generator_share:.0%}"
        if self.others_busy > 0.97:
            return (f"generator and stores filled their core ({share}): the rate is theirs, "
                    f"{tested} was busy {self.tested_busy:.0%}")
        return (f"the generator kept up ({share} of its core, busy {self.others_busy:.0%}); "
                f"{tested} was busy {self.tested_busy:.0%}")


@dataclass
class Result:
    name: str
    unit: str
    figure: float
    goal: str
    met: bool
    limit: float | None = None
    ratio: float | None = None
    ours: Side | None = None
    limits: list[Side] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    series: list[dict] = field(default_factory=list)  # by second; in bench.json only


def against(name: str, unit: str, goal: float, ours: Side, limits: list[Side],
            notes: list[str] | None = None) -> Result:
    """A rate beside its limit; several limits that one operation has to pass one after the other
    make 1 / sum(1 / rate)."""
    limit = 1 / sum(1 / side.rate for side in limits)
    ratio = ours.rate / limit
    return Result(name, unit, ours.rate, f"≥ {goal:g}", ratio >= goal, limit, ratio, ours, limits,
                  notes or [])


def alternate(times: int, *loads: Callable[[], Round]) -> list[list[Round]]:
    """A B A B ...: what drifts meets all loads alike."""
    rounds: list[list[Round]] = [[] for _ in loads]
    for _ in range(times):
        for load, done in zip(loads, rounds):
            done.append(load())
    return rounds


# -------------------------------------------------------------------------------------------------


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"


def _cpu(side: Side) -> str:
    return ", ".join(f"{name} {value:.1f}" for name, value in
                     sorted(side.cpu.items(), key=lambda c: -c[1]) if value >= 0.05)


def table(results: list[Result]) -> str:
    rows = [("", "Souk", "limit", "ratio", "goal", "")]
    for r in results:
        rows.append((f"{r.name}, {r.unit}", _number(r.figure), _number(r.limit),
                     "" if r.ratio is None else f"{r.ratio:.2f}", r.goal,
                     "met" if r.met else "NOT MET"))
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    aligned = [[cell.ljust(width) if i in (0, 5) else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths))] for row in rows]
    return "\n".join("  ".join(row).rstrip() for row in aligned)


def details(results: list[Result]) -> str:
    """CPU time and who was the limit, for each rate."""
    lines = []
    for r in results:
        if not r.ours and not r.notes:
            continue
        lines.append(f"{r.name}")
        if not r.ours:
            lines += [f"  {note}" for note in r.notes]
            continue
        lines.append(f"  Souk: {r.ours.what}; rounds {_rounds(r.ours)}")
        lines.append(f"    CPU µs per operation: {_cpu(r.ours)}")
        lines.append(f"    {r.ours.bound('the core of Souk')}")
        for side in r.limits:
            lines.append(f"  limit: {side.what}; rounds {_rounds(side)}")
            lines.append(f"    CPU µs per operation: {_cpu(side)}")
            if "nginx" in side.cpu:
                lines.append(f"    {side.bound('its core')}")
        sides = [r.ours, *r.limits]
        if (stolen := max(side.stolen for side in sides)) > 0.02:
            lines.append(f"  the machine's host took up to {stolen:.0%} of a core meanwhile")
        if (foreign := max(side.foreign for side in sides)) > 0.15:
            lines.append(f"  OTHER PROGRAMS took up to {foreign:.0%} of a core meanwhile: "
                         "measure again when the machine is quiet")
        lines += [f"  {note}" for note in r.notes]
    return "\n".join(lines)


def _rounds(side: Side) -> str:
    return " ".join(_number(rate) for rate in side.rates)


def as_json(machine: dict[str, str], results: list[Result], seconds: float) -> str:
    told = {"machine": machine, "seconds": round(seconds), "results": [asdict(r) for r in results]}
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"
