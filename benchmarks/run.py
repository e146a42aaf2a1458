"""Measures Freehold, the usual FastAPI app and a third server in turn; README.md says how and why so.

python -m benchmarks.run --help
"""

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.data import Account, Data
from benchmarks.load import Plan, Result
from benchmarks.pocketbase import PocketBase
from benchmarks.postgres import SETTINGS, Cluster, cluster
from benchmarks.postgrest import PostgREST
from benchmarks.processes import REPOSITORY, Process, Trouble, cores, free_port, on
from benchmarks.servers import (
    AsyncBaseline,
    Baseline,
    Freehold,
    FreeholdOnPostgres,
    PostgresServer,
    Server,
    WithoutRowLevelSecurity,
)
from benchmarks.workload import OPERATIONS, Workload

CONNECTIONS: Final = 32
PLACE: Final = REPOSITORY / ".data" / "bench"
EMBEDDED: Final[tuple[type[Server], ...]] = (Freehold, Baseline, PocketBase)
ON_POSTGRES: Final[tuple[type[PostgresServer], ...]] = (
    FreeholdOnPostgres,
    WithoutRowLevelSecurity,
    AsyncBaseline,
    PostgREST,
)
NAMES: Final = {"sqlite": [kind.name for kind in EMBEDDED], "postgresql": [kind.name for kind in ON_POSTGRES]}
TITLES: Final = {
    "freehold": "Freehold",
    WithoutRowLevelSecurity.name: "without RLS",
    "baseline": "FastAPI + SQLModel",
    "pocketbase": "PocketBase",
    "postgrest": "PostgREST",
}
BODIES: Final = (300, 2000)
TOO_BUSY: Final = 0.8
"""share of its core from which on the generator is suspected of being what was measured"""
TOO_IDLE: Final = 0.7
"""share of its core below which a server under load was kept from working, by the disk or by somebody else"""
ROUND: Final = 1.0
"""seconds, or so, of one turn of a server"""
SHORT_WARM_UP: Final = 0.2
"""seconds of each turn but the first that are not measured"""
LONGEST: Final = 300.0
"""seconds of an operation; tokens must last for one more"""
TOKENS_LAST: Final = 300.0
"""seconds after which everybody logs in again: a third of what our tokens last, and seldom enough for rate limits"""
SELF_CHECK: Final = f"GET /v1/notes/{'0' * 36} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {'x' * 400}\r\n\r\n"

console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)


@dataclass
class Report:
    """What was measured of one server with records of one size."""

    server: str
    body: int
    start: float = 0.0
    """seconds from starting the process to the first time it says that it is ready"""
    operations: dict[str, dict[str, float]] = field(default_factory=dict)
    memory: dict[str, float] | None = None
    """megabytes, after the last operation"""
    trouble: str | None = None


@dataclass(frozen=True)
class Timing:
    """How long each operation runs."""

    warm_up: float
    seconds: float

    @property
    def rounds(self) -> int:
        """How often each server has its turn: so all of them meet what else the machine does meanwhile."""
        return max(1, round(self.seconds / ROUND))

    @property
    def round(self) -> float:
        """Seconds of one turn."""
        return self.seconds / self.rounds


