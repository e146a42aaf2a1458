"""Raises the second wall in a database, says whether it stands, and which role may be let in through the first.

The wall is made anew as a whole, in the transaction that changes the tables: first taken down (`lower`), last
raised again (`put_up`). What it should be and what the catalog then held are kept beside it: so it is noticed when
another specification is served, and when somebody changed something by hand (`postgres_inspection.py`).
"""

import json
from collections.abc import Iterable, Iterator
from hashlib import blake2s
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.schema import CreateIndex, CreateTable

from adapters.persistence.sql.builtin import mapped
from adapters.persistence.sql.definers import SCHEMA, quoted, text_literal
from adapters.persistence.sql.inspection import APP_REVISIONS, APP_TEXT, REVISIONS, things_of
from adapters.persistence.sql.policies import OWN_CLOCK, Grants, Policies, words
from adapters.persistence.sql.postgres import DIALECT
from adapters.persistence.sql.postgres_catalog import Catalog
from adapters.persistence.sql.postgres_statements import PostgresStatements
from adapters.persistence.sql.tables import Tables
from domain.deviations import Thing
from domain.errors import SchemaDiffers

PLAIN = "freehold_plain"
"""a rule by which a table takes plain statements only"""
_APART = "freehold_apart"
"""a schema in which tables are made once more, for a moment"""
CONDITIONS = {"check": "condition", "index": "where"}
"""of what kind of thing which fact is a condition, which PostgreSQL writes in its own words"""
KEPT = f"{SCHEMA}.approved"
"""the table of what the catalog held when the wall was raised; its first row says which wall that is"""


