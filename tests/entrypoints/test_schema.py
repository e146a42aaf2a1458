"""The database follows the specification: what fits is kept, what would be lost or does not fit is refused."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from adapters.persistence.sql import schema
from adapters.persistence.sql.second_wall import APP_TEXT
from adapters.persistence.sql.sqlite import connect
from adapters.persistence.sql.tables import Tables
from adapters.persistence.sql.upkeep import LosesValues
from domain.errors import SchemaDiffers
from domain.specification.evolution import What
from entrypoints import projects
from tests.application.world import NAMES, example, specification
from tests.conftest import tables_of

BEFORE = """
resources:
  shelf:
    plural: shelves
    owner: account
    roles: reader
    fields: {name: text, old: {type: text, optional: yes}, size: integer}
    can: {create: signed in, read: [owner, reader], update: owner, delete: owner, share: owner}
  book:
    owner: shelf
    fields: {title: text, state: "one of new, read", next: {type: book, optional: yes, when_gone: delete}}
    can: {create: owner, read: whoever can read shelf, update: owner, delete: owner}
  note:
    owner: book
    fields: {text: text}
    can: {create: owner, read: whoever can read shelf, update: owner, delete: owner}
  mark:
    owner: account
    fields: {book: {type: book, when_gone: delete}}
    can: {create: signed in, read: owner, delete: owner}
"""
MARY = "00000000-0000-7000-8000-00000000000a"


def tables(*changes: tuple[str, str]) -> Tables:
    text = BEFORE
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    return tables_of(specification(text))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with two shelves, and books, notes and marks on the first."""
    path = tmp_path / "freehold.db"
    projects.bring_up(path, tables(), allow_losses=False)
    connection = connect(path)
    now = "2026-11-23T09:30:00.000000Z"
    connection.execute(
        "INSERT INTO freehold_accounts (id, email, password_hash, created_at, disabled) VALUES (?, 'm@x.de', '', ?, 0)",
        (MARY, now),
    )

    def insert(table: str, **values: Any) -> None:
        row = {"owner": MARY, "created_at": now, "updated_at": now, **values}
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", tuple(row.values()))  # noqa: S608

    insert("shelves", id="s1", name="A", size=7)
    insert("shelves", id="s2", name="A", size=8)
    for i in range(3):
        back = {} if i == 0 else {"next": f"b{i - 1}", "next__owner": MARY}
        insert("books", id=f"b{i}", shelf="s1", title=f"T{i}", state="read" if i else "new", **back)
        insert("notes", id=f"n{i}", book=f"b{i}", text="…")
        insert("marks", id=f"m{i}", book=f"b{i}", book__owner=MARY)
    connection.execute(
        "INSERT INTO freehold_memberships (resource, record, account, role) VALUES ('shelf', 's1', ?, 'reader')",
        (MARY,),
    )
    connection.close()
    return path


