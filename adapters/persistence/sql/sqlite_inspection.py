"""How an SQLite file deviates from what it should hold. Only reads.

SQLite keeps the text that made each table, index, trigger and view, and lives by that text: also where somebody edited
it with `writable_schema`.
"""

import sqlite3
from pathlib import Path

from adapters.persistence.sql.ddl import index_thing, table_things, tokens, written
from adapters.persistence.sql.inspection import built_in, placed, wanted
from adapters.persistence.sql.sqlite import DIALECT, connect
from adapters.persistence.sql.tables import Tables
from domain.deviations import Deviation, How, Thing, deviations
from domain.errors import SchemaDiffers

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
    own = {table.name for table in built_in()}
    there = [placed(tables, thing) for thing in _present(connection)]

    def mending(how: How, thing: Thing, aspect: str, found: Thing) -> str:
        return _mend(how, thing, found, thing.on in own)

    return deviations(wanted(tables, DIALECT), there, mending)


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


def _mend(how: How, thing: Thing, found: Thing, own: bool) -> str:
    """What puts it right; where only a new table does, `freehold migrate` makes that of a specification's table."""
    name = _quoted(thing.name)
    match how, thing.kind:
        case How.RENAMED, "table":
            return f"ALTER TABLE {_quoted(found.name)} RENAME TO {name};"
        case How.MISSING, "table":
            return "`freehold migrate` makes it."
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
    if own:
        return (
            f"Restore `{thing.on}` from a backup, or make it anew: a new database of `freehold migrate` has it as it "
            "should be."
        )
    return f"`freehold migrate` makes `{thing.on or thing.name}` anew, with its records."


_quoted = DIALECT.identifier_preparer.quote
