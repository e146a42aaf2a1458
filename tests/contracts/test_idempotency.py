"""The port of answers that are kept, and writes that are alone, on every store."""

import asyncio
import sys
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from adapters.persistence.sql.postgres import PostgresStore
from adapters.sealing import AesSealer
from application.idempotency import CLEANED_EVERY, KEPT, Idempotency
from application.ports import Work
from domain.account import Account
from domain.errors import Conflict, Invalid, NotAuthenticated, NotFound
from domain.ownership import ANONYMOUS, Actor
from tests.application.world import World, example
from tests.conftest import PostgresDatabase, Worlds, tables_of

NOTES = example("notes")
NAME, OTHER = "0" * 64, "f" * 64
HOLDING = """
import asyncio, sys
from pathlib import Path
from adapters.persistence.sql.sqlite import Writer

async def main():
    with Writer(Path(sys.argv[1])).alone(sys.argv[2]):
        print("held", flush=True)
        sys.stdin.readline()

asyncio.run(main())
"""
ONE, TWO = b"/v1/notebooks {1}", b"/v1/notebooks {2}"


def idempotency(world: World, secret: bytes = b"a secret for tests, and only for them") -> Idempotency:
    return Idempotency(world.store, world.clock, AesSealer(secret, "answers"))


async def keep(world: World, actor: Actor, name: str = NAME, until: timedelta = KEPT) -> None:
    async with world.store.work() as work:
        now = world.clock.now()
        await work.idempotency_keys.keep(actor, name, f"sealed {name[0]}", now + until, now)
        await work.commit()


async def find(world: World, actor: Actor, name: str = NAME) -> str | None:
    async with world.store.work() as work:
        return await work.idempotency_keys.find(actor, name, world.clock.now())


class Writing:
    """A write that makes a notebook; it knows how often it was done."""

    def __init__(self, world: World, actor: Actor, title: str) -> None:
        self.world, self.actor, self.title, self.times = world, actor, title, 0

    async def __call__(self, work: Work) -> bytes:
        """Do it; the notebook's id."""
        self.times += 1
        values = {"title": f"{self.title} {self.times}"}
        seen = await self.world.records.create(self.actor, "notebook", values, work)
        return str(seen["id"]).encode()


# --- the port ------------------------------------------------------------------------------


async def test_an_answer_is_its_callers_until_it_expires(any_world: Worlds) -> None:
    world = any_world(NOTES)
    mary, bob = await world.people("mary", "bob")
    await keep(world, mary)
    assert [await find(world, actor) for actor in (mary, bob, ANONYMOUS)] == ["sealed 0", None, None]
    assert await find(world, mary, OTHER) is None
    assert await find(world, Actor(mary.account)) == "sealed 0", "an API key of the same account"
    with pytest.raises(Conflict) as caught:
        await keep(world, mary)
    assert caught.value.code == "idempotency_in_progress"
    world.clock.wait(seconds=KEPT.total_seconds())
    assert await find(world, Actor(mary.account)) is None
    await keep(world, mary)
    assert await find(world, Actor(mary.account)) == "sealed 0", "it is kept anew"


async def test_an_ended_session_finds_no_answer(any_world: Worlds) -> None:
    world = any_world(NOTES)
    mary = await world.person("mary")
    await keep(world, mary)
    session = await world.store.sessions.get(str(mary.session))
    assert session is not None
    async with world.store.work() as work:
        await work.sessions.save(replace(session, revoked_at=world.clock.now()))
        await work.commit()
    assert await find(world, mary) is None


async def test_expired_answers_are_cleaned_up_so_many_at_a_time(any_world: Worlds) -> None:
    world = any_world(NOTES)
    mary, bob = await world.people("mary", "bob")
    for i, actor in enumerate((mary, bob, mary, mary)):
        await keep(world, actor, str(i) * 64, timedelta(seconds=i + 1))
    world.clock.wait(seconds=3)
    cleaned = []
    for _ in range(3):
        async with world.store.work() as work:
            cleaned.append(await work.idempotency_keys.clean(world.clock.now(), 2))
            await work.commit()
    assert cleaned == [2, 1, 0], "of everybody, and only what has expired"
    assert await find(world, mary, "3" * 64) == "sealed 3"


async def test_answers_go_with_their_account(any_world: Worlds) -> None:
    world = any_world(NOTES)
    mary, bob = await world.people("mary", "bob")
    await keep(world, mary)
    await keep(world, bob, OTHER)
    now = world.clock.now()
    async with world.store.work() as work:
        await work.records.close_account(str(mary.account), Account.tombstone(world.ids.new(), now), now)
        await work.commit()
    assert await find(world, Actor(mary.account)) is None
    assert await find(world, bob, OTHER) == "sealed f"


