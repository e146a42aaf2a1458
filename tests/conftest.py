"""Databases for every test that wants one: made once for each specification, then copied."""

import shutil
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path

import pytest

from adapters.persistence.sql.sqlite import SqliteStore
from adapters.persistence.sql.tables import Tables, build
from application.ports import Store
from domain.specification.model import Specification
from entrypoints import projects
from tests.application.world import World

Database = Callable[[Specification], Path]
Worlds = Callable[[Specification], World]

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


@pytest.fixture(params=["memory", "sqlite"])
def any_world(request: pytest.FixtureRequest) -> Worlds:
    """A world on each store in turn: what is tested with this is the contract of the ports."""
    found: Worlds = World if request.param == "memory" else request.getfixturevalue("sqlite_world")
    return found


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--snapshots-write`: what is there now is as it should be."""
    parser.addoption("--snapshots-write", action="store_true", help="write tests/http/snapshots anew")
