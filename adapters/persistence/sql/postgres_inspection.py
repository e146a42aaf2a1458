"""How a PostgreSQL database deviates from what it should hold, read from its catalog by any role. Only reads.

Of tables, columns, keys and indexes our own statements say what should be there. PostgreSQL writes conditions in words
of its own, though. So what it made of ours was kept when tables were changed (`SecondWall`), beside policies,
functions, rules and triggers as the catalog held them then.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Table

from adapters.persistence.sql.definers import SCHEMA, quoted
from adapters.persistence.sql.inspection import BOOKS, built_in, constraint_sql, placed, wanted
from adapters.persistence.sql.migrating import looking
from adapters.persistence.sql.postgres import DIALECT
from adapters.persistence.sql.postgres_catalog import Catalog
from adapters.persistence.sql.second_wall import CONDITIONS, KEPT, SecondWall, trespasses
from domain.deviations import Deviation, How, Thing, deviations

_ANEW = "`freehold migrate` puts up row-level security anew."
_WALL = "row-level security"
_BARE = tuple(table.name for table in BOOKS)
"""tables that hold nobody's records"""
_CONSTRAINTS = ("primary key", "unique key", "foreign key", "check", "exclusion")


def inspect(url: str, wall: SecondWall) -> tuple[Deviation, ...]:
    """Every deviation, also of the role in the URL. Raises `SchemaDiffers` where the database does not answer."""

    def look(connection: Connection) -> tuple[Deviation, ...]:
        role, trespassing = trespasses(connection)
        return *_of_role(role, trespassing), *deviations_of(connection, wall, role)

    return looking(url, look)


def deviations_of(connection: Connection, wall: SecondWall, role: str, *, anew: bool = False) -> tuple[Deviation, ...]:
    """The same, of what the transaction of a connection sees; `role` serves.

    `anew`: ask PostgreSQL how it writes our conditions, whatever was kept of that; only the owner of the tables can.
    """
    conditions = {thing.key: dict(thing.facts) for thing in wall.conditions(connection)} if anew else {}
    with Catalog(connection) as catalog:
        return _Inspection(catalog, wall, role, conditions).deviations()


def _of_role(role: str, trespassing: dict[str, str]) -> Iterator[Deviation]:
    for what, mend in trespassing.items():
        yield Deviation("database", "role", How.DIFFERS, role, what, "no", "yes", None, mend)


