"""Statements compiled once, and the connections that run them: the one seam between SQLAlchemy Core and a driver.

Every statement is built with SQLAlchemy from the SQLModel tables and compiled to text once per shape; what runs
per request is that text on the driver's own connection, with values bound by name.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from sqlalchemy import BindParameter, bindparam
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.expression import ClauseElement

Row = tuple[Any, ...]


def param(name: str) -> BindParameter[Any]:
    """A value that each run gives by name."""
    return bindparam(name, required=False)


class Prepared:
    """A statement as text, with the values that its building fixed."""

    __slots__ = ("fixed", "names", "sql")

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        """Compile for a dialect; parameters without a value must be given at each run."""
        compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        self.sql = str(compiled)
        self.names = tuple(compiled.params)
        self.fixed = {name: value for name, value in compiled.params.items() if value is not None}

    def bind(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """All values of one run."""
        return {**self.fixed, **values}


class Connection(Protocol):
    """Runs prepared statements, inside or outside a transaction, as it was made for."""

    async def rows(self, prepared: Prepared, values: Mapping[str, Any]) -> list[Row]:
        """All rows of a query. Raises `Unavailable` where the database is away."""

    async def run(self, prepared: Prepared, values: Mapping[str, Any]) -> int:
        """Run a write; the number of rows it touched.

        Raises `Broken` where a constraint refuses it, `Unavailable` where the database is away.
        """


class Broken(Exception):
    """A constraint of the database refused a write; `constraint` is its text as the driver tells it."""

    def __init__(self, constraint: str) -> None:
        """Keep what the driver said; it never reaches a caller."""
        self.constraint = constraint
        super().__init__(constraint)
