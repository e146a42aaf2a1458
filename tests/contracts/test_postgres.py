"""What only the PostgreSQL store promises: connections that break, time-outs, and what the database itself refuses."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest

from adapters.persistence.sql.pool import Limits
from adapters.persistence.sql.postgres import PostgresStore
from adapters.sealing import AesSealer
from adapters.tokens import JwtTokens
from application.ports import Filter, Sort
from domain.errors import Conflict, Unavailable
from domain.ownership import Actor
from domain.values import accept
from tests.application.world import NEVER, World, specification
from tests.conftest import PostgresDatabase, tables_of
from tests.postgres import Server, Throwaway

JOURNAL = specification("""
resources:
  book:
    owner: account
    roles: reader
    fields:
      name: text
      kind: one of diary, log
      hot: yes/no
      stars: {type: integer, min: 1, max: 5, default: 3}
      price: {type: decimal, optional: yes}
      day: {type: date, optional: yes}
      at: {type: time, optional: yes}
      extra: {type: json, optional: yes}
    unique: name per owner
    can: {create: signed in, read: [owner, reader, anyone when hot is yes], update: owner, delete: owner, share: owner}
  page:
    owner: book
    fields: {text: text, back: {type: page, optional: yes}}
    can: {create: owner, read: whoever can read book, update: owner, delete: owner}
""")
Opening = Callable[..., World]


@pytest.fixture
def database(postgres_database: PostgresDatabase) -> Throwaway:
    return postgres_database(JOURNAL)


@pytest.fixture
async def opened(database: Throwaway) -> AsyncIterator[Opening]:
    """Stores on one database, with limits of one's own."""
    stores: list[PostgresStore] = []

    def make(**limits: Any) -> World:
        stores.append(PostgresStore(database.url, tables_of(JOURNAL), Limits(**limits), tells_time=True))
        return World(JOURNAL, stores[-1])

    yield make
    for store in stores:
        await store.close()


@pytest.fixture
def world(opened: Opening) -> World:
    return opened()


@pytest.fixture
async def raw(database: Throwaway) -> AsyncIterator[Any]:
    """Somebody else's connection, who may do everything."""
    connection = await asyncpg.connect(database.superuser_url)
    yield connection
    await connection.close()


# --- values --------------------------------------------------------------------------------


async def test_columns_have_types_of_their_own(world: World, raw: Any) -> None:
    columns = await raw.fetch(
        "SELECT column_name::text, data_type::text, collation_name::text FROM information_schema.columns "
        "WHERE table_name = 'books'"
    )
    found = {name: kind if collation is None else f"{kind} {collation}" for name, kind, collation in columns}
    assert found == {
        "owner": "uuid",
        "id": "uuid",
        "name": "text C",
        "kind": "text C",
        "hot": "boolean",
        "stars": "bigint",
        "price": "numeric",
        "day": "date",
        "at": "timestamp with time zone",
        "extra": "json",
        "created_at": "timestamp with time zone",
        "updated_at": "timestamp with time zone",
    }


async def test_order_is_that_of_code_points_whatever_the_language_of_the_database(world: World) -> None:
    mary = await world.person("mary")
    names = ["a", "B", "é", "z", "Z", "\U0001f98a", "\ufb01", "", "a b", "a-b", "ab"]
    for name in names:
        await world.make(mary, "book", name=name)
    listing = await world.records.list(mary, "book", sort=(Sort("name", False),))
    assert [view["name"] for view in listing.items] == sorted(names)


@pytest.mark.parametrize(
    ("name", "values"),
    [("price", ["10", "9.50", "-1"]), ("at", ["2026-11-23T09:30:00Z", "0001-01-01T00:00:00.5Z"]), ("hot", [True])],
)
async def test_filters_of_several_values_are_of_the_columns_type(world: World, name: str, values: list[Any]) -> None:
    mary = await world.person("mary")
    field = JOURNAL.resources["book"].fields[name]
    ids = [await world.make(mary, "book", name=str(i), **{name: value}) for i, value in enumerate(values)]
    await world.make(mary, "book", name="none")
    wanted = tuple(accept(field, value) for value in values)
    asked = (Filter(name, wanted + wanted),)
    assert sorted(await world.sees(mary, "book", filters=asked)) == sorted(ids)


# --- connections ---------------------------------------------------------------------------


async def test_one_statement_is_asked_by_callers_of_every_kind_in_turn(world: World) -> None:
    """Different settings speak of each."""
    mary = await world.person("mary")
    book = await world.make(mary, "book", name="Garden")
    callers = [mary, Actor(engine=True), Actor(link="0" * 64), Actor(mary.account)]
    for actor in callers + callers[::-1]:
        assert await world.store.records.secret_links(actor, "book", book, world.clock.now()) == []


