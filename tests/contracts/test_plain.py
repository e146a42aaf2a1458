"""Plain writes on PostgreSQL: one function in the caller's name, which does nothing where a unit of work would refuse.

The use cases take that way by themselves, so every test of theirs on PostgreSQL is about it too. Here it is asked
alone, and compared with the unit of work.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from application.ports import PlainWrites, Store, View
from domain.errors import Conflict, Forbidden, NotAuthenticated, NotFound, Refusal
from domain.ownership import Actor
from domain.record import accept_new, create
from tests.application.world import NEVER, World, specification
from tests.conftest import Worlds

SHELVES = specification("""
resources:
  shelf:
    plural: shelves
    owner: account
    roles: editor > viewer
    fields: {name: text, mood: {type: text, optional: yes}}
    unique: name per owner
    limit: 3 per owner
    can: {create: signed in, read: [owner, viewer], update: [owner, editor], share: owner}
  book:
    owner: shelf
    fields:
      by: creator
      title: text
      pages: {type: integer, optional: yes}
      price: {type: decimal, optional: yes}
      lent: {type: time, optional: yes}
      due: {type: date, optional: yes}
      lost: yes/no
      note: {type: text, optional: yes, read: owner}
      next: {type: book, optional: yes, when_gone: empty}
    unique: title per shelf
    can:
      create: [owner, editor when title is set]
      read: [owner, viewer when lost is no]
      update: [owner, editor]
""")
VALUES = {
    "title": "Emma",
    "pages": 474,
    "price": "9.50",
    "lent": "2026-11-20T10:00:00Z",
    "due": "2026-12-24",
    "lost": True,
}


@pytest.fixture
def world(postgres_world: Worlds) -> World:
    return postgres_world(SHELVES)


def plain_writes(world: World) -> PlainWrites:
    assert world.store.plain is not None
    return world.store.plain


async def add(world: World, actor: Actor, resource: str, parent: str | None, **values: Any) -> View | None:
    model, now = SHELVES.resources[resource], world.clock.now()
    given = accept_new(model, values | ({} if parent is None else {str(model.parent): parent}))
    given.pop(str(model.parent), None)
    me = str(actor.account)
    record = create(model, world.ids.new(), me, parent, given, me, str, now)
    return await plain_writes(world).add(actor, record, now)


async def change(world: World, actor: Actor, resource: str, record_id: str, **values: Any) -> View | None:
    return await plain_writes(world).change(actor, resource, record_id, values, world.clock.now())


class StepByStep:
    """The same store without plain writes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.plain = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def slowly(world: World) -> Any:
    """The use cases where everything is a unit of work."""
    slow = World(SHELVES, StepByStep(world.store))  # type: ignore[arg-type]
    slow.clock, slow.ids = world.clock, world.ids
    slow.records._clock = world.clock
    return slow.records


def without(view: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in view.items() if name not in names}


async def test_what_is_created_is_answered_as_a_unit_of_work_answers_it(world: World) -> None:
    mary, bob = await world.people("mary", "bob")
    shelf = await world.make(mary, "shelf", name="novels")
    await world.share("shelf", shelf, bob, "editor")
    for actor, title in ((mary, "a"), (bob, "b")):
        values = {**VALUES, "title": title, "note": "worn"} if actor is mary else {"title": title}
        seen = await add(world, actor, "book", shelf, **values)
        assert seen is not None
        slow = await slowly(world).create(actor, "book", {**values, "title": f"{title} again", "shelf": shelf})
        assert without(seen, "id", "title") == without(slow, "id", "title")
        assert await world.records.get(actor, "book", seen["id"]) == seen


async def test_what_is_changed_is_answered_as_a_unit_of_work_answers_it(world: World) -> None:
    mary, bob = await world.people("mary", "bob")
    shelf = await world.make(mary, "shelf", name="novels")
    await world.share("shelf", shelf, bob, "editor")
    one = await world.make(mary, "book", shelf=shelf, title="one", note="worn")
    two = await world.make(mary, "book", shelf=shelf, title="two", note="worn")
    for day, actor in ((1, mary), (2, bob)):
        dated = {"due": f"2027-01-0{day}", "lent": VALUES["lent"]}
        for values in ({"pages": 3}, {"pages": None, "price": "1.20"}, dated):
            world.clock.wait(seconds=1)
            accepted = accept_new(SHELVES.resources["book"], {"title": "x", "shelf": shelf, **values})
            seen = await change(world, actor, "book", one, **{name: accepted[name] for name in values})
            assert seen is not None
            slow = await slowly(world).update(actor, "book", two, values)
            assert without(seen, "id", "title") == without(slow, "id", "title")
            assert await world.records.get(actor, "book", one) == seen


