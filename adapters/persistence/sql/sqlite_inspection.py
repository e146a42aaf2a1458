"""How an SQLite file deviates from what it should hold. Only reads.

SQLite keeps the text that made each table, index, trigger and view, and lives by that text: also where somebody edited
it with `writable_schema`.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from adapters.persistence.sql.ddl import index_thing, table_things, tokens, written
from adapters.persistence.sql.inspection import placed, wanted
from adapters.persistence.sql.sqlite import DIALECT, connect
from adapters.persistence.sql.tables import Tables
from domain.deviations import Deviation, How, Thing, deviations
from domain.errors import SchemaDiffers

_ANEW = "freehold_anew"
_INTERNAL = "sqlite_"
"""SQLite's own: what ANALYZE gathers, and the like"""


def inspect(path: Path, tables: Tables) -> tuple[Deviation, ...]:
    """Every deviation. Raises `SchemaDiffers` where the file cannot be read as a database."""
    try:
        connection = connect(path, read_only=True)
        try:
            return deviations_of(connection, tables)
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        raise SchemaDiffers(f"{path} is not a database that can be read: {error}.") from error


def deviations_of(connection: sqlite3.Connection, tables: Tables) -> tuple[Deviation, ...]:
    """The same, of what the transaction of a connection sees."""
    should, there = wanted(tables, DIALECT), [placed(tables, thing) for thing in _present(connection)]

    def mending(how: How, thing: Thing, aspect: str, found: Thing) -> str:
        return _mend(how, thing, found) or _script(thing.on or thing.name, should, there)

    return deviations(should, there, mending)


def _present(connection: sqlite3.Connection) -> list[Thing]:
    found: list[Thing] = []
    for kind, name, on, sql in connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid"):
        if sql is None or name.startswith(_INTERNAL):
            continue
        if kind == "table" and not sql.upper().startswith("CREATE VIRTUAL"):
            found += table_things(sql)
        elif kind == "index":
            found.append(index_thing(sql))
        else:
            found.append(Thing(kind, "" if kind != "trigger" else on, name, {"definition": written(tokens(sql))}))
    return found


def _mend(how: How, thing: Thing, found: Thing) -> str:
    """The statement that puts it right; empty where only a new table does."""
    name = _quoted(thing.name)
    match how, thing.kind:
        case How.RENAMED, "table":
            return f"ALTER TABLE {_quoted(found.name)} RENAME TO {name};"
        case How.MISSING, "table":
            return f"Restore it from a backup; or make it, empty: {' '.join(thing.made.split())};"
        case How.MISSING, "index":
            return f"{thing.made};"
        case How.DIFFERS, "index":
            return f"DROP INDEX {name}; {thing.made};"
        case How.RENAMED, "index":
            return f"DROP INDEX {_quoted(found.name)}; {thing.made};"
        case How.UNEXPECTED, "table":
            return f"If nobody needs its rows: DROP TABLE {name};"
        case How.UNEXPECTED, "column":
            return f"If nobody needs its values: ALTER TABLE {_quoted(thing.on)} DROP COLUMN {name};"
        case How.UNEXPECTED, "index" | "trigger" | "view":
            return f"DROP {thing.kind.upper()} {name};"
        case How.MISSING, "column" if thing.facts["null"] == "allowed":
            collation = f" COLLATE {thing.facts['collation']}" if "collation" in thing.facts else ""
            return f"ALTER TABLE {_quoted(thing.on)} ADD COLUMN {name} {thing.facts['type']}{collation};"
    return ""


def _script(table: str, should: Iterable[Thing], there: Iterable[Thing]) -> str:
    """What makes a table anew, with its rows, while nobody else is connected."""
    present = {thing.name for thing in there if (thing.kind, thing.on) == ("column", table)}
    every = [thing for thing in should if table in (thing.on, thing.name)]
    columns = [thing.name for thing in every if thing.kind == "column"]
    made = next(" ".join(thing.made.split()) for thing in every if thing.kind == "table")
    head, _, body = made.partition(" (")
    assert head.startswith("CREATE TABLE")
    names = ", ".join(map(_quoted, columns))
    values = ", ".join(_quoted(name) if name in present else f"NULL /* a value for {name} */" for name in columns)
    indexes = "".join(f" {thing.made};" for thing in every if thing.kind == "index")
    name = _quoted(table)
    copied = f"INSERT INTO {_ANEW} ({names}) SELECT {values} FROM {name}"  # noqa: S608 - to be shown, not run
    return (
        "Stop serving, keep a copy of the file, and run: PRAGMA foreign_keys=OFF; PRAGMA legacy_alter_table=ON; BEGIN; "
        f"CREATE TABLE {_ANEW} ({body}; {copied}; "
        f"DROP TABLE {name}; ALTER TABLE {_ANEW} RENAME TO {name};{indexes} COMMIT;"
    )


_quoted = DIALECT.identifier_preparer.quote
