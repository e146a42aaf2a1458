"""The app that a specification yields, whole, over a throw-away database and a clock that stands still."""

import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from dependency_injector import providers

from adapters.clock import StillClock, SystemClock
from adapters.persistence.sql.pool import Server
from adapters.persistence.sql.postgres import PostgresStore
from adapters.persistence.sql.sqlite import SqliteStore
from adapters.persistence.sql.tables import Tables, build
from adapters.proof.asgi import call
from adapters.proof.remote import RemoteApi
from adapters.proof.requests import request
from adapters.proof.wall import Wall, proving_database
from application.proof.attack import Budget
from application.proof.attempts import Answer, Attempt, Decisions
from application.proof.callers import actor_of, by_link
from application.proof.mutants import mutants, telling_world
from application.proof.proof import Prover, catches
from application.proof.remote import RemoteProver
from application.proof.report import Mutants, Progress, Report
from application.proof.worlds import PEOPLE
from domain.session import Session
from domain.snapshot import Snapshot
from domain.specification.model import Specification
from entrypoints import projects
from entrypoints.asgi import create_app
from entrypoints.container import Container
from entrypoints.settings import RateLimits, Settings

NOW = datetime(2026, 1, 15, 12, 0, 0, 123456, UTC)
"""when everything happens: a proof of the same seed is the same on every day"""
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - only to choose the disk; the folder in it is a new one of our own
CONTRARY = ("begin", "commit", "savepoint", "release", "rollback", "pragma", "--")
"""how statements begin that are no question about records"""


class AppLaboratory:
    """The `Laboratory` port over our own app, called in this process."""

    def __init__(self, container: Container, clock: StillClock, wall: Wall | None) -> None:
        """Make the app of a container whose store is ours; the clock is its, too. `wall`: of its PostgreSQL."""
        self._specification: Specification = container.specification()
        self._store: Any = container.store()
        self._clock = clock
        self._wall = wall
        self._tokens = container.tokens()
        self._app: Any = create_app(container)
        self._sessions: dict[str, Session] = {}
        self._issued: dict[str, str] = {}
        self._statements = 0
        self._store.watch(self._told)

    @property
    def now(self) -> datetime:
        """See the port."""
        return NOW

    def _told(self, statement: str) -> None:
        if not statement.lstrip().lower().startswith(CONTRARY):
            self._statements += 1

    async def hold(self, snapshot: Snapshot) -> None:
        """See the port."""
        self._clock.at = snapshot.now
        self._issued.clear()
        self._sessions = {
            account: Session.start(_session_of(account), account, "", "", snapshot.now) for account in snapshot.accounts
        }
        await (self._wall or self._store).hold(snapshot, self._sessions.values())
        # a request after so long would read the keys again, and its statements are counted
        await self._tokens.keep_up(snapshot.now)

    async def wait(self, until: datetime) -> None:
        """See the port."""
        self._clock.at = until
        self._issued.clear()
        await self._tokens.keep_up(until)

    async def send(self, attempt: Attempt) -> Answer:
        """See the port."""
        token = attempt.who if attempt.who is None or by_link(attempt.who) else self._token(attempt.who)
        before = self._statements
        status, headers, body = await call(self._app, request(self._specification, attempt), token)
        return Answer(status, headers, body, self._statements - before)

    async def decisions(self, who: str | None, resource: str) -> Decisions:
        """See the port."""
        asked: Any = self._wall or self._store.records
        found: Decisions = await asked.decisions(actor_of(who), resource, self._clock.now())
        return found

    async def policies(self, who: str | None, ids: Mapping[str, Sequence[str]]) -> Mapping[str, Decisions] | None:
        """See the port."""
        return None if self._wall is None else await self._wall.policies(actor_of(who), ids, self._clock.now())

    async def unguarded(self) -> Sequence[str]:
        """See the port."""
        return () if self._wall is None else await self._wall.unguarded()

    def _token(self, account: str) -> str:
        if account not in self._issued:
            self._issued[account] = self._tokens.issue(account, self._sessions[account].id, self._clock.now())
        return self._issued[account]


