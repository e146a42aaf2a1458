"""Databases for every test that wants one: made once for each specification, then copied.

Tests of what every store promises run on each in turn. `FREEHOLD_TEST_DATABASE` names one of `STORES`: then they run on
that, and so do the tests that otherwise have one database only.
"""

import logging
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from adapters.persistence.sql.pool import Limits
from adapters.persistence.sql.postgres import PostgresStore
from adapters.persistence.sql.sqlite import SqliteStore
from adapters.persistence.sql.tables import Tables, build
from application.ports import Store
from domain.specification.model import Specification
from entrypoints import projects
from tests import logs, valkey
from tests.application.world import World
from tests.end_to_end.browser import CHROMIUM, Browser, browsing
from tests.pgbouncer import Pooler, pooling
from tests.postgres import Server, Throwaway, running
from tests.serving import bring_up, serving

Database = Callable[[Specification], Path]
Worlds = Callable[[Specification], World]
PostgresDatabase = Callable[[Specification], Throwaway]
Serving = Callable[[Path], AbstractContextManager[str]]

STORES = {
    "memory": "memory_world", "sqlite": "sqlite_world", "postgresql": "postgres_world", "pgbouncer": "pooled_world"
}  # fmt: skip
"""and the fixture that makes a world there"""
ASKED = os.environ.get("FREEHOLD_TEST_DATABASE", "")
if ASKED not in ("", *STORES):
    raise pytest.UsageError(f"FREEHOLD_TEST_DATABASE is `{ASKED}`, and not one of {', '.join(STORES)}")
CHOSEN = [ASKED] if ASKED else ["memory", "sqlite", "postgresql"]
"""what a store promises is tried on these"""

_TABLES: dict[int, Tables] = {}


def tables_of(specification: Specification) -> Tables:
    """Its tables, built once (the same specification is always the same object here)."""
    if id(specification) not in _TABLES:
        _TABLES[id(specification)] = build(specification)
    return _TABLES[id(specification)]


@pytest.fixture(autouse=True)
def log() -> Iterator[logs.Log]:
    """Whatever a test logs must hold nothing that it sent or was shown over HTTP (`tests/http/api.py`)."""
    logs.current = logs.Log()
    ours = logging.getLogger("freehold")
    ours.setLevel(logging.INFO)
    logging.getLogger().addHandler(logs.current)
    yield logs.current
    logging.getLogger().removeHandler(logs.current)
    ours.setLevel(logging.NOTSET)
    assert logs.current.leaked() == [], "this is in the log"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """A database with the tables of a specification and nothing in them, not to be written to."""
    folder = tmp_path_factory.mktemp("templates")

    def make(specification: Specification) -> Path:
        path = folder / f"{id(specification)}.db"
        if not path.exists():
            projects.bring_up(path, tables_of(specification), allow_losses=False)
        return path

    return make


@pytest.fixture
def database(tmp_path: Path, template: Database) -> Database:
    """A new database for a specification."""
    numbers = count(1)
    return lambda specification: Path(shutil.copyfile(template(specification), tmp_path / f"{next(numbers)}.db"))


@pytest.fixture
async def sqlite_world(database: Database) -> AsyncIterator[Worlds]:
    """A world on a new SQLite file (`world.path`), closed at the end."""
    stores: list[Store] = []

    def make(specification: Specification) -> World:
        path = database(specification)
        stores.append(SqliteStore(path, tables_of(specification)))
        world = World(specification, stores[-1])
        world.path = path
        return world

    yield make
    for store in stores:
        await store.close()


