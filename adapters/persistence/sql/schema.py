"""Does the embedded database hold exactly the specification's tables, and how `dev` makes it so.

The comparison is of the very statements: SQLite keeps the text that made a table or an index, and the same
specification always makes the same text. Built-in tables are Alembic's affair, not compared here.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Index, String, Table, Update, case, insert, literal, null, select, table, update
from sqlalchemy import column as named_column
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from adapters.persistence.sql.connection import Prepared
from adapters.persistence.sql.sqlite import DIALECT, connect
from adapters.persistence.sql.tables import Tables
from adapters.persistence.sql.views import to_stored
from domain.errors import SchemaDiffers
from domain.specification.model import Resource

BUILT_IN = ("freehold_", "sqlite_", "alembic_")
LONGEST_ID = 36
_ASIDE = "freehold_aside"


@dataclass(frozen=True)
class Differences:
    """What must change so that the database holds the specification's tables."""

    missing: tuple[str, ...]
    """tables to make"""
    changed: tuple[str, ...]
    """tables to make anew, with their records"""
    vanished: tuple[str, ...]
    """tables that the specification does not know"""
    losses: tuple[str, ...]
    """in words: stored values that would be lost"""

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.missing or self.changed or self.vanished)

    def __str__(self) -> str:
        """One line for people."""
        parts = (("missing", self.missing), ("different", self.changed), ("not in the specification", self.vanished))
        return "; ".join(f"{what}: {', '.join(names)}" for what, names in parts if names)


def compare(path: Path, tables: Tables) -> Differences:
    """How the file differs from the specification. Raises `SchemaDiffers` where it is no database."""
    connection = connect(path, read_only=True)
    try:
        return _compare(connection, tables)
    except sqlite3.DatabaseError as error:
        raise SchemaDiffers(f"{path} is not a database that can be read: {error}.") from error
    finally:
        connection.close()


def adjust(path: Path, tables: Tables, *, allow_losses: bool) -> Differences:
    """Make the tables those of the specification, in one transaction, keeping every record.

    Raises `SchemaDiffers` and changes nothing where stored values would be lost (unless that is allowed) or do not
    fit: a new required field, a narrower type, a tighter uniqueness.
    """
    connection = connect(path)
    try:
        # with foreign keys on, dropping a table deletes what refers to it
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("PRAGMA legacy_alter_table=ON")
        connection.execute("BEGIN IMMEDIATE")
        differences = _compare(connection, tables)
        if differences.losses and not allow_losses:
            raise SchemaDiffers("This would lose stored values: " + "; ".join(differences.losses) + ".")
        for name in differences.vanished:
            connection.execute(f"DROP TABLE {_quoted(name)}")
        for name in differences.missing:
            _create(connection, _table(tables, name))
        for name in differences.changed:
            _rebuild(connection, tables, name)
        for statement in carrying(tables, differences.changed):
            connection.execute(Prepared(statement, DIALECT).sql)
        broken = connection.execute("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise SchemaDiffers(f"Records of {broken[0][0]} refer to records that are not there.")
        connection.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        raise SchemaDiffers(f"The stored records do not fit the specification: {error}.") from error
    finally:
        if connection.in_transaction:
            connection.rollback()
        connection.close()
    return differences


def _compare(connection: sqlite3.Connection, tables: Tables) -> Differences:
    wanted = {name: _statements(found) for name, found in _by_name(tables).items()}
    present = _present(connection)
    missing = [name for name in wanted if name not in present]
    changed = [name for name, made in wanted.items() if name in present and present[name] != made]
    vanished = [name for name in present if name not in wanted]
    losses = [
        f"`{name}` ({counted(count)}) vanished from the specification"
        for name in vanished
        if (count := connection.execute(f"SELECT count(*) FROM {_quoted(name)}").fetchone()[0])  # noqa: S608
    ]
    for name in changed:
        losses += _lost_columns(connection, _table(tables, name))
    return Differences(tuple(missing), tuple(changed), tuple(vanished), tuple(losses))


def _lost_columns(connection: sqlite3.Connection, wanted: Table) -> list[str]:
    found = []
    for column in _columns(connection, wanted.name):
        # what has two underscores in a row only repeats another column
        if column not in wanted.c and "__" not in column:
            count = f"SELECT count({_quoted(column)}) FROM {_quoted(wanted.name)}"  # noqa: S608
            kept = connection.execute(count).fetchone()[0]
            if kept:
                found.append(f"`{column}` of `{wanted.name}` (set in {counted(kept)}) vanished")
    return found


def _by_name(tables: Tables) -> Mapping[str, Table]:
    return {found.name: found for found in tables.of.values()}


def _table(tables: Tables, name: str) -> Table:
    return _by_name(tables)[name]


def _statements(wanted: Table) -> frozenset[str]:
    made: list[ExecutableDDLElement] = [CreateTable(wanted), *(CreateIndex(index) for index in wanted.indexes)]
    return frozenset(_normal(str(statement.compile(dialect=DIALECT))) for statement in made)


def _present(connection: sqlite3.Connection) -> dict[str, frozenset[str]]:
    """The statements that made each table and its indexes, as SQLite keeps them."""
    found: dict[str, set[str]] = {}
    for name, sql in connection.execute("SELECT tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"):
        if not name.startswith(BUILT_IN):
            found.setdefault(name, set()).add(_normal(sql))
    return {name: frozenset(made) for name, made in found.items()}


def _normal(sql: str) -> str:
    return " ".join(sql.split())


def _columns(connection: sqlite3.Connection, name: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(name)})")]


