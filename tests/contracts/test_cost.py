"""What SQLite does for an answer: which way it goes, how many instructions it takes, how many rows it hands over.

Instructions of its virtual machine are counted, not time: they are the same on every machine and in every run.
"""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from adapters.persistence.sql.connection import Connection, Prepared, Row
from adapters.persistence.sql.lists import ListShape
from adapters.persistence.sql.records import MembershipStatements, SqlRecords
from adapters.persistence.sql.sqlite import DIALECT, Reader, Writer, connect
from adapters.persistence.sql.statements import NOBODY, SESSION, Caller, Statements
from adapters.persistence.sql.views import stored_time
from application.ports import Filter, Query
from application.records import total_order
from domain.membership import Membership
from domain.ownership import ANONYMOUS, Actor
from domain.record import create
from domain.specification.model import Field, Kind, Resource, Specification
from tests.application.world import NEVER, World, example
from tests.conftest import Database, Worlds, tables_of

SIX = ["clinic", "conduit", "invoices", "market", "notes", "tracker"]
RESOURCES = [(name, resource) for name in SIX for resource in example(name).resources]
NEWEST = total_order(())


@cache
def statements(name: str) -> Statements:
    return Statements(tables_of(example(name)), DIALECT)


@dataclass
class Population:
    """A database full of records; `me` is a member of somebody else's first record of each resource with roles."""

    world: World
    connection: sqlite3.Connection
    accounts: list[Actor]

    @property
    def me(self) -> Actor:
        """The caller of lists."""
        return self.accounts[0]

    def values(self, actor: Actor, limit: int) -> dict[str, Any]:
        """What every statement asks for."""
        now = stored_time(self.world.clock.now())
        return {"me": actor.account, "session": actor.session, "now": now, "today": now[:10], "limit": limit}

    def page(
        self, resource: str, actor: Actor, limit: int, after: tuple[Any, ...] | None = None
    ) -> tuple[int, list[Row]]:
        """Instructions and rows of one page."""
        name = self.world.specification.app
        shape = ListShape(resource, (), NEWEST, None if after is None else tuple(key is not None for key in after))
        prepared, _ = statements(name).page(shape, NOBODY if actor.account is None else SESSION)
        keys = {f"a{i}": key for i, key in enumerate(after or ())}
        return instructions(self.connection, prepared, self.values(actor, limit) | keys)


def instructions(
    connection: sqlite3.Connection, prepared: Prepared, values: Mapping[str, Any]
) -> tuple[int, list[Row]]:
    """How many instructions a statement takes (in tens), and its rows."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 10
        return 0

    # a statement that was run before goes on counting where it stopped: another connection would not
    connection.set_progress_handler(tick, 10)
    rows = connection.execute(f"{prepared.sql} -- {count}", prepared.bind(values)).fetchall()
    connection.set_progress_handler(None, 10)
    return count, rows


async def populated(world: World, people: int, mine: int, theirs: int) -> Population:
    """Accounts with records of every resource; what refers elsewhere refers to the next account's records."""
    spec = world.specification
    accounts = [await world.person(f"p{i}") for i in range(people)]
    connection = connect(world.path)
    connection.execute("BEGIN")
    made: dict[tuple[str, int], list[str]] = {}
    rows: dict[str, dict[str, Any]] = {}
    for resource in spec.resources.values():
        for who, actor in enumerate(accounts):
            ids = made[resource.name, who] = []
            for i in range(mine if who == 0 else theirs):
                row = _row(world, resource, actor, i)
                if resource.parent is not None:
                    above = made[resource.parent, who]
                    row[resource.parent] = above[(i if resource.unique else i % 3) % len(above)]
                for field in resource.references():
                    beside = spec.resources[str(field.target)].parent == resource.parent is not None
                    other = who if beside else (who + 1) % people
                    targets = made.get((str(field.target), other), []) if field.target != resource.name else []
                    row[field.name] = targets[i] if i < len(targets) else None
                for link, beside in tables_of(spec).beside(resource).items():
                    row |= {name: rows[row[link]][source] if row[link] else None for name, source in beside.items()}
                rows[row["id"]] = row
                columns = ", ".join(f'"{name}"' for name in row)
                marks = ", ".join("?" * len(row))
                connection.execute(
                    f"INSERT INTO {resource.plural} ({columns}) VALUES ({marks})",  # noqa: S608
                    tuple(row.values()),
                )
                ids.append(str(row["id"]))
    connection.execute("COMMIT")
    for resource in spec.resources.values():
        if resource.ladder is not None:
            await world.share(resource.name, made[resource.name, 1][0], accounts[0], resource.ladder.roles[-1])
    return Population(world, connection, accounts)