@pytest.fixture
def memory_world() -> Worlds:
    """A world in memory."""
    return World


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A throw-away PostgreSQL; skips where the machine has none (see `tests/postgres.py`)."""
    with running() as server:
        if server is None and "FREEHOLD_TEST_SERVICES" in os.environ:
            pytest.fail("there is no PostgreSQL on this machine, and `--all` was asked for")
        if server is None:
            pytest.skip("there is no PostgreSQL on this machine")
        yield server


@pytest.fixture
def valkey_server() -> Iterator[valkey.Server]:
    """A throw-away Valkey or Redis, which the test may end; skips where the machine has none."""
    with valkey.running() as server:
        if server is None and "FREEHOLD_TEST_SERVICES" in os.environ:
            pytest.fail("there is no Valkey or Redis on this machine, and `--all` was asked for")
        if server is None:
            pytest.skip("there is no Valkey or Redis on this machine")
        yield server


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """A headless Chromium with a new profile; skips where the machine has none."""
    if CHROMIUM is None and "FREEHOLD_TEST_SERVICES" in os.environ:
        pytest.fail("there is no chromium on this machine, and `--all` was asked for")
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine")
    with browsing(tmp_path / "profile") as found:
        yield found


@pytest.fixture(scope="session")
def postgres_template(postgres_server: Server) -> PostgresDatabase:
    """A database with the tables of a specification and nothing in them, not to be written to."""
    found: dict[int, Throwaway] = {}

    def make(specification: Specification) -> Throwaway:
        if id(specification) not in found:
            made = postgres_server.new()
            bring_up(made, tables_of(specification))
            found[id(specification)] = made
        return found[id(specification)]

    return make


@pytest.fixture
def postgres_database(postgres_server: Server, postgres_template: PostgresDatabase) -> Iterator[PostgresDatabase]:
    """A new database for a specification, forgotten at the end."""
    made: list[Throwaway] = []

    def make(specification: Specification) -> Throwaway:
        made.append(postgres_server.new(postgres_template(specification).name))
        return made[-1]

    yield make
    for database in made:
        postgres_server.drop(database)


@pytest.fixture
async def postgres_world(postgres_server: Server, postgres_database: PostgresDatabase) -> AsyncIterator[Worlds]:
    """A world on a new PostgreSQL database, closed at the end."""
    stores: list[Store] = []

    def make(specification: Specification) -> World:
        database = postgres_database(specification)
        stores.append(PostgresStore(database.url, tables_of(specification), tells_time=True))
        operate = lambda sql: postgres_server.execute(sql, database.name)  # noqa: E731
        return World(specification, stores[-1], operate, database.superuser_url)

    yield make
    for store in stores:
        await store.close()


@pytest.fixture(scope="session")
def pooler(postgres_server: Server) -> Iterator[Pooler]:
    """A throw-away pgbouncer; skips where the machine has none (see `tests/pgbouncer.py`)."""
    with pooling(postgres_server) as found:
        if found is None and "FREEHOLD_TEST_SERVICES" in os.environ:
            pytest.fail("there is no pgbouncer on this machine, and `--all` was asked for")
        if found is None:
            pytest.skip("there is no pgbouncer on this machine")
        yield found


@pytest.fixture
async def pooled_world(
    postgres_server: Server, pooler: Pooler, postgres_database: PostgresDatabase
) -> AsyncIterator[Worlds]:
    """A world on a new PostgreSQL database behind a pooler, closed at the end."""
    stores: list[Store] = []

    def make(specification: Specification) -> World:
        database = postgres_database(specification)
        limits = Limits(pooler=True)
        stores.append(PostgresStore(pooler.url(database.url), tables_of(specification), limits, tells_time=True))
        operate = lambda sql: postgres_server.execute(sql, database.name)  # noqa: E731
        return World(specification, stores[-1], operate, database.superuser_url)

    yield make
    for store in stores:
        await store.close()


@pytest.fixture(params=CHOSEN)
def any_world(request: pytest.FixtureRequest) -> Worlds:
    """A world on each store in turn: what is tested with this is the contract of the ports."""
    found: Worlds = request.getfixturevalue(STORES[request.param])
    return found


@pytest.fixture
def one_world(request: pytest.FixtureRequest) -> Worlds:
    """A world on one store, in memory unless another is asked for."""
    found: Worlds = request.getfixturevalue(STORES[ASKED or "memory"])
    return found


@pytest.fixture(scope="session")
def served(request: pytest.FixtureRequest) -> Serving:
    """Serves the `freehold.yaml` of a folder in a process of its own: on SQLite unless PostgreSQL is asked for."""
    return partial(serving, postgres=request.getfixturevalue("postgres_server") if ASKED == "postgresql" else None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--snapshots-write`: what is there now is as it should be. `--thorough`: all, where otherwise a part is tried."""
    parser.addoption("--snapshots-write", action="store_true", help="write tests/http/snapshots anew")
    parser.addoption("--thorough", action="store_true", help="try every mutant, not one in eight")
