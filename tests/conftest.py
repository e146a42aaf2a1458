"""Databases for every test that wants one: made once for each specification, then copied."""

import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from adapters.persistence.sql import migrating, postgres_schema
from adapters.persistence.sql.postgres import PostgresStore
from adapters.persistence.sql.sqlite import SqliteStore
from adapters.persistence.sql.tables import Tables, build
from application.ports import Store
from domain.specification.model import Specification
from entrypoints import projects
from tests import valkey
from tests.application.world import World
from tests.postgres import Server, running

Database = Callable[[Specification], Path]
Worlds = Callable[[Specification], World]
Template = Callable[[Specification], str]

_TABLES: dict[int, Tables] = {}


def tables_of(specification: Specification) -> Tables:
    """Its tables, built once (the same specification is always the same object here)."""
    if id(specification) not in _TABLES:
        _TABLES[id(specification)] = build(specification)
    return _TABLES[id(specification)]


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


@pytest.fixture(scope="session")
def postgres_template(postgres_server: Server) -> Template:
    """The name of a database with the tables of a specification and nothing in them, not to be written to."""
    found: dict[int, str] = {}

    def make(specification: Specification) -> str:
        if id(specification) not in found:
            name = postgres_server.new()
            migrating.upgrade(postgres_server.url(name))
            postgres_schema.adjust(postgres_server.url(name), tables_of(specification), allow_losses=False)
            found[id(specification)] = name
        return found[id(specification)]

    return make


@pytest.fixture
def postgres_database(postgres_server: Server, postgres_template: Template) -> Iterator[Callable[[Specification], str]]:
    """The URL of a new database for a specification, forgotten at the end."""
    made: list[str] = []

    def make(specification: Specification) -> str:
        made.append(postgres_server.new(postgres_template(specification)))
        return postgres_server.url(made[-1])

    yield make
    for name in made:
        postgres_server.drop(name)


@pytest.fixture
async def postgres_world(postgres_database: Callable[[Specification], str]) -> AsyncIterator[Worlds]:
    """A world on a new PostgreSQL database (`world.url`), closed at the end."""
    stores: list[Store] = []

    def make(specification: Specification) -> World:
        url = postgres_database(specification)
        stores.append(PostgresStore(url, tables_of(specification)))
        world = World(specification, stores[-1])
        world.url = url
        return world

    yield make
    for store in stores:
        await store.close()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def any_world(request: pytest.FixtureRequest) -> Worlds:
    """A world on each store in turn: what is tested with this is the contract of the ports."""
    found: Worlds = World if request.param == "memory" else request.getfixturevalue(f"{request.param}_world")
    return found


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--snapshots-write`: what is there now is as it should be."""
    parser.addoption("--snapshots-write", action="store_true", help="write tests/http/snapshots anew")