def _row(world: World, resource: Resource, actor: Actor, i: int) -> dict[str, Any]:
    now = stored_time(world.clock.now())
    row: dict[str, Any] = {"id": world.ids.new(), "owner": actor.account, "created_at": now, "updated_at": now}
    return row | {
        name: _value(world.specification, resource, field, actor, i) for name, field in resource.fields.items()
    }


def _value(spec: Specification, resource: Resource, field: Field, actor: Actor, i: int) -> Any:
    kind = spec.value_field(resource.name, field.name).kind
    plain = {Kind.YES_NO: i % 2, Kind.DECIMAL: "1.00", Kind.INTEGER: 3, Kind.DATE: "2026-11-23"}
    if kind is Kind.ONE_OF:
        return field.values[i % len(field.values)]
    if kind is Kind.TIME:
        return "2026-11-23T09:30:00.000000Z"
    return f"{actor.account} {i}" if kind is Kind.TEXT else plain.get(kind, actor.account)


# --- which way -----------------------------------------------------------------------------


@pytest.mark.parametrize("caller", [NOBODY, SESSION], ids=["anonymous", "account"])
@pytest.mark.parametrize(("name", "resource"), RESOURCES)
def test_no_list_scans_a_table_or_sorts_one(name: str, resource: str, caller: Caller, template: Database) -> None:
    """A scan is only an index walked in the order of the list, until the page is full: nothing sorts behind it."""
    connection = connect(template(example(name)), read_only=True)
    prepared, _ = statements(name).page(ListShape(resource, (), NEWEST, None), caller)
    bound = dict.fromkeys(prepared.names) | prepared.fixed
    plan = connection.execute(f"EXPLAIN QUERY PLAN {prepared.sql}", bound).fetchall()
    connection.close()
    sorting = {parent for _, parent, _, detail in plan if "TEMP B-TREE" in detail and "UNION" not in detail}
    tables = {r.plural for r in example(name).resources.values()}
    for _, parent, _, detail in plan:
        assert "AUTOMATIC" not in detail
        words = detail.split()
        if words[0] == "SCAN" and words[1].rstrip("0123456789").rstrip("_") in tables:
            assert "INDEX" in words, detail
            assert parent not in sorting, detail


@pytest.mark.parametrize("name", SIX)
async def test_a_page_costs_the_same_however_much_others_have(name: str, sqlite_world: Worlds) -> None:
    costs: dict[tuple[str, bool], list[int]] = {}
    for people in (3, 12):
        population = await populated(sqlite_world(example(name)), people, 60, 60)
        for resource in example(name).resources:
            for actor in (ANONYMOUS, population.me):
                cost, _ = population.page(resource, actor, 21)
                costs.setdefault((resource, actor is ANONYMOUS), []).append(cost)
        population.connection.close()
    grown = {at: found for at, found in costs.items() if found[1] > found[0] * 1.25 + 50}
    assert not grown


@pytest.mark.parametrize("hidden", ["state = 'draft'", "state = 'published', audience = 'followers'"])
async def test_what_others_hide_costs_nothing(hidden: str, sqlite_world: Worlds) -> None:
    """Neither where it is public itself nor where it is as public as the record above, or one that it names."""
    costs: list[list[int]] = []
    for people in (3, 12):
        population = await populated(sqlite_world(example("conduit")), people, 60, 60)
        population.connection.execute(
            f"UPDATE articles SET {hidden} WHERE owner <> ?",  # noqa: S608
            (population.me.account,),
        )
        asked = [(name, who) for name in ("article", "comment", "favorite") for who in (ANONYMOUS, population.me)]
        costs.append([population.page(name, who, 21)[0] for name, who in asked])
        population.connection.close()
    assert all(many <= few * 1.25 + 50 for few, many in zip(*costs, strict=True)), costs


@pytest.mark.parametrize("name", SIX)
async def test_a_page_costs_the_same_however_far_down_it_is(name: str, sqlite_world: Worlds) -> None:
    population = await populated(sqlite_world(example(name)), 3, 90, 90)
    for resource in example(name).resources:
        found: list[int] = []
        after: tuple[Any, ...] | None = None
        seen: set[str] = set()
        while len(found) < 12:
            cost, rows = population.page(resource, population.me, 11, after)
            found.append(cost)
            seen |= {row[0] for row in rows[:10]}
            assert len(seen) == 10 * (len(found) - 1) + len(rows[:10])
            if len(rows) <= 10:
                break
            after = (rows[9][-1],)
        assert max(found) <= found[0] * 1.5 + 300, (resource, found)
    population.connection.close()


