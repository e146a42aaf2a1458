"""The `Records` port on every store: what its docstrings promise, and what happens at the same moment."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.persistence.sql.postgres import PostgresStore
from application.ports import Filter, Query, Records, Sort
from application.records import total_order
from domain.errors import Conflict, Forbidden, Invalid, NotAuthenticated, NotFound, PreconditionFailed
from domain.filtering import SEVERAL, Operator, operators, passes
from domain.membership import Membership
from domain.ownership import ANONYMOUS, Actor
from domain.record import Record, accept_new, create
from domain.specification.model import Kind
from tests.application.world import NEVER, World, specification
from tests.conftest import Worlds

SHELVES = specification("""
resources:
  shelf:
    plural: shelves
    owner: account
    roles: editor > viewer
    fields: {name: text, open: yes/no}
    unique: name per owner
    limit: 5 per owner
    can:
      create: signed in
      read: [owner, viewer, anyone when open is yes]
      update: [owner, editor]
      delete: owner
      share: owner
      members: [owner, editor]
  book:
    owner: shelf
    roles: reader
    fields:
      title: text
      pages: integer
      score: {type: number, optional: yes}
      price: {type: decimal, optional: yes}
      lent: {type: time, optional: yes}
      due: {type: date, optional: yes}
      tags: {type: json, optional: yes}
      secret: {type: text, optional: yes, read: editor}
      next: {type: book, optional: yes, when_gone: empty}
      state: one of draft, done
    unique: title per shelf
    locked: when state is done, except score
    can:
      create: [owner, editor]
      read: [whoever can read shelf, reader]
      update: [owner, editor]
      move: [owner, editor]
      delete: [owner, editor]
      share: owner
  page:
    owner: book
    keep: yes
    fields: {text: text}
    can: {create: [owner, editor], read: whoever can read book, update: [owner, editor], delete: [owner, editor]}
  mark:
    owner: account
    fields: {book: book, shelf: {type: shelf, optional: yes, when_gone: block}}
    can: {create: signed in, read: owner, delete: owner}
  follow:
    owner: account
    fields: {book: {type: book, when_gone: delete}}
    can: {create: signed in, read: owner, delete: owner}
