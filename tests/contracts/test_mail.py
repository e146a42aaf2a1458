"""The ports of links and letters, on every store."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from adapters.clock import UuidV7
from adapters.persistence.sql.postgres import PostgresStore
from adapters.sealing import TokenSuccessors
from application.accounts import AccountUseCases, SignUp
from application.ports import Store
from application.sessions import SessionUseCases
from application.throttles import Device
from domain.account import Account
from domain.errors import NotAuthenticated
from domain.mail import LEASE, Kind, Letter, Link
from domain.ownership import Actor
from tests.conftest import PostgresDatabase, Worlds, tables_of
from tests.doubles import START, PlainPasswords, PlainTokens, SetClock, challenges, mailing, no_throttles, notes

IDS = UuidV7()
NOTES = notes()
SECOND = timedelta(seconds=1)
MARY = Account(IDS.new(), "mary@example.com", "hash", START)
RESET = Link("0" * 64, Kind.RESET, MARY.email, START + SECOND, MARY.id)
OTHER = Link("1" * 64, Kind.REGISTRATION, "new@example.com", START + 3 * SECOND, None, "hash")
FIRST = Letter(IDS.new(), Kind.RESET, MARY.email, START, START)
SECOND_ONE = Letter(IDS.new(), Kind.CHANGE, "m@example.com", START, START + SECOND, MARY.id, None, 3)
NOTICE = Letter(IDS.new(), Kind.PASSWORD_CHANGED, MARY.email, START, START + 9 * SECOND, MARY.id, "hash")


@pytest.fixture
async def store(any_world: Worlds) -> Store:
    made = any_world(NOTES).store
    async with made.work() as work:
        await work.accounts.add(MARY)
        for link in (RESET, OTHER):
            await work.links.add(link)
        for letter in (SECOND_ONE, FIRST, NOTICE):
            await work.letters.add(letter)
        await work.commit()
    return made


async def test_a_link_is_taken_once(store: Store) -> None:
    async def take() -> bool:
        async with store.work() as work:
            taken = await work.links.take(RESET.hash)
            await work.commit()
            return taken

    async with store.work() as work:
        assert [await work.links.get(hashed) for hashed in (RESET.hash, OTHER.hash, "2" * 64)] == [RESET, OTHER, None]
    assert sorted(await asyncio.gather(*(take() for _ in range(5)))) == [False] * 4 + [True]
    async with store.work() as work:
        assert [await work.links.get(hashed) for hashed in (RESET.hash, OTHER.hash)] == [None, OTHER]


async def test_links_and_letters_that_carry_one_are_forgotten(store: Store) -> None:
    async with store.work() as work:
        await work.links.forget(MARY.id)
        await work.letters.forget(MARY.id)
        await work.commit()
    async with store.work() as work:
        assert [await work.links.get(hashed) for hashed in (RESET.hash, OTHER.hash)] == [None, OTHER]
        claimed = [await work.letters.claim(START + 9 * SECOND, START + LEASE) for _ in range(3)]
    assert [None if letter is None else letter.id for letter in claimed] == [FIRST.id, NOTICE.id, None]


async def test_a_letter_is_claimed_by_one_and_due_again_after_its_lease(store: Store) -> None:
    until = START + LEASE
    assert await store.letters.waiting(START)
    assert not await store.letters.waiting(START - SECOND)

    async def claim() -> Letter | None:
        async with store.work() as work:
            found = await work.letters.claim(START + SECOND, until)
            await work.commit()
            return found

    found = await asyncio.gather(*(claim() for _ in range(4)))
    expected = {replace(FIRST, due_at=until), replace(SECOND_ONE, due_at=until)}
    assert {letter for letter in found if letter is not None} == expected
    assert found.count(None) == 2
    assert not await store.letters.waiting(START + 8 * SECOND)
    assert await store.letters.waiting(until)
    async with store.work() as work:
        await work.letters.save(replace(FIRST, attempts=1, due_at=START))
        await work.letters.remove(SECOND_ONE.id)
        await work.letters.save(SECOND_ONE)
        await work.commit()
    async with store.work() as work:
        assert await work.letters.claim(START, until) == replace(FIRST, attempts=1, due_at=until)
        assert await work.letters.claim(START + SECOND, until) is None


async def test_they_go_with_their_account(store: Store) -> None:
    async with store.work() as work:
        await work.records.close_account(MARY.id, Account.tombstone(IDS.new(), START), START)
        await work.commit()
    async with store.work() as work:
        assert await work.links.get(RESET.hash) is None
        assert [await work.letters.claim(START + 9 * SECOND, START + LEASE) for _ in range(2)] == [
            replace(FIRST, due_at=START + LEASE),
            None,
        ]


async def test_expired_links_are_cleaned_up(any_world: Worlds) -> None:
    world = any_world(NOTES)
    world.clock.at = START + 2 * SECOND
    old = replace(OTHER, hash="3" * 64, expires_at=START - timedelta(days=9000))
    async with world.store.work() as work:
        await work.links.add(old)
        await work.links.add(OTHER)
        await work.links.clean(START)
        await work.commit()
    async with world.store.work() as work:
        assert [await work.links.get(hashed) for hashed in (old.hash, OTHER.hash)] == [None, OTHER]


async def test_row_level_security_shows_a_link_to_whoever_has_it_and_letters_to_the_service(
    postgres_database: PostgresDatabase,
) -> None:
    connection = await asyncpg.connect(postgres_database(NOTES).url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("SELECT set_config('app.service', 'mail', true)")
        add = "INSERT INTO freehold_links (hash, purpose, email, expires_at) VALUES ($1, 'reset', 'm@example.com', $2)"
        await connection.execute(add, RESET.hash, START + timedelta(days=90_000))
        letter = "INSERT INTO freehold_letters VALUES ($1, 'reset', 'm@example.com', now(), now(), NULL, NULL, 0)"
        await connection.execute(letter, FIRST.id)

        async def counts(**settings: str) -> list[int]:
            for name in ("account", "presented", "service"):
                await connection.execute(f"SELECT set_config('app.{name}', $1, true)", settings.get(name, ""))
            return [await connection.fetchval(f"SELECT count(*) FROM freehold_{t}") for t in ("links", "letters")]  # noqa: S608

        assert await counts() == [0, 0]
        assert await counts(account=MARY.id) == [0, 0]
        assert await counts(presented="1" * 64) == [0, 0]
        assert await counts(presented=RESET.hash) == [1, 0]
        assert await counts(service="mail") == [0, 1], "the service does not read links that still count"
        assert await counts(service="audit") == [0, 0]
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("UPDATE freehold_links SET purpose = 'change'")
        await transaction.rollback()
    finally:
        await connection.close()


async def test_whoever_signs_in_while_the_account_is_disabled_has_no_session_afterwards(
    postgres_database: PostgresDatabase,
) -> None:
    """Both orders: the session waits for the operator, and the operator waits for the session."""
    database = postgres_database(NOTES)
    serving, owning = (PostgresStore(url, tables_of(NOTES)) for url in (database.url, database.migration_url))
    sessions, outbox = _sessions(serving), mailing(serving)
    operator = AccountUseCases(
        owning, SetClock(), IDS, PlainPasswords(), _sessions(owning), no_throttles(), outbox, SignUp.OPEN
    )
    try:
        async with serving.work() as work:
            await work.accounts.add(MARY)
            await work.commit()
        async with owning.work() as work:
            await work.accounts.appoint(replace(MARY, disabled=True))
            late = asyncio.create_task(_sign_in(serving, sessions))
            done, _ = await asyncio.wait([late], timeout=0.3)
            assert not done, "it waits"
            await work.commit()
        with pytest.raises(NotAuthenticated):
            await late
        await operator.set_disabled(MARY.email, False)
        async with serving.work() as work:
            signed_in = await sessions.start(work, MARY, Device("", ""), START)
            disabling = asyncio.create_task(operator.set_disabled(MARY.email, True))
            done, _ = await asyncio.wait([disabling], timeout=0.3)
            assert not done, "it waits"
            await work.commit()
        await disabling
        session = await serving.sessions.get(signed_in.session)
        assert session is not None
        assert not session.alive(START)
    finally:
        await serving.close()
        await owning.close()


async def test_whoever_signs_in_while_the_password_is_changed_has_no_session_by_the_old_one(
    postgres_database: PostgresDatabase,
) -> None:
    """Both orders: the session waits for the change, and the change waits for the session."""
    store = PostgresStore(postgres_database(NOTES).url, tables_of(NOTES))
    sessions = _sessions(store)
    accounts = AccountUseCases(
        store, SetClock(), IDS, PlainPasswords(), sessions, no_throttles(), mailing(store), SignUp.OPEN
    )
    try:
        mary = await accounts.register("mary@example.com", "stone soup", Device("", ""))
        assert mary is not None
        account = await store.accounts.get(mary.account.id)
        assert account is not None
        async with store.work() as work:
            await work.accounts.save(account.with_password("another"))
            late = asyncio.create_task(_sign_in(store, sessions, account))
            done, _ = await asyncio.wait([late], timeout=0.3)
            assert not done, "it waits"
            await work.commit()
        with pytest.raises(NotAuthenticated):
            await late
        async with store.work() as work:
            await work.accounts.save(account)
            await work.commit()
        async with store.work() as work:
            signed_in = await sessions.start(work, account, Device("", ""), START)
            me = Actor(account.id, mary.session)
            changing = asyncio.create_task(accounts.change_password(me, "stone soup", "another soup"))
            done, _ = await asyncio.wait([changing], timeout=0.3)
            assert not done, "it waits"
            await work.commit()
        await changing
        session = await store.sessions.get(signed_in.session)
        assert session is not None
        assert not session.alive(START)
    finally:
        await store.close()


def _sessions(store: Store) -> SessionUseCases:
    return SessionUseCases(
        store,
        SetClock(),
        IDS,
        PlainPasswords(),
        PlainTokens(),
        TokenSuccessors(),
        no_throttles(),
        mailing(store),
        challenges(),
    )


async def _sign_in(store: Store, sessions: SessionUseCases, account: Account = MARY) -> None:
    """From where the account was seen as it was before."""
    async with store.work() as work:
        await sessions.start(work, account, Device("", ""), START)
        await work.commit()
