"""Row-level security alone agrees with the domain: raw SQL in the application's role, with a caller, without a WHERE.

What each caller sees, could change, could delete and could put in is asked of whole tables at once, and undone.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.conftest import PostgresDatabase
from tests.ownership.cases import NEW, Database, Trial
from tests.ownership.raw import OUTCOMES, UNSAID, Questions, Raw, built_in_rows
from tests.ownership.worlds import specifications, store_in_postgres
from tests.postgres import beside


@pytest.fixture(params=specifications())
def raw(
    request: pytest.FixtureRequest, trial: Callable[[str], Trial], postgres_database: PostgresDatabase
) -> Iterator[Raw]:
    """A specification's world in a database of its own."""
    with raw_of(trial(request.param), postgres_database) as found:
        yield found


@contextmanager
def raw_of(trial: Trial, postgres_database: PostgresDatabase) -> Iterator[Raw]:
    """A trial's world in a database of its own."""
    database = postgres_database(trial.specification)
    beside(lambda: store_in_postgres(trial.world, trial.tables, database.superuser_url))
    connection = Database(database.superuser_url)
    for statement in (*built_in_rows(trial.world), OUTCOMES):
        connection.past_policies(statement)
    yield Raw(trial.world, trial.tables, connection)
    connection.close()


def test_policies_alone_agree_with_the_domain(raw: Raw) -> None:
    for question in Questions(raw).all():
        if question.expected is not UNSAID:
            assert question.ask() == question.expected, question.about


def test_without_a_caller_there_is_nothing(raw: Raw) -> None:
    """Neither before anybody was named in a session, nor after a transaction in which somebody was."""
    world = raw.world
    tables = [f'"{resource.plural}"' for resource in world.specification.resources.values()]
    built_in = ("accounts", "sessions", "refresh_tokens", "memberships", "audit", "signing_keys", "links", "letters")
    built_in += ("second_factors", "api_keys", "secret_links", "invitations", "offers")
    tables += [f"freehold_{name}" for name in built_in]
    for _ in range(2):
        for table in tables:
            assert raw.rows(f"SELECT count(*) FROM {table}") == [(0,)], table  # noqa: S608
        with raw.acting(None):
            for resource in world.specification.resources.values():
                table = f'"{resource.plural}"'
                assert raw.touches(f"UPDATE {table} SET updated_at = now()") == 0, table  # noqa: S608
                assert raw.touches(f"DELETE FROM {table}") == 0, table  # noqa: S608
                for record in world.of(resource.name)[:2]:
                    assert not raw.adds(replace(record, id=NEW)), table
        with raw.acting(world.everybody[1]):
            raw.rows(f"SELECT count(*) FROM {tables[0]}")  # noqa: S608
