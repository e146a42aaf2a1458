"""Whether a PostgreSQL database holds the specification's tables, as whoever changes them asks.

What deviates is `postgres_inspection.py`'s to say. Built-in tables are Alembic's affair, not compared here.
"""

from sqlalchemy import Connection

from adapters.persistence.sql import second_wall
from adapters.persistence.sql.migrating import looking
from adapters.persistence.sql.postgres_inspection import deviations_of
from adapters.persistence.sql.schema import Differences, of_tables
from adapters.persistence.sql.second_wall import SecondWall
from adapters.persistence.sql.tables import Tables

_OF_THE_WALL = ("row-level security", "forced", "owner")
"""what of a table is no matter of its columns and keys"""


def unfit(url: str) -> str | None:
    """Why the role of this URL must not serve, with the SQL that mends it; None where it may."""
    return looking(url, second_wall.unfit)


def compare_within(connection: Connection, tables: Tables) -> Differences:
    """How the tables differ from the specification's, on a connection of their owner, who may try things out."""
    found = deviations_of(connection, SecondWall(tables), "", anew=True)
    return tuple(d for d in of_tables(found) if d.thing != "trigger" and d.aspect not in _OF_THE_WALL)
