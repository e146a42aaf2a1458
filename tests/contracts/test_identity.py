"""The ports of accounts, sessions, audit log and signing keys, on every store."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.clock import UuidV7
from adapters.persistence.sql.connection import Prepared
from adapters.persistence.sql.identity import alive_statement, staff_statement
from adapters.persistence.sql.postgres import PostgresStore
from adapters.persistence.sql.sqlite import DIALECT, SqliteStore, connect
from adapters.persistence.sql.tables import build
from adapters.persistence.sql.views import stored_time
from adapters.sealing import TokenSuccessors
from application.ports import SigningKey, Store
from application.sessions import SessionUseCases
from application.throttles import Device
from domain.account import Account
from domain.audit import Event
from domain.errors import Conflict
from domain.session import ABSOLUTE, IDLE, RefreshToken, Session
from entrypoints import projects
from tests.conftest import CHOSEN, tables_of
from tests.doubles import START, PlainPasswords, PlainTokens, SetClock, memory_store, no_throttles, notes

IDS = UuidV7()
NOTES = notes()
SECOND = timedelta(seconds=1)
MARY = Account(IDS.new(), "mary@example.com", "hash", START, disabled=True)
BOB = Account(IDS.new(), "bob@example.com", "hash", START + SECOND)
SESSION = Session.start(IDS.new(), BOB.id, "Firefox", "::1", START)
TOKEN = SESSION.first_token("0" * 64)
SPENT = replace(TOKEN, used_at=START + SECOND, successor="1" * 64, concealed="sealed")
KEY = SigningKey("kid", "active", "{}", "sealed", START)


@pytest.fixture(params=CHOSEN)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "memory":
        made: Store = memory_store()
    elif request.param == "postgresql":
        made = PostgresStore(request.getfixturevalue("postgres_database")(NOTES).url, tables_of(NOTES))
    else:
        made = sqlite_store(tmp_path / "freehold.db")
    yield made
    await made.close()


def sqlite_store(path: Path) -> SqliteStore:
    """A store on a new file."""
    tables = build(notes())
    projects.bring_up(path, tables, allow_losses=False)
    return SqliteStore(path, tables)


async def fill(store: Store) -> None:
    async with store.work() as work:
        await work.accounts.add(MARY)
        await work.accounts.add(BOB)
        await work.sessions.add(SESSION)
        await work.sessions.add_token(TOKEN)
        await work.commit()


# --- accounts ------------------------------------------------------------------------------


async def test_accounts_are_found_by_id_and_address(store: Store) -> None:
    await fill(store)
    async with store.work() as work:
        for accounts in (work.accounts, store.accounts):
            assert await accounts.get(MARY.id) == MARY
            assert await accounts.by_email(BOB.email) == BOB
            assert await accounts.get(IDS.new()) is None
            assert await accounts.by_email("nobody@example.com") is None
            assert await accounts.by_email("") is None


async def test_an_address_is_taken_once(store: Store) -> None:
    await fill(store)
    for write, account in (("add", replace(MARY, id=IDS.new())), ("save", replace(BOB, email=MARY.email))):
        async with store.work() as work:
            with pytest.raises(Conflict) as caught:
                await getattr(work.accounts, write)(account)
            assert caught.value.code == "email_taken"
    async with store.work() as work:
        await work.accounts.save(BOB)


async def test_accounts_change(store: Store) -> None:
    await fill(store)
    changed = Account(BOB.id, "bob@example.org", "another", BOB.created_at)
    async with store.work() as work:
        await work.accounts.save(replace(changed, staff="reader", disabled=True))
        await work.commit()
    assert await store.accounts.get(BOB.id) == changed
    assert await store.accounts.by_email(BOB.email) is None


@pytest.mark.parametrize("kind", CHOSEN)
async def test_the_operator_appoints_and_disables(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if kind == "memory":
        operated: Store = memory_store()
    elif kind == "postgresql":
        database = request.getfixturevalue("postgres_database")(NOTES)
        operated = PostgresStore(database.migration_url, tables_of(NOTES))
    else:
        operated = sqlite_store(tmp_path / "freehold.db")
    await fill(operated)
    changed = replace(BOB, staff="reader", disabled=True)
    async with operated.work() as work:
        await work.accounts.appoint(replace(changed, email="other@example.com", password_hash="another"))
        await work.commit()
    assert await operated.accounts.get(BOB.id) == changed
    await operated.close()


# --- sessions ------------------------------------------------------------------------------


async def test_sessions_are_listed_newest_first(store: Store) -> None:
    await fill(store)
    later = Session.start(IDS.new(), BOB.id, "", "", START + timedelta(microseconds=1))
    async with store.work() as work:
        await work.sessions.add(later)
        assert await work.sessions.of_account(BOB.id) == [later, SESSION]
        await work.commit()
    assert await store.sessions.of_account(BOB.id) == [later, SESSION]
    assert await store.sessions.of_account(MARY.id) == []
    assert await store.sessions.get(later.id) == later
    assert await store.sessions.get(IDS.new()) is None


async def test_sessions_change(store: Store) -> None:
    await fill(store)
    changed = replace(SESSION, last_used_at=START + SECOND, idle_end=START + 2 * SECOND, revoked_at=START + 3 * SECOND)
    async with store.work() as work:
        await work.sessions.save(changed)
        await work.commit()
    assert await store.sessions.get(SESSION.id) == changed


async def test_a_refresh_token_is_used_once(store: Store) -> None:
    await fill(store)
    successor = RefreshToken("1" * 64, SESSION.id, START + SECOND)
    async with store.work() as work:
        assert await work.sessions.token(TOKEN.hash) == TOKEN
        await work.sessions.add_token(successor)
        await work.sessions.save_token(SPENT)
        await work.commit()
    async with store.work() as work:
        assert await work.sessions.token(TOKEN.hash) == SPENT
        assert await work.sessions.token(successor.hash) == successor
        assert await work.sessions.token("2" * 64) is None
        with pytest.raises(Conflict):
            await work.sessions.save_token(replace(SPENT, successor="2" * 64))
        assert await work.sessions.token(TOKEN.hash) == SPENT


# --- audit log and keys --------------------------------------------------------------------


async def test_the_log_is_read_newest_first(store: Store) -> None:
    await fill(store)
    first = Event.of("login", BOB.id, START, SESSION.id, "::1", note="1")
    second, third = Event.of("logout", BOB.id, START), Event.of("login_failed", None, START)
    async with store.work() as work:
        for event in (first, second, third, Event.of("login", MARY.id, START)):
            await work.audit.add(event)
        await work.commit()
    async with store.work() as work:
        assert await work.audit.of_account(BOB.id, 10) == [second, first]
        assert await work.audit.of_account(BOB.id, 1) == [second]


async def test_one_signing_key_is_active(store: Store) -> None:
    others = [replace(KEY, kid=state, state=state, created_at=START - SECOND) for state in ("next", "retired")]
    async with store.work() as work:
        for key in (KEY, *others):
            await work.signing_keys.add(key)
        await work.commit()
    async with store.work() as work:
        with pytest.raises(Conflict):
            await work.signing_keys.add(replace(KEY, kid="another"))
    async with store.work() as work:
        assert await work.signing_keys.all() == [*others, KEY]


# --- units of work -------------------------------------------------------------------------


async def test_what_is_not_committed_is_undone(store: Store) -> None:
    await fill(store)
    async with store.work() as work:
        await work.accounts.save(replace(BOB, email="bob@example.org"))
        await work.sessions.save(SESSION.revoke(START))
        await work.sessions.save_token(SPENT)
        await work.audit.add(Event.of("login", BOB.id, START))
        await work.signing_keys.add(KEY)
        assert await store.accounts.get(BOB.id) == BOB
        assert await work.accounts.get(BOB.id) != BOB
    assert await store.accounts.get(BOB.id) == BOB
    assert await store.sessions.get(SESSION.id) == SESSION
    async with store.work() as work:
        assert await work.sessions.token(TOKEN.hash) == TOKEN
        assert await work.audit.of_account(BOB.id, 10) == []
        assert await work.signing_keys.all() == []


async def test_an_error_undoes_the_work_and_lets_others_go_on(store: Store) -> None:
    async def fail() -> None:
        async with store.work() as work:
            await work.accounts.add(MARY)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    await fill(store)


async def test_of_many_that_take_an_address_one_succeeds(store: Store) -> None:
    async def take() -> bool:
        async with store.work() as work:
            try:
                await work.accounts.add(replace(BOB, id=IDS.new()))
            except Conflict:
                return False
            await asyncio.sleep(0)
            await work.commit()
        return True

    assert sum(await asyncio.gather(*(take() for _ in range(20)))) == 1


async def test_twenty_refreshes_at_once_get_one_successor(store: Store) -> None:
    use_cases = SessionUseCases(
        store, SetClock(), IDS, PlainPasswords(), PlainTokens(), TokenSuccessors(), no_throttles()
    )
    async with store.work() as work:
        await work.accounts.add(BOB)
        signed_in = await use_cases.start(work, BOB, Device("", ""), START)
        await work.commit()
    answers = await asyncio.gather(*(use_cases.refresh(signed_in.refresh_token, Device("", "")) for _ in range(20)))
    assert len({answer.refresh_token for answer in answers}) == 1
    session = await store.sessions.get(signed_in.session)
    assert session is not None
    assert session.alive(START)
    await use_cases.refresh(answers[0].refresh_token, Device("", ""))


# --- the parts of other statements ---------------------------------------------------------


@pytest.mark.parametrize(
    "session",
    [
        SESSION,
        SESSION.revoke(START),
        replace(SESSION, idle_end=START),
        replace(SESSION, idle_end=START + SECOND, absolute_end=START + timedelta(microseconds=1)),
    ],
)
async def test_the_statement_agrees_with_the_domain_on_who_is_alive(tmp_path: Path, session: Session) -> None:
    path = tmp_path / "freehold.db"
    store = sqlite_store(path)
    async with store.work() as work:
        await work.accounts.add(MARY)
        await work.accounts.add(BOB)
        await work.accounts.appoint(replace(MARY, staff="auditor"))
        await work.sessions.add(session)
        await work.commit()
    await store.close()
    connection = connect(path, read_only=True)
    alive, staff = Prepared(alive_statement(), DIALECT), Prepared(staff_statement(), DIALECT)

    def rows(prepared: Prepared, **values: str) -> list[object]:
        return connection.execute(prepared.sql, prepared.bind(values)).fetchall()

    for now in (START, START + timedelta(microseconds=1), START + SECOND, START + IDLE, START + ABSOLUTE):
        assert bool(rows(alive, session=session.id, now=stored_time(now))) is session.alive(now)
    assert not rows(alive, session=IDS.new(), now=stored_time(START))
    assert rows(staff, me=MARY.id) == [("auditor",)]
    assert rows(staff, me=IDS.new()) == []
    connection.close()