class _Inspection:
    def __init__(
        self, catalog: Catalog, wall: SecondWall, role: str, conditions: Mapping[tuple[str, str, str], dict[str, str]]
    ) -> None:
        self._catalog = catalog
        self._wall = wall
        self._tables = wall.tables
        self._role = role
        self._conditions = conditions
        self._owner = str(catalog.one(_OWNER))
        self._kept: dict[tuple[str, str, str], dict[str, str]] = {}
        if catalog.one(f"SELECT to_regclass('{KEPT}') IS NOT NULL"):
            rows = catalog.rows(f"SELECT kind, on_what, name, facts FROM {KEPT}")  # noqa: S608
            self._kept = {(kind, on, name): facts for kind, on, name, facts in rows}

    def deviations(self) -> tuple[Deviation, ...]:
        there = [placed(self._tables, thing) for thing in self._there()]
        return deviations(map(self._as_kept, self._wanted()), there, self._mend)

    # --- what should be there ------------------------------------------------------------

    def _wanted(self) -> Iterator[Thing]:
        for thing in wanted(self._tables, DIALECT):
            if thing.kind == "table":
                walled = "off" if thing.name in _BARE or not self._kept else "on"
                facts = {"row-level security": walled, "forced": walled, "owner": self._owner}
                yield replace(thing, facts=facts)
            elif thing.facts.get("type") == "bigserial":  # Alembic's revisions made an identity of it
                yield replace(thing, facts={"type": "bigint", "null": "refused", "generated": "always as identity"})
            else:
                yield thing
        yield Thing(_WALL, "", "", {"is": "that of the specification"})
        if not self._kept:
            return
        for (kind, on, name), facts in self._kept.items():
            if kind not in ("mark", *CONDITIONS):
                owner = {"owner": self._owner} if kind == "function" else {}
                yield placed(self._tables, Thing(kind, on, name, facts | owner))
                if kind == "function":
                    yield Thing("privilege", name, f"EXECUTE to {self._role}")
        for table, privilege in self._wall.granted(self._role):
            yield placed(self._tables, Thing("privilege", table, privilege))
        yield Thing("privilege", f"schema {SCHEMA}", f"USAGE to {self._role}")
        yield Thing("table", "", KEPT)

    def _as_kept(self, thing: Thing) -> Thing:
        """With a condition as PostgreSQL writes it."""
        aspect = CONDITIONS.get(thing.kind, "")
        kept = self._conditions.get(thing.key) or self._kept.get(thing.key, {})
        if aspect and aspect in thing.facts and kept.get("ours") == thing.facts[aspect]:
            return replace(thing, facts={**thing.facts, aspect: kept["theirs"]})
        return thing

    # --- what is there -------------------------------------------------------------------

    def _there(self) -> Iterator[Thing]:
        for thing in self._catalog.tables():
            if thing.kind == "table" and not self._kept:
                yield replace(thing, facts={**thing.facts, "row-level security": "off", "forced": "off"})
            else:
                yield thing
        if not self._kept:
            return
        mark = self._kept.get(("mark", "", ""), {}).get("is")
        yield Thing(_WALL, "", "", {"is": f"that of {'the' if mark == self._wall.mark else 'another'} specification"})
        yield from self._catalog.wall()
        yield from self._catalog.inside()
        yield from self._catalog.privileges()

    # --- what puts it right --------------------------------------------------------------

    def _mend(self, how: How, thing: Thing, aspect: str, found: Thing) -> str:
        table, name = quoted(thing.on), quoted(thing.name)
        if thing.kind == "table":
            return self._mend_table(how, thing, aspect, found)
        if thing.kind == "column":
            return self._mend_column(how, thing, aspect)
        if thing.kind in _CONSTRAINTS:
            return self._mend_constraint(how, thing, aspect, found)
        if thing.kind == "privilege":
            return self._mend_privilege(how, thing)
        match how, thing.kind:
            case How.MISSING, "index":
                return f"{thing.made};"
            case How.RENAMED, "index":
                return f"ALTER INDEX {quoted(found.name)} RENAME TO {name};"
            case How.RENAMED, "policy":
                return f"ALTER POLICY {quoted(found.name)} ON {table} RENAME TO {name};"
            case How.DIFFERS, "index":
                return f"REINDEX INDEX {name};" if aspect == "valid" else f"DROP INDEX {name}; {thing.made};"
            case How.DIFFERS, "trigger" if aspect == "enabled":
                return f"ALTER TABLE {table} ENABLE TRIGGER {name};"
            case How.UNEXPECTED, "policy" | "rule" | "trigger":
                return f"DROP {thing.kind.upper()} {name} ON {table};"
            case How.UNEXPECTED, "function":
                return f"DROP FUNCTION {thing.name};"
            case How.UNEXPECTED, kind if kind != _WALL:
                return f"If nobody needs it: DROP {kind.upper()} {_dotted(thing.name)};"
        return _ANEW

    def _mend_table(self, how: How, thing: Thing, aspect: str, found: Thing) -> str:
        alter = f"ALTER TABLE {_dotted(thing.name)}"
        if how is How.RENAMED:
            return f"ALTER TABLE {quoted(found.name)} RENAME TO {quoted(thing.name)};"
        if how is How.UNEXPECTED:
            return f"If nobody needs its rows: DROP TABLE {_dotted(thing.name)};"
        off = thing.facts.get(aspect) == "off"
        mends = {
            "row-level security": f"{alter} {'DISABLE' if off else 'ENABLE'} ROW LEVEL SECURITY;",
            "forced": f"{alter} {'NO FORCE' if off else 'FORCE'} ROW LEVEL SECURITY;",
            "owner": f"{alter} OWNER TO {quoted(self._owner)};",
            "storage": f"{alter} SET LOGGED;",
            "inherits": f"{alter} NO INHERIT {found.facts.get('inherits', '')};",
        }
        if how is How.MISSING:
            made = " ".join(thing.made.split())
            return f"Restore it from a backup; or make it, empty: {made}; then run `freehold migrate`."
        return mends.get(aspect, f"Restore `{thing.name}` from a backup.")

    def _mend_column(self, how: How, thing: Thing, aspect: str) -> str:
        column, kind = quoted(thing.name), thing.facts.get("type", "")
        alter = f"ALTER TABLE {quoted(thing.on)} ALTER COLUMN {column}"
        if how is How.UNEXPECTED:
            return f"If nobody needs its values: ALTER TABLE {quoted(thing.on)} DROP COLUMN {column};"
        collation = f" COLLATE {thing.facts['collation']}" if "collation" in thing.facts else ""
        if how is How.MISSING:
            add = f"ALTER TABLE {quoted(thing.on)} ADD COLUMN {column} {kind}{collation};"
            filled = f" Give it values, then: {alter} SET NOT NULL;" if thing.facts.get("null") == "refused" else ""
            return add + filled
        mends = {
            "type": f"{alter} TYPE {kind}{collation} USING CAST({column} AS {kind});",
            "collation": f"{alter} TYPE {kind}{collation};",
            "null": f"{alter} {'SET' if thing.facts.get('null') == 'refused' else 'DROP'} NOT NULL;",
            "default": f"{alter} DROP DEFAULT;",
            "generated": f"{alter} SET GENERATED ALWAYS;",
        }
        return mends.get(aspect, f"{alter} DROP EXPRESSION;")

    def _mend_constraint(self, how: How, thing: Thing, aspect: str, found: Thing) -> str:
        alter = f"ALTER TABLE {quoted(thing.on)}"
        if how is How.RENAMED:
            return f"{alter} RENAME CONSTRAINT {quoted(found.name)} TO {quoted(thing.name)};"
        if how is How.UNEXPECTED:
            return f"{alter} DROP CONSTRAINT {quoted(thing.name)};"
        if aspect == "validated":
            return f"{alter} VALIDATE CONSTRAINT {quoted(thing.name)};"
        if aspect == "enforced" and thing.kind == "foreign key":
            return f"{alter} ENABLE TRIGGER ALL; (by a superuser, who disabled them)"
        table = self._by_name(thing.on)
        add = "" if table is None else constraint_sql(table, thing.name, DIALECT)
        if thing.kind == "primary key":
            drop = f"DROP CONSTRAINT {quoted(found.made)}, " if found.made else ""
            return f"{alter} {drop}ADD PRIMARY KEY ({thing.facts['columns']});"
        return add if how is How.MISSING else f"{alter} DROP CONSTRAINT {quoted(thing.name)}; {add}"

    def _mend_privilege(self, how: How, thing: Thing) -> str:
        what, _, role = thing.name.rpartition(" to ")
        what = re.sub(r"\((.*)\)", lambda match: f"({quoted(match[1])})", what)
        kind, _, schema = thing.on.partition("schema ")
        on = f"SCHEMA {quoted(schema)}" if not kind and schema else _dotted(thing.on)
        on = f"FUNCTION {thing.on}" if "(" in thing.on else on
        to = role if role == "PUBLIC" else quoted(role)
        if how is How.DIFFERS:
            return f"REVOKE GRANT OPTION FOR {what} ON {on} FROM {to};"
        return f"GRANT {what} ON {on} TO {to};" if how is How.MISSING else f"REVOKE {what} ON {on} FROM {to};"

    def _by_name(self, name: str) -> Table | None:
        every: list[Any] = [*self._tables.of.values(), *built_in()]
        return next((table for table in every if table.name == name), None)


_OWNER = """SELECT coalesce(
  (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'freehold'),
  (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('alembic_version')), current_user)::text"""
"""who owns the functions and so should own the tables; before there are any, who made the built-in tables"""


def _dotted(name: str) -> str:
    return name if name.startswith(f"{SCHEMA}.") else quoted(name)