@asynccontextmanager
async def laboratory(
    specification: Specification, place: Server | None = None, compiled: Specification | None = None
) -> AsyncIterator[AppLaboratory]:
    """A new one, on SQLite or in an empty database at a place.

    Tables and statements are made from `compiled`, where that shall be another specification. Raises `SchemaDiffers`
    where the database is not empty.
    """
    tables = build(compiled or specification)
    with _folder() as folder, _store(database := place or folder / "proof.db", tables) as store:
        wall = Wall(place, store) if place is not None and isinstance(store, PostgresStore) else None
        container = Container(folder=folder)
        container.specification.override(providers.Object(specification))
        container.database.override(providers.Object(database))
        container.store.override(providers.Object(store))
        clock = StillClock(NOW)
        container.clock.override(providers.Object(clock))
        container.secret.override(providers.Object(os.urandom(32)))
        container.settings.override(providers.Object(Settings(rate_limits=RateLimits.OFF)))
        await container.tokens().load(store, NOW)
        try:
            yield AppLaboratory(container, clock, wall)
        finally:
            await store.close()
            if wall is not None:
                await wall.close()


@contextmanager
def _folder() -> Iterator[Path]:
    place = IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="freehold-proof-", dir=place) as folder:
        yield Path(folder)


@contextmanager
def _store(database: Path | Server, tables: Tables) -> Iterator[SqliteStore | PostgresStore]:
    if isinstance(database, Server):
        with proving_database(database, tables):
            yield PostgresStore(database.url, tables, tells_time=True)
        return
    projects.bring_up(database, tables, allow_losses=False)
    yield SqliteStore(database, tables)


def _session_of(account: str) -> str:
    """The id of an account's session: any that no account has."""
    return f"{account[:-1]}{'0' if account[-1] != '0' else '1'}"


async def try_mutants(
    specification: Specification, seed: int, told: Callable[[str], None], place: Server | None = None
) -> Mutants:
    """Break one compiled rule at a time, and see whether the proof notices."""
    started, tried, survivors, idle = time.monotonic(), 0, [], []
    for mutant in mutants(specification):
        told(mutant.broken)
        draw = telling_world(specification, mutant, seed, NOW)
        if draw is None:
            idle.append(mutant.broken)
            continue
        tried += 1
        async with laboratory(specification, place, mutant.specification) as there:
            report = Report(specification, "", seed, "")
            prover = Prover(report, there, Budget(findings=1), lambda: 0.0, lambda _: None)
            if not await catches(prover, draw, Random(seed)):  # noqa: S311 - a proof can be repeated
                survivors.append(mutant.broken)
    return Mutants(tried, tuple(survivors), time.monotonic() - started, tuple(idle))


async def prove(
    specification: Specification,
    source: str,
    seed: int,
    budget: Budget,
    told: Callable[[Progress], None] = lambda _: None,
    place: Server | None = None,
) -> Report:
    """Prove a specification (`source` is its text) on our own app; the same seed finds the same.

    On SQLite, or in an empty database at a place.
    """
    report, started = Report(specification, source, seed, budget.text), time.monotonic()
    async with laboratory(specification, place) as there:
        return await Prover(report, there, budget, lambda: time.monotonic() - started, told).run()


async def prove_at(
    url: str, specification: Specification, source: str, seed: int, budget: Budget, told: Callable[[Progress], None]
) -> Report:
    """Prove the server at a URL, which was started for it with an empty database. Raises `OSError` where it is away."""
    report, started = Report(specification, source, seed, budget.text), time.monotonic()
    target = RemoteApi(specification, url)
    try:
        prover = RemoteProver(report, target, budget, lambda: time.monotonic() - started, told)
        await prover.begin(target, SystemClock(), {target.sign_up(name): name for name in PEOPLE})
        report.skipped.append(
            "invitations, the SQL filter and row-level security alone, two worlds, statement counts: not over a URL"
        )
        return await prover.run()
    finally:
        target.close()