async def test_of_works_that_are_alone_the_second_is_refused_at_once(any_world: Worlds) -> None:
    store = any_world(NOTES).store
    async with store.work(alone=NAME):
        with pytest.raises(Conflict) as caught:
            async with asyncio.timeout(2), store.work(alone=NAME):
                raise AssertionError("two at once")
        assert caught.value.code == "idempotency_in_progress"
    async with store.work(alone=NAME) as work:
        await work.commit()
    async with store.work(alone=NAME):
        pass


async def test_works_that_are_alone_under_other_names_do_not_meet(any_world: Worlds) -> None:
    store = any_world(NOTES).store

    async def one(name: str) -> None:
        async with store.work(alone=name) as work:
            await work.commit()

    await asyncio.gather(*(one(f"{i:064x}"[::-1]) for i in range(20)))


async def test_another_process_is_refused_on_sqlite(sqlite_world: Worlds) -> None:
    """A process of its own holds the name; when it ends, the name is free."""
    world = sqlite_world(NOTES)
    command = [sys.executable, "-c", HOLDING, str(world.path), NAME]
    piped = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=piped, stdout=piped)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"held\n"
    with pytest.raises(Conflict):
        async with world.store.work(alone=NAME):
            raise AssertionError("two at once")
    async with world.store.work(alone=OTHER):
        pass
    process.kill()
    await process.wait()
    async with world.store.work(alone=NAME):
        pass


async def test_another_server_is_refused_on_postgresql(postgres_database: PostgresDatabase) -> None:
    database = postgres_database(NOTES)
    one, other = (PostgresStore(database.url, tables_of(NOTES)) for _ in range(2))
    try:
        async with one.work(alone=NAME):
            with pytest.raises(Conflict):
                async with asyncio.timeout(2), other.work(alone=NAME):
                    raise AssertionError("two at once")
        async with other.work(alone=NAME):
            pass
    finally:
        await one.close()
        await other.close()


# --- the use case --------------------------------------------------------------------------


async def test_the_same_again_is_answered_the_same_and_done_once(any_world: Worlds) -> None:
    world = any_world(NOTES)
    mary = await world.person("mary")
    once, write = idempotency(world), Writing(world, mary, "One")
    first = await once.once(mary, "key", ONE, write)
    assert await once.once(mary, "key", ONE, write) == first
    elsewhere = idempotency(world)
    assert await elsewhere.once(Actor(mary.account), "key", ONE, write) == first, "another process, by an API key"
    assert (write.times, await world.sees(mary, "notebook")) == (1, [first.decode()])
    with pytest.raises(Invalid) as caught:
        await once.once(mary, "key", TWO, write)
    assert caught.value.code == "idempotency_key_reused"
    assert await once.once(mary, "another", ONE, write) != first
    assert write.times == 2


async def test_two_accounts_with_one_key_are_strangers(any_world: Worlds) -> None:
    world = any_world(NOTES)
    mary, bob = await world.people("mary", "bob")
    once = idempotency(world)
    hers = await once.once(mary, "key", ONE, Writing(world, mary, "Hers"))
    his = await once.once(bob, "key", TWO, Writing(world, bob, "His"))
    assert hers != his
    assert await world.sees(bob, "notebook") == [his.decode()]


async def test_a_refused_write_is_not_kept_and_may_be_sent_again(any_world: Worlds) -> None:
    world = any_world(NOTES)
    mary = await world.person("mary")
    once = idempotency(world)

    async def refused(work: Work) -> bytes:
        await world.records.create(mary, "notebook", {"title": "Half"}, work)
        raise NotFound

    with pytest.raises(NotFound):
        await once.once(mary, "key", ONE, refused)
    assert await world.sees(mary, "notebook") == [], "nothing of it was done"
    made = await once.once(mary, "key", TWO, Writing(world, mary, "Whole"))
    assert await world.sees(mary, "notebook") == [made.decode()]


async def test_a_twin_is_refused_while_the_first_is_being_done_and_then_answered_the_same(any_world: Worlds) -> None:
    world = any_world(NOTES)
    mary = await world.person("mary")
    once, making = idempotency(world), Writing(world, mary, "One")
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(work: Work) -> bytes:
        answer = await making(work)
        begun.set()
        await go_on.wait()
        return answer

    first = asyncio.create_task(once.once(mary, "key", ONE, slow))
    await begun.wait()
    for message in (ONE, TWO):
        with pytest.raises(Conflict) as caught:
            async with asyncio.timeout(2):
                await once.once(mary, "key", message, slow)
        assert caught.value.code == "idempotency_in_progress"
    go_on.set()
    assert await once.once(mary, "another", TWO, making) != await first
    assert await once.once(mary, "key", ONE, slow) == await first
    assert making.times == 2