def contents(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, by table; not what the database says of itself."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    names = [
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        if name != APP_TEXT
    ]
    found = {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")] for name in names}  # noqa: S608
    connection.close()
    return found


def intact(path: Path, wanted: Tables) -> None:
    """The tables are exactly those of the specification, and the keys hold as before."""
    assert not schema.compare(path, wanted)
    projects.require_same(path, wanted)
    connection = connect(path)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        connection.execute("UPDATE books SET shelf = 'nowhere'")
    connection.execute("BEGIN")
    connection.execute("DELETE FROM shelves WHERE id = 's1'")
    for table in ("books", "notes", "marks"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), "keys lead to the new table"  # noqa: S608
    connection.execute("ROLLBACK")
    connection.close()


KEPT: dict[str, list[tuple[str, str]]] = {
    "nothing": [],
    "a new field that may be empty": [("name: text,", "name: text, more: {type: json, optional: yes},")],
    "a new field with a default": [("name: text,", "name: text, more: {type: integer, default: 5},")],
    "a new yes/no and a new one of": [("name: text,", "name: text, hot: yes/no, kind: 'one of a, b',")],
    "a new reference": [("name: text,", "name: text, top: {type: book, optional: yes},")],
    "a field that nobody used is gone": [(" old: {type: text, optional: yes},", "")],
    "one more value": [("one of new, read", "one of new, read, lost")],
    "a bound that all values keep": [("size: integer", "size: {type: integer, min: 7, max: 8}")],
    "a field becomes optional": [("{title: text,", "{title: {type: text, optional: yes},")],
    "something unique that is": [
        ("  book:\n    owner: shelf\n", "  book:\n    owner: shelf\n    unique: title per shelf\n")
    ],
    "another rule": [("read: whoever can read shelf, update", "read: owner, update")],
    "a public rule, and its index": [
        ("read: whoever can read shelf, update", "read: [owner, anyone when state is new], update")
    ],
    "something public above, and its columns below": [
        ("fields: {name: text,", "fields: {name: text, open: yes/no,"),
        ("read: [owner, reader]", "read: [owner, reader, anyone when open is yes]"),
        (
            "can: {create: signed in, read: owner, delete: owner}",
            "can: {create: signed in, read: whoever can read book, delete: owner}",
        ),
    ],
    "another answer to a deletion": [
        ("when_gone: delete}}\n    can: {create: owner", "when_gone: empty}}\n    can: {create: owner")
    ],
    "a new resource below": [
        ("  mark:\n", "  word:\n    owner: note\n    fields: {text: text}\n    can: {create: owner}\n  mark:\n")
    ],
    "everything at once": [
        (" old: {type: text, optional: yes},", ""),
        ("{title: text,", "{title: {type: text, length: 1 to 9}, hot: yes/no,"),
        ("fields: {text: text}", "fields: {text: text, more: {type: text, optional: yes}}"),
        ("fields: {book:", "fields: {why: {type: text, default: x}, book:"),
    ],
}
REFUSED: dict[str, list[tuple[str, str]]] = {
    "a new field that must be given": [("name: text,", "name: text, more: text,")],
    "a field with values is gone": [("name: text,", "")],
    "a resource with records is gone": [(BEFORE[BEFORE.index("  mark:") :], "")],
    "one value less": [("one of new, read", "one of new, lost")],
    "a tighter bound": [("size: integer", "size: {type: integer, min: 8}")],
    "a shorter text": [("{title: text,", "{title: {type: text, length: 3 to 9},")],
    "a field that is empty must be given": [("old: {type: text, optional: yes}", "old: text")],
    "something unique that is not": [("    roles: reader\n", "    roles: reader\n    unique: name per owner\n")],
    "another kind of parent": [
        ("    owner: book\n", "    owner: mark\n"),
        (
            "{text: text}\n    can: {create: owner, read: whoever can read shelf",
            "{text: text}\n    can: {create: owner, read: owner",
        ),
    ],
    "a reference to something else": [
        ("book: {type: book, when_gone: delete}}", "book: {type: shelf, when_gone: delete}}")
    ],
}


@pytest.mark.parametrize("change", KEPT)
def test_what_fits_is_kept(path: Path, change: str) -> None:
    before, wanted = contents(path), tables(*KEPT[change])
    projects.bring_up(path, wanted, allow_losses=False)
    after = contents(path)
    for table, rows in before.items():
        assert len(after[table]) == len(rows)
        for was, now in zip(rows, after[table], strict=True):
            assert all(now[name] == value for name, value in was.items() if name in now)
            assert all(value is None for name, value in was.items() if name not in now)
    intact(path, wanted)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("{type: integer, default: 5}", 5),
        ("yes/no", 0),
        ("'one of a, b'", "a"),
        ("{type: decimal, optional: yes}", None),
    ],
)
def test_a_new_field_holds_its_first_value(path: Path, field: str, value: Any) -> None:
    projects.bring_up(path, tables(("name: text,", f"name: text, more: {field},")), allow_losses=False)
    assert [row["more"] for row in contents(path)["shelves"]] == [value, value]