class SecondWall:
    """The wall of one specification."""

    def __init__(self, tables: Tables, moment: str = OWN_CLOCK) -> None:
        """`moment`: whose clock counts."""
        self._moment = moment
        self.tables = tables
        self._policies = Policies(PostgresStatements(tables, DIALECT))
        self._names = [*(table.name for table in tables.of.values()), *mapped.metadata.tables]

    # --- up and down ---------------------------------------------------------------------

    def put_up(self, connection: Connection, role: str) -> None:
        """Raise it for the application's role, in the transaction of the connection, which is the owner's."""
        _check_role(connection, role)
        here = quoted(_one(connection, "SELECT current_schema()::text"))
        database = quoted(_one(connection, "SELECT current_database()::text"))
        for statement in self.statements(here, database, role):
            connection.exec_driver_sql(statement)
        self._keep(connection, role)

    def statements(self, here: str, database: str, role: str) -> Iterable[str]:
        """All that raises it; `here`: the schema of the tables."""
        yield from self._made(here)
        yield from self._let_in(here, database, role)

    def _made(self, here: str) -> Iterable[str]:
        yield f"CREATE SCHEMA {SCHEMA}"
        yield from words(self._moment, here)
        yield from self._policies.functions(here)
        for name in self._names:
            yield f"ALTER TABLE {quoted(name)} ENABLE ROW LEVEL SECURITY"
            yield f"ALTER TABLE {quoted(name)} FORCE ROW LEVEL SECURITY"
            # its own backups and migrations; and the functions above
            yield f"CREATE POLICY freehold_owner ON {quoted(name)} TO CURRENT_USER USING (true) WITH CHECK (true)"
            # It does nothing, but a table with a rule refuses ON CONFLICT and MERGE: of ON CONFLICT DO UPDATE the WHERE
            # is asked of the row that is there before any policy is, and an error in it would tell that row's values.
            yield f"CREATE RULE {PLAIN} AS ON UPDATE TO {quoted(name)} DO ALSO NOTHING"
        yield from map(str, self._policies.policies)
        yield from self._policies.triggers

    def _let_in(self, here: str, database: str, role: str) -> Iterable[str]:
        """Exactly what serving needs."""
        to = quoted(role)
        for name in (*self._names, REVISIONS, APP_REVISIONS, APP_TEXT):
            yield f"REVOKE ALL ON {quoted(name)} FROM PUBLIC, {to}"
        yield f"REVOKE CREATE ON SCHEMA {here} FROM PUBLIC, {to}"
        # a temporary table would be found before ours
        yield f"REVOKE CREATE, TEMPORARY ON DATABASE {database} FROM PUBLIC, {to}"
        yield f"REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {SCHEMA} FROM PUBLIC"
        yield f"GRANT USAGE ON SCHEMA {here}, {SCHEMA} TO {to}"
        yield f"GRANT SELECT ON {REVISIONS}, {APP_REVISIONS} TO {to}"
        yield from (f"GRANT {granted} TO {to}" for granted in self._policies.grants)
        yield f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {SCHEMA} TO {to}"

    # --- what it was ---------------------------------------------------------------------

    @property
    def mark(self) -> str:
        """What tells this wall from that of another specification, or another Freehold."""
        return blake2s("\n".join(self.statements("here", "database", "role")).encode(), digest_size=16).hexdigest()

    def granted(self, role: str) -> Iterator[tuple[str, str]]:
        """The privileges that the role should have, by table."""
        for grants in (
            *self._policies.grants,
            *(Grants(name, ("SELECT",)) for name in (REVISIONS, APP_REVISIONS, KEPT)),
        ):
            for privilege in grants.privileges():
                yield grants.table, f"{privilege} to {role}"

    def _keep(self, connection: Connection, role: str) -> None:
        """Write down what the catalog holds of the wall, and what it makes of the conditions of our tables."""
        with Catalog(connection) as catalog:
            held = list(catalog.wall())
        kept = [("mark", "", "", {"is": self.mark}), *((t.kind, t.on, t.name, t.facts) for t in held)]
        kept += [(t.kind, t.on, t.name, t.facts) for t in self.conditions(connection)]
        # every owner is the same one, whoever that is after a restore
        rows = [[kind, on, name, {k: v for k, v in facts.items() if k != "owner"}] for kind, on, name, facts in kept]
        connection.exec_driver_sql(f"CREATE TABLE {KEPT} (kind text, on_what text, name text, facts json)")
        connection.exec_driver_sql(
            f"INSERT INTO {KEPT} SELECT r->>0, r->>1, r->>2, r->3 FROM json_array_elements("  # noqa: S608 - texts of ours
            f"{text_literal(json.dumps(rows))}::json) AS r"
        )
        connection.exec_driver_sql(f"GRANT SELECT ON {KEPT} TO {quoted(role)}")

    def conditions(self, connection: Connection) -> Iterator[Thing]:
        """Checks and partial indexes as PostgreSQL writes them; each with our own words for it."""
        every = [*self.tables.of.values(), *mapped.metadata.tables.values()]
        before = _one(connection, "SELECT current_setting('search_path')")
        connection.exec_driver_sql(f"CREATE SCHEMA {_APART}")
        connection.exec_driver_sql(f"SET LOCAL search_path TO {_APART}")
        for table in every:
            connection.exec_driver_sql(
                str(CreateTable(table, include_foreign_key_constraints=[]).compile(dialect=DIALECT))
            )
            for index in table.indexes:
                connection.exec_driver_sql(str(CreateIndex(index).compile(dialect=DIALECT)))
        with Catalog(connection) as catalog:
            made = {thing.key: thing for thing in catalog.tables()}
        connection.exec_driver_sql(f"DROP SCHEMA {_APART} CASCADE")
        connection.exec_driver_sql(f"SELECT set_config('search_path', {text_literal(before)}, true)")
        for table in every:
            for ours in things_of(table, DIALECT):
                aspect = CONDITIONS.get(ours.kind, "")
                if aspect in ours.facts:
                    facts = {"ours": ours.facts[aspect], "theirs": made[ours.key].facts[aspect]}
                    yield Thing(ours.kind, ours.on, ours.name, facts)


