"""Raises the second wall in a database, says whether it stands, and which role may be let in through the first.

The wall is made anew as a whole, in the transaction that changes the tables: first taken down (`lower`), last
raised again (`put_up`). What it should be and what the catalog then held are kept as two hashes in the comment of its
schema: so it is noticed when another specification is served, and when somebody changed it by hand.
"""

from collections.abc import Iterable
from hashlib import blake2s
from typing import Any

from sqlalchemy import Connection

from adapters.persistence.sql.builtin import mapped
from adapters.persistence.sql.definers import SCHEMA, quoted, text_literal
from adapters.persistence.sql.policies import OWN_CLOCK, Policies, words
from adapters.persistence.sql.postgres import DIALECT
from adapters.persistence.sql.postgres_statements import PostgresStatements
from adapters.persistence.sql.tables import Tables
from domain.errors import SchemaDiffers

REVISIONS = "alembic_version"
APP_REVISIONS, APP_TEXT = "freehold_app_version", "freehold_specification"
"""what `upkeep.py` keeps"""
PLAIN = "freehold_plain"
"""a rule by which a table takes plain statements only"""
_HELD = """
SELECT kind, what FROM (
  SELECT 'table' AS kind, concat_ws(' ', c.relname, c.relrowsecurity, c.relforcerowsecurity, c.relowner = {owner}, (
      SELECT string_agg(item::text, ',' ORDER BY item::text) FROM unnest(c.relacl) AS item
    )) AS what FROM pg_class c WHERE c.oid = ANY ({tables})
  UNION ALL SELECT 'column', concat_ws(' ', a.attrelid::regclass, a.attname, (
      SELECT string_agg(item::text, ',' ORDER BY item::text) FROM unnest(a.attacl) AS item
    )) FROM pg_attribute a WHERE a.attrelid = ANY ({tables}) AND a.attacl IS NOT NULL
  UNION ALL SELECT 'policy', concat_ws(' ', p.polrelid::regclass, p.polname, p.polcmd, p.polpermissive, (
      SELECT string_agg(role::regrole::text, ',') FROM unnest(p.polroles) AS role
    ), pg_get_expr(p.polqual, p.polrelid), '/', pg_get_expr(p.polwithcheck, p.polrelid))
    FROM pg_policy p WHERE p.polrelid = ANY ({tables})
  UNION ALL SELECT 'trigger', concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
    FROM pg_trigger t WHERE t.tgrelid = ANY ({tables}) AND NOT t.tgisinternal
  UNION ALL SELECT 'rule', concat_ws(' ', pg_get_ruledef(r.oid), r.ev_enabled)
    FROM pg_rewrite r WHERE r.ev_class = ANY ({tables})
  UNION ALL SELECT 'function', concat_ws(' ', f.oid::regprocedure, f.prosecdef, f.provolatile, f.proconfig,
    f.prosrc, pg_get_function_sqlbody(f.oid), f.proowner = {owner}
  ) FROM pg_proc f WHERE f.pronamespace = to_regnamespace('{schema}')
  UNION ALL SELECT 'schema', concat_ws(' ', n.nspname, n.nspacl) FROM pg_namespace n WHERE n.nspname = '{schema}'
) AS held ORDER BY kind, what COLLATE "C"
"""