async def test_a_connection_that_was_cut_is_replaced(world: World, raw: Any) -> None:
    mary = await world.person("mary")
    book = await world.make(mary, "book", name="Garden")
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'freehold'"
    for _ in range(3):
        assert await raw.fetch(cut)
        assert await world.sees(mary, "book") == [book]
        assert await raw.fetch(cut)
        await world.records.update(mary, "book", book, {"hot": True})


async def test_a_work_whose_connection_is_cut_is_not_kept(world: World, raw: Any) -> None:
    mary = await world.person("mary")
    book = await world.make(mary, "book", name="Garden")
    now = world.clock.now()

    async def cut() -> None:
        await raw.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state LIKE 'idle in%'")

    async def change(late: bool) -> None:
        async with world.store.work() as work:
            facts = await work.records.load(mary, "book", book, now)
            assert facts is not None
            if not late:
                await cut()
            await work.records.save(mary, facts.record, facts.record.edit({"name": "Lost"}, now), now)
            await cut()
            await work.commit()

    for late in (False, True):
        with pytest.raises(Unavailable):
            await change(late)
    assert (await world.records.get(mary, "book", book))["name"] == "Garden"


async def test_a_server_that_stops_is_missed_and_found_again(world: World, postgres_server: Server) -> None:
    mary = await world.person("mary")
    kept = [await world.make(mary, "book", name=str(i)) for i in range(3)]
    for how in (signal.SIGINT, signal.SIGQUIT):
        postgres_server.stop(how)
        try:
            assert not await world.store.ready()
            with pytest.raises(Unavailable):
                await world.sees(mary, "book")
            with pytest.raises(Unavailable):
                await world.make(mary, "book", name="away")
        finally:
            await asyncio.to_thread(postgres_server.start)
        assert await world.store.ready()
        kept.append(await world.make(mary, "book", name=how.name))
        assert sorted(await world.sees(mary, "book")) == sorted(kept)


async def test_who_finds_no_connection_free_waits_in_line_and_not_for_ever(opened: Opening) -> None:
    world = opened(size=2, wait=0.2)
    mary = await world.person("mary")
    async with world.store.work() as first, world.store.work() as second:
        for work in (first, second):
            await work.accounts.get(NEVER)
        with pytest.raises(Unavailable):
            await world.sees(mary, "book")
        waiting = asyncio.ensure_future(world.sees(mary, "book"))
        given_up = asyncio.ensure_future(world.sees(mary, "book"))
        await asyncio.sleep(0.05)
        given_up.cancel()
    assert await waiting == []
    made = await asyncio.gather(*(world.make(mary, "book", name=str(i)) for i in range(20)))
    assert len(set(made)) == 20


async def test_what_takes_too_long_is_ended(opened: Opening) -> None:
    """A record that somebody holds: others wait for it, and are told in the end."""
    world = opened(statement=30)
    mary = await world.person("mary")
    book = await world.make(mary, "book", name="Garden")
    async with world.store.work() as work:
        assert await work.records.load(mary, "book", book, world.clock.now()) is not None
        other = opened(statement=0.2)
        with pytest.raises(Unavailable):
            await other.records.update(mary, "book", book, {"hot": True})
    await world.records.update(mary, "book", book, {"hot": True})


