"""Whether the embedded database holds exactly the specification's tables.

The comparison is of the very statements: SQLite keeps the text that made a table or an index, and the same
specification always makes the same text. Built-in tables are Alembic's affair, not compared here.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Table
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from adapters.persistence.sql.sqlite import DIALECT, connect
from adapters.persistence.sql.tables import Tables
from domain.errors import SchemaDiffers

BUILT_IN = ("freehold_", "sqlite_", "alembic_")


@dataclass(frozen=True)
class Differences:
    """What must change so that the database holds the specification's tables."""

    missing: tuple[str, ...]
    """tables that are not there"""
    changed: tuple[str, ...]
    """tables that are others"""
    vanished: tuple[str, ...]
    """tables that the specification does not know"""

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
        return compare_within(connection, tables)
    except sqlite3.DatabaseError as error:
        raise SchemaDiffers(f"{path} is not a database that can be read: {error}.") from error
    finally:
        connection.close()


def compare_within(connection: sqlite3.Connection, tables: Tables) -> Differences:
    """See `compare`, on a connection that is there."""
    wanted = {name: _statements(found) for name, found in _by_name(tables).items()}
    present = _present(connection)
    missing = [name for name in wanted if name not in present]
    changed = [name for name, made in wanted.items() if name in present and present[name] != made]
    vanished = [name for name in present if name not in wanted]
    return Differences(tuple(missing), tuple(changed), tuple(vanished))


def _by_name(tables: Tables) -> Mapping[str, Table]:
    return {found.name: found for found in tables.of.values()}


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
