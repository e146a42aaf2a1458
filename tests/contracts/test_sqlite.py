"""What only the SQLite store promises: durability, several processes, a budget for reads, and keys that hold."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.persistence.sql import sqlite
from adapters.persistence.sql.sqlite import SqliteStore, connect
from application.records import total_order
from domain.errors import Refusal, SchemaDiffers, Unavailable
from domain.ownership import Actor
from tests.application.world import NEVER, World, example, specification
from tests.conftest import Database, tables_of

TEXT = """
resources:
  book:
    owner: account
    roles: reader
    fields:
      name: {type: text, length: 0 to 2000000}
      kind: one of diary, log
      hot: yes/no
      stars: {type: integer, min: 1, max: 5, default: 3}
    unique: name per owner
    can: {create: signed in, read: [owner, reader], update: owner, delete: owner, share: owner}
  page:
    owner: book
    fields: {text: text, back: {type: page, optional: yes}}
    can: {create: owner, read: whoever can read book, update: owner, delete: owner}
"""
JOURNAL = specification(TEXT)
Connections = list[sqlite3.Connection]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Connections:
    """Every connection that is opened, in order: the writer's, the reader's, then those of threads."""
    found: Connections = []

    def remembering(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
        found.append(connect(path, read_only=read_only))
        return found[-1]

    monkeypatch.setattr(sqlite, "connect", remembering)
    return found


@pytest.fixture
def path(database: Database) -> Path:
    return database(JOURNAL)


@pytest.fixture
async def world(path: Path, opened: Connections) -> Any:
    store = SqliteStore(path, tables_of(JOURNAL))
    yield World(JOURNAL, store)
    await store.close()


@pytest.fixture
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody else's connection."""
    connection = connect(path)
    yield connection
    connection.close()


# --- durable -------------------------------------------------------------------------------


async def test_the_pragmas_are_on(world: World, opened: Connections) -> None:
    writer, reader = opened
    for connection in opened:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
    assert writer.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM books")


async def test_what_is_acknowledged_is_seen_by_everybody(world: World, raw: sqlite3.Connection) -> None:
    mary = await world.person("mary")
    for i in range(3):
        record_id = await world.make(mary, "book", name=str(i))
        assert raw.execute("SELECT name FROM books WHERE id = ?", (record_id,)).fetchall() == [(str(i),)]


ENOUGH = 40
WRITER = """
import asyncio, sys
from pathlib import Path
from adapters.persistence.sql.sqlite import SqliteStore
from adapters.persistence.sql.tables import build
from tests.application.world import World, specification

async def main(path, name, text):
    journal = specification(text)
    world = World(journal, SqliteStore(Path(path), build(journal)))
    mary = await world.person(name)
    async def create(first):
        for i in range(first, 100_000, 4):
            record_id = await world.make(mary, "book", name=f"{name} {i}")
            print(record_id, flush=True)
    await asyncio.gather(*(create(first) for first in range(4)))

asyncio.run(main(*sys.argv[1:]))
"""


def test_two_processes_write_at_once_and_kill_9_loses_nothing_that_was_acknowledged(path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    writers = [
        subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", WRITER, str(path), name, TEXT], stdout=subprocess.PIPE, text=True, env=environment
        )
        for name in ("mary", "bob")
    ]
    acknowledged: list[list[str]] = [[], []]

    def read(i: int) -> None:
        stdout = writers[i].stdout
        assert stdout is not None
        for line in stdout:
            if line.endswith("\n"):
                acknowledged[i].append(line.strip())
            if min(map(len, acknowledged)) > ENOUGH:
                for writer in writers:
                    writer.send_signal(signal.SIGKILL)

    readers = [threading.Thread(target=read, args=(i,)) for i in range(2)]
    for reader in readers:
        reader.start()
    try:
        for reader in readers:
            reader.join(60)
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
            if writer.stdout is not None:
                writer.stdout.close()
    assert [writer.returncode for writer in writers] == [-signal.SIGKILL] * 2
    connection = connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    stored = {record_id for (record_id,) in connection.execute("SELECT id FROM books")}
    connection.close()
    assert {record_id for each in acknowledged for record_id in each} <= stored
    assert min(map(len, acknowledged)) > ENOUGH


