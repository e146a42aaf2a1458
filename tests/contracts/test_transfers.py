"""What handing over promises on every store: who offers, who accepts, what changes with the owner, what does not."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from domain.account import Account
from domain.errors import Conflict, Forbidden, Invalid, NotAuthenticated, NotFound
from domain.ownership import ANONYMOUS, ENGINE, Actor
from domain.secret_link import SecretLink
from tests.application.world import NEVER, World, specification
from tests.conftest import Worlds
from tests.contracts.test_invitations import refused

SPEC = specification("""
resources:
  shelf:
    owner: account
    roles: boss > reader
    links: {role: reader}
    fields: {name: text, mark: {type: integer, default: 0}}
    unique: name per owner
    limit: 2 per owner
    locked: when mark is 7, except mark
    can:
      create: signed in
      read: [owner, reader]
      update: owner
      delete: owner
      share: owner
      members: owner
      transfer: [owner when mark is 0 or 7, boss]
  book:
    owner: shelf
    roles: reader
    links: {role: reader}
    fields: {title: text, beside: {type: book, optional: yes, when_gone: empty}}
    limit: 3 per owner
    can:
      create: owner
      read: [owner, book.reader, shelf.reader]
      update: owner
      delete: owner
      share: owner
      members: owner
  page:
    owner: book
    keep: yes
    fields: {text: text}
    can: {create: owner, read: owner, update: owner}
  note:
    owner: account
    fields: {text: text, about: {type: shelf, when_gone: empty}}
    can: {create: signed in, read: owner, update: owner, delete: owner}
""")


class Library:
    """Mary's shelf with two books and a page."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.shelf = self.book = self.other = self.page = ""
        self.mary = self.bob = self.eve = ANONYMOUS

    async def open(self) -> "Library":
        """Make everything."""
        self.mary, self.bob, self.eve = await self.world.people("mary", "bob", "eve")
        self.shelf = await self.world.make(self.mary, "shelf", name="S")
        self.book = await self.world.make(self.mary, "book", shelf=self.shelf, title="A")
        self.other = await self.world.make(self.mary, "book", shelf=self.shelf, title="B", beside=self.book)
        self.page = await self.world.make(self.mary, "page", book=self.book, text="P")
        return self

    async def offer(self, by: Actor | None = None, whom: Actor | None = None) -> str:
        """An offer's id; of Mary's shelf to Bob, unless said otherwise."""
        account = str((whom or self.bob).account)
        return (await self.world.transfers.offer(by or self.mary, "shelf", self.shelf, account)).id

    async def waiting(self, who: Actor) -> list[str]:
        """The ids of what is offered to somebody."""
        return [each.id for each in await self.world.transfers.waiting(who)]

    async def owner(self, who: Actor, resource: str, record: str) -> Any:
        """Of a record, as somebody sees it."""
        return (await self.world.records.get(who, resource, record))["owner"]


async def test_a_record_and_all_below_it_change_hands(library: Library) -> None:
    offer = await library.offer()
    assert await library.waiting(library.bob) == [offer]
    assert await library.owner(library.mary, "shelf", library.shelf) == library.mary.account, "not yet"
    await library.world.transfers.accept(library.bob, offer)
    below = (("shelf", library.shelf), ("book", library.book), ("book", library.other), ("page", library.page))
    for resource, record in below:
        assert await library.owner(library.bob, resource, record) == library.bob.account
        await refused(library.world.records.get(library.mary, resource, record), NotFound)
    assert (await library.world.records.get(library.bob, "book", library.other))["beside"] == library.book
    await library.world.records.update(library.bob, "page", library.page, {"text": "Q"})
    assert await library.waiting(library.bob) == []
    await refused(library.world.transfers.accept(library.bob, offer), NotFound)
    assert await library.world.events(library.mary) == ["transfer_offered", "transfer_accepted"]
    assert await library.world.events(library.bob) == ["transfer_accepted"]


