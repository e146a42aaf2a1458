"""Signing in, staying signed in and signing out, without a database."""

# ruff: noqa: D102  the names say it

import asyncio
from dataclasses import replace

import pytest

from adapters.clock import UuidV7
from adapters.persistence.memory import MemoryStore
from adapters.sealing import TokenSuccessors
from application.sessions import Scope, SessionUseCases, SignedIn
from application.throttles import Device
from domain.account import Account
from domain.errors import Invalid, NotAuthenticated, NotFound, Refusal
from domain.ownership import ANONYMOUS, Actor
from tests.doubles import START, PlainPasswords, PlainTokens, SetClock, memory_store, no_throttles

MARY = Account("mary's id", "mary@example.com", "new passw0rd", START)
DEVICE = Device("Firefox", "192.0.2.1")


class World:
    """The use cases and what they stand on."""

    def __init__(self) -> None:
        self.store: MemoryStore = memory_store()
        self.clock = SetClock()
        self.passwords = PlainPasswords()
        self.use_cases = SessionUseCases(
            self.store, self.clock, UuidV7(), self.passwords, PlainTokens(), TokenSuccessors(), no_throttles()
        )
        self.put(MARY)

    def put(self, account: Account) -> None:
        self.store.state.identity.accounts[account.id] = account

    async def login(self, device: Device = DEVICE) -> SignedIn:
        return await self.use_cases.login("mary@example.com", "passw0rd", device)

    async def refresh(self, token: str) -> SignedIn:
        return await self.use_cases.refresh(token, DEVICE)

    def events(self) -> list[str]:
        return [event.kind for event in self.store.state.identity.events]


@pytest.fixture
def world() -> World:
    return World()


def actor_of(signed_in: SignedIn) -> Actor:
    return Actor(signed_in.account.id, signed_in.session)


async def is_alive(world: World, signed_in: SignedIn) -> bool:
    try:
        await world.use_cases.require(actor_of(signed_in))
    except NotAuthenticated:
        return False
    return True


# --- signing in ----------------------------------------------------------------------------


async def test_login_starts_a_session(world: World) -> None:
    signed_in = await world.use_cases.login(" MARY@example.com ", "passw0rd", DEVICE)
    session = await world.use_cases.require(actor_of(signed_in))
    assert (session.account, session.device, session.address) == (MARY.id, "Firefox", "192.0.2.1")
    assert signed_in.access_token == f"{MARY.id} {session.id}"
    assert signed_in.expires_in == 900
    assert world.events() == ["login"]


async def test_what_is_stored_holds_no_token(world: World) -> None:
    signed_in = await world.login()
    refreshed = await world.refresh(signed_in.refresh_token)
    stored = str({**vars(world.store.state.identity)}) + "".join(
        f"{token.hash}{token.successor}{token.concealed}" for token in world.store.state.identity.tokens.values()
    )
    for secret in (signed_in.refresh_token, refreshed.refresh_token, "passw0rd"):
        assert secret not in stored
        assert secret not in repr(refreshed)
    assert signed_in.access_token not in repr(signed_in)