@dataclass(frozen=True)
class Place:
    """Where it runs."""

    cores: tuple[int, int] | None
    """the server's and the load's; None where they may use all that there are"""
    postgres: Cluster | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for; 0 where everything could be measured, else 1."""
    asked = _arguments(arguments)
    timing = Timing(min(2.0, asked.seconds / 4), asked.seconds)
    where = None if asked.database == "postgresql" else cores()
    pinned = f"server on core {where[0]}, load on core {where[1]}" if where else "not pinned to cores"
    console.print(f"{_processor()}, {os.cpu_count()} cores; {pinned}; Python {platform.python_version()}")
    load = os.getloadavg()[0]
    if load > 0.3:
        console.print(f"[yellow]This machine is busy (load average {load:.1f}): mistrust the figures.[/]")
    if asked.self_check:
        return _self_check(timing)
    reports: list[Report] = []
    version = None
    with cluster() if asked.database == "postgresql" else contextlib.nullcontext() as postgres:
        if postgres is not None:
            version = postgres.version
            told = ", ".join(f"{name}={value}" for name, value in SETTINGS.items())
            console.print(f"PostgreSQL {version} on the same cores, {told}")
        _measure_all(asked, timing, Place(where, postgres), reports)
    _warn(reports)
    if asked.json:
        everything = _everything(reports, timing, load, where) | {
            "postgresql": version and {"version": version, **SETTINGS},
        }
        asked.json.write_text(json.dumps(everything, indent=1), encoding="utf-8")
    return 1 if any(report.trouble for report in reports) else 0


def _measure_all(asked: argparse.Namespace, timing: Timing, place: Place, reports: list[Report]) -> None:
    for body in asked.body or BODIES[: 1 if asked.quick else None]:
        data = Data(body, notebooks=20, notes=25) if asked.quick else Data(body)
        workload = Workload(data)
        of_body = [Report(name, body) for name in asked.only]
        reports += of_body
        with contextlib.ExitStack() as stack, console.status("") as status:
            running = []
            for report in of_body:
                status.update(f"{TITLES[report.server]}, {size(data)}: making its database, starting it")
                with _as_far_as_possible(report):
                    running.append(stack.enter_context(_contestant(report, workload, place)))
            for operation, meaning in OPERATIONS.items():
                for number in range(timing.rounds):
                    # in turn, and nobody always behind the same one
                    for each in [*running[number % len(running) :], *running[: number % len(running)]]:
                        if each.report.trouble is None:
                            status.update(f"{TITLES[each.report.server]}, {size(data)}: {operation}, {meaning}")
                            with _as_far_as_possible(each.report):
                                each.run(operation, number, timing)
            for each in running:
                each.conclude(timing)
        console.print(
            f"\n[bold]{size(data)}[/], {CONNECTIONS} connections, one worker, {timing.rounds} rounds in turn: "
            "requests/s · p50 / p99 in milliseconds; ratios: requests/s (and per second of processor time)"
        )
        console.print(table(of_body))
        console.print(processor_time(of_body))


@contextlib.contextmanager
def _as_far_as_possible(report: Report) -> Iterator[None]:
    """Whatever trouble a server makes, the others can still be measured."""
    try:
        yield
    except Exception as trouble:
        report.trouble = str(trouble) if isinstance(trouble, Trouble) else repr(trouble)
        console.print(f"[red]{TITLES[report.server]} cannot be measured:[/] {escape(report.trouble)}")


@contextlib.contextmanager
def _contestant(report: Report, workload: Workload, place: Place) -> Iterator["Contestant"]:
    """A server for the time being, filled, verified and idle; with a database of its own where it takes one."""
    folder = PLACE / f"{report.server}-{report.body}"
    with contextlib.ExitStack() as stack:
        server: Server
        if place.postgres is None:
            server = next(kind for kind in EMBEDDED if kind.name == report.server)(folder)
        else:
            kind = next(kind for kind in ON_POSTGRES if kind.name == report.server)
            server = kind(folder, stack.enter_context(place.postgres.database()))
        stack.callback(server.remove)
        server.prepare(workload.data)
        port = free_port()
        with on(place.cores[0] if place.cores else None):
            process = Process(server.command(port), server.settings(), server.folder / "server.log")
        stack.enter_context(process)
        report.start = round(process.wait_until_ready(port, server.ready), 3)
        server.started()
        found = Contestant(server, process, port, report, workload, place)
        workload.verify(server, port, found.tokens())
        yield found


class Contestant:
    """A running server, and what was measured of it in each round."""

    def __init__(
        self, server: Server, process: Process, port: int, report: Report, workload: Workload, place: Place
    ) -> None:
        """Nobody is logged in yet."""
        self.report = report
        self._server, self._process, self._port = server, process, port
        self._workload, self._place = workload, place
        self._signed_in = -TOKENS_LAST
        self._tokens: dict[Account, str] = {}
        self._requests: dict[str, list[tuple[str, int]]] = {}
        self._rounds: dict[str, list[Round]] = {}

    def tokens(self) -> dict[Account, str]:
        """Of everybody, and fresh."""
        if time.monotonic() - self._signed_in >= TOKENS_LAST:
            self._tokens = {a: self._server.log_in(self._port, a) for a in self._workload.data.accounts}
            self._signed_in = time.monotonic()
            self._requests = {}
        return self._tokens

    def run(self, operation: str, number: int, timing: Timing) -> None:
        """One round. Raises `Trouble` where the server does not answer as planned."""
        tokens, postgres = self.tokens(), self._place.postgres
        if operation not in self._requests:
            self._requests = {operation: self._workload.requests(operation, self._server, self._port, tokens)}
        serial = list(OPERATIONS).index(operation) * 10**9 + number * 10**7
        warm_up = timing.warm_up if number == 0 else SHORT_WARM_UP
        plan = Plan(self._port, CONNECTIONS, warm_up, timing.round, serial, self._requests[operation])
        used, beside = self._process.cpu_seconds(), postgres.cpu_seconds() if postgres else 0.0
        try:
            result = generate(plan, self._place.cores[1] if self._place.cores else None)
        except Trouble as trouble:
            raise Trouble(f"{operation}: {trouble}\n{self._process.last_words()}") from trouble
        used = self._process.cpu_seconds() - used
        beside = postgres.cpu_seconds() - beside if postgres else 0.0
        self._rounds.setdefault(operation, []).append(Round(result, used, beside))

    def conclude(self, timing: Timing) -> None:
        """Put all rounds together."""
        for operation, rounds in self._rounds.items():
            if len(rounds) == timing.rounds:
                self.report.operations[operation] = _together(rounds)
        self.report.memory = self._process.memory()


@dataclass(frozen=True)
class Round:
    """What was measured in one round."""

    result: Result
    server: float
    """seconds of processor time of the server"""
    database: float
    """of PostgreSQL"""


def _together(rounds: Sequence[Round]) -> dict[str, float]:
    """Rates and processor time of all rounds, and the median of their times."""
    results = [each.result for each in rounds]
    server, database = sum(each.server for each in rounds), sum(each.database for each in rounds)
    answers, elapsed = sum(result.answers for result in results), sum(result.elapsed for result in results)
    medians = {name: median(getattr(result, name) for result in results) for name in ("p50", "p90", "p99", "busy")}
    return {
        **medians,
        "per_second": round(sum(result.per_second for result in results) / len(results), 1),
        "slowest": max(result.slowest for result in results),
        "answers": answers,
        "elapsed": round(elapsed, 3),
        "server_busy": round(server / elapsed, 3),
        "database_busy": round(database / elapsed, 3),
        "server_microseconds": round(server / answers * 1e6, 1),
        "database_microseconds": round(database / answers * 1e6, 1),
        "per_cpu_second": round(answers / (server + database), 1) if server else 0.0,
    }


def generate(plan: Plan, core: int | None) -> Result:
    """Run the load generator, on a core if one is named. Raises `Trouble` where an answer was not as planned."""
    command = [sys.executable, "-m", "benchmarks.load"]
    with on(core):
        done = subprocess.run(
            command, cwd=REPOSITORY, input=json.dumps(asdict(plan)), capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise Trouble(done.stderr.strip())
    return Result(**json.loads(done.stdout))


# ---- telling -------------------------------------------------------------------------------------------------------


def size(data: Data) -> str:
    """What every server holds, in words."""
    return f"{len(data.notes):,} notes of about {data.body:,} bytes"


def table(reports: Sequence[Report]) -> Table:
    """The servers side by side, and how many times as fast as the others the first one is."""
    made = Table()
    made.add_column("")
    for report in reports:
        made.add_column(TITLES[report.server], justify="right")
    first, others = reports[0], reports[1:]
    for other in others:
        made.add_column(f"{TITLES[first.server]} ÷\n{TITLES[other.server]}", justify="right")
    for operation, meaning in OPERATIONS.items():
        cells = [_speed(report.operations.get(operation)) for report in reports]
        made.add_row(f"{operation} {meaning}", *cells, *(ratio(first, other, operation) for other in others))
    made.add_row("memory, MB (without files)", *(_memory(report.memory) for report in reports))
    made.add_row("start to ready, s", *(f"{report.start:.2f}" if report.start else "–" for report in reports))
    return made


def processor_time(reports: Sequence[Report]) -> Table:
    """What a request costs, which suffers least from others on the machine: the server, and PostgreSQL beside it."""
    made = Table(title="processor time of a request, microseconds: server + PostgreSQL", title_justify="left")
    made.add_column("")
    for report in reports:
        made.add_column(TITLES[report.server], justify="right")
    for operation, meaning in OPERATIONS.items():
        found = [report.operations.get(operation) for report in reports]
        made.add_row(f"{operation} {meaning}", *(_cost(each) for each in found))
    return made


def _cost(result: Mapping[str, float] | None) -> str:
    if result is None or not result["server_microseconds"]:
        return "–"
    beside = f" + {result['database_microseconds']:,.0f}" if result["database_microseconds"] else ""
    return f"{result['server_microseconds']:,.0f}{beside}"


def ratio(first: Report, other: Report, operation: str) -> str:
    """Answers of one in those of the other: per second, and in parentheses per second of processor time."""
    if operation not in first.operations or operation not in other.operations:
        return "–"
    mine, theirs = first.operations[operation], other.operations[operation]
    by_clock = f"{mine['per_second'] / theirs['per_second']:.1f}" if theirs["per_second"] else "–"
    if not mine["per_cpu_second"] or not theirs["per_cpu_second"]:
        return by_clock
    return f"{by_clock} ({mine['per_cpu_second'] / theirs['per_cpu_second']:.1f})"


def _speed(result: Mapping[str, float] | None) -> str:
    if result is None:
        return "–"
    return f"{result['per_second']:,.0f} · {result['p50']:.1f} / {result['p99']:.1f}"


def _memory(found: Mapping[str, float] | None) -> str:
    return f"{found['resident']:.0f} ({found['own']:.0f})" if found else "–"


def _warn(reports: Sequence[Report]) -> None:
    for report in reports:
        name = f"{TITLES[report.server]}, {report.body:,} bytes"
        found = report.operations.items()
        if busy := [f"{operation} {result['busy']:.0%}" for operation, result in found if result["busy"] > TOO_BUSY]:
            console.print(f"[yellow]{name}: the server may be faster, so busy was the generator: {', '.join(busy)}[/]")
        shares = {operation: result["server_busy"] for operation, result in found}
        if idle := [f"{operation} {share:.0%}" for operation, share in shares.items() if 0 < share < TOO_IDLE]:
            console.print(
                f"[yellow]{name}: the server had its core only part of the time (disk, or other processes): "
                f"{', '.join(idle)}. Only the ratios in parentheses mean something there.[/]"
            )


def _everything(
    reports: Sequence[Report], timing: Timing, load: float, where: tuple[int, int] | None
) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "pinned": where is not None,
        "load_before": round(load, 2),
        "python": platform.python_version(),
        "system": platform.platform(),
        "connections": CONNECTIONS,
        **asdict(timing),
        "reports": [asdict(report) for report in reports],
    }


def _self_check(timing: Timing) -> int:
    """Measure the generator against a server that does nothing."""
    port = free_port()
    PLACE.mkdir(parents=True, exist_ok=True)
    core = cores()
    with on(core[0] if core else None):
        process = Process([sys.executable, "-m", "benchmarks.load", "--bare", str(port)], {}, PLACE / "bare.log")
    with process:
        process.wait_until_ready(port, "/")
        used = process.cpu_seconds()
        result = generate(
            Plan(port, CONNECTIONS, timing.warm_up, timing.seconds, 0, [(SELF_CHECK, 200)]), core and core[1]
        )
        used = process.cpu_seconds() - used
    console.print(
        f"A server that only answers, on the same event loop: {result.per_second:,.0f} requests/s, "
        f"p50 {result.p50} ms, p99 {result.p99} ms.\n"
        f"The generator used {result.busy:.0%} of its core, the server {used / result.elapsed:.0%} of its own: "
        f"the generator alone could do about {result.per_second / result.busy:,.0f} requests/s."
    )
    return 0


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python3 dev.py bench", description="Freehold beside the usual FastAPI app and PocketBase or PostgREST."
    )
    parser.add_argument("--seconds", type=_seconds, metavar="N", help="how long each operation is measured (10)")
    parser.add_argument("--quick", action="store_true", help="500 notes an account, 300 bytes, 2 seconds: a trial")
    parser.add_argument("--body", type=int, choices=BODIES, action="append", help="bytes of a note; twice for both")
    parser.add_argument("--database", choices=NAMES, default="sqlite", help="where the records are (sqlite)")
    parser.add_argument(
        "--without-rls", action="store_true", help="PostgreSQL: Freehold without row-level security beside the others"
    )
    parser.add_argument("--only", metavar="NAMES", help="; ".join(f"{on}: {','.join(n)}" for on, n in NAMES.items()))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    parser.add_argument("--self-check", action="store_true", help="measure the load generator instead")
    asked = parser.parse_args(arguments)
    known = NAMES[asked.database]
    bare = WithoutRowLevelSecurity.name
    names = [name.strip() for name in asked.only.split(",")] if asked.only else [n for n in known if n != bare]
    names += [bare] if asked.without_rls else []
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no server `{unknown[0]}` on {asked.database}; there are {', '.join(known)}")
    asked.only = [name for name in known if name in names]
    asked.seconds = asked.seconds or (2.0 if asked.quick else 10.0)
    return asked


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.5 <= value <= LONGEST:
        raise argparse.ArgumentTypeError(f"between 0.5 and {LONGEST:.0f}")
    return value


if __name__ == "__main__":
    sys.exit(main())
