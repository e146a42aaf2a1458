"""Whether a PostgreSQL database holds the specification's tables.

Compared are the names of columns, keys and indexes, and behind them a hash of the very statements that made a table,
which its COMMENT keeps. An index that somebody added is nobody's business here. Built-in tables are Alembic's affair.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2s
from typing import Any

from sqlalchemy import Connection, ForeignKeyConstraint, Index, Table, UniqueConstraint
from sqlalchemy.schema import AddConstraint, CreateIndex, CreateTable, ExecutableDDLElement

from adapters.persistence.sql import second_wall
from adapters.persistence.sql.definers import quoted, text_literal
from adapters.persistence.sql.migrating import within
from adapters.persistence.sql.postgres import DIALECT
from adapters.persistence.sql.schema import BUILT_IN, Differences
from adapters.persistence.sql.second_wall import SecondWall
from adapters.persistence.sql.tables import Tables

_MARK = "freehold "


@dataclass(frozen=True)
class _Present:
    """A table as it is."""

    mark: str
    columns: Mapping[str, str]
    """with their types"""
    named: frozenset[str]
    """its constraints and indexes"""


def compare(url: str, tables: Tables) -> Differences:
    """How the database differs from the specification. Raises `SchemaDiffers` where it does not answer."""
    return within(url, lambda connection: compare_within(connection, tables))


def gap(url: str, tables: Tables) -> str | None:
    """Why the row-level security of the database is not the specification's, in words; None where it is."""
    return within(url, SecondWall(tables).gap)


def unfit(url: str) -> str | None:
    """Why the role of this URL must not serve, with the SQL that mends it; None where it may."""
    return within(url, second_wall.unfit)


def mark(connection: Connection, tables: Tables) -> None:
    """Keep in the COMMENT of each table by which statements one like it is made."""
    for name, table in _by_name(tables).items():
        connection.exec_driver_sql(f"COMMENT ON TABLE {quoted(name)} IS {text_literal(_mark(table))}")


def compare_within(connection: Connection, tables: Tables) -> Differences:
    """See `compare`, on a connection that is there."""
    wanted, present = _by_name(tables), _present(connection)
    missing = [name for name in wanted if name not in present]
    changed = [name for name, table in wanted.items() if name in present and not _is(present[name], table)]
    vanished = [name for name in present if name not in wanted]
    return Differences(tuple(missing), tuple(changed), tuple(vanished))


def _is(present: _Present, table: Table) -> bool:
    """Checks are known by the mark alone: some are SQLite's only."""
    kinds = (UniqueConstraint, ForeignKeyConstraint, Index)
    every = [each for each in (*table.constraints, *table.indexes) if isinstance(each, kinds)]
    names = {str(each.name) for each in every}
    return present.mark == _mark(table) and set(present.columns) == set(table.c.keys()) and names <= present.named


def _present(connection: Connection) -> dict[str, _Present]:
    """Every table of the schema that is not built in."""
    tables = """
        SELECT c.oid::bigint, c.relname::text, coalesce(obj_description(c.oid, 'pg_class'), '') FROM pg_class c
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') ORDER BY c.relname
    """
    columns = """
        SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute
        WHERE attrelid = {} AND attnum > 0 AND NOT attisdropped ORDER BY attnum
    """
    named = """
        SELECT conname::text FROM pg_constraint WHERE conrelid = {0}
        UNION SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = {0}
    """
    found = {}
    for oid, name, comment in _rows(connection, tables):
        if not name.startswith(BUILT_IN):
            of_table = {row[0]: row[1] for row in _rows(connection, columns.format(oid))}
            names = frozenset(row[0] for row in _rows(connection, named.format(oid)))
            found[name] = _Present(comment, of_table, names)
    return found


def _statements(table: Table) -> Iterable[ExecutableDDLElement]:
    yield CreateTable(table, include_foreign_key_constraints=[])
    yield from (CreateIndex(index) for index in sorted(table.indexes, key=lambda index: str(index.name)))


def _mark(table: Table) -> str:
    """What the COMMENT of a table says that is just like this one."""
    keys = sorted(table.foreign_key_constraints, key=lambda key: str(key.name))
    every = (*_statements(table), *(AddConstraint(key, isolate_from_table=False) for key in keys))
    text = "\n".join(" ".join(str(statement.compile(dialect=DIALECT)).split()) for statement in every)
    return _MARK + blake2s(text.encode(), digest_size=16).hexdigest()


def _by_name(tables: Tables) -> dict[str, Table]:
    return {found.name: found for found in tables.of.values()}


def _rows(connection: Connection, sql: str) -> list[Any]:
    return list(connection.exec_driver_sql(sql))
