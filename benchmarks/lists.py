"""Does a list cost the same however much others have? Pages over HTTP at two sizes of three of the examples.

Each account has a hundred records, is a member of five others' containers, and a part of what it has is public. So what
one caller sees of its own and what is shared with it is the same with 100 accounts and with 10,000; only what others
have, and what is public, grows. For each list the p50 of its first page is compared: one connection, one request after
the other, by ten callers in turn; of several rounds the best, for others may use the machine, too.

    python -m benchmarks.lists --database postgresql             # 10,000 and 1,000,000 records: about ten minutes
    python -m benchmarks.lists --accounts 1000 --only conduit
"""

import argparse
import contextlib
import json
import os
import platform
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from rich.console import Console
from rich.table import Table as Shown

from benchmarks import load_freehold
from benchmarks.data import FIRST, Account
from benchmarks.load import Plan
from benchmarks.postgres import Cluster, Table, cluster
from benchmarks.processes import Process, Trouble, ask, free_port
from benchmarks.run import PLACE, generate
from benchmarks.servers import Call, Freehold, FreeholdOnPostgres
from benchmarks.workload import text_of
from entrypoints.projects import examples

FEW: Final = 100
"""accounts of the small world"""
EACH: Final = 100
"""records of an account"""
CALLERS: Final = 10
BATCH: Final = 500
"""accounts whose rows are made at once"""
APART: Final = timedelta(seconds=10)
"""between one record and the next"""
ROUNDS: Final = 4
ALLOWED: Final = 2.0
"""times as long as in the small world"""
TEXT: Final = "Water the tomatoes in the evening, and not at noon. " * 5

Rows = dict[str, list[dict[str, Any]]]


# ---- records -------------------------------------------------------------------------------------------------------


class World:
    """So many accounts, and records that are known by a kind, an account and a number."""

    def __init__(self, accounts: int) -> None:
        """Make nothing yet."""
        self.accounts = accounts

    def person(self, number: int) -> str:
        """The id of an account; beyond the last it begins again."""
        return _uuid(0, number % self.accounts, 0)

    def other(self, number: int, turn: int) -> int:
        """Somebody else, another one at each turn."""
        return (number + 1 + turn * 7) % self.accounts

    def record(self, kind: int, account: int, number: int, **values: Any) -> dict[str, Any]:
        """A row; everybody's records are written in turn, as in a service in use."""
        record_id = self.id(kind, account, number)
        at = load_freehold.instant(FIRST + APART * int(record_id[:8] + record_id[9:13], 16))
        return {"id": record_id, "owner": self.person(account), **values, "created_at": at, "updated_at": at}

    def id(self, kind: int, account: int, number: int) -> str:
        """The id of a record; those of one kind are spread over the whole time."""
        return _uuid((number * self.accounts + account) * 8 + kind, account, number)


def _uuid(tick: int, account: int, number: int) -> str:
    text = f"{tick << 80 | 7 << 76 | 2 << 62 | account << 24 | number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def notes(world: World, me: int, rows: Rows) -> None:
    """Four notebooks, 76 notes of which a fourth is public, comments, bookmarks of others' public notes."""
    for i in range(4):
        rows["notebooks"].append(world.record(1, me, i, title=f"Notebook {i}", archived=0))
    for i in range(76):
        values = {"notebook": world.id(1, me, i % 4), "author": world.person(me), "title": f"Note {i}", "body": TEXT}
        audience = "everyone" if i % 4 == 0 else "link_only" if i % 4 == 1 else "members"
        rows["notes"].append(world.record(2, me, i, **values, audience=audience))
    for i in range(12):
        values = {"note": world.id(2, me, i * 3), "author": world.person(me), "body": TEXT[:60]}
        rows["comments"].append(world.record(3, me, i, **values))
    for i in range(8):
        other = world.other(me, i)
        values = {"note": world.id(2, other, 4 * i), "note__owner": world.person(other)}
        rows["bookmarks"].append(world.record(4, me, i, **values))
    for i in range(5):
        _member(world, rows, "notebook", world.id(1, world.other(me, i), i % 4), me, "editor" if i % 2 else "viewer")


