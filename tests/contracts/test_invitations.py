"""What invitations promise on every store: who sees one, who may answer it, and when it ends."""

import asyncio
import re
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest

from adapters.persistence.memory import MemoryStore
from domain.account import Account
from domain.errors import Conflict, Forbidden, Invalid, NotAuthenticated, NotFound, Refusal
from domain.invitation import MOST_INVITATIONS
from domain.ownership import ANONYMOUS, ENGINE, Actor
from tests.application.world import NEVER, World, specification
from tests.conftest import Worlds

SPEC = specification("""
resources:
  book:
    owner: account
    roles: {ladder: keeper > reader, expire: 60 days}
    fields: {title: text}
    can:
      create: signed in
      read: [owner, reader]
      update: [owner, keeper]
      delete: owner
      share: [owner, keeper]
      members: [owner, reader]
  shelf:
    owner: account
    fields: {name: text}
    can: {create: signed in, read: owner, update: owner, delete: owner}
  box:
    owner: shelf
    roles: boss > keeper > guest
    fields: {name: text}
    can:
      create: owner
      read: [owner, guest]
      update: owner
      delete: owner
      share: [owner, keeper]
      members: [owner, keeper]
      move: owner
""")
BOB = "bob@example.com"


class Library:
    """Mary's book, which she and its keeper share."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.book = ""
        self.mary = self.keeper = self.bob = self.eve = ANONYMOUS

    async def open(self) -> "Library":
        """Make everybody."""
        self.mary, self.keeper, self.bob, self.eve = await self.world.people("mary", "keeper", "bob", "eve")
        self.book = await self.world.make(self.mary, "book", title="Secret")
        await self.world.share("book", self.book, self.keeper, "keeper")
        return self

    async def invite(self, by: Actor, email: str = BOB, role: str = "reader", **ends: Any) -> str:
        """An invitation's id."""
        made = await self.world.invitations.invite(by, "book", self.book, email, role, ends.get("expires_at"))
        return made.id

    async def waiting(self, who: Actor) -> list[str]:
        """The ids of what waits for somebody."""
        return [each.id for each in await self.world.invitations.waiting(who)]

    async def listed(self, who: Actor) -> list[str]:
        """The ids of what waits on the book."""
        return [each.id for each in await self.world.invitations.list(who, "book", self.book)]

    async def members(self) -> dict[str, str]:
        """Roles by account."""
        found = await self.world.sharing.list(self.mary, "book", self.book)
        return {each.account: each.role for each in found}


async def refused(call: Awaitable[Any], kind: type[Refusal], code: str = "") -> None:
    with pytest.raises(Refusal) as caught:
        await call
    assert type(caught.value) is kind, caught.value
    assert code in ("", caught.value.code)


async def test_who_has_the_address_accepts_and_is_a_member(library: Library) -> None:
    waiting = await library.invite(library.mary)
    assert await library.waiting(library.bob) == await library.listed(library.mary) == [waiting]
    now = library.world.clock.now()
    membership = await library.world.invitations.accept(library.bob, waiting)
    assert (membership.role, membership.account) == ("reader", library.bob.account)
    assert membership.expires_at == now + timedelta(days=60)
    assert (await library.members())[str(library.bob.account)] == "reader"
    assert await library.waiting(library.bob) == await library.listed(library.mary) == []
    assert await library.world.events(library.bob) == ["invitation_accepted"]
    assert await library.world.events(library.mary) == ["invitation_made", "invitation_accepted"]
    await refused(library.world.invitations.accept(library.bob, waiting), NotFound)


async def test_who_declines_is_no_member(library: Library) -> None:
    waiting = await library.invite(library.mary)
    await library.world.invitations.decline(library.bob, waiting)
    assert await library.waiting(library.bob) == []
    assert str(library.bob.account) not in await library.members()
    assert await library.world.events(library.bob) == ["invitation_declined"]
    await refused(library.world.invitations.decline(library.bob, waiting), NotFound)


async def test_others_neither_see_nor_answer_it(library: Library) -> None:
    waiting = await library.invite(library.mary)
    invitations = library.world.invitations
    for who in (library.eve, library.keeper, library.mary):
        assert await library.waiting(who) == []
        await refused(invitations.accept(who, waiting), NotFound)
        await refused(invitations.accept(who, waiting, "no token"), NotFound)
        await refused(invitations.decline(who, waiting), NotFound)
    await refused(invitations.accept(library.bob, NEVER), NotFound)
    await refused(invitations.accept(library.bob, "no id"), NotFound)
    await refused(invitations.list(library.eve, "book", library.book), NotFound)
    await refused(invitations.withdraw(library.eve, "book", library.book, waiting), NotFound)
    await refused(invitations.invite(library.eve, "book", library.book, BOB, "reader", None), NotFound)
    await refused(invitations.invite(library.mary, "book", NEVER, BOB, "reader", None), NotFound)
    assert await library.waiting(library.bob) == [waiting]