async def refusal(world: World, email: str, password: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await world.use_cases.login(email, password, DEVICE)
    return caught.value


async def test_unknown_wrong_and_disabled_answer_alike_after_equal_work(world: World) -> None:
    world.put(replace(MARY, id="bob's id", email="bob@example.com", disabled=True))
    unknown = await refusal(world, "nobody@example.com", "passw0rd")
    wrong = await refusal(world, "mary@example.com", "Passw0rd")
    disabled = await refusal(world, "bob@example.com", "passw0rd")
    assert {type(error) for error in (unknown, wrong, disabled)} == {NotAuthenticated}
    assert unknown.__dict__ == wrong.__dict__ == disabled.__dict__
    assert [stored is None for _, stored in world.passwords.verified] == [True, False, False]
    assert world.events() == ["login_failed"] * 3
    assert [event.account for event in world.store.state.identity.events] == [None, MARY.id, "bob's id"]
    assert not world.store.state.identity.sessions


@pytest.mark.parametrize(
    ("email", "password", "fields"),
    [
        ("mary", "passw0rd", ["email"]),
        ("mary@example.com", "p" * 257, ["password"]),
        ("\ud800@example.com", "nul\x00", ["email", "password"]),
    ],
)
async def test_what_nobody_can_have_is_refused_before_hashing(
    world: World, email: str, password: str, fields: list[str]
) -> None:
    error = await refusal(world, email, password)
    assert isinstance(error, Invalid)
    assert [field.field for field in error.errors] == fields
    assert not world.passwords.verified


async def test_an_old_hash_is_renewed(world: World) -> None:
    world.put(replace(MARY, password_hash="old passw0rd"))
    await world.login()
    assert world.store.state.identity.accounts[MARY.id].password_hash == "new passw0rd"


async def test_two_sign_ins_at_once_may_renew_the_hash(world: World) -> None:
    world.put(replace(MARY, password_hash="old passw0rd"))
    signed_in = await asyncio.gather(*(world.login() for _ in range(10)))
    assert len({each.session for each in signed_in}) == 10
    assert world.store.state.identity.accounts[MARY.id].password_hash == "new passw0rd"


async def test_a_password_changed_while_it_was_verified_does_not_sign_in(world: World) -> None:
    verify = world.passwords.verify

    async def slowly(password: str, stored: str | None) -> tuple[bool, str | None]:
        found = await verify(password, stored)
        world.put(replace(MARY, password_hash="new another"))
        return found

    world.passwords.verify = slowly  # type: ignore[method-assign]
    assert (await refusal(world, "mary@example.com", "passw0rd")).code == "wrong_credentials"
    assert not world.store.state.identity.sessions


# --- staying signed in ---------------------------------------------------------------------


async def test_refresh_rotates_and_prolongs(world: World) -> None:
    first = await world.login()
    world.clock.wait(days=29)
    second = await world.refresh(first.refresh_token)
    world.clock.wait(days=29)
    third = await world.refresh(second.refresh_token)
    assert first.session == second.session == third.session
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert await is_alive(world, third)
    world.clock.wait(days=30)
    assert not await is_alive(world, third)
    with pytest.raises(NotAuthenticated):
        await world.refresh(third.refresh_token)


async def test_twenty_refreshes_at_once_get_one_successor(world: World) -> None:
    first = await world.login()
    answers = await asyncio.gather(*(world.refresh(first.refresh_token) for _ in range(20)))
    assert len({answer.refresh_token for answer in answers}) == 1
    assert await is_alive(world, first)
    assert len(world.store.state.identity.tokens) == 2
    assert (await world.refresh(answers[0].refresh_token)).session == first.session


async def test_reuse_ends_the_session_though_the_request_fails(world: World) -> None:
    other = await world.login()
    first = await world.login()
    second = await world.refresh(first.refresh_token)
    third = await world.refresh(second.refresh_token)
    with pytest.raises(NotAuthenticated):
        await world.refresh(first.refresh_token)
    assert not await is_alive(world, first)
    assert await is_alive(world, other)
    for token in (first, second, third):
        with pytest.raises(NotAuthenticated):
            await world.refresh(token.refresh_token)
    assert world.events() == ["login", "login", "refresh_reused"]


@pytest.mark.parametrize("token", ["", "x", "\ud800", "x" * 10_000])
async def test_a_made_up_refresh_token_is_refused(world: World, token: str) -> None:
    await world.login()
    with pytest.raises(NotAuthenticated) as caught:
        await world.refresh(token)
    assert caught.value.code == "invalid_refresh_token"


async def test_a_disabled_account_does_not_refresh(world: World) -> None:
    first = await world.login()
    world.put(replace(MARY, disabled=True))
    with pytest.raises(NotAuthenticated):
        await world.refresh(first.refresh_token)


# --- signing out ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "alive"),
    [(Scope.CURRENT, [False, True, True]), (Scope.OTHERS, [True, False, False]), (Scope.ALL, [False, False, False])],
)
async def test_logout(world: World, scope: Scope, alive: list[bool]) -> None:
    sessions = [await world.login() for _ in range(3)]
    await world.use_cases.logout(actor_of(sessions[0]), scope)
    assert [await is_alive(world, session) for session in sessions] == alive
    assert world.events()[-1] == "logout"


async def test_logout_leaves_other_accounts_alone(world: World) -> None:
    world.put(replace(MARY, id="bob's id", email="bob@example.com"))
    bob = await world.use_cases.login("bob@example.com", "passw0rd", DEVICE)
    await world.use_cases.logout(actor_of(await world.login()), Scope.ALL)
    assert await is_alive(world, bob)


async def test_the_list_shows_live_sessions_newest_first(world: World) -> None:
    first, second, third = [await world.login(Device(name, "")) for name in ("one", "two", "three")]
    await world.use_cases.revoke(actor_of(third), second.session)
    assert [session.device for session in await world.use_cases.list(actor_of(first))] == ["three", "one"]


async def test_one_can_be_revoked_once_and_only_ones_own(world: World) -> None:
    world.put(replace(MARY, id="bob's id", email="bob@example.com"))
    bob = await world.use_cases.login("bob@example.com", "passw0rd", DEVICE)
    mary, another = await world.login(), await world.login()
    for session in (bob.session, "no such session"):
        with pytest.raises(NotFound):
            await world.use_cases.revoke(actor_of(mary), session)
    await world.use_cases.revoke(actor_of(mary), another.session)
    with pytest.raises(NotFound):
        await world.use_cases.revoke(actor_of(mary), another.session)
    assert [await is_alive(world, each) for each in (bob, mary, another)] == [True, True, False]


async def test_without_a_live_session_nothing_is_done(world: World) -> None:
    ended = await world.login()
    await world.use_cases.logout(actor_of(ended), Scope.CURRENT)
    before = world.store.state.identity.copy()
    forged = Actor("bob's id", (await world.login()).session)
    before = world.store.state.identity.copy()
    for actor in (ANONYMOUS, actor_of(ended), forged, Actor(MARY.id, "no such session")):
        for call in (
            world.use_cases.require(actor),
            world.use_cases.list(actor),
            world.use_cases.logout(actor, Scope.ALL),
            world.use_cases.revoke(actor, ended.session),
        ):
            with pytest.raises(NotAuthenticated):
                await call
    assert world.store.state.identity == before