async def test_who_declines_owns_nothing(library: Library) -> None:
    offer = await library.offer()
    await library.world.transfers.decline(library.bob, offer)
    assert await library.waiting(library.bob) == []
    assert await library.owner(library.mary, "shelf", library.shelf) == library.mary.account
    assert await library.world.events(library.mary) == ["transfer_offered", "transfer_declined"]
    await refused(library.world.transfers.accept(library.bob, offer), NotFound)


async def test_others_neither_see_nor_answer_it(library: Library) -> None:
    offer = await library.offer()
    transfers = library.world.transfers
    for who in (library.eve, library.mary):
        assert await library.waiting(who) == []
        await refused(transfers.accept(who, offer), NotFound)
        await refused(transfers.decline(who, offer), NotFound)
    for wrong in (NEVER, "no id"):
        await refused(transfers.accept(library.bob, wrong), NotFound)
        await refused(transfers.offer(library.mary, "shelf", wrong, str(library.bob.account)), NotFound)
    account = str(library.eve.account)
    await refused(transfers.offer(library.eve, "shelf", library.shelf, account), NotFound)
    await refused(transfers.offered(library.eve, "shelf", library.shelf), NotFound)
    await refused(transfers.withdraw(library.eve, "shelf", library.shelf, offer), NotFound)
    await library.world.share("shelf", library.shelf, library.eve, "reader")
    await refused(library.offer(library.eve, library.bob), Forbidden)
    await refused(transfers.offered(library.eve, "shelf", library.shelf), Forbidden)
    await refused(transfers.withdraw(library.eve, "shelf", library.shelf, offer), Forbidden)
    assert await library.waiting(library.bob) == [offer]


async def test_nobody_and_the_engine_have_no_part_in_it(library: Library) -> None:
    transfers = library.world.transfers
    for who, kind in ((ANONYMOUS, NotAuthenticated), (ENGINE, Forbidden)):
        await refused(transfers.waiting(who), kind)
        await refused(transfers.accept(who, NEVER), kind)
        await refused(transfers.decline(who, NEVER), kind)
        await refused(transfers.offer(who, "shelf", library.shelf, NEVER), kind)


async def test_one_is_not_offered_to_its_owner_nor_to_oneself(library: Library) -> None:
    await refused(library.offer(whom=library.mary), Invalid)
    await library.world.share("shelf", library.shelf, library.eve, "boss")
    await refused(library.offer(library.eve, library.eve), Invalid)
    await refused(library.offer(library.eve, library.mary), Invalid)


async def test_an_account_that_is_not_there_makes_no_difference(library: Library) -> None:
    made = await library.world.transfers.offer(library.mary, "shelf", library.shelf, NEVER)
    assert (await library.world.transfers.offered(library.mary, "shelf", library.shelf)) == made


async def test_a_second_offer_takes_the_place_of_the_first_and_one_is_withdrawn(library: Library) -> None:
    first = await library.offer()
    second = await library.offer(whom=library.eve)
    assert (await library.waiting(library.bob), await library.waiting(library.eve)) == ([], [second])
    await refused(library.world.transfers.accept(library.bob, first), NotFound)
    await refused(library.world.transfers.withdraw(library.mary, "shelf", library.shelf, first), NotFound)
    assert await library.waiting(library.eve) == [second]
    await library.world.transfers.withdraw(library.mary, "shelf", library.shelf, second)
    assert await library.waiting(library.eve) == []
    await refused(library.world.transfers.withdraw(library.mary, "shelf", library.shelf, second), NotFound)
    assert await library.world.transfers.offered(library.mary, "shelf", library.shelf) is None


async def test_it_lapses_when_the_giver_may_no_longer_hand_over(library: Library) -> None:
    offer = await library.offer()
    await library.world.records.update(library.mary, "shelf", library.shelf, {"mark": 5})
    await refused(library.world.transfers.accept(library.bob, offer), Conflict, "offer_lapsed")
    assert await library.waiting(library.bob) == []
    assert await library.owner(library.mary, "shelf", library.shelf) == library.mary.account


