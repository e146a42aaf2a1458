"""Signing up, changing the password and leaving, without a database."""

# ruff: noqa: D102  the names say it

import asyncio
from dataclasses import replace

import pytest

from adapters.clock import UuidV7
from adapters.passwords import PasslibPasswords
from adapters.persistence.memory import MemoryStore
from adapters.sealing import TokenSuccessors
from application.accounts import AccountUseCases
from application.sessions import Scope, SessionUseCases, SignedIn
from application.throttles import Device
from domain.account import Account
from domain.errors import Conflict, Forbidden, Invalid, NotAuthenticated
from domain.ownership import ANONYMOUS, Actor
from tests.doubles import PlainPasswords, PlainTokens, SetClock, memory_store, no_throttles

DEVICE = Device("Firefox", "192.0.2.1")


class World:
    """The use cases and what they stand on."""

    def __init__(self, *, sign_up_open: bool = True) -> None:
        self.store: MemoryStore = memory_store()
        clock, ids, self.passwords = SetClock(), UuidV7(), PlainPasswords()
        throttles = no_throttles()
        self.sessions = SessionUseCases(
            self.store, clock, ids, self.passwords, PlainTokens(), TokenSuccessors(), throttles
        )
        self.use_cases = AccountUseCases(
            self.store, clock, ids, self.passwords, self.sessions, throttles, sign_up_open=sign_up_open
        )

    async def register(self, email: str = "mary@example.com", password: str = "passw0rd") -> SignedIn:  # noqa: S107
        return await self.use_cases.register(email, password, DEVICE)

    def events(self) -> list[str]:
        return [event.kind for event in self.store.state.identity.events]


def actor_of(signed_in: SignedIn) -> Actor:
    return Actor(signed_in.account.id, signed_in.session)


async def test_signing_up_signs_in() -> None:
    world = World()
    signed_in = await world.register(" Mary@Example.com")
    account = await world.use_cases.me(actor_of(signed_in))
    assert (account.email, account.staff, account.disabled) == ("mary@example.com", None, False)
    assert account == signed_in.account
    assert world.events() == ["registered"]
    again = await world.sessions.login("mary@example.com", "passw0rd", DEVICE)
    assert again.session != signed_in.session
    assert (await world.sessions.refresh(signed_in.refresh_token, DEVICE)).session == signed_in.session


async def test_an_address_is_taken_once() -> None:
    world = World()
    done = await asyncio.gather(*(world.register() for _ in range(10)), return_exceptions=True)
    refused = [error for error in done if isinstance(error, Conflict)]
    assert (len(done), len(refused), {error.code for error in refused}) == (10, 9, {"email_taken"})
    with pytest.raises(Conflict):
        await world.register("MARY@example.com")
    assert len(world.store.state.identity.accounts) == len(world.store.state.identity.sessions) == 1


async def test_wrong_content_names_its_fields() -> None:
    with pytest.raises(Invalid) as caught:
        await World().register("mary", "short")
    assert [(error.field, error.code) for error in caught.value.errors] == [
        ("email", "not_an_email"),
        ("password", "length"),
    ]


async def test_closed_sign_up() -> None:
    with pytest.raises(Forbidden) as caught:
        await World(sign_up_open=False).register()
    assert caught.value.code == "sign_up_closed"


async def test_another_password_ends_the_other_sessions() -> None:
    world = World()
    first, second = await world.register(), await world.sessions.login("mary@example.com", "passw0rd", DEVICE)
    await world.use_cases.change_password(actor_of(first), "passw0rd", "another one")
    await world.sessions.require(actor_of(first))
    with pytest.raises(NotAuthenticated):
        await world.sessions.require(actor_of(second))
    with pytest.raises(NotAuthenticated):
        await world.sessions.login("mary@example.com", "passw0rd", DEVICE)
    await world.sessions.login("mary@example.com", "another one", DEVICE)
    assert "password_changed" in world.events()


@pytest.mark.parametrize(
    ("old", "new", "field"), [("Passw0rd", "another one", "old_password"), ("passw0rd", "short", "new_password")]
)
async def test_a_password_is_not_changed_wrongly(old: str, new: str, field: str) -> None:
    world = World()
    first, second = await world.register(), await world.sessions.login("mary@example.com", "passw0rd", DEVICE)
    with pytest.raises(Invalid) as caught:
        await world.use_cases.change_password(actor_of(first), old, new)
    assert [error.field for error in caught.value.errors] == [field]
    await world.sessions.require(actor_of(second))
    await world.sessions.login("mary@example.com", "passw0rd", DEVICE)


