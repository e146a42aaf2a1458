"""Statements compiled once, and the connections that run them: the one seam between SQLAlchemy Core and a driver.

Every statement is built with SQLAlchemy from the SQLModel tables and compiled to text once per shape; what runs
per request is that text on the driver's own connection, with values bound by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import BindParameter, Uuid, bindparam
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement
from sqlalchemy.types import TypeEngine

Row = tuple[Any, ...]


def param(name: str, kind: TypeEngine[Any] | None = None) -> BindParameter[Any]:
    """A value that each run gives by name; where no column beside it says its type, `kind` does."""
    return bindparam(name, type_=kind, required=False)


@dataclass(frozen=True, slots=True)
class Principal:
    """For whom a statement runs, where the database itself asks that: which of the statement's values say so."""

    account: str | None = None
    """the name of the value that is the acting account's id; None there is a caller without an account"""
    presented: tuple[str, ...] = ()
    """the names of the values that were shown: an id, an address or a token's hash opens the row that has it"""
    service: str | None = None
    """no name but a word: what the service itself does, for nobody"""


CALLER = Principal(account="me")
"""of statements on records: the actor"""


class Prepared:
    """A statement as text, with the values that its building fixed.

    `holding` is the same with what a unit of work needs so that nobody else changes the rows that it read, on a
    database whose works run side by side; elsewhere it is `sql`.
    """

    __slots__ = ("claimed", "fixed", "holding", "ids", "names", "order", "principal", "sql")

    def __init__(
        self,
        statement: ClauseElement,
        dialect: Dialect,
        holding: ClauseElement | None = None,
        principal: Principal = CALLER,
    ) -> None:
        """Compile for a dialect; parameters without a value must be given at each run."""
        compiled = _compiled(statement, dialect)
        self.principal = principal
        self.claimed: dict[tuple[str, ...], str] = {}
        """the statement with its principal in it, by what says who that is, once a database wanted that"""
        self.sql = str(compiled)
        self.holding = self.sql if holding is None else str(_compiled(holding, dialect))
        self.names = tuple(compiled.params)
        self.fixed = {name: value for name, value in compiled.params.items() if value is not None}
        self.order = tuple(compiled.positiontup or ())
        """the names by position, where the dialect binds by that"""
        self.ids = tuple(i for i, name in enumerate(self.order) if isinstance(_impl(compiled, name, dialect), Uuid))
        """the positions of values that must be UUIDs"""

    def bind(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """All values of one run."""
        return {**self.fixed, **values}


def _compiled(statement: ClauseElement, dialect: Dialect) -> SQLCompiler:
    compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    assert isinstance(compiled, SQLCompiler)
    return compiled


def _impl(compiled: SQLCompiler, name: str, dialect: Dialect) -> Any:
    found = compiled.binds.get(name)
    return None if found is None else found.type.dialect_impl(dialect)


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

    def __init__(self, constraint: str, *, not_unique: bool, limit: int | None = None) -> None:
        """Keep what the driver said, which never reaches a caller; `limit`: how many there may be per owner."""
        self.constraint = constraint
        self.not_unique = not_unique
        self.limit = limit
        super().__init__(constraint)