async def test_who_hands_over_what_is_anothers_keeps_no_role_either(library: Library) -> None:
    await library.world.share("shelf", library.shelf, library.eve, "boss")
    await library.world.transfers.accept(library.bob, await library.offer(library.eve))
    assert await library.owner(library.bob, "shelf", library.shelf) == library.bob.account
    await refused(library.world.records.get(library.eve, "shelf", library.shelf), NotFound)
    assert await library.world.events(library.mary) == ["transfer_offered", "transfer_accepted"], "it was hers"


async def test_a_lock_does_not_hold_it(library: Library) -> None:
    await library.world.records.update(library.mary, "shelf", library.shelf, {"mark": 7})
    await library.world.transfers.accept(library.bob, await library.offer())
    assert await library.owner(library.bob, "shelf", library.shelf) == library.bob.account


async def test_roles_of_giver_and_recipient_end_and_those_of_others_stay(library: Library) -> None:
    world, everybody = library.world, (library.mary, library.bob, library.eve)
    for who in everybody:
        await world.share("shelf", library.shelf, who, "reader")
        await world.share("book", library.book, who, "reader")
    await world.transfers.accept(library.bob, await library.offer())
    for resource, record in (("shelf", library.shelf), ("book", library.book)):
        found = await world.sharing.list(library.bob, resource, record)
        assert [each.account for each in found] == [library.eve.account]
    await refused(world.records.get(library.mary, "book", library.book), NotFound)


async def test_secret_links_to_all_of_it_end(library: Library) -> None:
    world, now = library.world, library.world.clock.now()
    async with world.store.work() as work:
        for i, (resource, record) in enumerate((("shelf", library.shelf), ("book", library.book)), 1):
            link = SecretLink(world.ids.new(), str(i) * 64, resource, record, "reader", now, None)
            await work.records.add_secret_link(library.mary, link, now)
        await work.commit()
    assert await world.store.records.presented("1" * 64, now) is not None
    await world.transfers.accept(library.bob, await library.offer())
    for i in (1, 2):
        assert await world.store.records.presented(str(i) * 64, now) is None


async def test_what_others_refer_to_is_referred_to_as_before(library: Library) -> None:
    await library.world.share("shelf", library.shelf, library.eve, "reader")
    note = await library.world.make(library.eve, "note", text="N", about=library.shelf)
    await library.world.transfers.accept(library.bob, await library.offer())
    assert (await library.world.records.get(library.eve, "note", note))["about"] == library.shelf
    await library.world.records.update(library.eve, "note", note, {"text": "M"})
    # the name is free again where it was
    await library.world.make(library.mary, "shelf", name="S")


async def test_what_collides_at_the_recipient_keeps_it_where_it_is(library: Library) -> None:
    await library.world.make(library.bob, "shelf", name="S")
    offer = await library.offer()
    await refused(library.world.transfers.accept(library.bob, offer), Conflict, "not_unique")
    assert await library.owner(library.mary, "book", library.book) == library.mary.account
    assert await library.waiting(library.bob) == [offer]


async def test_a_limit_of_the_recipient_holds_for_all_that_comes(library: Library) -> None:
    shelf = await library.world.make(library.bob, "shelf", name="T")
    offer = await library.offer()
    for title in "CD":
        await library.world.make(library.bob, "book", shelf=shelf, title=title)
    await refused(library.world.transfers.accept(library.bob, offer), Conflict, "limit_reached")
    extra = await library.world.make(library.bob, "shelf", name="U")
    await library.world.records.delete(library.bob, "shelf", shelf)
    another = await library.world.make(library.bob, "shelf", name="V")
    await refused(library.world.transfers.accept(library.bob, offer), Conflict, "limit_reached")
    for each in (extra, another):
        await library.world.records.delete(library.bob, "shelf", each)
    await library.world.transfers.accept(library.bob, offer)