""")
NEWEST = total_order(())


@pytest.fixture
def world(any_world: Worlds) -> World:
    return any_world(SHELVES)


def new(world: World, actor: Actor, resource: str, parent: Record | None = None, **body: Any) -> Record:
    """A record that is not stored yet."""
    model = SHELVES.resources[resource]
    above = {} if model.parent is None or parent is None else {model.parent: parent.id}
    given = accept_new(model, {**above, **body})
    given.pop(str(model.parent), None)
    owner = str(actor.account) if parent is None else parent.owner
    now = world.clock.now()
    return create(model, world.ids.new(), owner, None if parent is None else parent.id, given, actor.account, str, now)


async def store(world: World, actor: Actor, *records: Record) -> None:
    async with world.store.work() as work:
        for record in records:
            await work.records.add(actor, record, world.clock.now())
        await work.commit()


async def loaded(world: World, actor: Actor, record: Record, action: str = "open") -> Record | None:
    async with world.store.work() as work:
        facts = await work.records.refer(actor, record.resource, record.id, world.clock.now(), action)
        return None if facts is None else facts.record


async def saved(world: World, actor: Actor, before: Record, after: Record) -> None:
    world.clock.wait(seconds=1)
    async with world.store.work() as work:
        await work.records.save(actor, before, replace(after, updated_at=world.clock.now()), world.clock.now())
        await work.commit()


def query(resource: str, limit: int = 50, order: tuple[Sort, ...] = NEWEST, **options: Any) -> Query:
    return Query(resource, options.pop("filters", ()), order, limit, **options)


# --- reading -------------------------------------------------------------------------------


async def test_a_view_is_the_record_or_none(world: World) -> None:
    mary, bob = await world.people("mary", "bob")
    shelf = new(world, mary, "shelf", name="Garden")
    await store(world, mary, shelf)
    now = world.clock.now()
    assert await world.store.records.view(mary, "shelf", shelf.id, now) == {
        "id": shelf.id,
        "owner": mary.account,
        "name": "Garden",
        "open": False,
        "created_at": "2026-11-23T09:30:00.123456Z",
        "updated_at": "2026-11-23T09:30:00.123456Z",
    }
    for actor, resource, record_id in (
        (bob, "shelf", shelf.id),
        (ANONYMOUS, "shelf", shelf.id),
        (mary, "shelf", NEVER),
        (mary, "book", shelf.id),
        (mary, "shelf", "no id"),
        (mary, "shelf", ""),
    ):
        assert await world.store.records.view(actor, resource, record_id, now) is None
        async with world.store.work() as work:
            assert await work.records.load(actor, resource, record_id, now) is None


async def test_every_kind_of_value_comes_back_as_it_went_in(world: World) -> None:
    mary = await world.person("mary")
    shelf = new(world, mary, "shelf", name="Åß\u2028'; --")
    tags = {"a": [1, -2.5, None, True, "\U0001f98a"], "b": {"": 9007199254740991}}
    body = {"title": "", "pages": -9007199254740991, "score": 1e-300, "price": "-0012.50".replace("00", "", 1)}
    body |= {"lent": "2026-03-29T02:30:00.5+02:00", "due": "0001-01-01", "tags": tags, "state": "done"}
    book = new(world, mary, "book", shelf, **body)
    await store(world, mary, shelf, book)
    assert await loaded(world, mary, book) == book
    assert await loaded(world, mary, shelf) == shelf
    seen = await world.records.get(mary, "book", book.id)
    assert seen | {"tags": None} == {
        "id": book.id,
        "owner": mary.account,
        "shelf": shelf.id,
        "title": "",
        "pages": -9007199254740991,
        "score": 1e-300,
        "price": "-12.50",
        "lent": "2026-03-29T00:30:00.500000Z",
        "due": "0001-01-01",
        "tags": None,
        "next": None,
        "state": "done",
        "created_at": "2026-11-23T09:30:00.123456Z",
        "updated_at": "2026-11-23T09:30:00.123456Z",
    }


async def test_what_is_loaded_can_be_opened_or_read(world: World) -> None:
    mary, bob = await world.people("mary", "bob")
    shelf = new(world, mary, "shelf", name="Garden", open=True)
    await store(world, mary, shelf)
    assert await loaded(world, bob, shelf) == await loaded(world, ANONYMOUS, shelf, "read") == shelf
    closed = new(world, mary, "shelf", name="Cellar", open=False)
    await store(world, mary, closed)
    for action in ("open", "read"):
        assert await loaded(world, bob, closed, action) is None
        assert await loaded(world, mary, closed, action) == closed


async def test_whether_somebody_else_opens(world: World) -> None:
    mary, bob = await world.people("mary", "bob")
    shelf = new(world, mary, "shelf", name="Garden")
    await store(world, mary, shelf)
    now = world.clock.now()
    for records in (world.store.records,):
        assert await records.opens(str(mary.account), "shelf", shelf.id, now)
        assert not await records.opens(str(bob.account), "shelf", shelf.id, now)
        assert not await records.opens(NEVER, "shelf", shelf.id, now)


async def test_members_are_seen_by_oneself_and_by_whom_may(world: World) -> None:
    mary, *others = await world.people("mary", "bob", "ann", "eve", "joe")
    bob, ann, eve, joe = others
    shelf = new(world, mary, "shelf", name="Garden")
    await store(world, mary, shelf)
    await world.share("shelf", shelf.id, bob, "editor")
    await world.share("shelf", shelf.id, ann, "viewer", world.clock.now() + timedelta(hours=1))
    await world.share("shelf", shelf.id, joe, "viewer", world.clock.now())
    now = world.clock.now()

    async def listed(actor: Actor) -> list[str] | None:
        found = await world.store.records.members(actor, "shelf", shelf.id, now)
        return None if found is None else [f"{m.account} {m.role}" for m in found]

    everyone = sorted([f"{bob.account} editor", f"{ann.account} viewer"])
    assert await listed(mary) == await listed(bob) == everyone
    assert await listed(ann) == [f"{ann.account} viewer"]
    assert await listed(eve) is await listed(joe) is await listed(ANONYMOUS) is None


@pytest.mark.parametrize("end", ["revoked", "idle", "unknown"])
async def test_who_is_no_longer_signed_in_learns_nothing(world: World, end: str) -> None:
    mary = await world.person("mary")
    shelf = new(world, mary, "shelf", name="Garden", open=True)
    await store(world, mary, shelf)
    actor = mary
    if end == "revoked":
        async with world.store.work() as work:
            session = await work.sessions.get(str(mary.session))
            assert session is not None
            await work.sessions.save(session.revoke(world.clock.now()))
            await work.commit()
    elif end == "idle":
        world.clock.wait(days=30)
    else:
        actor = Actor(mary.account, NEVER)
    now, records = world.clock.now(), world.store.records
    calls: list[Callable[[Records | Any], Awaitable[Any]]] = []
    for record_id in (shelf.id, NEVER):
        calls += [
            lambda r, i=record_id: r.view(actor, "shelf", i, now),
            lambda r, i=record_id: r.members(actor, "shelf", i, now),
        ]
        calls += [lambda r, i=record_id, a=action: r.refer(actor, "shelf", i, now, a) for action in ("open", "read")]
    for name in ("Garden", "Attic"):
        filters = (Filter("name", (name,)),)
        calls += [lambda r, f=filters: r.page(actor, query("shelf", filters=f), now)]
        calls += [lambda r, f=filters: r.page(actor, query("shelf", filters=f, counted=True), now)]
    async with world.store.work() as work:
        for call in calls:
            for at in (records, work.records):
                if hasattr(at, "load"):
                    with pytest.raises(NotAuthenticated):
                        await call(at)


# --- pages ---------------------------------------------------------------------------------


async def test_a_page_is_sorted_cut_and_counted(world: World) -> None:
    mary, bob = await world.people("mary", "bob")
    shelf = new(world, mary, "shelf", name="Garden")
    books = [
        new(world, mary, "book", shelf, title=str(i), pages=i % 3, score=score)
        for i, score in enumerate([2.5, None, -1.0, None, 7.0, 2.5, 0.0])
    ]
    await store(world, mary, shelf, *books)
    now = world.clock.now()

    async def ids(order: tuple[Sort, ...], limit: int = 50, **options: Any) -> list[int]:
        page = await world.store.records.page(mary, query("book", limit, order, **options), now)
        return [int(view["title"]) for view in page.items]

    up, down = Sort("id", False), Sort("id", True)
    assert await ids((down,)) == [6, 5, 4, 3, 2, 1, 0]
    assert await ids((Sort("score", False), up)) == [1, 3, 2, 6, 0, 5, 4]
    assert await ids((Sort("score", True), down)) == [4, 5, 0, 6, 2, 3, 1]
    assert await ids((Sort("pages", True), Sort("score", False), up)) == [2, 5, 1, 4, 3, 6, 0]
    assert await ids((up,), filters=(Filter("pages", (0, 2)), Filter("score", (2.5, 7.0)))) == [0, 5]
    assert await ids((up,), filters=(Filter("shelf", (shelf.id,)), Filter("state", ("done",)))) == []
    for order in ((down,), (Sort("score", False), up), (Sort("score", True), down), (Sort("state", True), up)):
        whole, cut, after = await ids(order), [], None
        while True:
            page = await world.store.records.page(mary, query("book", 2, order, after=after, counted=True), now)
            cut += [int(view["title"]) for view in page.items]
            assert page.total == 7
            assert (page.last is None) is (len(cut) == 7)
            if page.last is None:
                break
            after = page.last
        assert cut == whole
    exact = await world.store.records.page(mary, query("book", 7), now)
    assert (len(exact.items), exact.last, exact.total) == (7, None, None)
    nobodys = await world.store.records.page(bob, query("book", counted=True), now)
    assert (list(nobodys.items), nobodys.last, nobodys.total) == ([], None, 0)


async def test_everything_is_asked_of_a_field_as_the_domain_says(world: World) -> None:
    (mary,) = await world.people("mary")
    shelf = new(world, mary, "shelf", name="Garden")
    titles = ["", "a", "A", "ab%", "Ärger", "ärger", "a_b", "\U0001f600 smile", "\uffee", "\\x"]
    scores = [2.5, None, -1.0, None, 7.0, 2.5, 0.0, None, 1e300, -0.0]
    prices = ["1.50", "1.5", "10", "9.99", None, "-2", "0", "100", "0.001", None]
    dues = [None, "2026-01-01", "2025-12-31", "0999-01-01", "9999-12-31", None, None, "2026-01-01", None, None]
    books = [
        new(world, mary, "book", shelf, title=title, pages=i % 3, score=score, price=price, due=due)
        for i, (title, score, price, due) in enumerate(zip(titles, scores, prices, dues, strict=True))
    ]
    await store(world, mary, shelf, *books)
    asked: list[Filter] = []
    compared: dict[str, list[Any]] = {"title": titles, "score": [2.5, 0.0, 9.0], "pages": [0, 1, 5]}
    compared |= {"price": [Decimal("1.50"), Decimal(10), Decimal("-2.0")], "due": [date(2026, 1, 1), date(1000, 1, 1)]}
    for name, values in compared.items():
        for operator in operators(world.specification.column("book", name).kind):
            if operator is Operator.SET:
                asked += [Filter(name, (yes,), operator) for yes in (True, False)]
                continue
            asked += [Filter(name, (value,), operator) for value in values]
            if operator in SEVERAL:
                asked.append(Filter(name, tuple(values[:2]), operator))
    created = books[4].created_at
    asked += [
        Filter("created_at", (created,), operator) for operator in operators(Kind.TIME) if operator is not Operator.SET
    ]
    asked += [Filter("id", (books[0].id, books[3].id), operator) for operator in SEVERAL]
    asked += [Filter("owner", (str(mary.account),), operator) for operator in SEVERAL]
    for each in asked:
        wanted = [
            book.id
            for book in books
            if passes(each.operator, getattr(book, each.field, book.values.get(each.field)), each.values)
        ]
        assert await world.sees(mary, "book", filters=(each,)) == wanted[::-1], each


async def test_what_cannot_be_read_sorts_and_filters_as_if_it_were_empty(world: World) -> None:
    mary, bob = await world.people("mary", "bob")
    shelf = new(world, mary, "shelf", name="Garden")
    books = [new(world, mary, "book", shelf, title=str(i), pages=1, secret=text) for i, text in enumerate("bac")]
    await store(world, mary, shelf, *books)
    await world.share("shelf", shelf.id, bob, "editor")
    order = (Sort("secret", False), Sort("id", False))
    assert await world.sees(bob, "book", sort=order) == [books[i].id for i in (1, 0, 2)]
    assert await world.sees(mary, "book", sort=order) == [book.id for book in books]
    wanted = (Filter("secret", ("a",)),)
    assert await world.sees(bob, "book", filters=wanted) == [books[1].id]
    assert await world.sees(mary, "book", filters=wanted) == []
    for operator in operators(Kind.TEXT):
        asked = (False,) if operator is Operator.SET else ("",)
        seen = await world.sees(mary, "book", filters=(Filter("secret", asked, operator),))
        assert len(seen) == (3 if operator is Operator.SET else 0), operator


async def test_words_are_looked_for_in_every_text_that_the_caller_sees(world: World) -> None:
    mary, bob, eve = await world.people("mary", "bob", "eve")
    shelf = new(world, mary, "shelf", name="Garden")
    said = [
        ("Green peas", "cellar"),
        ("100% peas_", None),
        ("Ärger", "peas"),
        ("O'Hara\\", None),
        ("\U0001f600 bean", "x"),
    ]
    books = [new(world, mary, "book", shelf, title=title, pages=1, secret=secret) for title, secret in said]
    await store(world, mary, shelf, *books)
    await world.share("shelf", shelf.id, bob, "editor")
    order = (Sort("id", False),)

    async def found(actor: Actor, *words: str) -> list[int]:
        listing = await world.records.list(actor, "book", sort=order, counted=True, words=words)
        assert listing.total == len(listing.items)
        return [[book.id for book in books].index(view["id"]) for view in listing.items]

    assert await found(bob, "peas") == [0, 1, 2], "in a text that only an editor reads, too"
    assert await found(mary, "peas") == [0, 1]
    assert await found(eve, "peas") == []
    assert await found(bob, "cellar", "green") == [0], "each word in another text"
    assert await found(mary, "cellar", "green") == await found(mary, "cellar") == []
    assert await found(mary, "een", "eas") == [0], "words are parts of the text"
    assert await found(mary, "o'hara") == [3], "A to Z are as a to z"
    for word, where in (("%", [1]), ("_", [1]), ("Är", [2]), ("är", []), ("'", [3]), ("\\", [3]), ("\U0001f600", [4])):
        assert await found(mary, word) == where, word
    page = await world.records.list(bob, "book", sort=order, limit=2, words=("peas",))
    assert page.next_cursor is not None
    rest = await world.records.list(bob, "book", sort=order, limit=2, cursor=page.next_cursor, words=("peas",))
    assert [view["id"] for view in (*page.items, *rest.items)] == [book.id for book in books[:3]]
    assert rest.next_cursor is None


@pytest.mark.parametrize(
    "key", [Sort("id", True), Sort("title", False), Sort("score", True), Sort("updated_at", False)]
)
async def test_pages_hold_still_while_others_write(world: World, key: Sort) -> None:
    """Of what was there from first page to last, everything is seen, once, whatever comes and goes meanwhile."""
    mary = await world.person("mary")
    shelf = new(world, mary, "shelf", name="Garden")
    await store(world, mary, shelf)
    there, gone = set(), []
    for i in range(12):
        record_id = await world.make(
            mary, "book", shelf=shelf.id, title=f"{i * 7 % 12:02}", pages=i, score=None if i % 4 else i
        )
        there.add(record_id)
        gone.append(record_id)
        world.clock.wait(seconds=1)
    seen: list[str] = []
    cursor, turn = None, 0
    while True:
        listing = await world.records.list(mary, "book", sort=(key,), limit=3, cursor=cursor)
        seen += [view["id"] for view in listing.items]
        cursor = listing.next_cursor
        if cursor is None:
            break
        for n in range(2):
            await world.make(mary, "book", shelf=shelf.id, title=f"{turn:02}{n}", pages=0, score=turn if n else None)
        victim = next((record_id for record_id in gone if record_id not in seen), None)
        if victim is not None:
            there.discard(victim)
            gone.remove(victim)
            await world.records.delete(mary, "book", victim)
        turn += 1
        world.clock.wait(seconds=1)
    assert len(seen) == len(set(seen))
    assert there <= set(seen)


# --- writing -------------------------------------------------------------------------------


async def test_a_work_sees_its_own_changes_and_nobody_else_does(world: World) -> None:
    mary = await world.person("mary")
    shelf, now = new(world, mary, "shelf", name="Garden"), world.clock.now()
    async with world.store.work() as work:
        await work.records.add(mary, shelf, now)
        assert await work.records.view(mary, "shelf", shelf.id, now) is not None
        assert len((await work.records.page(mary, query("shelf"), now)).items) == 1
        assert await world.store.records.view(mary, "shelf", shelf.id, now) is None
        assert (await world.store.records.page(mary, query("shelf"), now)).items == []
        await work.commit()
    assert await world.store.records.view(mary, "shelf", shelf.id, now) is not None


async def test_imagined_is_not_stored(world: World) -> None:
    mary = await world.person("mary")
    shelf, now = new(world, mary, "shelf", name="Garden"), world.clock.now()
    await store(world, mary, shelf)
    book = new(world, mary, "book", shelf, title="Peas", pages=1)
    async with world.store.work() as work:
        facts = await work.records.imagine(mary, book, now)
        above = list(facts.above())
        assert [at.record for at in above] == [book, shelf]
        await work.commit()
    assert await loaded(world, mary, book) is None


async def test_adding_is_refused_where_it_is_not_unique_or_too_much(world: World) -> None:
    mary, bob = await world.people("mary", "bob")
    shelf = new(world, mary, "shelf", name="0")
    await store(world, mary, shelf)
    await store(world, bob, new(world, bob, "shelf", name="0"))
    with pytest.raises(Conflict) as caught:
        await store(world, mary, new(world, mary, "shelf", name="0"))
    assert caught.value.code == "not_unique"
    await store(world, mary, *(new(world, mary, "shelf", name=str(i)) for i in range(1, 5)))
    with pytest.raises(Conflict) as caught:
        await store(world, mary, new(world, mary, "shelf", name="5"))
    assert caught.value.code == "limit_reached"
    assert len(await world.sees(mary, "shelf")) == 5


async def test_saving_is_refused_where_somebody_else_was_faster_or_may_not(world: World) -> None:
    mary, bob, ann = await world.people("mary", "bob", "ann")
    shelf, other = new(world, mary, "shelf", name="Garden", open=True), new(world, mary, "shelf", name="Attic")
    await store(world, mary, shelf, other)
    await world.share("shelf", shelf.id, ann, "viewer")
    changed = replace(shelf, values={**shelf.values, "name": "Yard"})
    for stranger in (bob, ann, ANONYMOUS):
        with pytest.raises(Conflict):
            await saved(world, stranger, shelf, changed)
    with pytest.raises(Conflict) as caught:
        await saved(world, mary, shelf, replace(shelf, values={**shelf.values, "name": "Attic"}))
    assert caught.value.code == "not_unique"
    assert await loaded(world, mary, shelf) == shelf
    await saved(world, mary, shelf, changed)
    with pytest.raises(Conflict) as caught:
        await saved(world, mary, shelf, changed)
    assert caught.value.code == "changed"
    with pytest.raises(Conflict) as caught:
        await saved(world, mary, replace(shelf, id=NEVER), replace(changed, id=NEVER))
    assert caught.value.code == "changed"


async def test_adding_is_refused_where_it_is_not_the_actors_to_create(world: World) -> None:
    mary, bob = await world.people("mary", "bob")
    shelf = new(world, mary, "shelf", name="Garden", open=True)
    await store(world, mary, shelf)
    with pytest.raises(Conflict):
        await store(world, bob, new(world, bob, "book", shelf, title="Peas", pages=1))
    assert await world.sees(mary, "book") == []


async def test_moving_takes_everything_below_to_the_new_owner_and_ends_its_memberships(world: World) -> None:
    mary, bob, ann = await world.people("mary", "bob", "ann")
    here, there = new(world, mary, "shelf", name="Here"), new(world, bob, "shelf", name="There")
    await store(world, mary, here)
    await store(world, bob, there)
    await world.share("shelf", there.id, mary, "editor")
    book, stays = (new(world, mary, "book", here, title=title, pages=1) for title in ("Peas", "Beans"))
    page = new(world, mary, "page", book, text="…")
    mark = replace(new(world, ann, "mark", book=book.id, shelf=here.id))
    await store(world, mary, book, stays, page)
    for at in (book, stays):
        await world.share("book", at.id, ann, "reader")
    await world.share("shelf", here.id, ann, "viewer")
    await store(world, ann, mark)
    await saved(world, mary, book, replace(book, parent=there.id, owner=there.owner))
    for record in (book, page):
        found = await loaded(world, mary, record)
        assert found is not None
        assert found.owner == bob.account
    assert (await world.records.get(mary, "book", book.id))["shelf"] == there.id
    assert (await world.records.get(ann, "mark", mark.id))["book"] is None
    now = world.clock.now()
    async with world.store.work() as work:
        assert await work.records.membership(ann, "book", book.id, str(ann.account), now) is None
        assert await work.records.membership(ann, "book", stays.id, str(ann.account), now) is not None
        assert await work.records.membership(ann, "shelf", here.id, str(ann.account), now) is not None
        assert await work.records.membership(mary, "shelf", there.id, str(mary.account), now) is not None


async def test_moving_is_refused_where_the_new_place_has_its_like(world: World) -> None:
    mary = await world.person("mary")
    here, there = new(world, mary, "shelf", name="Here"), new(world, mary, "shelf", name="There")
    book = new(world, mary, "book", here, title="Peas", pages=1)
    await store(world, mary, here, there, book, new(world, mary, "book", there, title="Peas", pages=2))
    with pytest.raises(Conflict) as caught:
        await saved(world, mary, book, replace(book, parent=there.id))
    assert caught.value.code == "not_unique"
    assert await loaded(world, mary, book) == book


async def test_what_stands_in_the_way_of_a_deletion(world: World) -> None:
    mary, bob = await world.people("mary", "bob")
    shelf, now = new(world, mary, "shelf", name="Garden", open=True), world.clock.now()
    book = new(world, mary, "book", shelf, title="Peas", pages=1)
    await store(world, mary, shelf, book)

    async def obstacles(record: Record) -> tuple[str, ...]:
        async with world.store.work() as work:
            return await work.records.obstacles(mary, record, now)

    assert await obstacles(shelf) == await obstacles(book) == ()
    await store(world, bob, new(world, bob, "mark", book=book.id))
    assert await obstacles(shelf) == await obstacles(book) == ()
    page = new(world, mary, "page", book, text="…")
    await store(world, mary, page)
    assert await obstacles(shelf) == await obstacles(book) == ("kept",)
    assert await obstacles(page) == ()
    await saved(world, mary, book, replace(book, values={**book.values, "state": "done"}))
    assert await obstacles(shelf) == await obstacles(book) == ("kept", "locked"), "the page is locked with its book"
    await store(world, bob, new(world, bob, "mark", book=book.id, shelf=shelf.id))
    assert await obstacles(shelf) == ("kept", "locked", "referred")


async def test_removing_takes_along_what_is_below_and_empties_what_refers(world: World) -> None:
    mary, bob = await world.people("mary", "bob")
    shelf = new(world, mary, "shelf", name="Garden", open=True)
    last = new(world, mary, "book", shelf, title="Beans", pages=1)
    book = new(world, mary, "book", shelf, title="Peas", pages=1)
    page = new(world, mary, "page", book, text="…")
    await store(world, mary, shelf, book, page, replace(last, values={**last.values, "next": book.id}))
    mark, follow = new(world, bob, "mark", book=book.id), new(world, bob, "follow", book=book.id)
    kept = new(world, bob, "follow", book=last.id)
    await store(world, bob, mark, follow, kept)
    for at, role in ((shelf, "viewer"), (book, "reader")):
        await world.share(at.resource, at.id, bob, role)
    now = world.clock.now()
    async with world.store.work() as work:
        for actor, record in ((bob, book), (mary, replace(book, id=NEVER))):
            with pytest.raises(Conflict):
                await work.records.remove(actor, record, now)
    async with world.store.work() as work:
        await work.records.remove(mary, book, now)
        await work.commit()
    for actor, record, there in ((mary, book, 0), (mary, page, 0), (bob, follow, 0), (bob, kept, 1), (bob, mark, 1)):
        assert (await loaded(world, actor, record) is not None) is bool(there), record.resource
    assert (await world.records.get(mary, "book", last.id))["next"] is None
    emptied = await loaded(world, bob, mark)
    assert emptied is not None
    assert emptied.values["book"] is None
    assert emptied.updated_at == mark.updated_at
    async with world.store.work() as work:
        assert await work.records.membership(bob, "book", book.id, str(bob.account), now) is None
        assert await work.records.membership(bob, "shelf", shelf.id, str(bob.account), now) is not None


async def test_a_membership_is_one_and_ends(world: World) -> None:
    mary, bob = await world.people("mary", "bob")
    shelf, now = new(world, mary, "shelf", name="Garden"), world.clock.now()
    await store(world, mary, shelf)
    account = str(bob.account)

    async def present(resource: str = "shelf", later: timedelta = timedelta()) -> Membership | None:
        async with world.store.work() as work:
            return await work.records.membership(mary, resource, shelf.id, account, now + later)

    assert await present() is None
    for ends in (None, now + timedelta(microseconds=1)):
        for role in ("viewer", "editor"):
            await world.share("shelf", shelf.id, bob, role, ends)
            assert await present() == Membership("shelf", shelf.id, account, role, ends)
    assert await present("book") is None
    assert await present(later=timedelta(microseconds=1)) is None
    assert await world.store.records.opens(account, "shelf", shelf.id, now)
    assert not await world.store.records.opens(account, "shelf", shelf.id, now + timedelta(microseconds=1))
    async with world.store.work() as work:
        await work.records.end_membership(mary, Membership("shelf", shelf.id, account, "editor", None), now)
        with pytest.raises(Conflict):
            await work.records.end_membership(mary, Membership("shelf", shelf.id, account, "editor", None), now)
        await work.commit()
    assert await present() is None


async def test_a_membership_is_refused_where_it_is_not_the_actors_to_give_or_take(world: World) -> None:
    mary, bob, ann = await world.people("mary", "bob", "ann")
    shelf, now = new(world, mary, "shelf", name="Garden"), world.clock.now()
    await store(world, mary, shelf)
    await world.share("shelf", shelf.id, ann, "viewer")

    async def put(actor: Actor, member: Actor, role: str) -> None:
        async with world.store.work() as work:
            given = Membership("shelf", shelf.id, str(member.account), role, None)
            await work.records.put_membership(actor, given, now)
            await work.commit()

    async def end(actor: Actor, member: Actor) -> None:
        async with world.store.work() as work:
            ended = Membership("shelf", shelf.id, str(member.account), "viewer", None)
            await work.records.end_membership(actor, ended, now)
            await work.commit()

    for actor in (bob, ann, ANONYMOUS):
        for attempt in (put(actor, bob, "viewer"), put(actor, ann, "editor")):
            with pytest.raises(Conflict):
                await attempt
    for actor in (bob, ANONYMOUS):
        with pytest.raises(Conflict):
            await end(actor, ann)
    await put(mary, bob, "editor")
    await put(mary, ann, "editor")
    await end(ann, ann)
    async with world.store.work() as work:
        assert await work.records.membership(mary, "shelf", shelf.id, str(ann.account), now) is None
        found = await work.records.membership(mary, "shelf", shelf.id, str(bob.account), now)
        assert found == Membership("shelf", shelf.id, str(bob.account), "editor", None)


# --- at the same moment --------------------------------------------------------------------


async def test_twenty_who_read_and_write_one_record_lose_nothing(world: World) -> None:
    mary = await world.person("mary")
    shelf_id = await world.make(mary, "shelf", name="Garden")
    book_id = await world.make(mary, "book", shelf=shelf_id, title="Peas", pages=0)

    async def count() -> None:
        while True:
            seen = await world.records.get(mary, "book", book_id)
            await asyncio.sleep(0)
            try:
                await world.records.update(mary, "book", book_id, {"pages": seen["pages"] + 1}, seen.__eq__)
            except PreconditionFailed:
                continue
            return

    await asyncio.gather(*(count() for _ in range(20)))
    assert (await world.records.get(mary, "book", book_id))["pages"] == 20


async def test_twenty_changes_of_one_record_are_each_seen_whole(world: World) -> None:
    """Each changes two fields of its own choice and is answered what it wrote; nobody's other field is undone."""
    mary = await world.person("mary")
    shelf_id = await world.make(mary, "shelf", name="Garden")
    book_id = await world.make(mary, "book", shelf=shelf_id, title="Peas", pages=0)
    changes = [{"pages": i, "score": float(i)} for i in range(10)] + [
        {"title": str(i), "price": str(i)} for i in range(10)
    ]
    answers = await asyncio.gather(*(world.records.update(mary, "book", book_id, change) for change in changes))
    for change, answer in zip(changes, answers, strict=True):
        assert answer is not None
        assert change.items() <= answer.items()
    last = await world.records.get(mary, "book", book_id)
    assert last["score"] == last["pages"]
    assert last["title"] == last["price"]


