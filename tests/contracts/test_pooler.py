"""PostgreSQL behind a pooler in transaction mode: what one client says or prepares is never another one's."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from adapters.persistence.sql.pool import Limits
from adapters.persistence.sql.postgres import PostgresStore
from domain.errors import Unavailable
from tests.application.world import EXAMPLES, World, example
from tests.conftest import PostgresDatabase, tables_of
from tests.pgbouncer import Pooler
from tests.postgres import Server, Throwaway
from tests.serving import make_tables, process

SETTINGS = ("app.account", "app.presented", "app.service", "app.now")
Opening = Callable[..., World]


@pytest.fixture
def database(postgres_database: PostgresDatabase) -> Throwaway:
    return postgres_database(example("notes"))


@pytest.fixture
async def opened(database: Throwaway, pooler: Pooler) -> AsyncIterator[Opening]:
    """Stores behind the pooler, each as if it were on a node of its own."""
    stores: list[PostgresStore] = []

    def make(**limits: Any) -> World:
        url = pooler.url(database.url)
        stores.append(PostgresStore(url, tables_of(example("notes")), Limits(**limits, pooler=True), tells_time=True))
        return World(example("notes"), stores[-1])

    yield make
    for store in stores:
        await store.close()


@pytest.fixture
async def other(database: Throwaway, pooler: Pooler) -> AsyncIterator[Any]:
    """Another client of the pooler with the application's role, which asks for itself."""
    connection = await asyncpg.connect(pooler.url(database.url), statement_cache_size=0)
    yield connection
    await connection.close()


async def said(other: Any) -> tuple[int, list[str]]:
    """Which server's connection a client meets, and for whom that runs."""
    asked = ", ".join(f"coalesce(current_setting('{name}', true), '')" for name in SETTINGS)
    backend, *found = await other.fetchrow(f"SELECT pg_backend_pid(), {asked}")
    return backend, found


async def test_for_whom_a_transaction_runs_ends_with_it(opened: Opening, other: Any, postgres_server: Server) -> None:
    """Client after client on one and the same connection to the server."""
    world = opened(size=1)
    mary = await world.person("mary")
    book = await world.make(mary, "notebook", title="Garden")
    met = set()
    for _ in range(5):
        assert await world.sees(mary, "notebook") == [book]
        await world.records.update(mary, "notebook", book, {"title": "Orchard"})
        async with world.store.work() as work:  # not kept
            assert await work.records.load(mary, "notebook", book, world.clock.now()) is not None
        backend, found = await said(other)
        assert found == [""] * len(SETTINGS)
        assert await other.fetch("SELECT id FROM notebooks") == []
        met.add(backend)
    ours = f"SELECT pid FROM pg_stat_activity WHERE pid IN ({', '.join(map(str, met))}) AND query LIKE '%notebooks%'"  # noqa: S608
    assert {row[0] for row in postgres_server.execute(ours)} == met, "another connection was met, which proves nothing"
    assert len(met) == 1


async def test_callers_that_take_turns_see_their_own(opened: Opening) -> None:
    """Many more clients than connections to the server, all at once."""
    worlds = [opened(size=4) for _ in range(4)]
    people = await worlds[0].people(*(f"p{i}" for i in range(8)))
    books = [await worlds[0].make(person, "notebook", title="Mine") for person in people]

    async def ask(world: World, who: int) -> None:
        for i in range(12):
            assert await world.sees(people[who], "notebook") == [books[who]]
            await world.records.update(people[who], "notebook", books[who], {"title": f"{who} {i}"})
            found = await world.records.get(people[who], "notebook", books[who])
            assert found["title"].startswith(f"{who} ")

    await asyncio.gather(*(ask(world, who) for who in range(8) for world in worlds[who % 4 : who % 4 + 1]))


async def test_nothing_of_a_session_is_left_on_the_servers_connection(opened: Opening, other: Any) -> None:
    names = ("statement_timeout", "idle_in_transaction_session_timeout", "jit", "plan_cache_mode", "row_security")
    before = [await other.fetchval(f"SHOW {name}") for name in names]
    world = opened()
    mary = await world.person("mary")
    book = await world.make(mary, "notebook", title="Garden")
    assert await world.sees(mary, "notebook") == [book]
    assert [await other.fetchval(f"SHOW {name}") for name in names] == before
    assert await other.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''") == 0
    assert await other.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


