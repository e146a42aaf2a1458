"""The domain and the compiled rules answer every question alike, for everybody and every record."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from adapters.persistence.memory import State
from adapters.persistence.sql import postgres
from adapters.persistence.sql.sqlite import DIALECT, connect
from adapters.persistence.sql.statements import Statements
from adapters.persistence.sql.tables import build
from adapters.specification_file import parse
from domain.membership import Membership
from domain.ownership import Actor, may
from tests.conftest import PostgresDatabase
from tests.ownership.cases import Case, Database, Domain, Postgres, Sql, Trial, cases
from tests.ownership.worlds import INSTANT, NOW, World, draw, specifications, store, store_in_postgres
from tests.postgres import beside


@pytest.mark.parametrize("name", specifications())
def test_sql_and_domain_agree(name: str, trial: Callable[[str], Trial], report: list[str]) -> None:
    tried = trial(name)
    statements = Statements(tried.tables, DIALECT)
    differences = [tried.difference(case, statements) for case in tried.cases]
    assert not [found for found in differences if found]
    asked = sum(len(tried.expected(case)) for case in tried.cases)
    report.append(f"sql = domain: {name}: {len(tried.cases)} cases, {asked} answers")


@pytest.mark.parametrize("name", specifications())
def test_sql_on_postgres_and_domain_agree(
    name: str, trial: Callable[[str], Trial], report: list[str], postgres_database: PostgresDatabase
) -> None:
    tried = trial(name)
    database = postgres_database(tried.specification)
    beside(lambda: store_in_postgres(tried.world, tried.tables, database.superuser_url))
    connection = Database(database.url)
    try:
        here = Postgres(tried.world, Statements(tried.tables, postgres.DIALECT), connection)
        found = [case.difference(tried.expected(case), here) for case in tried.cases]
    finally:
        connection.close()
    assert not [difference for difference in found if difference]
    asked = sum(len(tried.expected(case)) for case in tried.cases)
    report.append(f"sql on postgres = domain: {name}: {len(tried.cases)} cases, {asked} answers")


def agree(world: World, path: Path, wanted: Callable[[Case], bool]) -> None:
    """Compare some cases of a world of its own."""
    tables = build(world.specification)
    store(world, tables, path)
    connection = connect(path)
    sql = Sql(world, Statements(tables, DIALECT), connection)
    for case in filter(wanted, cases(world.specification)):
        assert case.difference(list(case.ask(Domain(world))), sql) is None
    connection.close()


@pytest.mark.parametrize(
    ("ends", "live"), [(None, True), (NOW + INSTANT, True), (NOW, False), (NOW - INSTANT, False)], ids=str
)
def test_a_membership_counts_until_the_very_instant_of_its_end(
    ends: datetime | None, live: bool, tmp_path: Path
) -> None:
    specification = specifications()["notes"]
    drawn = draw(specification, 1)
    mary, bob = drawn.accounts[:2]
    notebook = replace(drawn.of("notebook")[0], owner=mary)
    state = State(drawn.state.identity, {name: {} for name in specification.resources})
    state.records["notebook"][notebook.id] = notebook
    state.memberships[notebook.id, bob] = Membership("notebook", notebook.id, bob, "viewer", ends)
    world = World(specification, state)
    assert may("read", Actor(bob), world.facts(notebook)).allowed is live
    agree(world, tmp_path / "world.db", lambda case: case.name.endswith("notebook"))


def test_rules_that_lean_on_each_other_over_sixteen_levels(tmp_path: Path) -> None:
    """As deep as the language goes; SQLite's parser bears few subqueries within each other."""
    text = """
app: deep
resources:
  level_1:
    owner: account
    roles: chief > guest
    fields: {title: text, open: yes/no}
    can: {create: owner, read: [owner, guest, anyone when open is yes], delete: chief}
"""
    for level in range(2, 17):
        text += f"""
  level_{level}:
    owner: level_{level - 1}
    fields: {{title: text}}
    can:
      create: whoever can create level_{level - 1}
      read: [owner, whoever can read level_{level - 1}]
      delete: whoever can delete level_{level - 1}
"""
    names = ["view", "load", "list", "decide", "create", "remove", "filter by level_15", "sort by title"]
    world = draw(parse(text), 1, each=3)
    agree(world, tmp_path / "world.db", lambda case: case.name in [f"{name} level_16" for name in names])
