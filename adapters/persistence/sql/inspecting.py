"""What looks at a database, whichever it is, and names everything that is not as it should be."""

from collections.abc import Callable
from pathlib import Path

from adapters.persistence.sql import migrating, postgres_inspection, sqlite_inspection
from adapters.persistence.sql.pool import Server
from adapters.persistence.sql.second_wall import SecondWall
from adapters.persistence.sql.tables import Tables
from domain.deviations import Deviation
from domain.errors import SchemaDiffers

Inspect = Callable[[], tuple[Deviation, ...]]


def require_current(database: Path | Server) -> None:
    """Raise `SchemaDiffers` unless the built-in tables are there, as this version needs them; changes nothing."""
    if isinstance(database, Path) and not database.exists():
        raise SchemaDiffers(f"There is no database at {database}. `freehold migrate` makes one.")
    if not migrating.is_current(_url(database)):
        raise SchemaDiffers(
            f"The built-in tables of {database} are of another version. `freehold migrate` upgrades them."
        )


def inspector(database: Path | Server, tables: Tables) -> Inspect:
    """What finds each deviation of the database from the specification, as the role that serves. Only reads.

    It raises `SchemaDiffers` where the database cannot be read, is empty, or is of another version of Freehold.
    """
    if isinstance(database, Path):
        return lambda: _required(database, lambda: sqlite_inspection.inspect(database, tables))
    # as the role that serves: it may do no more than that
    wall, serving = SecondWall(tables), Server(database.url)
    return lambda: _required(serving, lambda: postgres_inspection.inspect(serving.url, wall))


def _required(database: Path | Server, look: Inspect) -> tuple[Deviation, ...]:
    require_current(database)
    return look()


def _url(database: Path | Server) -> str:
    return database.owner_url if isinstance(database, Server) else f"sqlite:///{database}"
