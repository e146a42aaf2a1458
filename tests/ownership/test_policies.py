"""Row-level security alone agrees with the domain: raw SQL in the application's role, with a caller, without a WHERE.

What each caller sees, could change, could delete and could put in is asked of whole tables at once, and undone.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from adapters.persistence.sql.builtin import MembershipRow, table_of
from adapters.persistence.sql.connection import Prepared
from adapters.persistence.sql.filling import filling
from adapters.persistence.sql.postgres import DIALECT, positional
from adapters.persistence.sql.tables import Tables
from adapters.persistence.sql.views import stored_time
from domain.judging import may_add, may_end_membership, may_put_membership, may_store
from domain.membership import Membership
from domain.ownership import Actor, may
from domain.record import Record
from tests.conftest import PostgresDatabase
from tests.ownership.cases import NEW, Database, Trial
from tests.ownership.worlds import NOW, World, specifications, store_in_postgres
from tests.postgres import beside

MEMBERS = table_of(MembershipRow).name


class Raw:
    """The application's role in a database."""

    def __init__(self, world: World, tables: Tables, database: Database) -> None:
        self.world = world
        self._tables = tables
        self._database = database

    @contextmanager
    def acting(self, actor: Actor | None, *shown: str) -> Iterator[None]:
        """A transaction of a caller who shows these ids; None is nobody."""
        account = "" if actor is None else actor.account or "anonymous"
        settings = {"app.account": account, "app.presented": " ".join(shown), "app.now": stored_time(NOW)}
        self._database.execute("BEGIN")
        for name, value in settings.items():
            self._database.execute(f"SELECT set_config('{name}', '{value}', true)")
        yield
        self._database.execute("ROLLBACK")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query finds."""
        return [tuple(row) for row in self._database.execute(sql)]

    def touches(self, sql: str, *values: Any) -> int | None:
        """How many rows a write touches, which is undone; None where a policy refuses it.

        A key or a limit comes after every policy: what stumbles there was allowed.
        """
        self._database.execute("SAVEPOINT before")
        try:
            return self._database.write(sql, *values)
        except asyncpg.IntegrityConstraintViolationError:
            return 1
        except asyncpg.InsufficientPrivilegeError:
            return None
        finally:
            self._database.execute("ROLLBACK TO SAVEPOINT before")

    def adds(self, record: Record) -> bool:
        """Whether the record can be put in, row as it would be stored."""
        state = self.world.state.copy()
        state.records[record.resource] = {record.id: record, **state.records[record.resource]}
        plural = self.world.specification.resources[record.resource].plural
        for statement, rows in filling(self._tables, state.at(self.world.specification, NOW), ()):
            if statement.table.name == plural:
                prepared = Prepared(statement, DIALECT)
                return self.touches(prepared.sql, *positional(prepared, rows[0])) == 1
        raise AssertionError("each resource has a table")


@pytest.fixture(params=specifications())
def raw(
    request: pytest.FixtureRequest, trial: Callable[[str], Trial], postgres_database: PostgresDatabase
) -> Iterator[Raw]:
    """A specification's world in a database of its own."""
    found = trial(request.param)
    database = postgres_database(found.specification)
    beside(lambda: store_in_postgres(found.world, found.tables, database.superuser_url))
    connection = Database(database.superuser_url)
    yield Raw(found.world, found.tables, connection)
    connection.close()