class SecondWall:
    """The wall of one specification."""

    def __init__(self, tables: Tables, moment: str = OWN_CLOCK) -> None:
        """`moment`: whose clock counts."""
        self._moment = moment
        self._tables = tables
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
        marks = f"{self._wanted()} {_digest(self._held(connection))}"
        connection.exec_driver_sql(f"COMMENT ON SCHEMA {SCHEMA} IS {text_literal(marks)}")

    def statements(self, here: str, database: str, role: str) -> Iterable[str]:
        """All that raises it; `here`: the schema of the tables."""
        yield from self._made(here)
        yield from self._let_in(here, database, role)

    def _made(self, here: str) -> Iterable[str]:
        yield f"CREATE SCHEMA {SCHEMA}"
        yield from words(self._moment)
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

    # --- does it stand -------------------------------------------------------------------

    def gap(self, connection: Connection) -> str | None:
        """Why it is not the wall that it should be, in words; None where it is."""
        comment = "SELECT coalesce(obj_description(to_regnamespace('freehold'), 'pg_namespace'), '')"
        wanted, _, held = _one(connection, comment).partition(" ")
        if not wanted:
            return "The database has no row-level security."
        if wanted != self._wanted():
            return "The row-level security of the database is of another specification, or another Freehold."
        if held != _digest(self._held(connection)):
            return "The row-level security of the database was changed by hand: policies, functions or privileges."
        return None

    def _wanted(self) -> str:
        return _digest(self.statements("here", "database", "role"))

    def _held(self, connection: Connection) -> list[str]:
        """What the catalog holds, with every name in full: where a role looks for names makes no difference."""
        names = ", ".join(f"to_regclass({text_literal(quoted(name))})" for name in self._names)
        tables = _one(connection, f"SELECT CAST(ARRAY[{names}] AS oid[])::text")
        owner = _one(connection, f"SELECT relowner::oid::text FROM pg_class WHERE oid = to_regclass('{REVISIONS}')")  # noqa: S608
        usual = _one(connection, "SELECT current_setting('search_path')")
        connection.exec_driver_sql("SET LOCAL search_path TO pg_catalog")
        held = _HELD.format(tables=f"CAST('{tables}' AS oid[])", owner=f"CAST('{owner}' AS oid)", schema=SCHEMA)
        found = [f"{kind} {what}" for kind, what in connection.exec_driver_sql(held)]
        connection.exec_driver_sql(f"SELECT set_config('search_path', {text_literal(usual)}, true)")
        return found


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
    CASE WHEN r.rolreplication THEN 'REPLICATION' END
  ], NULL),
  ARRAY(SELECT g.rolname::text FROM pg_roles g WHERE g.oid <> r.oid AND pg_has_role(r.oid, g.oid, 'MEMBER')
    AND (g.rolsuper OR g.rolbypassrls OR g.rolcreaterole OR g.rolreplication OR starts_with(g.rolname, 'pg_'))),
  ARRAY(SELECT n.nspname::text FROM pg_namespace n WHERE has_schema_privilege(r.oid, n.oid, 'CREATE')),
  has_database_privilege(r.oid, d.oid, 'CREATE'),
  has_database_privilege(r.oid, d.oid, 'TEMPORARY')
FROM pg_roles r, pg_database d WHERE r.rolname = {} AND d.datname = current_database()
"""


_LET_ANOTHER_SERVE = """row-level security would not hold for it. Let it migrate, and another role serve:
  CREATE ROLE freehold_app LOGIN PASSWORD '...' NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
Then FREEHOLD_MIGRATION_URL is what FREEHOLD_DATABASE_URL is now, and FREEHOLD_DATABASE_URL names freehold_app;
`freehold migrate` grants it what it needs."""


def unfit(connection: Connection) -> str | None:
    """Why the role of a connection must not serve, with the SQL that mends it; None where it may."""
    role, database = connection.exec_driver_sql("SELECT current_user::text, current_database()::text").one()
    found = connection.exec_driver_sql(_ROLE.format(text_literal(role))).one()
    superuser, owns, powers, groups, schemas, makes_schemas, makes_temporary = found
    name = quoted(role)
    if superuser or owns:
        why = "is a superuser" if superuser else "owns the database or its tables, or is a member of a role that does"
        return f"The role {name} {why}: {_LET_ANOTHER_SERVE}"
    mending = [f"ALTER ROLE {name} NO{power};" for power in powers]
    mending += [f"REVOKE {quoted(group)} FROM {name};" for group in groups]
    # where it can make functions, it can put some before those that others mean
    mending += [f"REVOKE CREATE ON SCHEMA {quoted(schema)} FROM PUBLIC, {name};" for schema in schemas]
    if makes_schemas:
        mending.append(f"REVOKE CREATE ON DATABASE {quoted(database)} FROM PUBLIC, {name};")
    if makes_temporary:
        mending.append(f"REVOKE TEMPORARY ON DATABASE {quoted(database)} FROM PUBLIC, {name};")
    if not mending:
        return None
    lines = "".join(f"\n  {statement}" for statement in mending)
    return f"The role {name} may do more than serve. The owner of the database mends that:{lines}"


def _check_role(connection: Connection, role: str) -> None:
    """Raises `SchemaDiffers` where the application's role is not there, or is the owner itself."""
    if not _one(connection, f"SELECT count(*) FROM pg_roles WHERE rolname = {text_literal(role)}"):  # noqa: S608
        raise SchemaDiffers(
            f"There is no role {quoted(role)} that could serve. Whoever may create roles makes it:\n"
            f"  CREATE ROLE {quoted(role)} LOGIN PASSWORD '...' NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;"
        )
    if role == _one(connection, "SELECT current_user::text"):
        raise SchemaDiffers(f"The role {quoted(role)} owns the tables: {_LET_ANOTHER_SERVE}")


def _digest(parts: Iterable[str]) -> str:
    return blake2s("\n".join(parts).encode(), digest_size=16).hexdigest()


def _one(connection: Connection, sql: str) -> Any:
    return connection.exec_driver_sql(sql).scalar_one()
