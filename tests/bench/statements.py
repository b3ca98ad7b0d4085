"""The services' own SQL as pgbench scripts.

Nothing is copied: the statements, their parameters and their transactions are taken from the
server's log while a service does the same thing a few times. What differs from one time to the next
(new identifiers, random tokens) is made anew in each transaction of the script; what a statement
before has returned is taken from there; everything else stays as it was seen.
"""

import collections
import contextlib
import itertools
import re
import time
from dataclasses import dataclass, field

import machine
from machine import Failed
from store import POSTGRES_PROGRAMS, Store

_LINE = re.compile(r"^(\d+\.\d+) \[(\d+)\] \S*@(\S*) ([A-Z]+):  (.*)$", re.S)
_BIND = re.compile(r"^duration: [\d.]+ ms  bind [^:]+: (.*)$", re.S)
_PARAMETER = re.compile(r"\$(\d+) = (?:NULL|'((?:[^']|'')*)')(?:, |$)")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Execution:
    at: float  # seconds since 1970
    connection: int
    database: str
    sql: str
    parameters: tuple[str | None, ...]


class Log:
    """What was executed during `recording`."""

    def __init__(self, store: Store):
        self._store = store
        self._file = store.state / "logs" / "postgres.log"
        self.executions: list[Execution] = []

    @contextlib.contextmanager
    def recording(self):
        settings = {"log_min_duration_statement": "0", "log_parameter_max_length": "-1",
                    "log_line_prefix": "'%n [%p] %u@%d '"}
        for name, value in settings.items():
            self._store.sql("postgres", f"ALTER SYSTEM SET {name} = {value}")
        self._store.sql("postgres", "SELECT pg_reload_conf()")
        try:
            self._mark("recording begins")
            offset = self._file.stat().st_size
            yield self
            self._mark("recording ends")
            with open(self._file, encoding="utf-8") as f:
                f.seek(offset)
                self.executions = list(_executions(f.read()))
        finally:
            for name in settings:
                self._store.sql("postgres", f"ALTER SYSTEM RESET {name}")
            self._store.sql("postgres", "SELECT pg_reload_conf()")

    def _mark(self, text: str) -> None:
        """Waits until the log has everything up to now."""
        mark = f"{text} {time.time_ns()}"
        until = time.monotonic() + 20
        while time.monotonic() < until:
            self._store.sql("postgres", f"SELECT '{mark}'")
            time.sleep(0.2)
            with open(self._file, "rb") as f:
                f.seek(max(0, self._file.stat().st_size - 200_000))
                if mark.encode() in f.read():
                    return
        raise Failed("PostgreSQL does not log its statements")


def _executions(text: str):
    entries: list[list[str]] = []
    for line in text.split("\n"):
        if _LINE.match(line):
            entries.append([line])
        elif entries:
            entries[-1].append(line.removeprefix("\t"))
    matches = [_LINE.match("\n".join(entry)) for entry in entries]
    for entry, following in itertools.zip_longest(matches, matches[1:]):
        bind = _BIND.match(entry[5]) if entry[4] == "LOG" else None
        if not bind:
            continue
        parameters: tuple[str | None, ...] = ()
        if following and following[4] == "DETAIL" and following[2] == entry[2]:
            given = re.sub(r"^parameters: ", "", following[5], flags=re.I)
            parameters = tuple(None if m[2] is None else m[2].replace("''", "'")
                               for m in _PARAMETER.finditer(given))
        yield Execution(float(entry[1]), int(entry[2]), entry[3], bind[1].strip(), parameters)


# -------------------------------------------------------------------------------------------------

Unit = list[Execution]  # a transaction, or a single statement


def _is_control(sql: str) -> bool:
    return sql.split(None, 1)[0].upper() in ("BEGIN", "COMMIT", "ROLLBACK")


def _units(executions: list[Execution]) -> list[Unit]:
    """Transactions in the order in which they began."""
    units: list[Unit] = []
    open_ones: dict[int, Unit] = {}
    for e in executions:
        verb = e.sql.split(None, 1)[0].upper()
        if verb == "BEGIN":
            open_ones[e.connection] = []
            units.append(open_ones[e.connection])
        if e.connection in open_ones:
            open_ones[e.connection].append(e)
            if verb in ("COMMIT", "ROLLBACK"):
                del open_ones[e.connection]
        else:
            units.append([e])
    return units


def _is_lone_read(unit: Unit) -> bool:
    return len(unit) == 1 and not re.search(r"\b(INSERT|UPDATE|DELETE)\b", unit[0].sql, re.I)


def _shape(unit: Unit) -> tuple[str, ...]:
    return tuple(e.sql for e in unit)


@dataclass
class Sample:
    number: int  # of the operation that it shows
    units: list[Unit]