def conduit(world: World, me: int, rows: Rows) -> None:
    """A profile, 39 articles, comments below other people's articles, favorites among them."""
    values = {"username": f"person{me}", "bio": TEXT[:60], "email": f"person{me}@example.com"}
    rows["profiles"].append(world.record(1, me, 0, **values))
    for i in range(39):
        shown = _shown(i)
        values = {"profile": world.id(1, me, 0), "slug": f"a{i}", "title": f"Article {i}", "body": TEXT}
        rows["articles"].append(world.record(2, me, i, **values, **shown))
    for i in range(40):
        values = {"article": world.id(2, me, i % 39), "author": world.person(world.other(me, i)), "body": TEXT[:60]}
        rows["comments"].append(world.record(3, me, i, **values, **_beside(i % 39)))
    for i in range(20):
        other = world.other(me, i)
        values = {"article": world.id(2, other, i), "article__owner": world.person(other)}
        rows["favorites"].append(world.record(4, me, i, **values, **_beside(i)))
    for i in range(5):
        _member(world, rows, "profile", world.id(1, world.other(me, i), 0), me, "follower")


def _shown(number: int) -> dict[str, str]:
    audience = "followers" if number % 4 == 1 else "unlisted" if number % 4 == 2 else "everyone"
    return {"state": "draft" if number % 5 == 0 else "published", "audience": audience}


def _beside(number: int) -> dict[str, str]:
    return {f"article__{name}": value for name, value in _shown(number).items()}


def tracker(world: World, me: int, rows: Rows) -> None:
    """A workspace, nine projects of which a third is private, 90 tasks."""
    rows["workspaces"].append(world.record(1, me, 0, name="Workspace", guests_see_all=me % 2))
    for i in range(9):
        values = {"workspace": world.id(1, me, 0), "key": f"P{i}", "private": int(i % 3 == 0), "state": "active"}
        rows["projects"].append(world.record(2, me, i, **values))
    for i in range(90):
        values = {"project": world.id(2, me, i % 9), "reporter": world.person(me), "title": f"Task {i}"}
        rows["tasks"].append(world.record(3, me, i, **values, status=("todo", "doing", "done")[i % 3], budget="10.50"))
    for i in range(3):
        _member(world, rows, "workspace", world.id(1, world.other(me, i), 0), me, "guest" if i == 2 else "member")
    for i in range(3, 5):
        _member(world, rows, "project", world.id(2, world.other(me, i), 3), me, "contributor")


def _member(world: World, rows: Rows, resource: str, record: str, me: int, role: str) -> None:
    made = {"resource": resource, "record": record, "account": world.person(me), "role": role}
    rows["freehold_memberships"].append(made)


# ---- lists ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of an example."""

    what: str
    path: Callable[[World, int], str]
    """for a caller by number"""
    anonymous: bool = False


def _plain(path: str) -> Callable[[World, int], str]:
    return lambda world, me: f"/v1/{path}"