async def test_nobody_and_the_engine_have_no_part_in_it(library: Library) -> None:
    invitations = library.world.invitations
    for who, kind in ((ANONYMOUS, NotAuthenticated), (ENGINE, Forbidden)):
        await refused(invitations.waiting(who), kind)
        await refused(invitations.accept(who, NEVER), kind)
        await refused(invitations.decline(who, NEVER), kind)
        await refused(invitations.invite(who, "book", library.book, BOB, "reader", None), kind)


async def test_an_ended_session_sees_and_does_nothing(library: Library) -> None:
    waiting = await library.invite(library.mary)
    now, ended, sharer = library.world.clock.now(), library.bob, library.mary
    async with library.world.store.work() as work:
        for who in (ended, sharer):
            session = await work.sessions.get(str(who.session))
            assert session is not None
            await work.sessions.save(session.revoke(now))
        await work.commit()
    for call in (library.waiting(ended), library.world.invitations.accept(ended, waiting)):
        await refused(call, NotAuthenticated)
    await refused(library.world.invitations.list(sharer, "book", library.book), NotAuthenticated)
    await refused(library.invite(sharer), NotAuthenticated)


async def test_the_cap_is_that_of_sharing(library: Library) -> None:
    await library.world.share("book", library.book, library.eve, "reader")
    await refused(library.invite(library.eve), Forbidden)
    await refused(library.world.invitations.list(library.eve, "book", library.book), Forbidden)
    await library.invite(library.keeper, role="keeper")
    await refused(library.invite(library.mary, role="boss"), Invalid)
    await refused(library.invite(library.mary, "no address"), Invalid)
    for days in (-1, 61):
        ends = library.world.clock.now() + timedelta(days=days)
        await refused(library.invite(library.mary, expires_at=ends), Invalid)


async def test_a_second_one_to_the_same_address_takes_the_place_of_the_first(library: Library) -> None:
    first = await library.invite(library.mary, role="keeper")
    second = await library.invite(library.mary, "BOB@Example.com")
    assert await library.listed(library.mary) == await library.waiting(library.bob) == [second]
    await refused(library.world.invitations.accept(library.bob, first), NotFound)
    assert (await library.world.invitations.accept(library.bob, second)).role == "reader"


async def test_what_is_above_ones_own_role_is_neither_replaced_nor_withdrawn(any_world: Worlds) -> None:
    world = any_world(SPEC)
    mary, keeper = await world.people("mary", "keeper")
    shelf = await world.make(mary, "shelf", name="S")
    box = await world.make(mary, "box", shelf=shelf, name="B")
    await world.share("box", box, keeper, "keeper")
    made = await world.invitations.invite(mary, "box", box, BOB, "keeper", None)
    await world.invitations.withdraw(keeper, "box", box, made.id)
    await world.share("box", box, keeper, "guest")
    await refused(world.invitations.withdraw(keeper, "box", box, made.id), Forbidden)


async def test_one_is_withdrawn_and_gone_for_both(library: Library) -> None:
    waiting = await library.invite(library.mary)
    await library.world.invitations.withdraw(library.keeper, "book", library.book, waiting)
    assert await library.waiting(library.bob) == await library.listed(library.mary) == []
    assert await library.world.events(library.mary) == ["invitation_made", "invitation_withdrawn"]
    await refused(library.world.invitations.withdraw(library.mary, "book", library.book, waiting), NotFound)
    await refused(library.world.invitations.withdraw(library.mary, "book", library.book, NEVER), NotFound)


async def test_it_lapses_when_the_inviter_may_no_longer_give_that_role(library: Library) -> None:
    async def weaker() -> None:
        await library.world.share("book", library.book, library.keeper, "reader")

    async def stronger() -> None:
        await library.world.share("book", library.book, library.keeper, "keeper")

    async def gone() -> None:
        await library.world.sharing.remove(library.mary, "book", library.book, str(library.keeper.account))

    for change in (weaker, gone):
        await stronger()
        waiting = await library.invite(library.keeper)
        await change()
        await refused(library.world.invitations.accept(library.bob, waiting), Conflict, "invitation_lapsed")
        assert str(library.bob.account) not in await library.members()
        assert await library.listed(library.mary) == []


