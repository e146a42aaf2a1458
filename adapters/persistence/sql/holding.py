"""What a unit of work locks on a database whose works run side by side."""

from sqlalchemy import ColumnElement, literal, select, text
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.expression import FromClause

from adapters.persistence.sql.builtin import AccountRow, table_of
from adapters.persistence.sql.connection import Prepared, param
from adapters.persistence.sql.dialects import POSTGRESQL, UUID
from adapters.persistence.sql.rules import At, RuleCompiler
from adapters.persistence.sql.tables import Tables
from domain.specification.model import Hop


class Holding:
    """Builds the statements that lock; None where works run one after the other."""

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        """For one specification on one dialect."""
        self._tables = tables
        self._dialect = dialect

    def record(self, resource: str, action: str, compiler: RuleCompiler, alive: ColumnElement[bool]) -> Prepared | None:
        """Let nobody change the record that the caller may do the action on, nor what is above it, until the work ends.

        What is above is shared with whoever works below it, too; from the top down, as a deletion takes its locks.
        None where works run one after the other.
        """
        if self._dialect.name != POSTGRESQL:
            return None
        chain = self._tables.specification.chain(resource)
        held = [self._tables.of[name].alias(f"held_{i}") for i, name in enumerate(chain)]
        source: FromClause = held[0]
        for lower, upper, name, above in zip(held, held[1:], chain, chain[1:], strict=False):
            source = source.join(upper, compiler.on_hop(At(lower, name), Hop(above, above), upper))
        locks = [f"FOR SHARE OF held_{i}" for i in reversed(range(1, len(held)))] + ["FOR NO KEY UPDATE OF held_0"]
        allowed = compiler.may(action, At(held[0], resource))
        found = select(literal(1)).select_from(source).where(held[0].c.id == param("id", UUID), allowed, alive)
        return Prepared(found.suffix_with(*map(text, locks)), self._dialect)

    def owner(self) -> Prepared | None:
        """Let nobody else count what an owner has until the work ends; None where works run one after the other."""
        if self._dialect.name != POSTGRESQL:
            return None
        accounts = table_of(AccountRow)
        found = select(literal(1)).select_from(accounts).where(accounts.c.id == param("owner"))
        return Prepared(found.with_for_update(key_share=True), self._dialect)
