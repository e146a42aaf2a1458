"""How `dev` and `migrate` make a PostgreSQL database hold the specification's tables.

What deviates is `postgres_inspection.py`'s to say. A table that does is made anew in a schema of its own, filled, and
put in the old one's place. Built-in tables are Alembic's affair.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, String, Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import AddConstraint, CreateIndex, CreateTable, ExecutableDDLElement

from adapters.persistence.sql import second_wall
from adapters.persistence.sql.definers import quoted, text_literal
from adapters.persistence.sql.migrating import looking, within
from adapters.persistence.sql.policies import OWN_CLOCK
from adapters.persistence.sql.postgres import DIALECT
from adapters.persistence.sql.postgres_inspection import deviations_of
from adapters.persistence.sql.schema import BUILT_IN, Differences, carrying, counted, resource_of, sorted_out
from adapters.persistence.sql.second_wall import SecondWall
from adapters.persistence.sql.tables import Tables
from adapters.persistence.sql.views import to_stored
from domain.errors import SchemaDiffers

NOBODY = ""
"""who serves, where privileges are not asked for"""
_BESIDE = "freehold_made_anew"
"""the schema in which a table is made anew"""


@dataclass(frozen=True)
class _Present:
    """A table as it is."""

    columns: Mapping[str, str]
    """with their types"""
    named: frozenset[str]
    """its constraints and indexes"""


def compare(url: str, tables: Tables) -> Differences:
    """How the database differs from the specification. Raises `SchemaDiffers` where it does not answer."""
    wall = SecondWall(tables)
    return looking(url, lambda connection: _compare(connection, wall))


def unfit(url: str) -> str | None:
    """Why the role of this URL must not serve, with the SQL that mends it; None where it may."""
    return looking(url, second_wall.unfit)


def adjust(url: str, tables: Tables, *, allow_losses: bool, role: str, moment: str = OWN_CLOCK) -> Differences:
    """Make the tables those of the specification, in one transaction, keeping every record.

    `url` is the owner's; `role` is let in for serving. `moment`: whose clock counts (see `policies.py`).

    Raises `SchemaDiffers` and changes nothing where stored values would be lost (unless that is allowed) or do not
    fit: a new required field, a narrower type, a tighter uniqueness.
    """
    wall = SecondWall(tables, moment)

    def change(connection: Connection) -> Differences:
        differences = _compare(connection, wall)
        if differences.losses and not allow_losses:
            raise SchemaDiffers("This would lose stored values: " + "; ".join(differences.losses) + ".")
        second_wall.lower(connection)
        try:
            _change(connection, tables, differences)
        except DBAPIError as error:
            raise SchemaDiffers(f"The stored records do not fit the specification: {error.orig}.") from error
        wall.put_up(connection, role)
        return differences

    return within(url, change)


def _change(connection: Connection, tables: Tables, differences: Differences) -> None:
    wanted, present = _by_name(tables), _present(connection)
    for name in differences.vanished:
        _run(connection, f"DROP TABLE {quoted(name)} CASCADE")
    for name in differences.missing:
        _create(connection, wanted[name])
    for name in differences.changed:
        _rebuild(connection, tables, wanted[name], present[name])
    for statement in carrying(tables, differences.changed):
        _run(connection, str(statement.compile(dialect=DIALECT)))
    present = _present(connection)
    for name, table in wanted.items():
        for key in sorted(table.foreign_key_constraints, key=lambda key: str(key.name)):
            if key.name not in present[name].named:
                _make(connection, AddConstraint(key, isolate_from_table=False))


def _compare(connection: Connection, wall: SecondWall) -> Differences:
    deviations = deviations_of(connection, wall, NOBODY)
    wanted, present = _by_name(wall.tables), _present(connection)
    missing, changed, vanished = sorted_out(deviations, wall.tables)
    losses = _losses(connection, vanished, [(present[name], wanted[name]) for name in changed])
    return Differences(missing, changed, vanished, tuple(losses))


def _losses(connection: Connection, vanished: Iterable[str], changed: list[tuple[_Present, Table]]) -> list[str]:
    """In words; nothing for a role that does not own the tables, and so sees no more than a caller."""
    owns = "SELECT bool_and(pg_has_role(tableowner, 'USAGE')) FROM pg_tables WHERE schemaname = current_schema()"
    if not _one(connection, owns):
        return []
    found = [
        f"`{name}` ({counted(count)}) vanished from the specification"
        for name in vanished
        if (count := _one(connection, f"SELECT count(*) FROM {quoted(name)}"))  # noqa: S608
    ]
    for present, wanted in changed:
        found += _lost_columns(connection, present, wanted)
    return found


def _lost_columns(connection: Connection, present: _Present, wanted: Table) -> list[str]:
    found = []
    for column in present.columns:
        # what has two underscores in a row only repeats another column
        if column not in wanted.c and "__" not in column:
            kept = _one(connection, f"SELECT count({quoted(column)}) FROM {quoted(wanted.name)}")  # noqa: S608
            if kept:
                found.append(f"`{column}` of `{wanted.name}` (set in {counted(kept)}) vanished")
    return found


def _present(connection: Connection) -> dict[str, _Present]:
    """Every table of the schema that is not built in."""
    tables = """
        SELECT c.oid::bigint, c.relname::text FROM pg_class c
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
    for oid, name in _rows(connection, tables):
        if not name.startswith(BUILT_IN):
            of_table = {row[0]: row[1] for row in _rows(connection, columns.format(oid))}
            names = frozenset(row[0] for row in _rows(connection, named.format(oid)))
            found[name] = _Present(of_table, names)
    return found