def lower(connection: Connection) -> None:
    """Take it down, so that tables can change: the owner sees everything, and nobody else is let in meanwhile."""
    # also those that somebody else made: one more that lets in would make all others worthless
    policies = """
        SELECT polname::text, polrelid::regclass::text FROM pg_policy JOIN pg_class ON pg_class.oid = polrelid
        WHERE relnamespace = current_schema()::regnamespace
    """
    tables = """
        SELECT oid::regclass::text FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
    """
    for (table,) in list(connection.exec_driver_sql(tables)):
        connection.exec_driver_sql(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        connection.exec_driver_sql(f"DROP RULE IF EXISTS {PLAIN} ON {table}")
    for policy, table in list(connection.exec_driver_sql(policies)):
        connection.exec_driver_sql(f"DROP POLICY {quoted(policy)} ON {table}")
    connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    # from here on a policy that would hide rows from us is an error, not fewer rows
    connection.exec_driver_sql("SET LOCAL row_security = off")


# --- roles -----------------------------------------------------------------------------------

_ROLE = """
SELECT r.rolsuper,
  pg_has_role(r.oid, d.datdba, 'MEMBER') OR EXISTS (SELECT FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND pg_has_role(r.oid, c.relowner, 'MEMBER')),
  array_remove(ARRAY[
    CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END,
    CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,
    CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
    CASE WHEN r.rolreplication THEN 'REPLICATION' END
  ], NULL),
  ARRAY(SELECT g.rolname::text FROM pg_roles g WHERE g.oid <> r.oid AND pg_has_role(r.oid, g.oid, 'MEMBER')
    AND (g.rolsuper OR g.rolbypassrls OR g.rolcreaterole OR g.rolreplication OR starts_with(g.rolname, 'pg_'))),
  ARRAY(SELECT n.nspname::text FROM pg_namespace n WHERE has_schema_privilege(r.oid, n.oid, 'CREATE')),
  has_database_privilege(r.oid, d.oid, 'CREATE'),
  has_database_privilege(r.oid, d.oid, 'TEMPORARY'),
  ARRAY(SELECT split_part(setting, '=', 1) FROM pg_db_role_setting s, unnest(s.setconfig) AS setting
    WHERE s.setrole IN (0, r.oid) AND s.setdatabase IN (0, d.oid)
    AND (starts_with(setting, 'app.') OR starts_with(setting, 'row_security=')))
FROM pg_roles r, pg_database d WHERE r.rolname = {} AND d.datname = current_database()
"""
_LET_ANOTHER_SERVE = """row-level security would not hold for it. Let it migrate, and another role serve:
  CREATE ROLE freehold_app LOGIN PASSWORD '...' NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
Then FREEHOLD_MIGRATION_URL is what FREEHOLD_DATABASE_URL is now, and FREEHOLD_DATABASE_URL names freehold_app;
`freehold migrate` grants it what it needs."""


def trespasses(connection: Connection) -> tuple[str, dict[str, str]]:
    """The role of a connection, and by what it may do beyond serving, what ends that."""
    role, database = connection.exec_driver_sql("SELECT current_user::text, current_database()::text").one()
    found = connection.exec_driver_sql(_ROLE.format(text_literal(role))).one()
    superuser, owns, powers, groups, schemas, makes_schemas, makes_temporary, settings = found
    name = quoted(role)
    if superuser or owns:
        why = "is a superuser" if superuser else "owns the database or its tables, or is a member of a role that does"
        return role, {why: f"The role {name} {why}: {_LET_ANOTHER_SERVE}"}
    mending = {f"is {power}": f"ALTER ROLE {name} NO{power};" for power in powers}
    mending |= {f"is a member of {group}": f"REVOKE {quoted(group)} FROM {name};" for group in groups}
    # where it can make functions, it can put some before those that others mean
    for schema in schemas:
        mending[f"may create in schema {schema}"] = f"REVOKE CREATE ON SCHEMA {quoted(schema)} FROM PUBLIC, {name};"
    for may, privilege in ((makes_schemas, "CREATE"), (makes_temporary, "TEMPORARY")):
        if may:
            revoke = f"REVOKE {privilege} ON DATABASE {quoted(database)} FROM PUBLIC, {name};"
            mending[f"has {privilege} on the database"] = revoke
    for setting in settings:
        reset = f"ALTER ROLE {name} RESET {setting}; ALTER DATABASE {quoted(database)} RESET {setting}; "
        reset += f"ALTER ROLE {name} IN DATABASE {quoted(database)} RESET {setting};"
        mending[f"begins with {setting} set"] = reset
    return role, mending


def unfit(connection: Connection) -> str | None:
    """Why the role of a connection must not serve, with the SQL that mends it; None where it may."""
    role, mending = trespasses(connection)
    if not mending:
        return None
    first = next(iter(mending.values()))
    if first.startswith("The role"):
        return first
    lines = "".join(f"\n  {statement}" for statement in mending.values())
    return f"The role {quoted(role)} may do more than serve. The owner of the database mends that:{lines}"


def _check_role(connection: Connection, role: str) -> None:
    """Raises `SchemaDiffers` where the application's role is not there, or is the owner itself."""
    if not _one(connection, f"SELECT count(*) FROM pg_roles WHERE rolname = {text_literal(role)}"):  # noqa: S608
        raise SchemaDiffers(
            f"There is no role {quoted(role)} that could serve. Whoever may create roles makes it:\n"
            f"  CREATE ROLE {quoted(role)} LOGIN PASSWORD '...' NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;"
        )
    if role == _one(connection, "SELECT current_user::text"):
        raise SchemaDiffers(f"The role {quoted(role)} owns the tables: {_LET_ANOTHER_SERVE}")


def _one(connection: Connection, sql: str) -> Any:
    return connection.exec_driver_sql(sql).scalar_one()
