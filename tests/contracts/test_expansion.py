"""`fields` and `expand` on every store: each record by its own rule, one statement a hop, all as of one instant."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from domain.api_key import ACTIONS, KeyScope
from domain.errors import NotAuthenticated, NotFound
from domain.expansion import Selection, expandable
from domain.ownership import ANONYMOUS, Actor
from tests.application.world import NEVER, World, specification
from tests.conftest import Worlds

LIBRARY = specification("""
resources:
  library:
    plural: libraries
    owner: account
    roles: keeper > guest
    fields: {name: text, motto: {type: text, optional: yes, read: owner}, notes: {type: json, optional: yes}}
    can: {create: signed in, open: signed in, read: [owner, guest, engine], update: owner, share: owner}
  shelf:
    plural: shelves
    owner: library
    fields: {name: text, since: {type: time, optional: yes}, open: yes/no}
    can: {create: owner, read: [owner, guest, engine, anyone when open is yes], update: owner, delete: owner}
  book:
    owner: shelf
    fields:
      author: creator
      title: text
      next: {type: book, optional: yes, when_gone: empty}
      hint: {type: book, optional: yes, when_gone: empty, read: owner}
    can: {create: owner, read: [whoever can read shelf, signed in], update: owner}
""")


def wanted(resource: str, *names: str, fields: tuple[str, ...] | None = None) -> Selection:
    ways = expandable(LIBRARY, resource)
    return Selection(fields, tuple(ways[name] for name in names))


ALL = wanted("book", "shelf", "shelf.library", "next", "next.shelf", "hint")


class Play:
    """Mary's library, where Bob is a guest; Eve reads her books and opens whatever she has the id of."""

    def __init__(self, world: World) -> None:
        self.world = world

    @staticmethod
    async def of(world: World) -> "Play":
        """Two shelves, one of them public, with two books each."""
        play = Play(world)
        play.mary, play.bob, play.eve = await world.people("mary", "bob", "eve")
        given = {"name": "Home", "motto": "Ssh", "notes": {"a": [1.0, None]}}
        play.library = await world.make(play.mary, "library", **given)
        await world.share("library", play.library, play.bob, "guest")
        play.shelf = await world.make(play.mary, "shelf", library=play.library, name="A", since="2026-01-01T00:00:00Z")
        play.public = await world.make(play.mary, "shelf", library=play.library, name="B", open=True)
        play.last = await world.make(play.mary, "book", shelf=play.public, title="Last")
        linked = {"next": play.last, "hint": play.last}
        play.first = await world.make(play.mary, "book", shelf=play.shelf, title="First", **linked)
        return play

    mary: Actor
    bob: Actor
    eve: Actor
    library: str
    shelf: str
    public: str
    first: str
    last: str

    async def get(self, actor: Actor, resource: str, record_id: str, selection: Selection) -> Any:
        """One record."""
        return plain(await self.world.records.get(actor, resource, record_id, selection))

    async def seen(self, actor: Actor, resource: str, record_id: str) -> Any:
        """What its own `GET` gives."""
        return plain(await self.world.records.get(actor, resource, record_id))

    async def books(self, actor: Actor, selection: Selection) -> dict[str, Any]:
        """The list of books, by id."""
        found = await self.world.records.list(actor, "book", wanted=selection)
        return {view["id"]: plain(view) for view in found.items}


def plain(value: Any) -> Any:
    """As it is sent."""
    return msgspec.json.decode(msgspec.json.encode(value))


@pytest.fixture
async def play(any_world: Worlds) -> Play:
    return await Play.of(any_world(LIBRARY))


async def test_beside_a_record_stands_what_its_own_get_gives(play: Play) -> None:
    for actor in (play.mary, play.bob):
        shelf, library = await play.seen(actor, "shelf", play.shelf), await play.seen(actor, "library", play.library)
        last, public = await play.seen(actor, "book", play.last), await play.seen(actor, "shelf", play.public)
        book = await play.seen(actor, "book", play.first)
        beside = {
            "shelf": shelf | {"expanded": {"library": library}},
            "next": last | {"expanded": {"shelf": public}},
            "hint": last if actor is play.mary else None,
        }
        assert ("hint" in book) is ("motto" in library) is (actor is play.mary)
        assert await play.get(actor, "book", play.first, ALL) == book | {"expanded": beside}
        listed = await play.books(actor, ALL)
        assert listed[play.first] == book | {"expanded": beside}
        empty = {"next": None, "hint": None, "shelf": public | {"expanded": {"library": library}}}
        assert listed[play.last]["expanded"] == empty


async def test_what_cannot_be_read_is_null(play: Play) -> None:
    """Also what could be opened by an id that the caller is shown; and nothing stands beside what is null."""
    found = (await play.books(play.eve, ALL))[play.first]
    last = await play.seen(play.eve, "book", play.last)
    public = await play.seen(play.eve, "shelf", play.public)
    assert found["shelf"] is None
    assert found["expanded"] == {"shelf": None, "next": last | {"expanded": {"shelf": public}}, "hint": None}
    found = await play.get(play.eve, "shelf", play.public, wanted("shelf", "library"))
    assert (found["library"], found["expanded"]) == (play.library, {"library": None})
    found = await play.get(ANONYMOUS, "shelf", play.public, wanted("shelf", "library"))
    assert (found["library"], found["expanded"]) == (None, {"library": None})
    with pytest.raises(NotFound):
        await play.get(play.eve, "shelf", play.shelf, wanted("shelf", "library"))