def samples(executions: list[Execution], idle: tuple[float, float],
            times: list[tuple[float, float]]) -> dict[str, list[Sample]]:
    """By database, what was done in each of the given times (seconds since 1970), without what is
    done in `idle`, too. Only samples of the commonest form are kept, at least two."""
    found: dict[str, list[Sample]] = {}
    for database in {e.database for e in executions} - {"postgres"}:
        own = _units([e for e in executions if e.database == database])
        background = {_shape(u) for u in own if idle[0] <= u[0].at < idle[1]}
        own = [u for u in own if _shape(u) not in background]
        all_samples = [Sample(number, [u for u in own if begin <= u[0].at < end])
                       for number, (begin, end) in enumerate(times)]
        commonest, count = collections.Counter(
            tuple(map(_shape, s.units)) for s in all_samples).most_common(1)[0]
        if not commonest:
            continue
        if count < 2:
            raise Failed(f"{database} does something else each time; nothing to compare with")
        found[database] = [s for s in all_samples if tuple(map(_shape, s.units)) == commonest]
    return found


# -------------------------------------------------------------------------------------------------


@dataclass
class Marker:
    """A text that is known to vary: its value in each sample, and an SQL expression for the script,
    which may use the variables that `sets` makes (one line of pgbench for each)."""
    values: list[str]
    expression: str
    sets: list[str] = field(default_factory=list)


@dataclass
class Script:
    database: str
    text: str
    defines: dict[str, str]
    tags: dict[str, str]  # the comment before a statement in the script -> the statement

    def run(self, store: Store, clients: int, seconds: float) -> tuple[float, int, float]:
        """Transactions a second, their number, and pgbench's CPU time."""
        file = store.state.parent / f"{self.database}.pgbench"
        file.write_text(self.text)
        # Identifiers go on from where an earlier run cannot have been yet.
        defines = self.defines | {"n": str(int(time.time() * 1000))}
        done = machine.run(machine.on_core(
            store.cores.others, str(POSTGRES_PROGRAMS / "pgbench"), "-n", "-M", "prepared",
            "-h", "127.0.0.1", "-p", str(store.port("postgres")), "-U", self.database,
            "-f", str(file), "-c", str(clients), "-j", "1", "-T", f"{seconds:.0f}",
            *(f"-D{k}={v}" for k, v in defines.items()), self.database),
            limit=seconds + 60, env={"PGPASSWORD": store.secret(f"postgres-{self.database}")})
        rate = re.search(r"^tps = ([\d.]+)", done.output, re.M)
        count = re.search(r"^number of transactions actually processed: (\d+)", done.output, re.M)
        failed = re.search(r"^number of failed transactions: (\d+)", done.output, re.M)
        if not rate or not count or (failed and failed[1] != "0"):
            raise Failed(f"pgbench on {self.database}: {done.output.strip()[-600:]}")
        return float(rate[1]), int(count[1]), done.seconds


