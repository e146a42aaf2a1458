"""Whether the embedded database holds the specification's tables, as whoever changes them asks.

What deviates is `sqlite_inspection.py`'s to say. Built-in tables are Alembic's affair, not compared here.
"""

import sqlite3
from collections.abc import Iterable

from adapters.persistence.sql.sqlite_inspection import deviations_of
from adapters.persistence.sql.tables import Tables
from domain.deviations import Deviation

BUILT_IN = ("freehold_", "sqlite_", "alembic_")
_OF_TABLES = ("table", "column", "primary key", "unique key", "foreign key", "check", "exclusion", "index", "trigger")
Differences = tuple[Deviation, ...]
"""what must change so that the database holds the specification's tables"""


def compare_within(connection: sqlite3.Connection, tables: Tables) -> Differences:
    """How the tables that a connection sees differ from the specification's."""
    return of_tables(deviations_of(connection, tables))


def of_tables(deviations: Iterable[Deviation]) -> Differences:
    """Those that are about tables of the specification, or about tables that nobody knows."""
    return tuple(d for d in deviations if d.thing in _OF_TABLES and not d.harmless and not d.table.startswith(BUILT_IN))


def told(differences: Differences) -> str:
    """In one line."""
    return " ".join(map(str, differences))