async def test_nothing_is_created_where_a_unit_of_work_refuses(world: World) -> None:
    mary, bob, carol, ended = await world.people("mary", "bob", "carol", "ended")
    shelf = await world.make(mary, "shelf", name="novels")
    await world.share("shelf", shelf, bob, "viewer")
    await world.share("shelf", shelf, carol, "editor", world.clock.now())
    await world.make(mary, "book", shelf=shelf, title="Emma")
    async with world.store.work() as work:
        session = await work.sessions.get(str(mary.session))
        assert session is not None
        over = replace(session, id=world.ids.new(), revoked_at=world.clock.now())
        await work.sessions.add(over)
        await work.commit()
    refused = [
        (bob, "book", shelf, {"title": "by a viewer"}, Forbidden),
        (carol, "book", shelf, {"title": "by one whose role has ended"}, Refusal),
        (ended, "book", shelf, {"title": "by a stranger"}, Refusal),
        (mary, "book", NEVER, {"title": "nowhere"}, Refusal),
        (mary, "book", shelf, {"title": "Emma"}, Conflict),
        (mary, "shelf", None, {"name": "novels"}, Conflict),
        (Actor(mary.account, over.id), "book", shelf, {"title": "after the end"}, NotAuthenticated),
        (Actor(mary.account, over.id), "shelf", None, {"name": "after the end"}, NotAuthenticated),
    ]
    for actor, resource, parent, values, why in refused:
        assert await add(world, actor, resource, parent, **values) is None, values
        above = {} if parent is None else {"shelf": parent}
        with pytest.raises(why):
            await slowly(world).create(actor, resource, values | above)
    assert len((await world.records.list(mary, "book")).items) == 1


async def test_a_limit_holds(world: World) -> None:
    mary = await world.person("mary")
    for name in "abc":
        assert await add(world, mary, "shelf", None, name=name) is not None
    assert await add(world, mary, "shelf", None, name="d") is None
    with pytest.raises(Conflict, match="at most 3"):
        await world.records.create(mary, "shelf", {"name": "d"})


async def test_nothing_is_changed_where_a_unit_of_work_refuses_or_has_nothing_to_do(world: World) -> None:
    mary, bob, carol = await world.people("mary", "bob", "carol")
    shelf = await world.make(mary, "shelf", name="novels")
    await world.share("shelf", shelf, bob, "viewer")
    book = await world.make(mary, "book", shelf=shelf, title="Emma", price="1.50")
    before = await world.records.get(mary, "book", book)
    for actor, why in ((bob, Forbidden), (carol, NotFound)):
        assert await change(world, actor, "book", book, pages=2) is None
        with pytest.raises(why):
            await slowly(world).update(actor, "book", book, {"pages": 2})
    assert await change(world, mary, "book", NEVER, pages=2) is None
    assert await change(world, mary, "book", "no id at all", pages=2) is None
    assert await change(world, replace(mary, session=NEVER), "book", book, pages=2) is None
    await world.make(mary, "book", shelf=shelf, title="Persuasion")
    world.clock.wait(seconds=1)
    assert await change(world, mary, "shelf", shelf, mood=None) is None, "nothing differs"
    assert await world.records.get(mary, "book", book) == before
    shown = await world.records.get(mary, "shelf", shelf)
    assert await world.records.update(mary, "shelf", shelf, {"name": "novels"}) == shown


async def test_a_name_that_is_taken_is_a_conflict_on_either_way(world: World) -> None:
    mary = await world.person("mary")
    await world.make(mary, "shelf", name="novels")
    other = await world.make(mary, "shelf", name="poems")
    assert await change(world, mary, "shelf", other, name="novels") is None
    with pytest.raises(Conflict):
        await world.records.update(mary, "shelf", other, {"name": "novels"})


async def test_a_change_waits_for_a_work_and_then_is_of_what_that_left(world: World) -> None:
    mary = await world.person("mary")
    shelf = await world.make(mary, "shelf", name="novels")
    now = world.clock.now()
    async with world.store.work() as work:
        facts = await work.records.load(mary, "shelf", shelf, now)
        assert facts is not None
        waiting = asyncio.create_task(change(world, mary, "shelf", shelf, mood="glad"))
        await work.records.save(mary, facts.record, facts.record.edit({"name": "classics"}, now), now)
        await work.commit()
    seen = await waiting
    assert seen is not None
    assert (seen["name"], seen["mood"]) == ("classics", "glad")


async def test_nothing_is_left_of_whom_a_plain_write_was_for(world: World) -> None:
    """The next one on the connection is somebody else."""
    mary, bob = await world.people("mary", "bob")
    shelf = await world.make(mary, "shelf", name="novels")
    book = await world.make(mary, "book", shelf=shelf, title="Emma")
    for number in range(3):
        assert await change(world, mary, "book", book, pages=number) is not None
        assert await change(world, bob, "book", book, pages=1) is None
        with pytest.raises(NotFound):
            await world.records.get(bob, "book", book)


async def test_the_rule_is_asked_by_the_statement_too_not_by_the_policies_alone(world: World) -> None:
    mary, bob, carol = await world.people("mary", "bob", "carol")
    shelf = await world.make(mary, "shelf", name="novels")
    await world.share("shelf", shelf, bob, "viewer")
    book = await world.make(mary, "book", shelf=shelf, title="Emma")
    assert world.operate is not None
    for table in ("shelves", "books", "freehold_memberships", "freehold_sessions"):
        world.operate(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    for actor in (bob, carol):
        assert await add(world, actor, "book", shelf, title="no") is None
        assert await change(world, actor, "book", book, pages=1) is None
        assert await change(world, actor, "shelf", shelf, mood="no") is None
    assert await add(world, mary, "book", shelf, title="yes") is not None
    assert await change(world, mary, "book", book, pages=1) is not None
