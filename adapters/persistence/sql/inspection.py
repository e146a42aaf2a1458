"""What a database should hold: the specification's tables and the built-in ones, each thing with its line."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from sqlalchemy import Column, Dialect, MetaData, PrimaryKeyConstraint, String, Table, Text
from sqlalchemy.schema import AddConstraint, CreateIndex, CreateTable

from adapters.persistence.sql.builtin import mapped
from adapters.persistence.sql.ddl import index_thing, table_things
from adapters.persistence.sql.dialects import POSTGRESQL
from adapters.persistence.sql.tables import Tables
from domain.deviations import Thing
from domain.specification.model import Place, Resource

REVISIONS, APP_REVISIONS, APP_TEXT = "alembic_version", "freehold_app_version", "freehold_specification"
"""what Alembic keeps of the built-in tables and of the app's, and the text that those are of"""
_BOOKS = MetaData()
REVISION_TABLE, APP_REVISION_TABLE = (  # just as Alembic makes them
    Table(
        name,
        _BOOKS,
        Column("version_num", String(32), nullable=False),
        PrimaryKeyConstraint("version_num", name=f"{name}_pkc"),
    )
    for name in (REVISIONS, APP_REVISIONS)
)
APP_TEXT_TABLE = Table(APP_TEXT, _BOOKS, Column("source", Text, nullable=False), Column("revision", String(32)))
BOOKS = (REVISION_TABLE, APP_REVISION_TABLE, APP_TEXT_TABLE)
_RULES = {"SELECT": ("read", "open"), "INSERT": ("create",), "UPDATE": ("update", "move"), "DELETE": ("delete",)}


def built_in() -> list[Table]:
    """The tables that every app has."""
    return list(mapped.metadata.tables.values())


def wanted(tables: Tables, dialect: Dialect) -> list[Thing]:
    """Everything about tables."""
    found: list[Thing] = []
    for table in [*tables.of.values(), *built_in(), *BOOKS]:
        found += things_of(table, dialect)
    return [placed(tables, thing) for thing in found]


def things_of(table: Table, dialect: Dialect) -> Iterator[Thing]:
    """The table, its columns, constraints and indexes."""
    yield from table_things(str(CreateTable(table).compile(dialect=dialect)))
    for index in table.indexes:
        yield index_thing(str(CreateIndex(index).compile(dialect=dialect)))


def placed(tables: Tables, thing: Thing) -> Thing:
    """The thing with the place in the specification that asks for it, or that something added is beside."""
    on = thing.on or thing.name
    resource = next((r for r in tables.specification.resources.values() if r.plural == on), None)
    return thing if resource is None else replace(thing, place=_place(resource, thing))


def _place(resource: Resource, thing: Thing) -> Place:
    if thing.kind in ("policy", "privilege"):
        command = thing.facts.get("command", thing.name).upper()
        return _of_rule(resource, next((name for name in _RULES if command.startswith(name)), ""))
    if thing.kind == "column":
        return _of_columns(resource, [thing.name, thing.name.partition("__")[0]])
    columns = re.findall(r"\w+", thing.facts.get("columns") or thing.facts.get("condition") or "")
    for unique in resource.unique:
        if thing.kind == "index" and thing.facts.get("unique") and set(unique.fields) <= set(columns):
            return unique.place
    if thing.kind == "index" and "where" in thing.facts:
        return _of_rule(resource, "SELECT")
    if thing.kind == "trigger" and "limit" not in thing.name:
        return _of_rule(resource, "")
    return _of_columns(resource, columns)


def _of_columns(resource: Resource, columns: Iterable[str]) -> Place:
    fields = (resource.fields[name] for name in columns if name in resource.fields)
    return next((field.place for field in fields), resource.place)


def _of_rule(resource: Resource, command: str) -> Place:
    grants = (grant for action in _RULES.get(command, ()) for grant in resource.rule(action))
    return next((grant.place for grant in grants), resource.place)


def constraint_sql(table: Table, name: str, dialect: Dialect) -> str:
    """What adds a constraint to a table that lacks it; empty where it has no name of ours."""
    every = (each for each in table.constraints if each.name == name)
    compiled = (str(AddConstraint(each, isolate_from_table=False).compile(dialect=dialect)) for each in every)
    return next((" ".join(text.split()) + ";" for text in compiled if dialect.name == POSTGRESQL), "")