async def test_whoever_is_removed_is_not_brought_back_by_what_waits(library: Library) -> None:
    """Not above the cap of whoever removes: that is not theirs to end. And whoever leaves may come back."""
    world = library.world
    shelf = await world.make(library.mary, "shelf", name="S")
    box = await world.make(library.mary, "box", shelf=shelf, name="B")
    await world.share("box", box, library.keeper, "keeper")
    await world.share("box", box, library.eve, "guest")
    other = await world.invitations.invite(library.mary, "box", box, "x@example.com", "guest", None)
    for role, stays in (("keeper", False), ("guest", False), ("boss", True)):
        await world.share("box", box, library.bob, "guest")
        made = await world.invitations.invite(library.mary, "box", box, BOB, role, None)
        await world.sharing.remove(library.keeper, "box", box, str(library.bob.account))
        left = [made.id] if stays else []
        assert await library.waiting(library.bob) == left, role
        assert [each.id for each in await world.invitations.list(library.mary, "box", box)] == [*left, other.id], role
    await world.share("box", box, library.bob, "guest")
    waiting = await world.invitations.invite(library.mary, "box", box, BOB, "guest", None)
    await world.sharing.remove(library.bob, "box", box, str(library.bob.account))
    assert await library.waiting(library.bob) == [waiting.id]


async def test_it_ends_with_its_record(library: Library) -> None:
    waiting = await library.invite(library.mary)
    await library.world.records.delete(library.mary, "book", library.book)
    assert await library.waiting(library.bob) == []
    await refused(library.world.invitations.accept(library.bob, waiting), NotFound)


async def test_it_does_not_travel(any_world: Worlds) -> None:
    world = any_world(SPEC)
    mary, bob = await world.people("mary", "bob")
    here, there = [await world.make(mary, "shelf", name=name) for name in "AB"]
    moved, stays = [await world.make(mary, "box", shelf=here, name=name) for name in "CD"]
    for box in (moved, stays):
        await world.invitations.invite(mary, "box", box, BOB, "guest", None)
    await world.records.update(mary, "box", moved, {"shelf": there})
    assert [each.record for each in await world.invitations.waiting(bob)] == [stays]
    await world.records.delete(mary, "shelf", here)
    assert await world.invitations.waiting(bob) == []


@pytest.mark.parametrize("whose", ["keeper", "bob"])
async def test_it_ends_with_the_account_of_either(library: Library, whose: str) -> None:
    await library.invite(library.keeper)
    now = library.world.clock.now()
    async with library.world.store.work() as work:
        gone = str(getattr(library, whose).account)
        await work.records.close_account(gone, Account.tombstone(library.world.ids.new(), now), now)
        await work.commit()
    assert await library.listed(library.mary) == []


async def test_it_ends_after_thirty_days_or_with_the_membership_that_it_would_give(library: Library) -> None:
    now = library.world.clock.now()
    first = await library.invite(library.mary, "a@example.com")
    second = await library.invite(library.mary, expires_at=now + timedelta(days=3))
    library.world.clock.wait(days=2.9)
    assert await library.waiting(library.bob) == [second]
    library.world.clock.wait(days=0.1)
    assert await library.waiting(library.bob) == []
    await refused(library.world.invitations.accept(Actor(library.bob.account), second), NotFound)
    library.world.clock.wait(days=26)
    mary = Actor(library.mary.account)
    assert await library.listed(mary) == [first]
    library.world.clock.wait(days=1)
    assert await library.listed(mary) == []
    again = await library.invite(mary, "a@example.com")
    assert await library.listed(mary) == [again]


async def test_it_gives_no_longer_a_membership_than_was_asked(library: Library) -> None:
    ends = library.world.clock.now() + timedelta(days=40)
    waiting = await library.invite(library.mary, expires_at=ends)
    library.world.clock.wait(days=10)
    assert (await library.world.invitations.accept(Actor(library.bob.account), waiting)).expires_at == ends


async def test_a_member_who_is_invited_stays_what_it_is(library: Library) -> None:
    waiting = await library.invite(library.mary, "keeper@example.com")
    await refused(library.world.invitations.accept(library.keeper, waiting), Conflict, "already_a_member")
    assert (await library.members())[str(library.keeper.account)] == "keeper"
    assert await library.waiting(library.keeper) == [waiting]