LISTS: Final[dict[str, tuple[Callable[[World, int, Rows], None], Sequence[Listed]]]] = {
    "notes": (
        notes,
        (
            Listed("bookmarks: own", _plain("bookmarks?limit=20")),
            Listed("notebooks: own and shared", _plain("notebooks?limit=20")),
            Listed("comments: own and shared, by the notebook above", _plain("comments?limit=20")),
            Listed("notes: own, shared and public", _plain("notes?limit=20")),
            Listed("notes of an own notebook", lambda w, me: f"/v1/notes?limit=20&notebook={w.id(1, me, 0)}"),
            Listed(
                "notes of a shared notebook", lambda w, me: f"/v1/notes?limit=20&notebook={w.id(1, w.other(me, 1), 1)}"
            ),
            Listed("notes: public, for anybody", _plain("notes?limit=20"), anonymous=True),
        ),
    ),
    "conduit": (
        conduit,
        (
            Listed("articles: own, followed and public", _plain("articles?limit=20")),
            Listed("articles: public, for anybody", _plain("articles?limit=20"), anonymous=True),
            Listed(
                "articles of somebody else", lambda w, me: f"/v1/articles?limit=20&profile={w.id(1, w.other(me, 9), 0)}"
            ),
            Listed("comments: as their article", _plain("comments?limit=20")),
            Listed("comments: public, for anybody", _plain("comments?limit=20"), anonymous=True),
            Listed("favorites: own and public", _plain("favorites?limit=20")),
        ),
    ),
    "tracker": (
        tracker,
        (
            Listed("workspaces: own and shared", _plain("workspaces?limit=20")),
            Listed("projects: own, shared, of shared workspaces", _plain("projects?limit=20")),
            Listed("tasks: own and of shared projects", _plain("tasks?limit=20")),
            Listed("tasks of an own project", lambda w, me: f"/v1/tasks?limit=20&project={w.id(2, me, 1)}"),
            Listed(
                "tasks of a shared project", lambda w, me: f"/v1/tasks?limit=20&project={w.id(2, w.other(me, 3), 3)}"
            ),
        ),
    ),
}


# ---- measuring -----------------------------------------------------------------------------------------------------


@dataclass
class Found:
    """What was measured of a list, in milliseconds, by the number of accounts."""

    example: str
    what: str
    p50: dict[int, float] = field(default_factory=dict)
    used: dict[int, float] = field(default_factory=dict)
    """seconds of processor time of the server and PostgreSQL"""
    answers: dict[int, int] = field(default_factory=dict)
    trouble: str | None = None

    def cost(self, accounts: int) -> str:
        """Microseconds of processor time of a page, which suffers least from others on the machine."""
        return f"{self.used[accounts] / self.answers[accounts] * 1e6:,.0f}" if self.answers.get(accounts) else "–"

    @property
    def ratio(self) -> float | None:
        """How many times as long it takes with many accounts; None where something is missing."""
        if len(self.p50) < 2:
            return None
        few, many = (self.p50[accounts] for accounts in sorted(self.p50))
        return many / few


def tables_with(example: str, world: World) -> Iterator[Table]:
    """The rows of a world."""
    make, _ = LISTS[example]
    password = _password()
    at = load_freehold.instant(FIRST)
    for start in range(0, world.accounts, BATCH):
        rows: Rows = defaultdict(list)
        for number in range(start, min(start + BATCH, world.accounts)):
            account = {"id": world.person(number), "email": _email(number), "password_hash": password}
            rows["freehold_accounts"].append(account | {"created_at": at, "disabled": 0})
            make(world, number, rows)
        for name, found in rows.items():
            yield name, list(found[0]), (tuple(row.values()) for row in found)


@cache
def _password() -> str:
    return load_freehold.password_hash()


def _email(number: int) -> str:
    return f"person{number}@example.com"