def _create(connection: sqlite3.Connection, wanted: Table) -> None:
    connection.execute(str(CreateTable(wanted).compile(dialect=DIALECT)))
    for index in sorted(wanted.indexes, key=_rank):
        connection.execute(str(CreateIndex(index).compile(dialect=DIALECT)))


def _rank(index: Index) -> tuple[bool, str]:
    """Of two indexes that serve alike SQLite takes the one made last: let that be one on a single record or account."""
    (first, *_) = index.columns
    return isinstance(first.type, String) and first.type.length == LONGEST_ID, str(index.name)


def _rebuild(connection: sqlite3.Connection, tables: Tables, name: str) -> None:
    """Set the table aside, make it anew and copy what both have; new columns take the field's initial value."""
    wanted = _table(tables, name)
    indexes = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = ?"
    for (index,) in connection.execute(indexes, (name,)).fetchall():
        connection.execute(f"DROP INDEX {_quoted(index)}")
    present = set(_columns(connection, name))
    connection.execute(f"ALTER TABLE {_quoted(name)} RENAME TO {_ASIDE}")
    _create(connection, wanted)
    source = table(_ASIDE, *(named_column(column) for column in present))
    initial = _initial(tables, wanted)
    for link, carried in tables.carried[resource_of(tables, wanted).name].items():
        if link in present:
            initial |= dict.fromkeys(carried, case((source.c[link].is_not(None), literal(""))))
            present -= set(carried)
    chosen = [source.c[c.name] if c.name in present else initial.get(c.name, null()) for c in wanted.c]
    copied = Prepared(insert(wanted).from_select([c.name for c in wanted.c], select(*chosen)), DIALECT)
    connection.execute(copied.sql, dict.fromkeys(copied.names) | copied.fixed)
    connection.execute(f"DROP TABLE {_ASIDE}")


def carrying(tables: Tables, changed: Collection[str]) -> Iterator[Update]:
    """What fills that which tables made anew repeat of others: from the top down, then along references."""
    specification = tables.specification
    changed_ones = [r for r in specification.resources.values() if r.plural in changed]
    links = [(r, link) for r in changed_ones for link in tables.carried[r.name]]
    for resource, link in sorted(links, key=lambda at: (at[1] != at[0].parent, len(specification.chain(at[0].name)))):
        child = tables.of[resource.name]
        there = tables.of[specification.target(resource.name, link)].alias()
        carried = tables.carried[resource.name][link]
        found = {
            name: select(there.c[source]).where(there.c.id == child.c[link]).scalar_subquery()
            for name, source in carried.items()
        }
        yield update(child).values(found)


def _initial(tables: Tables, wanted: Table) -> dict[str, ColumnElement[Any]]:
    """What a new column holds in records that are there already."""
    fields = resource_of(tables, wanted).fields.values()
    return {field.name: literal(to_stored(field, field.initial)) for field in fields}


def resource_of(tables: Tables, wanted: Table) -> Resource:
    """The resource of a table."""
    return next(r for r in tables.specification.resources.values() if r.plural == wanted.name)


def counted(count: int) -> str:
    """So many records, in words."""
    return "1 record" if count == 1 else f"{count} records"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