async def test_the_engine_and_keys_are_shown_what_their_key_is_for(play: Play) -> None:
    number = play.world.ids.new()
    if play.world.operate is not None:  # row-level security asks for such a key
        now = play.world.clock.now()
        play.world.operate(
            "INSERT INTO freehold_api_keys (id, hash, name, actions, resources, created_at, expires_at) VALUES "  # noqa: S608
            f"('{number}', '{'e' * 64}', 'engine', '[]', '[]', '{now}', '{now + timedelta(days=1)}')"
        )

    def key(*resources: str) -> KeyScope:
        return KeyScope(number, frozenset(ACTIONS), frozenset(resources))

    ways, shelf = wanted("shelf", "library"), play.shelf
    engine = Actor(engine=True, key=key("shelf", "library"))
    library = await play.seen(engine, "library", play.library)
    assert library["name"] == "Home"
    assert "motto" not in library
    assert (await play.get(engine, "shelf", shelf, ways))["expanded"] == {"library": library}
    engine = Actor(engine=True, key=key("shelf"))
    assert (await play.get(engine, "shelf", shelf, ways))["expanded"] == {"library": None}
    program = Actor(play.mary.account, key=key("shelf"))
    assert (await play.get(program, "shelf", shelf, ways))["expanded"] == {"library": None}
    program = Actor(play.mary.account, key=key("shelf", "library"))
    own = await play.seen(play.mary, "library", play.library)
    assert (await play.get(program, "shelf", shelf, ways))["expanded"] == {"library": own}


async def test_only_what_is_asked_for_of_a_record_is_shown(play: Play) -> None:
    for actor in (play.mary, play.bob):
        whole = await play.seen(actor, "book", play.first)
        for fields in (("id",), ("title", "hint"), ("owner", "shelf", "created_at"), tuple(whole)):
            part = {name: whole[name] for name in whole if name in fields}
            assert await play.get(actor, "book", play.first, wanted("book", fields=fields)) == part
            listed = await play.world.records.list(actor, "book", wanted=wanted("book", fields=fields))
            assert plain(listed.items[0]) == part
            beside = wanted("book", "shelf", fields=fields)
            shelf = {"shelf": await play.seen(actor, "shelf", play.shelf)}
            assert await play.get(actor, "book", play.first, beside) == part | {"expanded": shelf}
            listed = await play.world.records.list(actor, "book", wanted=beside)
            assert plain(listed.items[0]) == part | {"expanded": shelf}


async def test_pages_go_on_whatever_is_asked_for_of_each_record(play: Play) -> None:
    records = play.world.records
    page = await records.list(play.mary, "book", limit=1, wanted=wanted("book", "shelf", fields=("title",)))
    assert (len(page.items), page.items[0]["title"]) == (1, "First")
    page = await records.list(play.mary, "book", limit=1, cursor=page.next_cursor)
    assert [view["id"] for view in page.items] == [play.last]


async def test_many_records_are_read_at_once_by_their_rule(play: Play) -> None:
    now, ids = play.world.clock.now(), [play.shelf, play.public, play.library, NEVER]
    async with play.world.store.instant() as stored:
        for records in (play.world.store.records, stored.records):
            assert set(await records.readable(play.mary, "shelf", ids, now)) == {play.shelf, play.public}
            for actor in (play.eve, ANONYMOUS):
                assert set(await records.readable(actor, "shelf", ids, now)) == {play.public}
            assert await records.readable(play.eve, "library", ids, now) == {}, "it opens that one, and reads none"
            ended = Actor(play.mary.account, NEVER)
            with pytest.raises(NotAuthenticated):
                await records.readable(ended, "shelf", ids, now)


async def test_what_is_committed_meanwhile_is_not_seen_beside_a_page(play: Play) -> None:
    now = play.world.clock.now()
    async with play.world.store.instant() as stored:
        assert await stored.records.view(play.mary, "book", play.first, now) is not None
        await play.world.records.update(play.mary, "shelf", play.shelf, {"name": "New"})
        await play.world.records.delete(play.mary, "shelf", play.public)
        found = await stored.records.readable(play.mary, "shelf", [play.shelf, play.public], now)
    assert {view["name"] for view in found.values()} == {"A", "B"}
    assert set(await play.world.store.records.readable(play.mary, "shelf", [play.shelf, play.public], now)) == {
        play.shelf
    }


@contextmanager
def counted(store: Any) -> Iterator[list[str]]:
    """The questions that the database is asked."""
    asked: list[str] = []
    store.watch(lambda sql: asked.append(sql) if "SELECT" in sql.upper() and not sql.startswith("--") else None)
    yield asked
    store.watch(None)


@pytest.mark.parametrize("many", [1, 7])
async def test_a_page_costs_a_statement_and_one_more_for_each_hop(any_world: Worlds, many: int) -> None:
    world = any_world(LIBRARY)
    if not hasattr(world.store, "watch"):
        pytest.skip("nothing is asked of a database")
    play = await Play.of(world)
    for number in range(many):
        shelf = await world.make(play.mary, "shelf", library=play.library, name=str(number))
        await world.make(play.mary, "book", shelf=shelf, title=str(number), next=play.first)
    for selection, hops in (
        (Selection(), 0),
        (wanted("book", "shelf"), 1),
        (ALL, 5),
        (wanted("book", "shelf.library"), 2),
    ):
        with counted(world.store) as asked:
            found = await play.books(play.mary, selection)
        assert len(found) == many + 2
        assert len(asked) == 1 + hops, asked
        with counted(world.store) as asked:
            await play.get(play.mary, "book", play.first, selection)
        assert len(asked) == 1 + hops, asked
