"""Public records are found by an index of their own; what that needs of other records the database keeps true."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.persistence.sql.public import carried
from adapters.persistence.sql.sqlite import connect
from domain.account import Account
from domain.ownership import ANONYMOUS, Actor
from tests.application.world import World, specification
from tests.conftest import Worlds

BLOG = specification("""
resources:
  blog:
    owner: account
    fields: {name: text, open: yes/no, mood: {type: "one of good, bad", optional: yes}}
    can: {create: signed in, read: owner, update: owner, delete: owner}
  post:
    owner: blog
    fields: {state: "one of draft, listed, pinned"}
    can:
      create: owner
      read: [owner, anyone when state is listed or pinned and blog.open is yes]
      update: owner
      delete: owner
      move: owner
  remark:
    owner: post
    fields: {text: text}
    can: {create: owner, read: [owner, whoever can read post], delete: owner, move: owner}
  star:
    owner: account
    fields: {post: {type: post, optional: yes, when_gone: empty}}
    can:
      create: signed in
      read: [owner, anyone when post.state is listed or pinned and post.blog.open is yes]
      update: owner
      delete: owner
  copy:
    plural: copies
    owner: account
    fields: {post: {type: post, when_gone: delete}}
    can: {create: signed in, read: whoever can read post, delete: owner}
  feeling:
    owner: blog
    fields: {text: text}
    can: {create: owner, read: [owner, anyone when blog.mood is good]}
""")
BESIDE = {"post__blog__open": "blog__open", "post__state": "state"}


class Blogs:
    """Mary's open and closed blog with a post, a remark, and Bob's star and copy; and the file below."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ids: dict[str, str] = {}
        self.raw: sqlite3.Connection

    async def fill(self) -> None:
        """Make them."""
        self.mary, self.bob = await self.world.people("mary", "bob")
        await self.make("open", self.mary, "blog", name="A", open=True)
        await self.make("closed", self.mary, "blog", name="B", open=False)
        await self.make("post", self.mary, "post", blog=self.ids["open"], state="listed")
        await self.make("draft", self.mary, "post", blog=self.ids["open"], state="draft")
        await self.make("remark", self.mary, "remark", post=self.ids["post"], text="…")
        await self.make("star", self.bob, "star", post=self.ids["post"])
        await self.make("copy", self.bob, "copy", post=self.ids["post"])

    async def make(self, called: str, actor: Actor, resource: str, **values: Any) -> None:
        """A record with a name of its own."""
        self.ids[called] = await self.world.make(actor, resource, **values)

    async def change(self, name: str, **values: Any) -> None:
        """By its owner."""
        resource = "blog" if name in ("open", "closed") else "post" if name == "draft" else name
        actor = self.bob if name in ("star", "copy") else self.mary
        await self.world.records.update(actor, resource, self.ids[name], values)

    async def shown(self) -> set[str]:
        """The names of all that the world sees."""
        found: set[str] = set()
        for resource in ("post", "remark", "star", "copy"):
            found |= set(await self.world.sees(ANONYMOUS, resource))
        return {name for name, record_id in self.ids.items() if record_id in found}

    def beside(self, table: str) -> set[tuple[Any, ...]]:
        """What a table carries."""
        return set(self.raw.execute(f"SELECT post__blog__open, post__state FROM {table}"))  # noqa: S608


@pytest.fixture
async def anywhere(any_world: Worlds) -> Blogs:
    """On each store in turn."""
    blogs = Blogs(any_world(BLOG))
    await blogs.fill()
    return blogs


@pytest.fixture
async def blogs(sqlite_world: Worlds) -> Blogs:
    """On SQLite."""
    blogs = Blogs(sqlite_world(BLOG))
    await blogs.fill()
    return blogs


@pytest.fixture
def raw(blogs: Blogs) -> Iterator[sqlite3.Connection]:
    """The file, past everything that is above it."""
    blogs.raw = connect(blogs.world.path)
    yield blogs.raw
    blogs.raw.close()


