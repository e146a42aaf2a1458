"""What lists cost on PostgreSQL, in pages of its buffers: they are the same on every machine and in every run."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.persistence.sql.connection import Prepared
from adapters.persistence.sql.lists import ListShape
from adapters.persistence.sql.pool import Limits, Pool
from adapters.persistence.sql.postgres import DIALECT, positional, settings
from adapters.persistence.sql.postgres_statements import PostgresStatements
from adapters.persistence.sql.statements import ACCOUNT, NOBODY
from application.records import total_order
from benchmarks.lists import LISTS, World, tables_with
from benchmarks.postgres import Database
from tests.application.world import example
from tests.conftest import PostgresDatabase, tables_of

FEW, MANY = 50, 400
"""accounts, with a hundred records each"""
BIG = 5000
"""rows of a table that no list may read one after the other; of smaller ones PostgreSQL rightly reads all"""


class Plan:
    """How PostgreSQL ran a statement."""

    def __init__(self, root: dict[str, Any]) -> None:
        """Take the root of EXPLAIN's JSON."""
        self._root = root
        self.buffers: int = root["Shared Hit Blocks"] + root["Shared Read Blocks"]
        """pages that it looked at, each time counted"""

    def scanned(self) -> list[str]:
        """The tables of which it read many rows, one after the other or in the order of an index that leads nowhere."""
        return [
            node["Relation Name"]
            for node in self.nodes()
            if "Relation Name" in node
            and node["Actual Rows"] + node.get("Rows Removed by Filter", 0) >= BIG / node["Actual Loops"]
        ]

    def nodes(self) -> Iterator[dict[str, Any]]:
        """Every step that was taken at all."""
        waiting = [self._root]
        while waiting:
            node = waiting.pop()
            waiting += node.get("Plans", [])
            if node["Actual Loops"]:
                yield node


async def explained(connection: Any, prepared: Prepared, values: dict[str, Any]) -> Plan:
    """Run a statement, and tell how."""
    bound = positional(prepared, values)
    found = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {prepared.sql}", *bound)
    return Plan(json.loads(found)[0]["Plan"])


async def plans(database: PostgresDatabase, name: str, accounts: int) -> dict[tuple[str, str], Plan]:
    """By resource and caller, how the first page is found among so many accounts' records."""
    place = database(example(name))
    world = World(accounts)
    Database(place).fill(tables_with(name, world))
    statements = PostgresStatements(tables_of(example(name)), DIALECT)
    pool = Pool(place.url, Limits())
    connection = await pool.take()
    try:
        found = {}
        for resource in example(name).resources:
            for who, caller in (("anybody", NOBODY), ("an account", ACCOUNT)):
                prepared, _ = statements.page(
                    ListShape(resource, (), total_order(()), None, statements.limit(21)), caller
                )
                me = world.person(3) if caller is ACCOUNT else None
                now = "2026-11-23T00:00:00.000000Z"
                values = {"me": me, "session": None, "now": now, "today": now[:10]}
                said = settings(prepared, values, True)
                setting = ", ".join(f"set_config('{key}', '{value}', true)" for key, value in said.items())
                await connection.execute(f"BEGIN; SELECT {setting}")
                found[resource, who] = await explained(connection, prepared, values)
                await connection.execute("ROLLBACK")
    finally:
        pool.give(connection)
        await pool.close()
    return found


@pytest.mark.parametrize("name", LISTS)
async def test_a_page_costs_the_same_however_much_others_have(name: str, postgres_database: PostgresDatabase) -> None:
    few, many = [await plans(postgres_database, name, accounts) for accounts in (FEW, MANY)]
    grown = {
        at: (few[at].buffers, plan.buffers) for at, plan in many.items() if plan.buffers > 2 * few[at].buffers + 50
    }
    scanned = {at: plan.scanned() for at, plan in many.items() if plan.scanned()}
    assert not grown, grown
    assert not scanned, scanned


async def test_rows_of_others_are_passed_over_without_asking_functions(postgres_database: PostgresDatabase) -> None:
    """Where no id is shown: an unknown answer there would send each row that is hidden to a function."""
    place, world = postgres_database(example("notes")), World(FEW)
    Database(place).fill(tables_with("notes", world))
    pool = Pool(place.url, Limits())
    connection = await pool.take()
    try:
        await connection.execute(f"BEGIN; SELECT set_config('app.account', '{world.person(3)}', true)")
        found = await connection.fetchval("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) SELECT id FROM notes")
        await connection.execute("ROLLBACK")
    finally:
        pool.give(connection)
        await pool.close()
    plan = Plan(json.loads(found)[0]["Plan"])
    hidden = sum(node.get("Rows Removed by Filter", 0) for node in plan.nodes())
    assert hidden > BIG / 2
    assert plan.buffers < hidden, plan.buffers
