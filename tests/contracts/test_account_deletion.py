"""`Records.close_account` on every store: what goes, what passes to a tombstone, and what is left of the account."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from adapters.persistence.memory import MemoryStore, State
from adapters.persistence.sql import postgres
from adapters.persistence.sql.builtin import AccountRow, MembershipRow, table_of
from adapters.persistence.sql.connection import Prepared, Principal
from adapters.persistence.sql.pool import Limits, Pool
from adapters.persistence.sql.postgres import PostgresStore
from adapters.persistence.sql.sqlite import DIALECT, SqliteStore, connect
from adapters.persistence.sql.views import RecordColumns
from application.ports import View
from domain.account import Account
from domain.audit import Event
from domain.membership import Membership
from domain.ownership import Actor
from domain.record import Record
from domain.session import RefreshToken
from domain.specification.model import Specification
from tests.application.world import World, example
from tests.conftest import Worlds, tables_of
from tests.domain.test_account_deletion import HOUSES
from tests.ownership import worlds


@dataclass(frozen=True)
class Stored:
    """What a store holds."""

    records: dict[str, dict[str, Record]]
    memberships: dict[tuple[str, str], Membership]
    accounts: dict[str, Account]

    @property
    def owners(self) -> set[str]:
        """Of all records."""
        return {record.owner for records in self.records.values() for record in records.values()}


async def close(world: World, actor: Actor) -> str:
    """Delete an account; the id of its tombstone, stored or not."""
    now = world.clock.now()
    tombstone = Account.tombstone(world.ids.new(), now)
    async with world.store.work() as work:
        await work.records.close_account(str(actor.account), tombstone, now)
        await work.commit()
    return tombstone.id


async def found(world: World, resource: str, record_id: str, ask: Actor) -> View | None:
    """A record as somebody sees it who can open it, or None."""
    return await world.store.records.view(ask, resource, record_id, world.clock.now())


async def test_the_order_survives_its_buyer(any_world: Worlds) -> None:
    world = any_world(example("market"))
    buyer, seller = await world.people("buyer", "seller")
    listing = await world.make(seller, "listing", title="Bicycle", price="90.00", state="open")
    sold = await world.make(buyer, "listing", title="Book", price="3.00", state="open")
    order = await world.make(buyer, "order", listing=listing, ship_to="Here 1")
    message = await world.make(buyer, "message", order=order, body="Still there?")
    answer = await world.make(seller, "message", order=order, body="Yes")
    foreign = await world.make(seller, "order", listing=sold, ship_to="There 2")
    tombstone = await close(world, buyer)

    assert await world.sees(seller, "order") == [foreign, order]
    left = await found(world, "order", order, seller)
    assert left is not None
    assert (left["owner"], left["seller"], left["listing"]) == (tombstone, seller.account, listing)
    shown = {name: await found(world, "message", name, seller) for name in (message, answer)}
    assert [view and (view["author"], view["owner"]) for view in shown.values()] == [
        (None, tombstone),
        (seller.account, tombstone),
    ]
    assert await found(world, "listing", sold, seller) is None
    bought = await found(world, "order", foreign, seller)
    assert bought is not None
    assert (bought["owner"], bought["seller"], bought["listing"]) == (seller.account, None, None)
    # what is left is a whole record: the seller goes on with it
    await world.records.update(seller, "order", order, {"status": "accepted"}, None)


async def test_what_is_above_a_kept_record_and_below_it_stays_with_it(any_world: Worlds) -> None:
    world = any_world(HOUSES)
    mary, bob = await world.people("mary", "bob")
    house = await world.make(mary, "house", name="Kept")
    empty = await world.make(mary, "house", name="Empty")
    await world.share("house", house, bob, "host")
    await world.share("house", empty, bob, "host")
    room = await world.make(mary, "room", house=house, done=False)
    await world.share("room", room, bob, "tenant")
    deed = await world.make(mary, "deed", room=room, text="Mine")
    stamp = await world.make(mary, "stamp", deed=deed)
    chair = await world.make(mary, "chair", room=room, text="Red")
    beside = await world.make(mary, "room", house=house, done=False)
    alone = await world.make(mary, "room", house=empty, done=False)
    tombstone = await close(world, mary)

    state = await everything(world)
    assert {name: sorted(records) for name, records in state.records.items() if records} == {
        "house": [house],
        "room": [room],
        "deed": [deed],
        "stamp": [stamp],
    }
    assert state.owners == {tombstone}
    assert state.records["room"][room].values["by"] is state.records["stamp"][stamp].values["author"] is None
    assert not {chair, beside, alone, empty} & {record for record, _ in state.memberships}
    assert sorted(state.memberships) == sorted([(house, bob.account), (room, bob.account)])
    assert await world.sees(bob, "house") == [house]
    assert await world.sees(bob, "deed") == [deed]


async def test_neither_a_lock_nor_a_reference_keeps_a_record(any_world: Worlds) -> None:
    world = any_world(HOUSES)
    mary, bob = await world.people("mary", "bob")
    house = await world.make(mary, "house", name="Locked")
    room = await world.make(mary, "room", house=house, done=False)
    chair = await world.make(mary, "chair", room=room, text="Red")
    await world.records.update(mary, "room", room, {"done": True}, None)
    letter = await world.make(mary, "letter", house=house)
    await world.make(mary, "line", letter=letter, chair=chair, deed=await a_deed(world, bob, mary))
    await close(world, mary)
    state = await everything(world)
    assert state.owners == {bob.account}
    assert list(state.accounts) == [bob.account], "where nothing passes there is no tombstone"


async def a_deed(world: World, actor: Actor, reader: Actor | None = None) -> str:
    """A kept record, two levels down."""
    house = await world.make(actor, "house", name="Other")
    room = await world.make(actor, "room", house=house, done=False)
    if reader is not None:
        await world.share("room", room, reader, "tenant")
    return await world.make(actor, "deed", room=room, text="Other")


async def test_what_refers_follows_or_is_emptied(any_world: Worlds) -> None:
    world = any_world(HOUSES)
    mary, bob, ann = await world.people("mary", "bob", "ann")
    house = await world.make(mary, "house", name="Hers", friend=ann.account)
    await world.share("house", house, bob, "guest")
    following = await world.make(bob, "letter", house=house)
    await world.share("letter", following, ann, "reader")
    answer = await world.make(bob, "letter", answers=following)
    receipt = await world.make(bob, "receipt", letter=answer, text="Paid")
    other = await world.make(bob, "letter", house=None)
    twin = await world.make(bob, "house", name="His", twin=house)
    room = await world.make(bob, "room", house=twin, done=True)
    await world.share("room", room, ann, "tenant")
    before = (await everything(world)).records["letter"][following]
    assert (before.values["host"], before.values["friend"]) == (mary.account, ann.account)
    await close(world, mary)
    state = await everything(world)
    assert list(state.records["letter"]) == [other]
    assert not state.records["house"]
    assert not state.records["room"]
    assert state.records["receipt"][receipt].values["letter"] is None, "kept, it does not follow"
    assert not state.memberships


async def test_nothing_that_named_the_account_names_it_any_more(any_world: Worlds) -> None:
    world = any_world(HOUSES)
    mary, bob = await world.people("mary", "bob")
    house = await world.make(bob, "house", name="His", friend=mary.account)
    await world.share("house", house, mary, "guest")
    room = await world.make(mary, "room", house=house, done=False)
    letter = await world.make(bob, "letter", house=house)
    async with world.store.work() as work:
        session = await work.sessions.get(str(mary.session))
        assert session is not None
        await work.sessions.add_token(RefreshToken("a" * 64, session.id, world.clock.now()))
        await work.audit.add(Event.of("login", mary.account, world.clock.now(), session.id))
        await work.audit.add(Event.of("login", bob.account, world.clock.now()))
        await work.commit()
    await close(world, mary)
    state = await everything(world)
    records = state.records
    assert records["house"][house].values["friend"] is None
    assert records["room"][room].values["by"] is None
    assert records["letter"][letter].values == {"house": house, "host": bob.account, "friend": None, "answers": None}
    assert state.owners == {bob.account}
    assert not state.memberships
    async with world.store.work() as work:
        assert await work.accounts.get(str(mary.account)) is None
        assert await work.accounts.by_email("mary@example.com") is None
        assert await work.sessions.get(str(mary.session)) is None
        assert await work.sessions.token("a" * 64) is None
        assert await work.audit.of_account(str(mary.account), 9) == []
        assert [event.kind for event in await work.audit.of_account(str(bob.account), 9)] == ["login"]


async def test_each_deletion_has_a_tombstone_of_its_own(any_world: Worlds) -> None:
    """Equal names per owner would collide in a common one."""
    world = any_world(HOUSES)
    people = await world.people("mary", "bob")
    for person in people:
        await a_deed(world, person)
    tombstones = [await close(world, person) for person in people]
    state = await everything(world)
    assert {record.owner for record in state.records["house"].values()} == set(tombstones)
    assert len(set(tombstones)) == 2
    for tombstone in tombstones:
        account = await world.store.accounts.get(tombstone)
        assert account == Account.tombstone(tombstone, world.clock.now())


async def test_a_long_chain_of_references_goes(any_world: Worlds) -> None:
    """SQLite follows 1000 references that cascade."""
    world = any_world(HOUSES)
    mary = await world.person("mary")
    letters = [await world.make(mary, "letter")]
    pattern = (await everything(world)).records["letter"][letters[0]]
    async with world.store.work() as work:
        for _ in range(1100):
            values = {**pattern.values, "answers": letters[-1]}
            letters.append(world.ids.new())
            await work.records.add(mary, replace(pattern, id=letters[-1], values=values), world.clock.now())
        await work.commit()
    await close(world, mary)
    assert not (await everything(world)).records["letter"]


async def test_without_a_commit_nothing_has_happened(any_world: Worlds) -> None:
    world = any_world(HOUSES)
    mary = await world.person("mary")
    await a_deed(world, mary)
    before = await everything(world)
    tombstone = Account.tombstone(world.ids.new(), world.clock.now())
    async with world.store.work() as work:
        await work.records.close_account(str(mary.account), tombstone, world.clock.now())
    assert await everything(world) == before


@pytest.mark.parametrize("name", ["houses", *worlds.specifications()])
async def test_sqlite_and_memory_leave_the_same(name: str, tmp_path: Path) -> None:
    """Random worlds, each account in turn."""
    specification = HOUSES if name == "houses" else worlds.specifications()[name]
    tables = tables_of(specification)
    for seed in range(8 if name == "houses" else 1):
        drawn = worlds.draw(specification, seed)
        path = tmp_path / f"{seed}.db"
        worlds.store(drawn, tables, path)
        memory, sqlite = MemoryStore(specification), SqliteStore(path, tables)
        memory.state = drawn.state.copy()
        for number, account in enumerate(drawn.accounts):
            tombstone = Account.tombstone(f"{number:08}-0000-7000-8000-000000000000", worlds.NOW)
            for store in (memory, sqlite):
                async with store.work() as work:
                    await work.records.close_account(account, tombstone, worlds.NOW)
                    await work.commit()
            left = in_memory(memory.state)
            assert in_file(specification, path) == left
            assert left.owners <= set(left.accounts)
            assert account not in left.accounts
        await sqlite.close()


# --- everything that a store holds ---------------------------------------------------------


async def everything(world: World) -> Stored:
    """Of any store."""
    if isinstance(world.store, MemoryStore):
        return in_memory(world.store.state)
    if isinstance(world.store, PostgresStore):
        return await in_database(world)
    return in_file(world.specification, world.path)


def in_memory(state: State) -> Stored:
    """Of a state."""
    copy = state.copy()
    return Stored(copy.records, copy.memberships, copy.identity.accounts)


def in_file(specification: Specification, path: Path) -> Stored:
    """Of a database; its keys are checked on the way."""
    connection = connect(path, read_only=True)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []

    found = _stored(specification, lambda statement: connection.execute(Prepared(statement, DIALECT).sql).fetchall())
    connection.close()
    return found


async def in_database(world: World) -> Stored:
    """Of a PostgreSQL database."""
    pool = Pool(world.superuser_url, Limits(size=1))
    reader = postgres.Single(pool, False)
    tables = [*tables_of(world.specification).of.values(), table_of(MembershipRow), table_of(AccountRow)]
    read = {
        table.name: await reader.rows(Prepared(select(table), postgres.DIALECT, principal=Principal()), {})
        for table in tables
    }
    await pool.close()

    def rows(statement: Any) -> list[Any]:
        (table,) = statement.get_final_froms()
        names = [column.name for column in table.c]
        places = [names.index(next(iter(c.base_columns)).name) for c in statement.selected_columns]
        return [tuple(row[place] for place in places) for row in read[table.name]]

    return _stored(world.specification, rows)


def _stored(specification: Specification, rows: Callable[[Any], list[Any]]) -> Stored:
    """Everything, by a function that runs a query."""

    def instant(text: str | None) -> datetime | None:
        return None if text is None else datetime.fromisoformat(text)

    records: dict[str, dict[str, Record]] = {}
    for name, table in tables_of(specification).of.items():
        columns = RecordColumns(specification, specification.resources[name])
        read = map(columns.record, rows(select(*columns.columns(table, "c_"))))
        records[name] = {record.id: record for record in read if record is not None}
    members = [
        Membership(resource, record, account, role, instant(ends))
        for resource, record, account, role, ends in rows(select(table_of(MembershipRow)))
    ]
    accounts = [
        Account(account, email, password_hash, datetime.fromisoformat(made), staff, bool(disabled))
        for account, email, password_hash, made, staff, disabled in rows(select(table_of(AccountRow)))
    ]
    memberships = {(membership.record, membership.account): membership for membership in members}
    return Stored(records, memberships, {account.id: account for account in accounts})