class _Composer:
    def __init__(self, store: Store, database: str, markers: list[Marker]):
        self._store = store
        self._database = database
        self._markers = markers
        self._slots: dict[tuple[str, ...], str] = {}  # what varies together -> expression
        self._defines: dict[str, str] = {"nil": "-"}
        self._tags: dict[str, str] = {}
        self._returns: set[int] = set()  # positions whose results are used later
        self._draws = False  # whether the script draws one of the samples
        self._numbers: list[int] = []  # of the samples

    def compose(self, sampled: list[Sample], repeats: dict[str, float]) -> Script:
        """`repeats`: how often a query for each time that it stands in the sample."""
        first = sampled[0].units
        self._numbers = [s.number for s in sampled]
        flat = [[e for unit in s.units for e in unit] for s in sampled]
        bodies = []
        for position, executions in enumerate(zip(*flat)):
            bodies.append(self._statement(position, list(executions), flat[0]))
        lines = ["\\set n :n + 1"]
        lines += dict.fromkeys(line for m in self._markers for line in m.sets)
        if self._draws:
            lines.append(f"\\set sample random(1, {len(flat)})")
        position = 0
        for number, unit in enumerate(first):
            times = repeats[_key(unit[0].sql)] if _is_lone_read(unit) else 1.0
            text = self._unit(unit, bodies, position)
            whole, part = int(times + 0.005), times - int(times + 0.005)
            lines += [text] * whole
            if part > 0.005:
                lines += [f"\\set chance{number} random(1, 1000000)",
                          f"\\if :chance{number} <= {round(part * 1e6)}", text, "\\endif"]
            position += len(unit)
        return Script(self._database, "\n".join(lines) + "\n", self._defines,
                      {tag: sql for sql, tag in self._tags.items()})

    def _unit(self, unit: Unit, bodies: list[str], position: int) -> str:
        """A transaction's first statement travels with BEGIN, its last one with COMMIT, unless
        its result is needed: fewer round trips than any client could do with."""
        out, piped = [], False

        def pipe(wanted: bool) -> None:
            nonlocal piped
            if wanted != piped:
                out.append("\\startpipeline" if wanted else "\\endpipeline")
                piped = wanted

        for i, body in enumerate(bodies[position:position + len(unit)]):
            returns = position + i in self._returns
            edge = len(unit) > 1 and (i <= 1 or i >= len(unit) - 2)
            pipe(edge and not returns)
            if i == len(unit) - 2 and i > 1:  # a pipeline of its own for the end
                pipe(False)
                pipe(not returns)
            out.append(body + (f"\n\\gset r{position + i}_" if returns else ";"))
        pipe(False)
        return "\n".join(out)

    def _statement(self, position: int, executions: list[Execution],
                   earlier: list[Execution]) -> str:
        sql = executions[0].sql
        if _is_control(sql):
            return sql
        if re.search(r"(?<!:):[A-Za-z_]", sql) or ";" in sql:
            raise Failed(f"pgbench cannot run this statement as it is: {sql[:200]}")
        tag = self._tags.setdefault(sql, f"/* souk{len(self._tags)} */")
        types = self._types_of(sql)
        columns = list(zip(*(e.parameters for e in executions)))
        if len(columns) != len(types):
            raise Failed(f"{len(columns)} parameters seen of {len(types)}: {sql[:200]}")
        expressions = [self._parameter(position, sql, n + 1, values, types[n], earlier)
                       for n, values in enumerate(columns)]
        body = re.sub(r"\$(\d+)", lambda m: expressions[int(m[1]) - 1], sql)
        return f"{tag} {body}"

    def _types_of(self, sql: str) -> list[str]:
        """Of the parameters, as the server infers them."""
        rows = self._store.sql(self._database, f"PREPARE q AS {sql};\n"
                               "SELECT unnest(parameter_types) FROM pg_prepared_statements;")
        return [row[0] for row in rows]

    def _parameter(self, position: int, sql: str, number: int, values: tuple[str | None, ...],
                   sql_type: str, earlier: list[Execution]) -> str:
        if any(v is None for v in values):
            if any(v is not None for v in values):
                raise Failed(f"${number} is NULL only sometimes: {sql[:200]}")
            # A parameter all the same: a constant would let the planner know more.
            return f"NULLIF(:nil::text, '-')::{sql_type}"
        texts = [v for v in values if v is not None]
        known = self._split_known(texts)
        if known is not None:
            return f"({known})::{sql_type}"
        if set(texts) == {""}:  # which pgbench does not take as a value
            return f"left(:nil::text, 0)::{sql_type}"
        if len(set(texts)) == 1:
            return f":{self._define(texts[0])}::{sql_type}"
        if sql_type.endswith("[]"):  # lists of what was found, of any length: one of those seen
            seen = ", ".join(f":{self._define(t)}::text" for t in texts)
            self._draws = True
            return f"(ARRAY[{seen}])[:sample::int]::{sql_type}"
        if sql_type in ("bigint", "integer") or all(t.isdigit() for t in texts):
            return f":{self._returned(position, sql, number, earlier)}::{sql_type}"
        return f"({self._slot(tuple(texts))})::{sql_type}"

    def _define(self, value: str) -> str:
        for name, known in self._defines.items():
            if known == value and name != "nil":
                return name
        name = f"c{len(self._defines)}"
        self._defines[name] = value
        return name

    def _split_known(self, texts: list[str]) -> str | None:
        """The texts as a concatenation of fixed parts, markers and identifiers; nothing if none of
        these is in it, or something else varies."""
        tokens = [([m.values[n] for n in self._numbers], m.expression) for m in self._markers]
        for found in zip(*(dict.fromkeys(_UUID.findall(t)) for t in texts)):
            if len(set(found)) > 1:
                tokens.append((list(found), self._slot(found)))
        templates = set()
        for i, text in enumerate(texts):
            for number, (values, _) in enumerate(tokens):
                text = text.replace(values[i], f"\0{number}\0")
            templates.add(text)
        if len(templates) != 1 or "\0" not in (template := templates.pop()):
            return None
        parts = []
        if re.fullmatch(r"\0\d+\0", template):
            return tokens[int(template.strip("\0"))][1]
        for index, part in enumerate(template.split("\0")):
            if index % 2:
                parts.append(f"({tokens[int(part)][1]})::text")
            elif part:
                parts.append(f":{self._define(part)}::text")
        return " || ".join(parts)

    def _slot(self, values: tuple[str, ...]) -> str:
        if values not in self._slots:
            number = len(self._slots)
            if all(_UUID.fullmatch(v) for v in values):
                # Ascending like the real ones, so that indexes grow at their end.
                self._slots[values] = (
                    "(lpad(to_hex(:n::bigint), 12, '0') || "
                    f"'7{number:03x}8000' || lpad(to_hex(:client_id::bigint), 12, '0'))::uuid")
            else:
                length, prefix = len(values[0]), ""
                if all(v.startswith("\\x") for v in values):
                    length, prefix = length - 2, "'\\x' || "
                hashes = " || ".join(f"md5('{number}.{i}.' || :client_id::text || '.' || :n::text)"
                                     for i in range((length + 31) // 32))
                self._slots[values] = f"({prefix}left({hashes}, {length}))"
        return self._slots[values]

    def _returned(self, position: int, sql: str, number: int, earlier: list[Execution]) -> str:
        """A number that the database has made: what the column that it is compared with was in the
        result of the nearest statement before."""
        column = re.search(rf"(\w+)\s*=\s*\${number}\b", sql)
        for at in range(position - 1, -1, -1):
            before = earlier[at].sql
            if column and not _is_control(before) and re.search(
                    rf"(RETURNING|SELECT)\b[^()]*\b{column[1]}\b", before):
                self._returns.add(at)
                return f"r{at}_{column[1]}"
        raise Failed(f"where ${number} comes from is not known: {sql[:300]}")


def compose(store: Store, sampled: dict[str, list[Sample]], markers: list[Marker],
            repeats: dict[str, dict[str, float]]) -> dict[str, Script]:
    return {database: _Composer(store, database, markers).compose(s, repeats.get(database, {}))
            for database, s in sorted(sampled.items())}


# -------------------------------------------------------------------------------------------------


def _key(sql: str) -> str:
    """What is alike in a statement and in what pg_stat_statements shows for it. Its identifiers do
    not serve: a statement that is planned anew may get another one."""
    sql = re.sub(r"\$\d+|'(?:[^']|'')*'|\b\d+(\.\d+)?\b|\b(NULL|true|false)\b", "?", sql)
    return " ".join(sql.split())


class Calls:
    """Calls of statements since the making, from pg_stat_statements."""

    def __init__(self, store: Store):
        self._store = store
        store.sql("product", "SELECT pg_stat_statements_reset()")

    def read(self) -> dict[str, list[tuple[int, str]]]:
        """By database: calls and text."""
        found: dict[str, list[tuple[int, str]]] = collections.defaultdict(list)
        for database, calls, text in self._store.sql("product", r"""
                SELECT d.datname, s.calls, regexp_replace(s.query, '\s+', ' ', 'g')
                FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
                JOIN pg_roles r ON r.oid = s.userid WHERE r.rolname = d.datname"""):
            found[database].append((int(calls), text))
        return found


def _by_key(calls: list[tuple[int, str]]) -> collections.Counter[str]:
    counted: collections.Counter[str] = collections.Counter()
    for number, text in calls:
        counted[_key(text)] += number
    return counted


def repeats_under_load(sampled: dict[str, list[Sample]], calls: dict[str, list[tuple[int, str]]],
                       operations: int) -> dict[str, dict[str, float]]:
    """How often a query was made for each time that it stands in the sample: under load, a service
    may ask for several callers at once, or look again."""
    out: dict[str, dict[str, float]] = {}
    for database, all_samples in sampled.items():
        made = _by_key(calls[database])
        counts = collections.Counter(_key(unit[0].sql) for unit in all_samples[0].units
                                     if _is_lone_read(unit))
        out[database] = {key: made[key] / (operations * times) for key, times in counts.items()}
    return out


@dataclass
class Comparison:
    """Calls per operation, of the statements that belong to the operation."""
    database: str
    service: float
    script: float
    others: float  # the service's other statements, per operation

    def tell(self, operation: str) -> str:
        equal = abs(self.service - self.script) <= 0.02 * max(self.service, self.script)
        return (f"calls per {operation} on {self.database}: {self.service:.2f} by the services, "
                f"{self.script:.2f} by pgbench: {'equal' if equal else 'NOT EQUAL'} "
                f"({self.others:.2f} more are the services' other work)")


def compare(script: Script, service_calls: list[tuple[int, str]], operations: int,
            script_calls: list[tuple[int, str]], transactions: int) -> Comparison:
    """Without BEGIN and COMMIT, which PostgreSQL does not count when they are prepared."""
    own = {_key(sql) for sql in script.tags.values()}
    made = _by_key([(calls, text) for calls, text in service_calls if not _is_control(text)])
    return Comparison(
        script.database,
        sum(calls for key, calls in made.items() if key in own) / operations,
        sum(calls for calls, text in script_calls if text.startswith(tuple(script.tags)))
        / transactions,
        sum(calls for key, calls in made.items() if key not in own) / operations)