@pytest.mark.parametrize(("same", "made", "code"), [(True, 1, "not_unique"), (False, 5, "limit_reached")])
async def test_twenty_creating_at_once_respect_what_is_unique_and_the_limit(
    world: World, same: bool, made: int, code: str
) -> None:
    mary = await world.person("mary")
    done = await asyncio.gather(
        *(world.records.create(mary, "shelf", {"name": "0" if same else str(i)}) for i in range(20)),
        return_exceptions=True,
    )
    refusals = [each for each in done if isinstance(each, BaseException)]
    assert {type(each) for each in refusals} == {Conflict}
    assert {each.code for each in refusals if isinstance(each, Conflict)} == {code}
    kept = {each["id"] for each in done if isinstance(each, dict)}
    assert len(kept) == made
    assert set(await world.sees(mary, "shelf")) == kept


async def test_of_twenty_deletions_one_counts_and_nothing_is_left_below(world: World) -> None:
    mary = await world.person("mary")
    shelf_id = await world.make(mary, "shelf", name="Garden")
    book_id = await world.make(mary, "book", shelf=shelf_id, title="Peas", pages=0)
    deleting = [world.records.delete(mary, "shelf", shelf_id) for _ in range(20)]
    writing = [world.records.create(mary, "book", {"shelf": shelf_id, "title": str(i), "pages": i}) for i in range(10)]
    editing = [world.records.update(mary, "book", book_id, {"pages": i}) for i in range(10)]
    mixed = [each for trio in zip(writing, editing, deleting, strict=False) for each in trio] + deleting[10:]
    done = await asyncio.gather(*mixed, return_exceptions=True)
    assert sum(each is None for each in done) == 1
    assert {type(each) for each in done if isinstance(each, BaseException)} <= {NotFound, Invalid}
    assert await world.sees(mary, "shelf") == await world.sees(mary, "book") == []