async def test_of_two_changes_at_once_one_is_kept() -> None:
    world = World()
    actor = actor_of(await world.register())
    done = await asyncio.gather(
        *(world.use_cases.change_password(actor, "passw0rd", f"another {i}") for i in range(5)), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in done) == ["Conflict"] * 4 + ["NoneType"]


async def test_without_a_live_session_there_is_no_me() -> None:
    world = World()
    signed_in = await world.register()
    await world.sessions.logout(actor_of(signed_in), Scope.CURRENT)
    for actor in (ANONYMOUS, actor_of(signed_in), replace(actor_of(signed_in), account="bob's id")):
        with pytest.raises(NotAuthenticated):
            await world.use_cases.me(actor)
        with pytest.raises(NotAuthenticated):
            await world.use_cases.change_password(actor, "passw0rd", "another one")


async def test_an_account_deletes_itself() -> None:
    world = World()
    first, second = await world.register(), await world.sessions.login("mary@example.com", "passw0rd", DEVICE)
    await world.use_cases.delete(actor_of(second), "passw0rd")
    for signed_in in (first, second):
        with pytest.raises(NotAuthenticated):
            await world.use_cases.me(actor_of(signed_in))
        with pytest.raises(NotAuthenticated):
            await world.sessions.refresh(signed_in.refresh_token, DEVICE)
    with pytest.raises(NotAuthenticated):
        await world.sessions.login("mary@example.com", "passw0rd", DEVICE)
    assert world.events() == ["registered", "login", "account_deleted", "login_failed"]
    assert {event.account for event in world.store.state.identity.events} == {None}
    assert world.store.state.identity.accounts == {}
    assert (await world.register()).account.id != first.account.id, "the address is free again"


@pytest.mark.parametrize(("password", "code"), [("Passw0rd", "wrong"), ("", "wrong"), ("x" * 257, "length")])
async def test_an_account_is_not_deleted_without_its_password(password: str, code: str) -> None:
    world = World()
    signed_in = await world.register()
    with pytest.raises(Invalid) as caught:
        await world.use_cases.delete(actor_of(signed_in), password)
    assert [(error.field, error.code) for error in caught.value.errors] == [("password", code)]
    assert await world.use_cases.me(actor_of(signed_in)) == signed_in.account
    assert world.events() == ["registered"]


async def test_of_many_deletions_at_once_one_is_done() -> None:
    world = World()
    actor = actor_of(await world.register())
    done = await asyncio.gather(*(world.use_cases.delete(actor, "passw0rd") for _ in range(5)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["NoneType"] + ["NotAuthenticated"] * 4


@pytest.mark.parametrize("meanwhile", ["signed out", "password changed"])
async def test_what_changes_while_the_password_is_verified_stops_a_deletion(meanwhile: str) -> None:
    world = World()
    actor = actor_of(await world.register())
    deletion = asyncio.create_task(world.use_cases.delete(actor, "passw0rd"))
    await asyncio.sleep(0)
    assert world.passwords.verified
    async with world.store.work() as work:
        account, session = await work.accounts.get(str(actor.account)), await work.sessions.get(str(actor.session))
        assert account is not None
        assert session is not None
        if meanwhile == "signed out":
            await work.sessions.save(session.revoke(session.created_at))
        else:
            await work.accounts.save(account.with_password("another"))
        await work.commit()
    with pytest.raises(NotAuthenticated if meanwhile == "signed out" else Conflict):
        await deletion
    assert await world.store.accounts.get(str(actor.account)) is not None


async def test_without_a_live_session_nothing_is_deleted() -> None:
    world = World()
    signed_in = await world.register()
    await world.sessions.logout(actor_of(signed_in), Scope.CURRENT)
    for actor in (ANONYMOUS, actor_of(signed_in)):
        with pytest.raises(NotAuthenticated):
            await world.use_cases.delete(actor, "passw0rd")


async def test_nobody_signs_in_or_registers_as_a_tombstone() -> None:
    world = World()
    tombstone = Account.tombstone(UuidV7().new(), (await world.register()).account.created_at)
    async with world.store.work() as work:
        await work.accounts.add(tombstone)
        await work.commit()
    for attempt in (
        world.sessions.login(tombstone.email, tombstone.password_hash, DEVICE),
        world.use_cases.register(tombstone.email, "passw0rd", DEVICE),
    ):
        with pytest.raises(Invalid) as caught:
            await attempt
        assert [error.code for error in caught.value.errors] == ["not_an_email"]
    hashing = PasslibPasswords(memory_kib=8, passes=1)
    assert await hashing.verify(tombstone.password_hash, tombstone.password_hash) == (False, None)
    hashing.close()
