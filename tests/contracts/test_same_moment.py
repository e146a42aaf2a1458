"""What two do to one account at the same moment, on PostgreSQL: works run side by side there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from adapters.clock import UuidV7
from adapters.one_time_codes import Totp
from adapters.persistence.sql.postgres import PostgresStore
from adapters.sealing import TokenSuccessors
from application.accounts import AccountUseCases, SignUp
from application.api_keys import ApiKeyUseCases
from application.mailing import Attempt
from application.ports import Store, Work
from application.second_factors import SecondFactorUseCases
from application.sessions import Scope, SessionUseCases
from application.throttles import Device
from domain.account import Account
from domain.api_key import ApiKey
from domain.errors import NotAuthenticated, NotFound
from domain.mail import LINK_LIFETIME, Kind, Link
from domain.ownership import Actor
from domain.second_factor import SecondFactor
from tests.conftest import PostgresDatabase, tables_of
from tests.doubles import (
    START,
    PlainPasswords,
    PlainTokens,
    Postbox,
    SetClock,
    challenges,
    mailing,
    no_throttles,
    notes,
)

IDS = UuidV7()
NOTES = notes()
BOB = Account(IDS.new(), "bob@example.com", "hash", START)
NOWHERE = Device("", "")


@pytest.fixture
async def postgres_store(postgres_database: PostgresDatabase) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(postgres_database(NOTES).url, tables_of(NOTES))
    yield store
    await store.close()


async def while_it_changes(store: Store, change: Callable[[Work], Awaitable[Any]], other: Awaitable[Any]) -> Any:
    """What comes of the other, which begins after the change and before it is kept."""
    async with store.work() as work:
        await change(work)
        late = asyncio.ensure_future(other)
        done, _ = await asyncio.wait([late], timeout=0.3)
        assert not done, "it waits"
        await work.commit()
    return await late


async def test_an_address_that_is_confirmed_while_the_password_is_changed_brings_no_old_password_back(
    postgres_store: PostgresStore,
) -> None:
    link = Link(sha256(b"token").hexdigest(), Kind.CHANGE, "new@example.com", START + LINK_LIFETIME, BOB.id)
    async with postgres_store.work() as work:
        await work.accounts.add(BOB)
        await work.links.add(link)
        await work.commit()
    verifying = _accounts(postgres_store).verify("token", NOWHERE)
    await while_it_changes(postgres_store, lambda work: work.accounts.save(BOB.with_password("another")), verifying)
    assert await postgres_store.accounts.get(BOB.id) == BOB.with_password("another").with_email("new@example.com")


async def test_a_sign_in_that_hashes_anew_while_the_password_is_changed_brings_no_old_password_back(
    postgres_store: PostgresStore,
) -> None:
    async with postgres_store.work() as work:
        await work.accounts.add(BOB.with_password("old stone soup"))
        await work.commit()
    changed = BOB.with_password("new another")
    login = _sessions(postgres_store).login(BOB.email, "stone soup", NOWHERE)
    with pytest.raises(NotAuthenticated):
        await while_it_changes(postgres_store, lambda work: work.accounts.save(changed), login)
    assert await postgres_store.accounts.get(BOB.id) == changed


async def test_a_key_that_is_used_while_it_is_revoked_stays_revoked(postgres_store: PostgresStore) -> None:
    key = ApiKey(IDS.new(), BOB.id, "a" * 64, "backup", ("read",), ("note",), START, START + timedelta(days=1))
    async with postgres_store.work() as work:
        await work.accounts.add(BOB)
        await work.api_keys.add(key)
        await work.commit()
    using = _keys(postgres_store)._note_use(key, START)
    await while_it_changes(postgres_store, lambda work: work.api_keys.save(key.revoke(START)), using)
    assert await postgres_store.api_keys.by_hash(key.hash) == key.revoke(START).use(START)


def delete(work: Work) -> Awaitable[None]:
    return work.records.close_account(BOB.id, Account.tombstone(IDS.new(), START), START)


@pytest.mark.parametrize("password", ["stone soup", "wrong"])
async def test_whoever_signs_in_while_the_account_is_deleted_is_refused(
    postgres_store: PostgresStore, password: str
) -> None:
    async with postgres_store.work() as work:
        await work.accounts.add(BOB.with_password("new stone soup"))
        await work.commit()
    signing_in = _sessions(postgres_store).login(BOB.email, password, NOWHERE)
    with pytest.raises(NotAuthenticated):
        await while_it_changes(postgres_store, delete, signing_in)


async def test_what_a_session_does_while_its_account_is_deleted_is_refused(postgres_store: PostgresStore) -> None:
    """None of it holds what the deletion waits for."""
    store, bob = postgres_store, BOB.with_password("new stone soup")
    key = ApiKey(IDS.new(), BOB.id, "a" * 64, "", ("read",), ("note",), START, START + LINK_LIFETIME)
    async with store.work() as work:
        await work.accounts.add(bob)
        me = Actor(BOB.id, (await _sessions(store).start(work, bob, NOWHERE, START)).session)
        await work.api_keys.add(key)
        await work.second_factors.add(SecondFactor(BOB.id, "sealed"))
        await work.commit()
    asked = (
        _sessions(store).logout(me, Scope.ALL),
        _sessions(store).revoke(me, str(me.session)),
        _keys(store).revoke(me, key.id),
        _factors(store).confirm(me, "123456"),
        _accounts(store).change_password(me, "stone soup", "another soup"),
    )
    tasks: list[asyncio.Future[Any]] = []
    async with store.work() as work:
        await delete(work)
        tasks += map(asyncio.ensure_future, asked)
        done, _ = await asyncio.wait(tasks, timeout=1)
        assert not done, "they wait"
        await work.commit()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ends] == [NotAuthenticated, NotFound, NotFound, NotAuthenticated, NotAuthenticated]


async def test_a_link_that_is_sent_while_the_account_is_deleted_is_not_sent(postgres_store: PostgresStore) -> None:
    out = Postbox()
    outbox = mailing(postgres_store, outgoing=out)
    async with postgres_store.work() as work:
        await work.accounts.add(BOB)
        await outbox.post(work, Kind.RESET, BOB.email, START)
        await work.commit()
    assert await while_it_changes(postgres_store, delete, outbox.deliver()) == Attempt(None, False)
    assert out.mails == []


def _accounts(store: Store) -> AccountUseCases:
    throttles, outbox = no_throttles(), mailing(store)
    return AccountUseCases(store, SetClock(), IDS, PlainPasswords(), _sessions(store), throttles, outbox, SignUp.OPEN)


def _factors(store: Store) -> SecondFactorUseCases:
    accounts, codes, sealer = _accounts(store), Totp("notes"), challenges()
    return SecondFactorUseCases(store, SetClock(), accounts, _sessions(store), codes, sealer, no_throttles())


def _keys(store: Store) -> ApiKeyUseCases:
    return ApiKeyUseCases(NOTES, store, SetClock(), IDS, _accounts(store), _sessions(store))


def _sessions(store: Store) -> SessionUseCases:
    passwords, outbox = PlainPasswords(), mailing(store)
    return SessionUseCases(
        store, SetClock(), IDS, passwords, PlainTokens(), TokenSuccessors(), no_throttles(), outbox, challenges()
    )