async def test_of_twenty_invitations_one_counts(world: World) -> None:
    mary, bob = await world.people("mary", "bob")
    shelf_id = await world.make(mary, "shelf", name="Garden")
    done = await asyncio.gather(
        *(world.sharing.add(mary, "shelf", shelf_id, str(bob.account), "viewer", None) for _ in range(20)),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in done) == ["Conflict"] * 19 + ["Membership"]


async def test_a_right_that_is_taken_away_meanwhile_is_gone(world: World) -> None:
    """Whoever loads a record decides over what is there until its work ends."""
    mary, bob = await world.people("mary", "bob")
    shelf_id = await world.make(mary, "shelf", name="Garden")
    book_id = await world.make(mary, "book", shelf=shelf_id, title="Peas", pages=0)
    await world.share("shelf", shelf_id, bob, "editor")
    edits = [world.records.update(bob, "book", book_id, {"pages": i}) for i in range(1, 11)]
    ended: list[int] = []

    async def end() -> None:
        await world.sharing.remove(mary, "shelf", shelf_id, str(bob.account))
        ended.append((await world.records.get(mary, "book", book_id))["pages"])

    done = await asyncio.gather(*edits[:5], end(), *edits[5:], return_exceptions=True)
    edited = [each["pages"] for each in done if isinstance(each, dict)]
    refused = [each for each in done if isinstance(each, BaseException)]
    assert {type(each) for each in refused} <= {NotFound, Forbidden}
    assert len(edited) + len(refused) == 10
    if not isinstance(world.store, PostgresStore):  # one after the other, in the order of asking
        assert [isinstance(each, dict) for each in done] == [True] * 5 + [False] * 6
        assert ended == [5]
    # whatever succeeded did so before the right ended
    assert (await world.records.get(mary, "book", book_id))["pages"] == ended[0]
    assert ended[0] in (0, *edited)
    with pytest.raises(NotFound):
        await world.records.update(bob, "book", book_id, {"pages": 11})