async def test_after_a_day_the_key_is_new_again(any_world: Worlds) -> None:
    world = any_world(NOTES)
    mary = Actor((await world.person("mary")).account)
    once, write = idempotency(world), Writing(world, mary, "One")
    first = await once.once(mary, "key", ONE, write)
    world.clock.wait(seconds=KEPT.total_seconds() - 1)
    assert await once.once(mary, "key", ONE, write) == first
    world.clock.wait(seconds=1)
    assert await once.once(mary, "key", TWO, write) != first


async def test_what_is_kept_shows_neither_key_nor_answer(sqlite_world: Worlds) -> None:
    world = sqlite_world(NOTES)
    mary = await world.person("mary")

    async def write(work: Work) -> bytes:
        await Writing(world, mary, "One")(work)
        return b"shown only once"

    await idempotency(world).once(mary, "a key of mary's", ONE, write)
    stored = b"".join(path.read_bytes() for path in world.path.parent.glob(f"{world.path.name}*"))
    assert b"freehold_idempotency_keys" in stored
    assert b"shown only once" not in stored
    assert b"a key of mary" not in stored


async def test_what_another_secret_sealed_is_refused_and_not_done_again(any_world: Worlds) -> None:
    world = any_world(NOTES)
    mary = await world.person("mary")
    write = Writing(world, mary, "One")
    await idempotency(world).once(mary, "key", ONE, write)
    with pytest.raises(Invalid):
        await idempotency(world, b"another secret, for tests all the same").once(mary, "key", ONE, write)
    assert write.times == 1


async def test_nobody_in_particular_has_no_keys(any_world: Worlds) -> None:
    world = any_world(NOTES)
    with pytest.raises(NotAuthenticated) as caught:
        await idempotency(world).once(ANONYMOUS, "key", ONE, Writing(world, ANONYMOUS, "One"))
    assert caught.value.code == "idempotency_needs_account"


async def test_old_answers_go_while_new_ones_come(one_world: Worlds) -> None:
    world = one_world(NOTES)
    mary = Actor((await world.person("mary")).account)
    once = idempotency(world)
    for i in range(CLEANED_EVERY):
        await once.once(mary, f"key {i}", ONE, Writing(world, mary, str(i)))
    world.clock.wait(seconds=KEPT.total_seconds())
    await once.once(mary, "another", ONE, Writing(world, mary, "Another"))
    async with world.store.work() as work:
        assert await work.idempotency_keys.clean(world.clock.now(), 1000) == 0, "they are gone already"


# --- row-level security --------------------------------------------------------------------


async def test_row_level_security_lets_nobody_change_what_was_answered(postgres_database: PostgresDatabase) -> None:
    mary, bob = (f"00000000-0000-7000-8000-00000000000{i}" for i in (1, 2))
    connection = await asyncpg.connect(postgres_database(NOTES).url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("SELECT set_config('app.now', now()::text, true)")

        async def be(account: str = "", service: str = "") -> None:
            for name, value in (("account", account), ("service", service)):
                await connection.execute(f"SELECT set_config('app.{name}', $1, true)", value)

        account = "INSERT INTO freehold_accounts (id, email, password_hash, created_at, disabled) VALUES "
        row = "INSERT INTO freehold_idempotency_keys VALUES ($1, $2, 'sealed', now() + $3::interval)"
        for who in (mary, bob):
            await be(who)
            await connection.execute(f"{account} ($1, $2, '', now(), false)", who, f"{who}@example.com")
            await connection.execute(row, who[-1] * 64, who, timedelta(hours=1))
            await connection.execute(row, who[-1] * 63 + "f", who, timedelta(hours=-1))
        counts = []
        for said in ({"account": mary}, {"account": "anonymous"}, {}, {"service": "keys"}, {"service": "mail"}):
            await be(**said)
            counts.append(await connection.fetchval("SELECT count(*) FROM freehold_idempotency_keys"))
        assert counts == [2, 0, 0, 2, 0], "the service sees what has expired"
        await be(mary)
        assert await connection.execute("DELETE FROM freehold_idempotency_keys") == "DELETE 1", "what counts stays"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("UPDATE freehold_idempotency_keys SET expires_at = now()")
        await transaction.rollback()
    finally:
        await connection.close()