def _statements(table: Table) -> Iterable[ExecutableDDLElement]:
    yield CreateTable(table, include_foreign_key_constraints=[])
    yield from (CreateIndex(index) for index in sorted(table.indexes, key=lambda index: str(index.name)))


def _create(connection: Connection, table: Table) -> None:
    """Without foreign keys, which may name tables that are not there yet."""
    for statement in _statements(table):
        _make(connection, statement)


def _rebuild(connection: Connection, tables: Tables, wanted: Table, present: _Present) -> None:
    """Make the table anew beside the old one and copy what both have; new columns take the field's initial value."""
    here = _one(connection, "SELECT current_schema()::text")
    _run(connection, f"CREATE SCHEMA {_BESIDE}")
    _run(connection, f"SET LOCAL search_path TO {_BESIDE}, {quoted(here)}")
    _create(connection, wanted)
    _run(connection, f"SET LOCAL search_path TO {quoted(here)}")
    chosen = {column.name: _copied(tables, wanted, column, present) for column in wanted.c}
    for link, carried in tables.carried[resource_of(tables, wanted).name].items():
        if link in present.columns:
            for name in carried:
                blank = f"CAST('0' AS {_type(wanted.c[name])})"
                chosen[name] = f"CASE WHEN {quoted(link)} IS NOT NULL THEN {blank} END"
    names, name = ", ".join(map(quoted, chosen)), quoted(wanted.name)
    _run(
        connection,
        f"INSERT INTO {_BESIDE}.{name} ({names}) SELECT {', '.join(chosen.values())} FROM {name}",  # noqa: S608
    )
    _run(connection, f"DROP TABLE {name} CASCADE")
    _run(connection, f"ALTER TABLE {_BESIDE}.{name} SET SCHEMA {quoted(here)}")
    _run(connection, f"DROP SCHEMA {_BESIDE}")


def _copied(tables: Tables, wanted: Table, column: Column[Any], present: _Present) -> str:
    name, kind = quoted(column.name), _type(column)
    if column.name in present.columns:
        same = present.columns[column.name] == kind.lower()
        return name if same else f"CAST(CAST({name} AS text) AS {kind})"
    field = resource_of(tables, wanted).fields.get(column.name)
    initial = None if field is None else to_stored(field, field.initial)
    return "NULL" if initial is None else f"CAST({text_literal(str(initial))} AS {kind})"


def _type(column: Column[Any]) -> str:
    """A column's type without its collation, which cannot stand in a CAST."""
    kind = column.type.dialect_impl(DIALECT)
    return "text" if isinstance(kind, String) else str(DIALECT.type_compiler_instance.process(kind))


def _by_name(tables: Tables) -> dict[str, Table]:
    return {found.name: found for found in tables.of.values()}


def _make(connection: Connection, statement: ExecutableDDLElement) -> None:
    _run(connection, str(statement.compile(dialect=DIALECT)))


def _run(connection: Connection, sql: str) -> None:
    connection.exec_driver_sql(sql)


def _rows(connection: Connection, sql: str) -> list[Any]:
    return list(connection.exec_driver_sql(sql))


def _one(connection: Connection, sql: str) -> Any:
    return connection.exec_driver_sql(sql).scalar_one()