async def test_who_has_a_staff_role_pays_for_what_it_may_see(sqlite_world: Worlds) -> None:
    """The disputed orders are found by an index; everybody else does not even look."""
    costs = []
    for people in (3, 12):
        world = sqlite_world(example("market"))
        population = await populated(world, people, 60, 60)
        population.connection.execute("UPDATE orders SET status = 'received'")
        mediator = await world.person("mediator", "mediator")
        costs.append([population.page("order", actor, 21)[0] for actor in (mediator, population.me)])
        population.connection.close()
    assert costs[1][0] <= costs[0][0] * 1.25 + 50
    assert costs[1][1] <= costs[0][1] * 1.25 + 50


# --- how many rows -------------------------------------------------------------------------


class Counting:
    """A connection that counts the rows it hands over."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.rows_seen = 0

    async def rows(self, prepared: Prepared, values: Mapping[str, Any]) -> list[Row]:
        """See `Connection`."""
        found = await self._connection.rows(prepared, values)
        self.rows_seen += len(found)
        return found

    async def run(self, prepared: Prepared, values: Mapping[str, Any]) -> int:
        """See `Connection`."""
        return await self._connection.run(prepared, values)


async def test_no_method_fetches_more_rows_than_it_returns(sqlite_world: Worlds) -> None:
    """One more where a page has a successor, where a total is told, or where it is asked why nothing was found."""
    world = sqlite_world(example("notes"))
    mary, bob, eve = await world.people("mary", "bob", "eve")
    notebook = await world.make(mary, "notebook", title="Garden")
    notes = [await world.make(mary, "note", notebook=notebook, title=str(i), body="…") for i in range(12)]
    for i in range(12):
        await world.make(eve, "note", notebook=await world.make(eve, "notebook", title=str(i)), title="x", body="…")
    for actor in (bob, eve):
        await world.share("notebook", notebook, actor, "viewer")
    now = world.clock.now()
    reader, writer = Reader(world.path), Writer(world.path)

    async def fetched(connection: Connection, call: Callable[[SqlRecords], Any]) -> tuple[int, Any]:
        counting = Counting(connection)
        records = SqlRecords(statements("notes"), MembershipStatements(DIALECT), counting)
        answer = await call(records)
        return counting.rows_seen, answer

    for actor in (mary, bob):
        for record_id in (notes[0], NEVER):
            rows, view = await fetched(reader, lambda r, a=actor, i=record_id: r.view(a, "note", i, now))
            assert rows == 1, view
            rows, members = await fetched(reader, lambda r, a=actor: r.members(a, "notebook", notebook, now))
            assert rows == len(members) + 1
            rows, opens = await fetched(reader, lambda r, a=actor: r.opens(str(a.account), "notebook", notebook, now))
            assert (rows, opens) == (1, True)
        for limit in (1, 5, 12, 50):
            for wanted, counted in (((), False), ((), True), ((Filter("title", ("3",)),), False)):
                asked = Query("note", wanted, NEWEST, limit, counted=counted)
                rows, page = await fetched(reader, lambda r, a=actor, q=asked: r.page(a, q, now))
                assert rows <= len(page.items) + (page.last is not None) + counted
    async with writer.turn() as turn:
        for actor, action in ((mary, "open"), (bob, "read")):
            rows, facts = await fetched(turn, lambda r, a=actor, x=action: r.refer(a, "note", notes[0], now, x))
            snapshot = facts.world
            assert rows <= 1 + len(snapshot.roles) + len(snapshot.staff_roles)
        rows, facts = await fetched(turn, lambda r: r.load(bob, "note", NEVER, now))
        assert (rows, facts) == (1, None)
        model = example("notes").resources["note"]
        given = {"title": "x", "body": "…", "audience": "members"}
        new = create(model, world.ids.new(), str(mary.account), notebook, given, mary.account, str, now)
        for call in (
            lambda r: r.imagine(mary, new, now),
            lambda r: r.add(mary, new, now),
            lambda r: r.save(mary, new, new.edit({"title": "y"}, now), now),
            lambda r: r.obstacles(mary, new, now),
            lambda r: r.membership(mary, "notebook", notebook, str(bob.account), now),
            lambda r: r.put_membership(mary, Membership("notebook", notebook, str(bob.account), "editor", None), now),
            lambda r: r.end_membership(mary, Membership("notebook", notebook, str(bob.account), "editor", None), now),
            lambda r: r.remove(mary, new.edit({"title": "y"}, now), now),
        ):
            rows, _ = await fetched(turn, call)
            assert rows <= 1
    await writer.finish()
    reader.close()
    writer.close()
