"""The ports of accounts, sessions, audit log and signing keys, on every store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.clock import UuidV7
from adapters.persistence.sql.connection import Broken, Prepared
from adapters.persistence.sql.identity import alive_statement, staff_statement
from adapters.persistence.sql.postgres import PostgresStore
from adapters.persistence.sql.sqlite import DIALECT, SqliteStore, connect
from adapters.persistence.sql.tables import build
from adapters.persistence.sql.views import stored_time
from adapters.sealing import AesSealer, TokenSuccessors
from adapters.tokens import JwtTokens
from application.ports import SigningKey, Store
from application.sessions import SessionUseCases, SignedIn
from application.throttles import Device
from domain.account import Account
from domain.api_key import ApiKey
from domain.audit import Event
from domain.errors import Conflict, NotAuthenticated, Unavailable
from domain.second_factor import SecondFactor
from domain.session import ABSOLUTE, IDLE, RefreshToken, Session
from entrypoints import projects
from tests.conftest import CHOSEN, Worlds, tables_of
from tests.doubles import (
    START,
    PlainPasswords,
    PlainTokens,
    SetClock,
    challenges,
    mailing,
    memory_store,
    no_throttles,
    notes,
)

IDS = UuidV7()
NOTES = notes()
SECOND = timedelta(seconds=1)
MARY = Account(IDS.new(), "mary@example.com", "hash", START, disabled=True)
BOB = Account(IDS.new(), "bob@example.com", "hash", START + SECOND)
SESSION = Session.start(IDS.new(), BOB.id, "Firefox", "::1", START)
TOKEN = SESSION.first_token("0" * 64)
SPENT = replace(TOKEN, used_at=START + SECOND, successor="1" * 64, concealed="sealed")
NOBODYS = Device("", "")
KEY = SigningKey("kid", "active", "{}", "sealed", START, START)
FACTOR = SecondFactor(BOB.id, "sealed")
API_KEY = ApiKey(IDS.new(), BOB.id, "a" * 64, "backup", ("read",), ("note",), START, START + SECOND)


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
        assert await work.accounts.held(MARY.id) == MARY
        assert await work.accounts.held(IDS.new()) is None


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


async def test_sessions_past_their_absolute_end_are_deleted_with_their_tokens_a_part_at_a_time(
    any_world: Worlds,
) -> None:
    world = any_world(NOTES)
    world.clock.at = START + ABSOLUTE
    old = [replace(SESSION, id=IDS.new()) for _ in range(2)]
    kept = replace(SESSION, id=IDS.new(), absolute_end=START + ABSOLUTE + SECOND, revoked_at=START)
    async with world.store.work() as work:
        await work.accounts.add(BOB)
        for session in (*old, kept):
            await work.sessions.add(session)
        for number, session in enumerate((old[0], old[0], old[0], kept)):
            await work.sessions.add_token(session.first_token(str(number) * 64))
        await work.commit()

    async def left() -> tuple[set[str], list[str]]:
        async with world.store.work() as work:
            tokens = [await work.sessions.token(str(number) * 64) for number in range(4)]
        return {s.id for s in await world.store.sessions.of_account(BOB.id)}, [t.session for t in tokens if t]

    async def clean(most: int) -> bool:
        async with world.store.work() as work:
            found = await work.sessions.clean(START + ABSOLUTE, most)
            await work.commit()
        return found

    assert await clean(2)
    assert await left() == ({old[0].id, kept.id}, [old[0].id, kept.id]), "no more at once, and sessions after tokens"
    assert await clean(2)
    assert await left() == ({kept.id}, [kept.id])
    assert not await clean(2)
    assert await left() == ({kept.id}, [kept.id]), "one that was revoked is kept until then, too"


async def test_several_at_once_delete_what_is_over(any_world: Worlds) -> None:
    world = any_world(NOTES)
    world.clock.at = START + ABSOLUTE
    async with world.store.work() as work:
        await work.accounts.add(BOB)
        for number in range(40):
            session = replace(SESSION, id=IDS.new())
            await work.sessions.add(session)
            await work.sessions.add_token(session.first_token(f"{number:064}"))
        await work.commit()

    async def clean() -> None:
        more = True
        while more:
            async with world.store.work() as work:
                more = await work.sessions.clean(START + ABSOLUTE, 7)
                await work.commit()

    await asyncio.gather(*(clean() for _ in range(4)))
    assert await world.store.sessions.of_account(BOB.id) == []


async def test_sessions_and_events_need_their_account(store: Store) -> None:
    await fill(store)
    async with store.work() as work:
        with pytest.raises(Conflict):
            await work.sessions.add(replace(SESSION, id=IDS.new(), account=IDS.new()))
    async with store.work() as work:
        with pytest.raises(Conflict):
            await work.audit.add(Event.of("login", IDS.new(), START))


# --- second factors and API keys -----------------------------------------------------------


async def test_an_account_has_one_second_factor(store: Store) -> None:
    await fill(store)
    confirmed = FACTOR.confirm(7, ("0" * 64, "1" * 64), START)
    async with store.work() as work:
        await work.second_factors.add(FACTOR)
        assert await work.second_factors.get(BOB.id) == FACTOR
        await work.second_factors.save(confirmed)
        await work.commit()
    async with store.work() as work:
        with pytest.raises(Conflict):
            await work.second_factors.add(FACTOR)
    assert await store.second_factors.get(BOB.id) == confirmed
    assert await store.second_factors.get(MARY.id) is None
    async with store.work() as work:
        await work.second_factors.remove(MARY.id)
        await work.second_factors.remove(BOB.id)
        assert await work.second_factors.get(BOB.id) is None
        await work.commit()
    assert await store.second_factors.get(BOB.id) is None


async def test_of_many_works_with_one_recovery_code_one_uses_it(store: Store) -> None:
    await fill(store)
    async with store.work() as work:
        await work.second_factors.add(FACTOR.confirm(0, ("0" * 64,), START))
        await work.commit()

    async def use() -> bool:
        async with store.work() as work:
            factor = await work.second_factors.get(BOB.id)
            assert factor is not None, "whoever waited sees what was stored meanwhile"
            used = factor.use(None, "0" * 64)
            if used is not None:
                await work.second_factors.save(used)
                await work.commit()
            return used is not None

    assert sum(await asyncio.gather(*(use() for _ in range(8)))) == 1


async def test_api_keys_are_found_by_hash_and_listed_newest_first(store: Store) -> None:
    await fill(store)
    later = replace(API_KEY, id=IDS.new(), hash="b" * 64, revoked_at=START)
    async with store.work() as work:
        await work.api_keys.add(API_KEY)
        await work.api_keys.add(later)
        await work.commit()
    assert await store.api_keys.by_hash(API_KEY.hash) == API_KEY
    assert await store.api_keys.by_hash("c" * 64) is None
    assert await store.api_keys.of_account(BOB.id) == [later, API_KEY]
    assert await store.api_keys.of_account(MARY.id) == []
    used = replace(API_KEY, last_used_at=START + SECOND, revoked_at=START + SECOND)
    async with store.work() as work:
        await work.api_keys.save(used)
        await work.commit()
    assert await store.api_keys.by_hash(API_KEY.hash) == used
    async with store.work() as work:
        await work.api_keys.save(replace(used, last_used_at=START + 2 * SECOND, revoked_at=None))
        await work.commit()
    again = await store.api_keys.by_hash(API_KEY.hash)
    assert again == replace(used, last_used_at=START + 2 * SECOND), "what was revoked stays so"


async def test_keys_of_no_account_are_the_engines_and_only_its_owner_makes_them(store: Store) -> None:
    await fill(store)
    engine = replace(API_KEY, id=IDS.new(), account=None, hash="e" * 64)
    async with store.work() as work:
        await work.api_keys.add(API_KEY)
        await work.commit()
    if isinstance(store, PostgresStore):
        async with store.work() as work:
            with pytest.raises(Broken):
                await work.api_keys.add(engine)
        assert await store.api_keys.of_engine() == []
        return
    async with store.work() as work:
        await work.api_keys.add(engine)
        await work.commit()
    assert await store.api_keys.of_engine() == [engine]
    assert await store.api_keys.of_account(BOB.id) == [API_KEY]
    used = replace(engine, last_used_at=START, revoked_at=START)
    async with store.work() as work:
        await work.api_keys.save(used)
        await work.commit()
    assert await store.api_keys.by_hash(engine.hash) == used


async def test_staff_are_listed_by_address_and_to_the_owner_of_the_tables_alone(store: Store) -> None:
    await fill(store)
    assert await store.accounts.staff() == []
    if isinstance(store, PostgresStore):
        return
    appointed = [replace(BOB, staff="clerk"), replace(MARY, staff="judge")]
    async with store.work() as work:
        for account in appointed:
            await work.accounts.appoint(account)
        await work.commit()
    assert await store.accounts.staff() == appointed


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
    newest, oldest = await store.audit.of_account(BOB.id, 10)
    assert newest.number > oldest.number
    assert await store.audit.of_account(BOB.id, 10, newest.number) == [first]
    assert await store.audit.of_account(BOB.id, 10, oldest.number) == []


async def test_one_signing_key_is_active_and_one_is_next(store: Store) -> None:
    others = [replace(KEY, kid=state, state=state, created_at=START - SECOND) for state in ("next", "retired")]
    async with store.work() as work:
        for key in (KEY, *others):
            await work.signing_keys.add(key)
        await work.signing_keys.add(replace(KEY, kid="retired, too", state="retired"))
        await work.signing_keys.remove("retired, too")
        await work.signing_keys.remove("nobody's")
        await work.commit()
    for state in ("active", "next"):
        async with store.work() as work:
            with pytest.raises(Conflict):
                await work.signing_keys.add(replace(KEY, kid="another", state=state))
    async with store.work() as work:
        assert await work.signing_keys.all() == [*others, KEY]


async def test_a_signing_key_changes_its_state_once(store: Store) -> None:
    retired = replace(KEY, state="retired", since=START + SECOND)
    async with store.work() as work:
        await work.signing_keys.add(KEY)
        await work.commit()
    async with store.work() as work:
        await work.signing_keys.save(replace(retired, public="other", private_sealed="other"), before="active")
        await work.commit()
    async with store.work() as work:
        with pytest.raises(Conflict):
            await work.signing_keys.save(retired, before="active")
    async with store.work() as work:
        (found,) = await work.signing_keys.all()
        assert (found.state, found.since) == (retired.state, retired.since)


async def test_of_rotations_at_once_one_succeeds_or_each_in_turn(store: Store) -> None:
    rings = [JwtTokens("freehold", AesSealer(b"s" * 32, "signing keys")) for _ in range(5)]
    await rings[0].load(store, START)
    found = await asyncio.gather(*(ring.rotate(store, START) for ring in rings), return_exceptions=True)
    assert all(isinstance(each, list | Conflict) for each in found), found
    done = sum(isinstance(each, list) for each in found)
    assert done >= 1
    async with store.work() as work:
        states = [key.state for key in await work.signing_keys.all()]
    assert sorted(states) == ["active", "next", *["retired"] * done]


# --- faults in the middle ------------------------------------------------------------------


class Breaking:
    """A store whose works end before they are kept, as when the database goes away: at their `commit` number `at`."""

    def __init__(self, store: Store, at: int) -> None:
        self.store, self.at = store, at

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Any]:
        """See the port."""

        async def commit() -> None:
            self.at -= 1
            if self.at == 0:
                raise Unavailable
            await keep()

        async with self.store.work() as work:
            keep = work.commit
            work.commit = commit  # type: ignore[method-assign]
            yield work


def use_cases(store: Any) -> SessionUseCases:
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


async def sign_in(store: Store) -> SignedIn:
    async with store.work() as work:
        await work.accounts.add(BOB)
        signed_in = await use_cases(store).start(work, BOB, NOBODYS, START)
        await work.commit()
    return signed_in


async def test_a_fault_in_the_middle_of_a_refresh_leaves_the_old_token_working(store: Store) -> None:
    signed_in = await sign_in(store)
    before = await store.sessions.get(signed_in.session)
    with pytest.raises(Unavailable):
        await use_cases(Breaking(store, 1)).refresh(signed_in.refresh_token, NOBODYS)
    assert await store.sessions.get(signed_in.session) == before, "something of it was kept"
    answer = await use_cases(store).refresh(signed_in.refresh_token, NOBODYS)
    again = await use_cases(store).refresh(signed_in.refresh_token, NOBODYS)
    assert again.refresh_token == answer.refresh_token
    await use_cases(store).refresh(answer.refresh_token, NOBODYS)


async def test_a_reused_token_ends_its_session_although_the_request_fails_and_no_other(store: Store) -> None:
    signed_in = await sign_in(store)
    async with store.work() as work:
        other = await use_cases(store).start(work, BOB, NOBODYS, START)
        await work.commit()
    second = await use_cases(store).refresh(signed_in.refresh_token, NOBODYS)
    third = await use_cases(store).refresh(second.refresh_token, NOBODYS)
    with pytest.raises(NotAuthenticated):
        await use_cases(store).refresh(signed_in.refresh_token, NOBODYS)
    ended = await store.sessions.get(signed_in.session)
    assert ended is not None
    assert ended.revoked_at == START, "the revocation was undone with the request"
    async with store.work() as work:
        assert [event.kind for event in await work.audit.of_account(BOB.id, 1)] == ["refresh_reused"]
    for token in (third.refresh_token, second.refresh_token, signed_in.refresh_token):
        with pytest.raises(NotAuthenticated):
            await use_cases(store).refresh(token, NOBODYS)
    await use_cases(store).refresh(other.refresh_token, NOBODYS)


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
    signed_in = await sign_in(store)
    refresh = use_cases(store).refresh
    answers = await asyncio.gather(*(refresh(signed_in.refresh_token, NOBODYS) for _ in range(20)))
    assert len({answer.refresh_token for answer in answers}) == 1
    session = await store.sessions.get(signed_in.session)
    assert session is not None
    assert session.alive(START)
    await refresh(answers[0].refresh_token, NOBODYS)


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