async def test_what_is_decided_over_stays_until_the_work_ends(world: World) -> None:
    """The record and the rights on it: a membership of the record above ends behind the change, not before it."""
    mary, bob = await world.people("mary", "bob")
    shelf_id = await world.make(mary, "shelf", name="Garden")
    book_id = await world.make(mary, "book", shelf=shelf_id, title="Peas", pages=0)
    await world.share("shelf", shelf_id, bob, "editor")
    now = world.clock.now()
    async with world.store.work() as work:
        facts = await work.records.load(bob, "book", book_id, now)
        assert facts is not None
        ending = asyncio.ensure_future(world.sharing.remove(mary, "shelf", shelf_id, str(bob.account)))
        editing = asyncio.ensure_future(world.records.update(mary, "book", book_id, {"title": "Beans"}))
        await asyncio.sleep(0.1)
        assert not ending.done()
        assert not editing.done()
        await work.records.save(bob, facts.record, facts.record.edit({"pages": 1}, now), now)
        await work.commit()
    await ending
    await editing
    seen = await world.records.get(mary, "book", book_id)
    assert (seen["title"], seen["pages"]) == ("Beans", 1)


async def test_who_waits_for_a_record_that_is_moved_meanwhile_finds_it_where_it_went(world: World) -> None:
    mary = await world.person("mary")
    here, there = [await world.make(mary, "shelf", name=name) for name in ("Here", "There")]
    book_id = await world.make(mary, "book", shelf=here, title="Peas", pages=0)
    now = world.clock.now()
    async with world.store.work() as work:
        facts = await work.records.load(mary, "book", book_id, now)
        target = await work.records.load(mary, "shelf", there, now)
        assert facts is not None
        assert target is not None
        await work.records.save(mary, facts.record, facts.record.moved(target.record, now), now)
        waiting = asyncio.ensure_future(world.records.update(mary, "book", book_id, {"pages": 1}))
        await asyncio.sleep(0.1)
        await work.commit()
    answer = await waiting
    assert answer is not None
    assert (answer["shelf"], answer["pages"]) == (there, 1)