def measure(
    server: Freehold, example: str, world: World, found: Iterable[Found], seconds: float, postgres: Cluster | None
) -> None:
    """Serve a database that is filled, and ask for each list."""
    port = free_port()
    with Process(server.command(port), server.settings(), server.folder / "server.log") as process:
        process.wait_until_ready(port, server.ready)
        server.started()
        callers = [number * (world.accounts // CALLERS) for number in range(CALLERS)]
        tokens = {me: server.log_in(port, Account(me, UUID(world.person(me)), _email(me), FIRST)) for me in callers}
        for turn in range(ROUNDS):
            for listed, into in zip(LISTS[example][1], found, strict=True):
                calls = {me: Call("GET", listed.path(world, me), None, 200) for me in callers}
                token_of = dict.fromkeys(callers) if listed.anonymous else tokens
                texts = [(text_of(port, call, token_of[me]), 200) for me, call in calls.items()]
                plan = Plan(port, 1, seconds / 4, seconds, 0, texts)
                try:
                    if not turn:
                        _verify(port, calls, token_of)
                    if into.trouble is None:
                        before = process.cpu_seconds() + (postgres.cpu_seconds() if postgres else 0.0)
                        result = generate(plan, None)
                        after = process.cpu_seconds() + (postgres.cpu_seconds() if postgres else 0.0)
                        n = world.accounts
                        into.p50[n] = min(result.p50, into.p50.get(n, result.p50))
                        into.used[n] = into.used.get(n, 0.0) + after - before
                        into.answers[n] = into.answers.get(n, 0) + result.answers
                except (Trouble, OSError) as trouble:
                    into.trouble = f"with {world.accounts:,} accounts: {trouble}"


def _verify(port: int, calls: Mapping[int, Call], tokens: Mapping[int, str | None]) -> None:
    """Raise `Trouble` where a page is empty: that would be measured as a fast one."""
    for me, call in calls.items():
        answer = ask(port, "GET", call.path, token=tokens[me])
        if answer.status != 200 or not answer.body["items"]:
            raise Trouble(f"{call.path} was answered {answer.status} {str(answer.body)[:200]}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 where every page takes at most twice as long."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lists", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="postgresql")
    parser.add_argument("--accounts", type=int, default=10_000, metavar="N", help="with 100 records each (10000)")
    parser.add_argument("--only", choices=LISTS, action="append", help="an example; several times for several")
    parser.add_argument(
        "--seconds", type=float, default=1.0, metavar="N", help="how long each list is asked for in a round (1)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured")
    asked = parser.parse_args(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    console.print(f"{asked.database}, {os.cpu_count()} cores, load average before: {os.getloadavg()[0]:.1f}")
    results: list[Found] = []
    version = None
    with cluster() if asked.database == "postgresql" else contextlib.nullcontext() as postgres:
        if postgres is not None:
            version = postgres.version
            console.print(f"PostgreSQL {version}")
        for example in asked.only or LISTS:
            found = [Found(example, listed.what) for listed in LISTS[example][1]]
            results += found
            for accounts in (FEW, asked.accounts):
                with _filled(example, World(accounts), postgres) as server:
                    measure(server, example, World(accounts), found, asked.seconds, postgres)
    console.print(_table(results, asked.accounts))
    for one in results:
        if one.trouble:
            console.print(f"{one.example}, {one.what}, {one.trouble}", markup=False)
    if asked.json:
        whole = {
            "database": asked.database,
            "python": platform.python_version(),
            "postgresql": version,
        }
        lists = [asdict(one) | {"ratio": one.ratio} for one in results]
        asked.json.write_text(json.dumps(whole | {"lists": lists}, indent=1), encoding="utf-8")
    return 0 if all(one.ratio is not None and one.ratio <= ALLOWED for one in results) else 1


@contextlib.contextmanager
def _filled(example: str, world: World, postgres: Cluster | None) -> Iterator[Freehold]:
    """A server whose database holds a world, for the time being."""
    folder = PLACE / f"lists-{example}"
    specification = examples() / example / "freehold.yaml"
    with contextlib.ExitStack() as stack:
        if postgres is None:
            server = Freehold(folder)
        else:
            server = FreeholdOnPostgres(folder, stack.enter_context(postgres.database()))
        stack.callback(server.remove)
        server.fill(specification, tables_with(example, world))
        yield server


def _table(results: Iterable[Found], accounts: int) -> Shown:
    made = Shown()
    both = (f"{FEW * EACH:,} records", f"{accounts * EACH:,} records")
    titles = (*(f"{size}, ms" for size in both), "times", *(f"{size}, µs of processor" for size in both))
    for title in ("", "", *titles):
        made.add_column(title, justify="left" if not title else "right")
    for one in results:
        times = "–" if one.ratio is None else f"{one.ratio:.1f}" + (" !" if one.ratio > ALLOWED else "")
        made.add_row(
            one.example,
            one.what,
            *(f"{one.p50[n]:.2f}" if n in one.p50 else "–" for n in (FEW, accounts)),
            times,
            *map(one.cost, (FEW, accounts)),
        )
    return made


if __name__ == "__main__":
    sys.exit(main())
