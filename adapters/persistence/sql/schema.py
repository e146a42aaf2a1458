"""How `dev` and `migrate` make an embedded database hold the specification's tables.

What deviates is `sqlite_inspection.py`'s to say. Built-in tables are Alembic's affair, not changed here.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Index, String, Table, Update, case, insert, literal, null, select, table, update
from sqlalchemy import column as named_column
from sqlalchemy.schema import CreateIndex, CreateTable

from adapters.persistence.sql.connection import Prepared
from adapters.persistence.sql.sqlite import DIALECT, connect
from adapters.persistence.sql.sqlite_inspection import deviations_of
from adapters.persistence.sql.tables import Tables
from adapters.persistence.sql.views import to_stored
from domain.deviations import Deviation, How
from domain.errors import SchemaDiffers
from domain.specification.model import Resource

BUILT_IN = ("freehold_", "sqlite_", "alembic_")
LONGEST_ID = 36
_ASIDE = "freehold_aside"
_OF_TABLES = ("column", "primary key", "unique key", "foreign key", "check", "exclusion", "index")
"""what deviates together with its table"""


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
    missing, changed, vanished = sorted_out(deviations_of(connection, tables), tables)
    losses = [
        f"`{name}` ({counted(count)}) vanished from the specification"
        for name in vanished
        if (count := connection.execute(f"SELECT count(*) FROM {_quoted(name)}").fetchone()[0])  # noqa: S608
    ]
    for name in changed:
        losses += _lost_columns(connection, _table(tables, name))
    return Differences(missing, changed, vanished, tuple(losses))


def sorted_out(
    deviations: Iterable[Deviation], tables: Tables
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The tables to make, to make anew, and to drop, in the specification's order."""
    missing, changed, vanished = set(), set(), []
    for each in deviations:
        if each.thing == "table" and each.how in (How.MISSING, How.RENAMED):
            missing.add(each.where)
        if each.thing == "table" and each.how in (How.UNEXPECTED, How.RENAMED):
            vanished.append(each.where if each.how is How.UNEXPECTED else each.found)
        if each.thing in _OF_TABLES and not each.harmless:
            changed.add(each.table)
    names = [table.name for table in tables.of.values()]
    there = tuple(name for name in vanished if not name.startswith(BUILT_IN))
    return tuple(n for n in names if n in missing), tuple(n for n in names if n in changed - missing), there


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