async def test_each_work_has_its_limits(opened: Opening) -> None:
    world = opened(statement=7)
    async with world.store.work() as work:
        await work.accounts.by_email("nobody@example.com")
        connection = work._turn.connection
        assert await connection.fetchval("SHOW statement_timeout") == "7s"
        assert await connection.fetchval("SHOW idle_in_transaction_session_timeout") == "7s"
        assert await connection.fetchval("SHOW jit") == "off"


async def test_what_takes_too_long_is_ended_also_where_nobody_told_the_session(
    opened: Opening, database: Throwaway
) -> None:
    """A read has no transaction of its own in which the server could be told: our client cancels it there."""
    world = opened(statement=0.5)
    mary = await world.person("mary")
    book = await world.make(mary, "notebook", title="Garden")
    raw = await asyncpg.connect(database.superuser_url)
    try:
        async with raw.transaction():
            await raw.execute("LOCK TABLE notebooks IN ACCESS EXCLUSIVE MODE")
            for call in (world.sees(mary, "notebook"), world.records.update(mary, "notebook", book, {"title": "x"})):
                with pytest.raises(Unavailable):
                    await call
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            deadline = time.monotonic() + 10
            while await raw.fetchval(waiting):
                assert time.monotonic() < deadline, "the server goes on although nobody waits for the answer"
                await asyncio.sleep(0.02)
    finally:
        await raw.close()
    assert await world.sees(mary, "notebook") == [book]


async def test_a_pooler_that_starts_anew_is_found_again(opened: Opening, pooler: Pooler) -> None:
    world = opened()
    mary = await world.person("mary")
    book = await world.make(mary, "notebook", title="Garden")
    await asyncio.to_thread(pooler.stop)
    with pytest.raises(Unavailable):
        await world.sees(mary, "notebook")
    await asyncio.to_thread(pooler.start)
    assert await world.sees(mary, "notebook") == [book]
    await world.records.update(mary, "notebook", book, {"title": "Orchard"})


async def test_a_server_behind_the_pooler_that_starts_anew_is_found_again(
    opened: Opening, postgres_server: Server
) -> None:
    world = opened(connect=1, statement=2)
    mary = await world.person("mary")
    book = await world.make(mary, "notebook", title="Garden")
    await asyncio.to_thread(postgres_server.stop)
    try:
        with pytest.raises(Unavailable):
            await world.sees(mary, "notebook")
    finally:
        await asyncio.to_thread(postgres_server.start)
    deadline = time.monotonic() + 20
    while True:
        try:
            assert await world.sees(mary, "notebook") == [book]
            break
        except Unavailable:
            assert time.monotonic() < deadline, "it is not found again"


async def test_an_app_is_served_through_it(postgres_server: Server, pooler: Pooler, tmp_path: Path) -> None:
    (tmp_path / "freehold.yaml").write_bytes((EXAMPLES / "notes" / "freehold.yaml").read_bytes())
    database = postgres_server.new()
    try:
        url = pooler.url(database.url)
        make_tables(tmp_path, replace(database, url=url, migration_url=pooler.url(database.migration_url)))
        with (
            pytest.raises(RuntimeError, match="FREEHOLD_DATABASE_POOLER"),
            process(tmp_path, "serve", "--database", url),
        ):
            pass
        with process(tmp_path, "serve", "--database", url, "--workers", "2", database_pooler="transaction") as served:
            async with httpx.AsyncClient(base_url=served.url) as client:
                for name in ("mary", "bob"):
                    body = {"email": f"{name}@example.com", "password": "correct horse"}
                    made = (await client.post("/auth/register", json=body)).json()
                    token = {"authorization": f"Bearer {made['access_token']}"}
                    made = await client.post("/v1/notebooks", json={"title": name}, headers=token)
                    assert made.status_code == 201
                    found = (await client.get("/v1/notebooks", headers=token)).json()["items"]
                    assert [each["title"] for each in found] == [name]
                assert (await client.get("/v1/notebooks")).status_code == 401
    finally:
        postgres_server.drop(database)