async def test_it_ends_with_its_record(any_world: Worlds) -> None:
    world = any_world(SPEC)
    mary, bob = await world.people("mary", "bob")
    shelf = await world.make(mary, "shelf", name="S")
    await world.transfers.offer(mary, "shelf", shelf, str(bob.account))
    await world.records.delete(mary, "shelf", shelf)
    assert await world.transfers.waiting(bob) == []


@pytest.mark.parametrize("whose", ["mary", "bob"])
async def test_it_ends_with_the_account_of_either(any_world: Worlds, whose: str) -> None:
    world = any_world(SPEC)
    mary, boss, bob = await world.people("mary", "boss", "bob")
    shelf = await world.make(mary, "shelf", name="S")
    await world.share("shelf", shelf, boss, "boss")
    await world.transfers.offer(boss, "shelf", shelf, str(bob.account))
    gone, now = str((boss if whose == "mary" else bob).account), world.clock.now()
    async with world.store.work() as work:
        await work.records.close_account(gone, Account.tombstone(world.ids.new(), now), now)
        await work.commit()
    assert await world.transfers.offered(mary, "shelf", shelf) is None


async def test_it_ends_after_thirty_days(library: Library) -> None:
    offer = await library.offer()
    bob, mary = Actor(library.bob.account), Actor(library.mary.account)
    library.world.clock.wait(days=30 - 0.01)
    assert await library.waiting(bob) == [offer]
    library.world.clock.wait(days=0.01)
    assert await library.waiting(bob) == []
    await refused(library.world.transfers.accept(bob, offer), NotFound)
    assert await library.world.transfers.offered(mary, "shelf", library.shelf) is None
    assert await library.waiting(bob) != [await library.offer(mary)]


async def test_an_ended_session_sees_and_does_nothing(library: Library) -> None:
    offer = await library.offer()
    now = library.world.clock.now()
    async with library.world.store.work() as work:
        for who in (library.bob, library.mary):
            session = await work.sessions.get(str(who.session))
            assert session is not None
            await work.sessions.save(session.revoke(now))
        await work.commit()
    await refused(library.waiting(library.bob), NotAuthenticated)
    await refused(library.world.transfers.accept(library.bob, offer), NotAuthenticated)
    await refused(library.offer(), NotAuthenticated)


async def test_what_ended_while_it_was_accepted_is_a_conflict(library: Library) -> None:
    """And not taken for an ended session, which is asked of the recipient and not of the giver."""
    offer_id, now, store = await library.offer(), library.world.clock.now(), library.world.store
    async with store.work() as work:
        offer = await work.transfers.get(library.bob, offer_id, now)
        facts = await work.records.load(Actor(library.mary.account), "shelf", library.shelf, now)
    assert offer is not None
    assert facts is not None
    await library.world.transfers.withdraw(library.mary, "shelf", library.shelf, offer_id)
    async with store.work() as work:
        await refused(work.transfers.accept(library.bob, offer, facts.record, now), Conflict, "changed")


async def test_of_two_who_accept_at_once_one_does(library: Library) -> None:
    offer = await library.offer()
    accepting = (library.world.transfers.accept(library.bob, offer) for _ in range(2))
    found = await asyncio.gather(*accepting, return_exceptions=True)
    assert sorted(isinstance(each, Conflict | NotFound) for each in found) == [False, True], found


async def test_what_was_changed_meanwhile_is_handed_over_as_it_is(library: Library) -> None:
    offer = await library.offer()
    library.world.clock.wait(seconds=1)
    await library.world.records.update(library.mary, "shelf", library.shelf, {"name": "Changed"})
    library.world.clock.at += timedelta(seconds=1)
    await library.world.transfers.accept(library.bob, offer)
    found = await library.world.records.get(library.bob, "shelf", library.shelf)
    assert (found["name"], found["updated_at"]) == ("Changed", "2026-11-23T09:30:02.123456Z")