async def test_as_many_wait_on_a_record_as_may(library: Library) -> None:
    made = [await library.invite(library.mary, f"p{i}@example.com") for i in range(MOST_INVITATIONS)]
    await refused(library.invite(library.mary, "one.more@example.com"), Conflict, "too_many_invitations")
    again = await library.invite(library.mary, "p0@example.com")
    assert set(await library.listed(library.mary)) == {again, *made[1:]}


async def test_of_two_who_accept_at_once_one_does(library: Library) -> None:
    waiting = await library.invite(library.mary)
    accepting = (library.world.invitations.accept(library.bob, waiting) for _ in range(2))
    found = await asyncio.gather(*accepting, return_exceptions=True)
    assert sorted(isinstance(each, Conflict | NotFound) for each in found) == [False, True], found


# --- addresses of nobody yet ---------------------------------------------------------------


async def test_who_registers_with_an_address_and_does_not_prove_it_sees_nothing(library: Library) -> None:
    waiting = await library.invite(library.mary, "new@example.com")
    new = await library.world.person("new")
    assert await library.waiting(new) == []
    await refused(library.world.invitations.accept(new, waiting), NotFound)
    await refused(library.world.invitations.decline(new, waiting), NotFound)


async def test_who_proves_the_address_finds_what_waits_for_it(library: Library) -> None:
    waiting = await library.invite(library.mary, "new@example.com")
    other = await library.invite(library.mary, "other@example.com")
    new = await library.world.person("new")
    async with library.world.store.work() as work:
        await work.invitations.prove("new@example.com", str(new.account))
        await work.invitations.prove(BOB, str(new.account))
        await work.commit()
    assert await library.waiting(new) == [waiting]
    await refused(library.world.invitations.accept(new, other), NotFound)
    await library.world.invitations.accept(new, waiting)
    assert (await library.members())[str(new.account)] == "reader"


async def test_what_is_somebodys_is_not_taken_by_who_proves_the_address_later(library: Library) -> None:
    waiting = await library.invite(library.mary)
    async with library.world.store.work() as work:
        await work.invitations.prove(BOB, str(library.eve.account))
        await work.commit()
    assert (await library.waiting(library.bob), await library.waiting(library.eve)) == ([waiting], [])


async def test_who_has_the_letter_accepts_once(library: Library) -> None:
    waiting = await library.invite(library.mary, "new@example.com")
    await library.world.mailing.deliver()
    mail, token = library.world.postbox.mails[-1], library.world.postbox.token()
    assert mail.to == "new@example.com"
    assert f"/v1/invitations/{waiting}/accept#token=" in mail.text
    assert "Secret" not in mail.text + mail.subject
    other = await library.invite(library.mary, "other@example.com")
    await refused(library.world.invitations.accept(library.eve, other, token), NotFound)
    await refused(library.world.invitations.accept(library.eve, waiting, token + "x"), NotFound)
    assert (await library.world.invitations.accept(library.eve, waiting, token)).account == library.eve.account
    await refused(library.world.invitations.accept(library.bob, waiting, token), NotFound)


async def test_who_has_the_letter_declines(library: Library) -> None:
    waiting = await library.invite(library.mary, "new@example.com")
    await library.world.mailing.deliver()
    await library.world.invitations.decline(library.eve, waiting, library.world.postbox.token())
    assert await library.listed(library.mary) == []


async def test_no_letter_goes_out_for_what_was_withdrawn_or_replaced(library: Library) -> None:
    waiting = await library.invite(library.mary)
    await library.world.invitations.withdraw(library.mary, "book", library.book, waiting)
    assert await library.world.mailing.deliver() is not None
    assert library.world.postbox.mails == []
    assert await library.world.mailing.deliver() is None


async def test_the_answer_and_the_work_are_the_same_whether_or_not_there_is_an_account(any_world: Worlds) -> None:
    world = any_world(SPEC)
    mary, _ = await world.people("mary", "bob")
    book = await world.make(mary, "book", title="Secret")
    told: list[str] = []
    if not isinstance(world.store, MemoryStore):
        world.store.watch(told.append)  # type: ignore[attr-defined]
    seen = []
    # one waits already, so that the first is asked for like the second
    await world.invitations.invite(mary, "book", book, "somebody@example.com", "reader", None)
    await world.mailing.deliver()
    for email in (BOB, "nobody@example.com"):
        told.clear()
        made = await world.invitations.invite(mary, "book", book, email, "reader", None)
        asked = [re.sub(r"'[^']*'|NULL", "", sql) for sql in told]
        await world.mailing.deliver()
        seen.append((made.role, made.expires_at, made.ends_at, asked, len(world.postbox.mails[-1].text)))
    assert seen[0] == seen[1]