def test_policies_alone_agree_with_the_domain(raw: Raw) -> None:
    world = raw.world
    for resource in world.specification.resources.values():
        table = f'"{resource.plural}"'
        facts = {record.id: world.facts(record) for record in world.of(resource.name)}
        for actor in world.everybody:
            about = f"{resource.name} by {actor.account}"
            with raw.acting(actor):
                seen = {row[0] for row in raw.rows(f"SELECT id FROM {table}")}  # noqa: S608
                assert seen == {key for key, at in facts.items() if may("read", actor, at)}, f"read {about}"
                change = f"UPDATE {table} SET updated_at = now()"  # noqa: S608
                storable = {key for key, at in facts.items() if may_store(actor, at, at)}
                changed = raw.touches(change)
                # where one row may only be moved, which this is not, the whole statement is refused
                assert changed in (None, len(storable)), f"update {about}"
                deleted = raw.touches(f"DELETE FROM {table}")  # noqa: S608
                assert deleted == sum(may("delete", actor, at).allowed for at in facts.values()), f"delete {about}"
                for record in world.of(resource.name):
                    tried = _tried(actor, record)
                    own = resource.parent is not None or (actor.account is not None and tried.owner == actor.account)
                    assert raw.adds(tried) == (own and may_add(actor, world.facts(tried))), f"add {about}: {tried}"
            with raw.acting(actor, *facts):
                opened = {row[0] for row in raw.rows(f"SELECT id FROM {table}")}  # noqa: S608
                expected = {k for k, at in facts.items() if may("read", actor, at) or may("open", actor, at)}
                assert opened == expected, f"open {about}"
                changed = {key for key in facts if raw.touches(f"{change} WHERE id = '{key}'")}
                assert changed == storable, f"update {about}"


def test_policies_of_memberships_agree_with_the_domain(raw: Raw) -> None:
    world = raw.world
    present = world.state.memberships
    for actor in world.everybody:
        with raw.acting(actor):
            seen = {row[:2] for row in raw.rows(f"SELECT record, account FROM {MEMBERS}")}  # noqa: S608
            assert seen == {key for key, member in present.items() if _sees(world, actor, member)}, f"seen by {actor}"
            ended = raw.touches(f"DELETE FROM {MEMBERS}")  # noqa: S608
            assert ended == sum(_ends(world, actor, member) for member in present.values()), f"ended by {actor}"
            for resource in world.specification.resources.values():
                for record in world.of(resource.name) if resource.ladder else ():
                    facts, account = world.facts(record), str(world.everybody[-1].account)
                    for role in resource.ladder.roles if resource.ladder else ():
                        for account in {world.accounts[0], actor.account or world.accounts[1]}:
                            given = Membership(resource.name, record.id, account, role, None)
                            values = f"('{resource.name}', '{record.id}', '{account}', '{role}')"
                            held = present.get((record.id, account))
                            allowed = may_put_membership(actor, facts, given, held)
                            if held is None:
                                sql = f"INSERT INTO {MEMBERS} (resource, record, account, role) VALUES {values}"  # noqa: S608
                                assert bool(raw.touches(sql)) == allowed, f"given by {actor}: {given}"
                            elif _sees(world, actor, held):
                                here = f"record = '{record.id}' AND account = '{account}'"
                                sql = f"UPDATE {MEMBERS} SET role = '{role}' WHERE {here}"  # noqa: S608
                                assert bool(raw.touches(sql)) == allowed, f"changed by {actor}: {held} to {given}"


def test_without_a_caller_there_is_nothing(raw: Raw) -> None:
    """Neither before anybody was named in a session, nor after a transaction in which somebody was."""
    world = raw.world
    tables = [f'"{resource.plural}"' for resource in world.specification.resources.values()]
    built_in = ("accounts", "sessions", "refresh_tokens", "memberships", "audit", "signing_keys")
    built_in += ("second_factors", "api_keys")
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


def _tried(actor: Actor, record: Record) -> Record:
    """A new record like this one, by the actor."""
    return replace(record, id=NEW, owner=record.owner if record.parent is not None else actor.account or record.owner)


def _sees(world: World, actor: Actor, member: Membership) -> bool:
    facts = world.facts(_record(world, member))
    shares = may("members", actor, facts) or may("share", actor, facts)
    return bool(shares) or (actor.account is not None and member.account == actor.account)


def _ends(world: World, actor: Actor, member: Membership) -> bool:
    return _sees(world, actor, member) and may_end_membership(actor, world.facts(_record(world, member)), member)


def _record(world: World, member: Membership) -> Record:
    return next(record for record in world.of(member.resource) if record.id == member.record)