async def test_another_process_that_writes_makes_others_wait_or_fail_in_the_end(
    world: World, raw: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    mary = await world.person("mary")
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    other = SqliteStore(Path(raw.execute("PRAGMA database_list").fetchone()[2]), tables_of(JOURNAL))
    async with other.work():
        with pytest.raises(Unavailable):
            await world.make(mary, "book", name="refused")
        waiting = asyncio.ensure_future(world.make(mary, "book", name="waits"))
        monkeypatch.setattr(sqlite, "BUSY_SECONDS", 60)
        assert await world.sees(mary, "book") == []
    written = await waiting
    assert await world.sees(mary, "book") == [written]
    await other.close()


# --- failing -------------------------------------------------------------------------------


def room(connection: sqlite3.Connection, pages: int) -> None:
    """From now on the file may grow by so many pages."""
    (present,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={present + pages}")


async def test_what_sqlite_undoes_as_a_whole_is_acknowledged_to_none(
    world: World, opened: Connections, raw: sqlite3.Connection
) -> None:
    mary = await world.person("mary")
    await world.make(mary, "book", name="before")

    async def breaks() -> None:
        async with world.store.work():
            opened[0].execute("INSERT OR ROLLBACK INTO books SELECT * FROM books")

    works = (world.make(mary, "book", name="a"), world.make(mary, "book", name="b"), breaks())
    done = await asyncio.gather(*works, world.make(mary, "book", name="d"), return_exceptions=True)
    assert [type(each) for each in done] == [Unavailable, Unavailable, sqlite3.IntegrityError, str]
    assert {name for (name,) in raw.execute("SELECT name FROM books")} == {"before", "d"}


async def test_a_full_disk_is_told_to_those_whose_work_is_not_kept(
    world: World, opened: Connections, raw: sqlite3.Connection
) -> None:
    mary = await world.person("mary")
    before = await world.make(mary, "book", name="before")
    room(opened[0], 20)
    names = ["a", "b", "c" * 500_000, "d"]
    done = await asyncio.gather(*(world.make(mary, "book", name=name) for name in names), return_exceptions=True)
    stored = {name for (name,) in raw.execute("SELECT name FROM books")}
    assert isinstance(done[2], Unavailable)
    for name, outcome in zip(names, done, strict=True):
        assert isinstance(outcome, Unavailable | str)
        assert isinstance(outcome, str) is (name in stored)
    room(opened[0], 1000)
    after = [await world.make(mary, "book", name="c" * 500_000), await world.make(mary, "book", name="z")]
    assert {before, *after} <= set(await world.sees(mary, "book"))


async def test_a_commit_that_fails_fails_all_who_wait_for_it(world: World, opened: Connections) -> None:
    mary = await world.person("mary")

    def refuse(*_: Any) -> int:
        return sqlite3.SQLITE_DENY

    writer = opened[0]
    works = [asyncio.ensure_future(world.make(mary, "book", name=str(i))) for i in range(5)]
    writer.set_authorizer(
        lambda action, name, *_: refuse() if (action, name) == (sqlite3.SQLITE_TRANSACTION, "COMMIT") else 0
    )
    done = await asyncio.gather(*works, return_exceptions=True)
    writer.set_authorizer(None)
    assert [type(each) for each in done] == [Unavailable] * 5
    assert await world.sees(mary, "book") == []
    again = await asyncio.gather(*(world.make(mary, "book", name=str(i)) for i in range(5)))
    assert sorted(await world.sees(mary, "book")) == sorted(again)


async def test_a_database_without_its_tables_is_not_ready(
    world: World, raw: sqlite3.Connection, tmp_path: Path
) -> None:
    assert await world.store.ready()
    raw.execute("PRAGMA foreign_keys=OFF")
    raw.execute("ALTER TABLE freehold_accounts RENAME TO somewhere_else")
    assert not await world.store.ready()
    with pytest.raises(SchemaDiffers, match="nowhere"):
        SqliteStore(tmp_path / "nowhere.db", tables_of(JOURNAL))


async def test_closing_waits_for_works_that_have_begun(path: Path) -> None:
    store = SqliteStore(path, tables_of(JOURNAL))
    world = World(JOURNAL, store)
    mary = await world.person("mary")
    begun = asyncio.Event()

    async def slow() -> str:
        async with store.work() as work:
            begun.set()
            for _ in range(5):
                await asyncio.sleep(0)
            assert await work.accounts.get(str(mary.account)) is not None
            await work.commit()
        return "acknowledged"

    working = asyncio.ensure_future(slow())
    await begun.wait()
    quick = asyncio.ensure_future(world.make(mary, "book", name="waits for its turn"))
    await store.close()
    assert await working == "acknowledged"
    connection = connect(path)
    stored = [record_id for (record_id,) in connection.execute("SELECT id FROM books")]
    connection.close()
    (outcome,) = await asyncio.gather(quick, return_exceptions=True)
    assert stored == ([outcome] if isinstance(outcome, str) else [])
    assert isinstance(outcome, str | Refusal)


# --- reading -------------------------------------------------------------------------------


async def test_a_read_over_the_budget_is_made_on_a_thread_and_says_the_same(
    path: Path, opened: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answers(world: World, actor: Actor, record_id: str) -> list[Any]:
        order = total_order(())
        listing = await world.records.list(actor, "book", sort=order, counted=True)
        missing = await world.store.records.view(actor, "book", NEVER, world.clock.now())
        seen = await world.records.get(actor, "book", record_id)
        return [listing.items, listing.total, missing, seen, await world.sharing.list(actor, "book", record_id)]

    store = SqliteStore(path, tables_of(JOURNAL))
    world = World(JOURNAL, store)
    mary, bob = await world.people("mary", "bob")
    ids = [await world.make(mary, "book", name=str(i)) for i in range(10)]
    await world.share("book", ids[0], bob, "reader")
    here = [await answers(world, actor, ids[0]) for actor in (mary, bob)]
    assert len(opened) == 2
    await store.close()
    monkeypatch.setattr(sqlite, "READ_BUDGET", 20)
    monkeypatch.setattr(sqlite, "TICK", 10)
    store = SqliteStore(path, tables_of(JOURNAL))
    world.store = store
    tight = World(JOURNAL, store)
    tight.clock = world.clock
    assert [await answers(tight, actor, ids[0]) for actor in (mary, bob)] == here
    assert len(opened) > 4
    many = await asyncio.gather(*(answers(tight, actor, ids[0]) for _ in range(20) for actor in (mary, bob)))
    assert many == here * 20
    assert len(opened) <= 4 + sqlite.READERS
    await store.close()


# --- the second wall -----------------------------------------------------------------------

Insert = Callable[..., None]


@pytest.fixture
async def insert(world: World, raw: sqlite3.Connection) -> Insert:
    """Writes past everything that is above the database; `books` exist for mary and bob."""
    now = "2026-11-23T09:30:00.000000Z"
    mary, bob = await world.people("mary", "bob")
    people = {"mary": mary.account, "bob": bob.account}

    def write(table: str, **values: Any) -> None:
        defaults: dict[str, Any] = {"id": world.ids.new(), "created_at": now, "updated_at": now}
        if table == "books":
            defaults |= {"name": world.ids.new(), "kind": "log", "hot": 0, "stars": 3}
        row = defaults | values
        row |= {name: people.get(value, value) for name, value in row.items() if name.endswith("owner")}
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        raw.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", tuple(row.values()))  # noqa: S608

    for name in people:
        write("books", owner=name, id=f"{name}'s book")
        write("pages", owner=name, id=f"{name}'s page", book=f"{name}'s book", text="…")
    return write


@pytest.mark.parametrize(
    ("table", "values", "why"),
    [
        ("pages", {"owner": "mary", "book": "bob's book", "text": "…"}, "FOREIGN KEY"),
        ("pages", {"owner": "mary", "book": NEVER, "text": "…"}, "FOREIGN KEY"),
        ("pages", {"owner": NEVER, "book": NEVER, "text": "…"}, "FOREIGN KEY"),
        ("pages", {"owner": "mary", "book": "mary's book"}, "NOT NULL"),
        ("pages", {"owner": "mary", "text": "…"}, "NOT NULL"),
        ("pages", {"book": "mary's book", "text": "…"}, "NOT NULL"),
        (
            "pages",
            {"owner": "mary", "book": "mary's book", "text": "…", "back": "bob's page", "back__owner": "mary"},
            "FOREIGN",
        ),
        ("pages", {"owner": "mary", "book": "mary's book", "text": "…", "back": "bob's page"}, "CHECK"),
        ("pages", {"owner": "mary", "book": "mary's book", "text": "…", "back__owner": "bob"}, "CHECK"),
        ("books", {"owner": NEVER}, "FOREIGN KEY"),
        ("books", {"owner": None}, "NOT NULL"),
        ("books", {"owner": "mary", "id": None}, "NOT NULL"),
        ("books", {"owner": "mary", "id": "bob's book"}, "UNIQUE"),
        ("books", {"owner": "mary", "kind": "novel"}, "CHECK"),
        ("books", {"owner": "mary", "kind": None}, "NOT NULL"),
        ("books", {"owner": "mary", "hot": 2}, "CHECK"),
        ("books", {"owner": "mary", "stars": 6}, "CHECK"),
        ("books", {"owner": "mary", "created_at": None}, "NOT NULL"),
        (
            "freehold_memberships",
            {"resource": "book", "record": "mary's book", "account": NEVER, "role": "reader"},
            "FOREIGN",
        ),
    ],
)
async def test_the_database_itself_refuses(insert: Insert, table: str, values: dict[str, Any], why: str) -> None:
    if table == "freehold_memberships":
        values = values | {"id": None, "created_at": None, "updated_at": None}
        with pytest.raises(sqlite3.Error):
            insert(table, **values)
        return
    with pytest.raises(sqlite3.IntegrityError, match=why):
        insert(table, **values)


async def test_the_database_itself_keeps_children_with_their_owner(insert: Insert, raw: sqlite3.Connection) -> None:
    for change in (
        'UPDATE pages SET owner = (SELECT owner FROM books WHERE id = "bob\'s book") WHERE id = "mary\'s page"',
        'UPDATE pages SET book = "bob\'s book" WHERE id = "mary\'s page"',
    ):
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            raw.execute(change.replace('"mary\'s page"', "'mary''s page'").replace('"bob\'s book"', "'bob''s book'"))
    insert("pages", owner="bob", book="bob's book", text="…", back="mary's page", back__owner="mary")
    raw.execute("DELETE FROM books WHERE id = 'mary''s book'")
    assert raw.execute("SELECT id FROM pages WHERE id = 'mary''s page'").fetchall() == []
    assert raw.execute("SELECT back, back__owner FROM pages WHERE text = '…'").fetchall() == [(None, None)] * 2


@pytest.mark.parametrize("name", ["clinic", "market"])
def test_tables_of_the_examples_are_strict_about_their_words(name: str, database: Database) -> None:
    """Every column but what may be empty is NOT NULL, and every `one of` has its CHECK."""
    spec = example(name)
    connection = connect(database(spec))
    for resource in spec.resources.values():
        required = {row[1] for row in connection.execute(f"PRAGMA table_info({resource.plural})") if row[3]}
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (resource.plural,)).fetchone()
        plain = {f.name for f in resource.fields.values() if not f.nullable and not f.by_engine and f.target is None}
        emptied = {f.name for f in resource.fields.values() if spec.names_account(resource.name, f.name)}
        assert {"id", "owner", "created_at", "updated_at", *plain} - emptied <= required
        for field in resource.fields.values():
            if field.values:
                assert f"CHECK ({field.name} IN (" in sql.replace('"', "")
    connection.close()
