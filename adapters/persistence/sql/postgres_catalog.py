"""PostgreSQL's catalog, read as things that can be compared. Any role can read it.

Definitions are written by PostgreSQL itself, and say a schema only where another one than that of the tables is meant.
What belongs to an extension is nobody's business here.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

from adapters.persistence.sql.ddl import constraint_thing, index_thing, tokens, type_name
from adapters.persistence.sql.definers import SCHEMA, quoted, text_literal
from domain.deviations import Thing

EVERYBODY = "PUBLIC"
_RELATIONS = """
SELECT c.relname::text, c.relkind::text, c.relrowsecurity, c.relforcerowsecurity, pg_get_userbyid(c.relowner)::text,
  c.relpersistence::text, (SELECT string_agg(inhparent::regclass::text, ', ') FROM pg_inherits WHERE inhrelid = c.oid),
  CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END
FROM pg_class c WHERE c.relnamespace = {here} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT EXISTS (
  SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('e', 'i')
) ORDER BY c.relname
"""
_OURS = """(
  SELECT * FROM pg_class WHERE relnamespace = {here} AND relkind IN ('r', 'p') AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = pg_class.oid AND d.deptype = 'e'
  )
) c"""
_OWNER = "(SELECT nspowner FROM pg_namespace WHERE nspname = '{schema}')"
_COLUMNS = """
SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull AND NOT EXISTS (
    SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum]
    AND NOT k.convalidated
  ), pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, a.attgenerated::text,
  CASE WHEN a.attcollation <> t.typcollation THEN (
    SELECT quote_ident(collname) FROM pg_collation WHERE oid = a.attcollation
  ) END
FROM pg_attribute a JOIN {ours} ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum
"""
_CONSTRAINTS = """
SELECT c.relname::text, k.conname::text, k.contype::text, pg_get_constraintdef(k.oid), EXISTS (
  SELECT FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgisinternal AND t.tgenabled <> 'O'
) FROM pg_constraint k JOIN {ours} ON c.oid = k.conrelid WHERE k.contype IN ('p', 'u', 'f', 'c', 'x')
ORDER BY c.relname, k.conname
"""
_INDEXES = """
SELECT pg_get_indexdef(i.indexrelid), i.indisvalid AND i.indisready AND i.indislive
FROM pg_index i JOIN {ours} ON c.oid = i.indrelid WHERE NOT EXISTS (
  SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
) ORDER BY i.indexrelid::regclass::text
"""
_TRIGGERS = """
SELECT 'trigger', c.relname::text, t.tgname::text, pg_get_triggerdef(t.oid, true), t.tgenabled::text
FROM pg_trigger t JOIN {ours} ON c.oid = t.tgrelid WHERE NOT t.tgisinternal
UNION ALL SELECT 'rule', c.relname::text, r.rulename::text, pg_get_ruledef(r.oid, true), r.ev_enabled::text
FROM pg_rewrite r JOIN {ours} ON c.oid = r.ev_class ORDER BY 1, 2, 3
"""
_POLICIES = """
SELECT c.relname::text, p.polname::text, p.polcmd::text, p.polpermissive, (
    SELECT string_agg(CASE WHEN role = 0 THEN 'everybody' WHEN role = {owner} THEN 'the owner' ELSE role::regrole::text
      END, ', ') FROM unnest(p.polroles) AS role
  ), pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
FROM pg_policy p JOIN {ours} ON c.oid = p.polrelid ORDER BY 1, 2
"""
_FUNCTIONS = """
SELECT f.oid::regprocedure::text, pg_get_function_arguments(f.oid) || ' -> ' ||
    coalesce(pg_get_function_result(f.oid), ''), l.lanname::text, f.prosecdef, f.provolatile::text,
  array_to_string(f.proconfig, ', '), coalesce(pg_get_function_sqlbody(f.oid), f.prosrc),
  pg_get_userbyid(f.proowner)::text
