"""Where the proofs of this folder have their own database: on SQLite, unless PostgreSQL is asked for."""

from collections.abc import Iterator

import pytest

from adapters.persistence.sql.pool import Server as Place
from tests.conftest import ASKED
from tests.postgres import Server


@pytest.fixture
def empty_place(postgres_server: Server) -> Iterator[Place]:
    """A PostgreSQL database that holds nothing."""
    made = postgres_server.new()
    yield Place(made.url, made.migration_url)
    postgres_server.drop(made)


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Place | None:
    """None is SQLite."""
    found: Place | None = request.getfixturevalue("empty_place") if ASKED == "postgresql" else None
    return found