def test_what_is_carried_is_filled_and_let_go(path: Path) -> None:
    """From tables that are made anew at the same time, over several levels, and along references to itself."""
    before = contents(path)
    public = "anyone when state is new and shelf.size is 7"
    beyond = "anyone when next.state is new and next.shelf.size is 7"
    wanted = tables(
        ("read: whoever can read shelf, update", f"read: [{public}, {beyond}], update"),
        ("read: whoever can read shelf, update: owner, delete: owner}\n  mark", "read: whoever can read book}\n  mark"),
        ("read: owner, delete: owner}", "read: whoever can read book, delete: owner}"),
    )
    projects.bring_up(path, wanted, allow_losses=False)
    after = contents(path)
    assert [(row["shelf__size"], row["next__shelf__size"], row["next__state"]) for row in after["books"]] == [
        (7, None, None),
        (7, 7, "new"),
        (7, 7, "read"),
    ]
    for table in ("notes", "marks"):
        assert [(row["book__shelf__size"], row["book__state"]) for row in after[table]] == [
            (7, "new"),
            (7, "read"),
            (7, "read"),
        ]
    intact(path, wanted)
    projects.bring_up(path, tables(), allow_losses=False)
    assert contents(path) == before
    intact(path, tables())


@pytest.mark.parametrize("change", REFUSED)
def test_what_does_not_fit_is_refused_and_changes_nothing(path: Path, change: str) -> None:
    before, wanted = contents(path), tables(*REFUSED[change])
    assert schema.compare(path, wanted)
    with pytest.raises(SchemaDiffers):
        projects.bring_up(path, wanted, allow_losses=False)
    assert contents(path) == before
    intact(path, tables())


@pytest.mark.parametrize("kind", ["integer", "number", "yes/no", "date", "decimal"])
def test_a_value_of_another_type_is_refused(path: Path, kind: str) -> None:
    with pytest.raises(SchemaDiffers):
        projects.bring_up(path, tables(("{title: text,", f"{{title: {kind},")), allow_losses=False)


def test_losses_are_told_in_words_and_may_be_allowed(path: Path) -> None:
    wanted = tables(("name: text,", ""), (REFUSED["a resource with records is gone"][0][0], ""))
    with pytest.raises(LosesValues) as refused:
        projects.bring_up(path, wanted, allow_losses=False)
    assert str(refused.value) == (
        "This would lose stored values: `shelf.name` vanishes with its values (2 records); "
        "`mark` vanishes with all its records (3 records)."
    )
    projects.bring_up(path, wanted, allow_losses=True)
    after = contents(path)
    assert "marks" not in after
    assert [len(after[name]) for name in ("shelves", "books", "notes", "freehold_memberships")] == [2, 3, 3, 1]
    assert not schema.compare(path, wanted)


def test_an_empty_resource_may_go(path: Path) -> None:
    connection = connect(path)
    connection.execute("DELETE FROM marks")
    connection.close()
    wanted = tables(REFUSED["a resource with records is gone"][0])
    (change,) = projects.bring_up(path, wanted, allow_losses=False)
    assert change.what is What.RESOURCE_DROPPED
    assert "marks" not in contents(path)


def test_serving_requires_the_very_tables_and_changes_nothing(path: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(SchemaDiffers, match="different: shelves"):
        projects.require_same(path, tables(("name: text,", "name: text, hot: yes/no,")))
    projects.require_same(path, tables())
    assert path.read_bytes() == before
    with pytest.raises(SchemaDiffers, match="no database"):
        projects.require_same(tmp_path / "nowhere.db", tables())
    assert not (tmp_path / "nowhere.db").exists()
    (tmp_path / "text.db").write_text("This is no database. " * 100)
    with pytest.raises(SchemaDiffers):
        projects.require_same(tmp_path / "text.db", tables())
    assert (tmp_path / "text.db").read_text().startswith("This")


@pytest.mark.parametrize("name", NAMES)
def test_the_same_specification_makes_the_same_tables(name: str, tmp_path: Path) -> None:
    """Whatever order sets have in a run: SQLite chooses between indexes by the order in which they were made."""
    made = []
    for i in range(2):
        path = tmp_path / f"{i}.db"
        projects.bring_up(path, tables_of(example(name)), allow_losses=False)
        connection = sqlite3.connect(path)
        made.append(connection.execute("SELECT name, sql FROM sqlite_master ORDER BY rowid").fetchall())
        connection.close()
        projects.require_same(path, tables_of(example(name)))
    assert made[0] == made[1]