FROM pg_proc f JOIN pg_language l ON l.oid = f.prolang WHERE f.pronamespace = to_regnamespace('{schema}') ORDER BY 1
"""
_INSIDE = """
SELECT c.relkind::text, c.relname::text FROM pg_class c
WHERE c.relnamespace = to_regnamespace('{schema}') AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
"""
_PRIVILEGES = """
SELECT on_what, privilege, CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee)::text END, further FROM (
  SELECT c.relname::text AS on_what, x.privilege_type AS privilege, x.grantee, x.is_grantable AS further,
    c.relowner AS o
  FROM {ours}, aclexplode(c.relacl) AS x
  UNION ALL SELECT c.relname::text, x.privilege_type || ' (' || a.attname || ')', x.grantee,
    x.is_grantable, c.relowner
  FROM pg_attribute a JOIN {ours} ON c.oid = a.attrelid, aclexplode(a.attacl) AS x WHERE NOT a.attisdropped
  UNION ALL SELECT f.oid::regprocedure::text, x.privilege_type, x.grantee, x.is_grantable, f.proowner
  FROM pg_proc f, aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) AS x
  WHERE f.pronamespace = to_regnamespace('{schema}')
  UNION ALL SELECT '{schema}.' || c.relname, x.privilege_type, x.grantee, x.is_grantable, c.relowner
  FROM pg_class c, aclexplode(c.relacl) AS x WHERE c.relnamespace = to_regnamespace('{schema}')
  UNION ALL SELECT 'schema ' || n.nspname, x.privilege_type, x.grantee, x.is_grantable, n.nspowner
  FROM pg_namespace n, aclexplode(n.nspacl) AS x
  WHERE n.oid = to_regnamespace('{schema}') OR n.oid = {here} AND x.privilege_type = 'CREATE'
) AS granted WHERE grantee <> o ORDER BY 1, 2, 3
"""
_COMMANDS = {"r": "select", "a": "insert", "w": "update", "d": "delete", "*": "all"}
_STRICTNESS = {"i": "immutable", "s": "stable", "v": "volatile"}
_FIRED = {"O": "", "D": "no", "R": "on replicas only", "A": "on replicas, too"}
_KINDS = {"v": "view", "m": "materialized view", "f": "foreign table", "S": "sequence"}


class Catalog:
    """The catalog as a connection sees it, about the schema in which that makes tables."""

    def __init__(self, connection: Connection) -> None:
        """Look where it stands."""
        self._connection = connection
        self.here: str = self.one("SELECT current_schema()::text")
        self._path = self.one("SELECT current_setting('search_path')")

    def __enter__(self) -> "Catalog":
        """From here on names are told as seen from that schema alone."""
        self._look_in(quoted(self.here))
        return self

    def __exit__(self, *_: object) -> None:
        """As before."""
        self._look_in(self._path)

    def _look_in(self, path: str) -> None:
        self.one(f"SELECT set_config('search_path', {text_literal(path)}, true)")

    def one(self, sql: str) -> Any:
        """A single value; None where there is none."""
        return self._connection.exec_driver_sql(sql).scalar()

    def rows(self, sql: str) -> list[Any]:
        """What a query finds."""
        here = f"{text_literal(quoted(self.here))}::regnamespace"
        text = sql.replace("{ours}", _OURS).replace("{here}", here).replace("{owner}", _OWNER)
        return list(self._connection.exec_driver_sql(text.replace("{schema}", SCHEMA)))

    # --- tables --------------------------------------------------------------------------

    def tables(self) -> Iterator[Thing]:
        """Tables and whatever else is beside them, with columns, constraints and indexes."""
        for name, kind, secured, forced, owner, persistence, parents, definition in self.rows(_RELATIONS):
            if kind in _KINDS:
                yield Thing(_KINDS[kind], "", name, {"definition": definition or ""})
                continue
            facts = {
                "row-level security": "on" if secured else "off",
                "forced": "on" if forced else "off",
                "owner": owner,
            }
            facts |= {"kind": "partitioned"} if kind == "p" else {}
            facts |= {} if persistence == "p" else {"storage": "unlogged" if persistence == "u" else "temporary"}
            yield Thing("table", "", name, facts | ({"inherits": parents} if parents else {}))
        yield from self._columns()
        for table, name, kind, definition, unwatched in self.rows(_CONSTRAINTS):
            if kind == "x":
                yield Thing("exclusion", table, name, {"definition": definition})
                continue
            thing = constraint_thing(table, name, definition)
            facts = {**thing.facts, **({"enforced": "no"} if unwatched else {})}
            yield Thing(thing.kind, table, thing.name, facts, made=name)
        for definition, valid in self.rows(_INDEXES):
            thing = index_thing(definition)
            yield Thing("index", thing.on, thing.name, {**thing.facts, **({} if valid else {"valid": "no"})})

    def _columns(self) -> Iterator[Thing]:
        for table, name, kind, filled, default, identity, generated, collation in self.rows(_COLUMNS):
            facts = {"type": type_name(tokens(kind)), "null": "refused" if filled else "allowed"}
            if collation:
                facts["collation"] = collation
            if identity:
                facts["generated"] = f"{'always' if identity == 'a' else 'by default'} as identity"
            elif generated:
                facts["generated"] = f"as {default}"
            elif default is not None:
                facts["default"] = default
            yield Thing("column", table, name, facts)

    # --- the second wall -----------------------------------------------------------------

    def wall(self) -> Iterator[Thing]:
        """Policies, triggers, rules and functions."""
        for kind, table, name, definition, fired in self.rows(_TRIGGERS):
            facts = {"definition": definition}
            yield Thing(kind, table, name, facts | ({"enabled": _FIRED[fired]} if _FIRED[fired] else {}))
        for table, name, command, permissive, roles, using, check in self.rows(_POLICIES):
            facts = {"command": _COMMANDS[command], "for": roles or "nobody"}
            facts |= {"using": using} if using else {}
            facts |= {"with check": check} if check else {}
            yield Thing("policy", table, name, facts | ({} if permissive else {"kind": "restrictive"}))
        for name, signature, language, definer, volatility, settings, body, owner in self.rows(_FUNCTIONS):
            facts = {
                "signature": signature,
                "language": language,
                "runs as": "its owner" if definer else "its caller",
                "volatility": _STRICTNESS[volatility],
                "settings": settings or "",
                "body": body.strip(),
                "owner": owner,
            }
            yield Thing("function", "", name, facts)

    def inside(self) -> Iterator[Thing]:
        """Tables and the like in the schema of the functions."""
        for kind, name in self.rows(_INSIDE):
            yield Thing(_KINDS.get(kind, "table"), "", f"{SCHEMA}.{name}")

    def privileges(self) -> Iterator[Thing]:
        """Who but the owner may do what."""
        for on, privilege, grantee, further in self.rows(_PRIVILEGES):
            name = f"{privilege} to {grantee}"
            yield Thing("privilege", on, name, {"passed on": "yes"} if further else {})