ALL = {"post", "remark", "star", "copy"}


async def test_what_is_public_follows_every_change_above(anywhere: Blogs) -> None:
    assert await anywhere.shown() == ALL
    for name, hidden, shown in (
        ("post", {"state": "draft"}, {"state": "pinned"}),
        ("open", {"open": False}, {"open": True}),
        ("post", {"blog": anywhere.ids["closed"]}, {"blog": anywhere.ids["open"]}),
    ):
        await anywhere.change(name, **hidden)
        assert await anywhere.shown() == set()
        await anywhere.change(name, **shown)
        assert await anywhere.shown() == ALL
    await anywhere.change("star", post=None)
    assert await anywhere.shown() == ALL - {"star"}
    await anywhere.change("star", post=anywhere.ids["post"])
    assert await anywhere.shown() == ALL
    await anywhere.world.records.update(
        anywhere.mary, "remark", anywhere.ids["remark"], {"post": anywhere.ids["draft"]}
    )
    assert await anywhere.shown() == ALL - {"remark"}


async def test_what_is_carried_comes_down_one_table_at_a_time(blogs: Blogs, raw: sqlite3.Connection) -> None:
    assert carried(BLOG) == {
        "blog": {},
        "post": {"blog": {"blog__open": "open"}},
        "remark": {"post": BESIDE},
        "star": {"post": BESIDE},
        "copy": {"post": BESIDE},
        "feeling": {},
    }, "what may be empty is not carried: a key with an empty part is not checked"
    tables = ("remarks", "stars", "copies")
    for table in tables:
        assert blogs.beside(table) == {(1, "listed")}
    raw.execute("UPDATE blogs SET open = 0")
    raw.execute("UPDATE posts SET state = 'pinned'")
    for table in tables:
        assert blogs.beside(table) == {(0, "pinned")}


@pytest.mark.parametrize(
    ("lie", "why"),
    [
        ("UPDATE remarks SET post__state = 'draft'", "FOREIGN KEY"),
        ("UPDATE remarks SET post__blog__open = 0", "FOREIGN KEY"),
        ("UPDATE remarks SET post__state = NULL", "NOT NULL"),
        ("UPDATE posts SET blog__open = NULL", "NOT NULL"),
        ("UPDATE posts SET blog__open = 0", "FOREIGN KEY"),
        ("UPDATE stars SET post__state = 'draft'", "FOREIGN KEY"),
        ("UPDATE stars SET post__state = NULL", "CHECK"),
        ("UPDATE stars SET post = NULL", "CHECK"),
        ("UPDATE stars SET post = NULL, post__owner = NULL", "CHECK"),
        ("UPDATE remarks SET owner = 'somebody'", "FOREIGN KEY"),
        ("UPDATE stars SET post__owner = 'somebody'", "FOREIGN KEY"),
    ],
)
async def test_the_database_refuses_a_carried_value_that_lies(raw: sqlite3.Connection, lie: str, why: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=why):
        raw.execute(lie)


async def test_what_goes_empties_all_that_stands_beside_it(blogs: Blogs, raw: sqlite3.Connection) -> None:
    raw.execute("DELETE FROM blogs")
    assert raw.execute("SELECT post, post__owner, post__blog__open, post__state FROM stars").fetchall() == [(None,) * 4]
    for table in ("posts", "remarks", "copies"):
        assert raw.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # noqa: S608


async def test_the_end_of_an_account_empties_them_too(anywhere: Blogs) -> None:
    async with anywhere.world.store.work() as work:
        tombstone = Account.tombstone(anywhere.world.ids.new(), anywhere.world.clock.now())
        await work.records.close_account(str(anywhere.mary.account), tombstone, anywhere.world.clock.now())
        await work.commit()
    assert await anywhere.world.sees(anywhere.bob, "star") == [anywhere.ids["star"]]
    assert await anywhere.shown() == set()