async def test_of_two_works_that_wait_for_each_other_one_is_ended(world: World) -> None:
    mary = await world.person("mary")
    books = [await world.make(mary, "book", name=name) for name in "ab"]
    both = asyncio.Barrier(2)

    async def change(first: str, second: str) -> None:
        async with world.store.work() as work:
            assert await work.records.load(mary, "book", first, world.clock.now()) is not None
            await both.wait()
            facts = await work.records.load(mary, "book", second, world.clock.now())
            assert facts is not None
            now = world.clock.now()
            await work.records.save(mary, facts.record, facts.record.edit({"stars": 5}, now), now)
            await work.commit()

    done = await asyncio.gather(change(*books), change(*reversed(books)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["NoneType", "Unavailable"]


async def test_tables_that_changed_meanwhile_are_asked_anew(world: World, raw: Any) -> None:
    """Prepared statements outlive a change of a column's type."""
    mary = await world.person("mary")
    book = await world.make(mary, "book", name="Garden")
    assert await world.sees(mary, "book") == [book]
    await raw.execute("ALTER TABLE books ALTER COLUMN stars TYPE integer")
    assert await world.sees(mary, "book") == [book]
    await raw.execute("ALTER TABLE books RENAME TO somewhere_else")
    with pytest.raises(Unavailable):
        await world.sees(mary, "book")


async def test_cancelled_works_leave_connections_that_others_can_use(opened: Opening) -> None:
    world = opened(size=3)
    mary = await world.person("mary")
    for steps in range(20):
        tasks = [asyncio.ensure_future(world.make(mary, "book", name=f"{steps} {i}")) for i in range(6)]
        await asyncio.sleep(steps / 2000)
        for task in tasks[::2]:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(each, str | asyncio.CancelledError) for each in done)
    assert len(set(await asyncio.gather(*(world.make(mary, "book", name=f"after {i}") for i in range(9))))) == 9


async def test_servers_that_start_in_the_same_moment_on_an_empty_database_have_one_key_ring(opened: Opening) -> None:
    """All of them find no key and make one; the database takes the first."""
    rings = [JwtTokens("freehold", AesSealer(b"s" * 32, "signing keys")) for _ in range(5)]
    world = opened()
    await asyncio.gather(*(ring.load(world.store, world.clock.now()) for ring in rings))
    (found,) = {str(ring.public_keys()) for ring in rings}
    assert len(rings[0].public_keys()["keys"]) == 2, found


async def test_a_work_is_read_committed_whatever_the_default_is(opened: Opening, raw: Any, database: Throwaway) -> None:
    """Its row locks are made for that: what waited goes on with what is committed now."""
    await raw.execute(f"ALTER DATABASE {database.name} SET default_transaction_isolation = 'serializable'")
    world = opened()
    mary = await world.person("mary")
    book = await world.make(mary, "book", name="Garden")
    await asyncio.gather(*(world.records.update(mary, "book", book, {"stars": i % 5 + 1}) for i in range(8)))


# --- keys ----------------------------------------------------------------------------------


async def test_the_database_itself_keeps_children_with_their_owner(world: World, raw: Any) -> None:
    mary, bob = await world.people("mary", "bob")
    book, other = [await world.make(actor, "book", name="Garden") for actor in (mary, bob)]
    page = await world.make(mary, "page", book=book, text="…")
    for change in (
        f"UPDATE pages SET owner = '{bob.account}' WHERE id = '{page}'",  # noqa: S608
        f"UPDATE pages SET book = '{other}' WHERE id = '{page}'",  # noqa: S608
        f"UPDATE pages SET back = '{page}' WHERE id = '{page}'",  # noqa: S608
        "UPDATE pages SET book__hot = true",
        "UPDATE books SET kind = 'novel'",
        "UPDATE books SET stars = 6",
        "UPDATE books SET owner = NULL",
        f"UPDATE books SET owner = '{NEVER}'",  # noqa: S608
    ):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await raw.execute(change)
    await raw.execute("UPDATE books SET hot = true")
    assert await raw.fetchval("SELECT bool_and(book__hot) FROM pages")
    await raw.execute(f"DELETE FROM books WHERE id = '{book}'")  # noqa: S608
    assert await raw.fetchval("SELECT count(*) FROM pages") == 0


async def test_what_is_not_unique_says_so_without_the_values(world: World) -> None:
    mary = await world.person("mary")
    await world.make(mary, "book", name="Garden")
    with pytest.raises(Conflict) as caught:
        await world.make(mary, "book", name="Garden")
    assert caught.value.code == "not_unique"
    assert "Garden" not in str(caught.value)


async def test_the_key_ring_is_for_the_service_alone_and_only_states_change(world: World, database: Throwaway) -> None:
    """As the application's own role, past the application: for a caller, and for the service itself."""
    ring = JwtTokens("freehold", AesSealer(b"s" * 32, "signing keys"))
    await ring.load(world.store, world.clock.now())
    mary = await world.person("mary")
    served = await asyncpg.connect(database.url)
    keys = "freehold_signing_keys"
    denied = asyncpg.InsufficientPrivilegeError
    try:
        for account, service, seen in (("", "", 0), (str(mary.account), "audit", 0), ("", "signing keys", 2)):
            async with served.transaction():
                for name, value in (("app.account", account), ("app.service", service)):
                    await served.execute("SELECT set_config($1, $2, true)", name, value)
                assert await served.fetchval(f"SELECT count(*) FROM {keys}") == seen  # noqa: S608
                if not seen:
                    assert await served.execute(f"DELETE FROM {keys}") == "DELETE 0"  # noqa: S608
                    assert await served.execute(f"UPDATE {keys} SET state = 'retired'") == "UPDATE 0"  # noqa: S608
                    with pytest.raises(denied):
                        async with served.transaction():
                            await served.execute(
                                f"INSERT INTO {keys} VALUES ('k', 'retired', '{{}}', 'x', now(), now())"  # noqa: S608
                            )
                for column in ("kid", "public", "private_sealed", "created_at"):
                    with pytest.raises(denied):
                        async with served.transaction():
                            await served.execute(f"UPDATE {keys} SET {column} = {column}")  # noqa: S608
    finally:
        await served.close()
    assert len(ring.public_keys()["keys"]) == 2
