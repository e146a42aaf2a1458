"""Thirty random edits of a specification, each approved and migrated, with records in the tables.

After each the tables are those of a new database, whoever asks finds nothing to complain about, and every stored value
is what it was or what the edit says that it becomes. What the records do not allow is refused and changes nothing.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from dependency_injector import providers
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from adapters.persistence.sql import migrating
from adapters.persistence.sql.pool import Server as Place
from adapters.persistence.sql.tables import Tables, build
from adapters.persistence.sql.upkeep import Upkeep
from adapters.project_folder import FolderOfProject
from adapters.specification_file import parse
from domain.errors import SchemaDiffers
from domain.specification.questions import open_questions
from entrypoints import projects
from entrypoints.container import Container
from tests.evolution import drawn
from tests.evolution.drawn import Names, Refused, Row, Rows, Specification
from tests.postgres import Server

STEPS = 30
ACCOUNTS = [str(UUID(int=0x7000_8000_0000_0000_0000 + i, version=4)) for i in range(2)]
NOW = "2026-11-23T09:30:00.000000Z"
Database = Path | Place


class Chain:
    """A project with a database, and what its tables should hold."""

    def __init__(self, folder: Path, database: Database, random: Random) -> None:
        self.folder, self.database, self.random, self.names = folder, database, random, Names()
        self.typed = isinstance(database, Place)
        self.url = Upkeep(database).url
        self.spec = drawn.first(random, self.names)
        self.count = 0
        container = Container(folder=folder)
        container.database.override(providers.Object(database))
        # to describe the API sixty times would take longer than all the rest
        container.project.override(providers.Object(FolderOfProject(folder, lambda _: {})))
        self.use = container.specifications()

    def begin(self) -> None:
        self.approve(self.spec)
        self.use.migrate(lambda _: None)
        for account in ACCOUNTS:
            values = f"'{account}', '{account[-4:]}@example.com', '', '{NOW}', {'false' if self.typed else 0}"
            self.run(
                f"INSERT INTO freehold_accounts (id, email, password_hash, created_at, disabled) VALUES ({values})"
            )
        self.fill()

    def approve(self, spec: Specification) -> Any:
        text = spec.yaml()
        asked = open_questions(parse(text), projects.approved(self.folder))
        entries = [question.answers[-1].yaml.splitlines()[-1] for question in asked]
        text += "\n".join(["answers:", *entries, ""]) if entries else ""
        (self.folder / "freehold.yaml").write_text(text, encoding="utf-8")
        plan = self.use.plan()
        assert plan.counted, "the database is at what was approved, so it can be counted"
        self.use.approve("Ann", plan)
        return plan

    def step(self) -> str:
        title, after, become = next(drawn.edits(self.random, self.spec, self.names))
        rows, members = self.rows(self.spec), self.members()
        kept = {path: path.read_bytes() for path in (self.folder / "freehold.lock", self.folder / "freehold.yaml")}
        files = set((self.folder / "migrations").iterdir())
        plan = self.approve(after)
        standing = [each for each in plan.changes if each.change.refuses and each.count]
        try:
            wanted = become(rows)
        except Refused:
            assert standing, f"{title}: the plan says what stands in the way\n{after.yaml()}"
            with pytest.raises(SchemaDiffers) as refused:
                self.use.migrate(lambda _: None)
            assert str(standing[0].example) in str(refused.value)
            assert self.rows(self.spec) == rows, f"{title}: a refused migration changes nothing"
            for path in set((self.folder / "migrations").iterdir()) - files:
                path.unlink()
            for path, content in kept.items():
                path.write_bytes(content)
            return f"{title} (refused)"
        assert not standing, f"{title}: {standing}\n{self.spec.yaml()}\n{after.yaml()}"
        self.use.migrate(lambda _: None)
        self.check(after, wanted, members, title)
        self.spec = after
        self.fill()
        return title

    def check(self, after: Specification, wanted: Rows, members: set[tuple[str, str, str]], title: str) -> None:
        found = self.rows(after)
        assert set(found) == set(wanted)
        for name in wanted:
            assert len(found[name]) == len(wanted[name]), f"{title}: no record of {name} is lost"
            for was, now in zip(by_id(wanted[name]), by_id(found[name]), strict=True):
                assert set(was) == set(now)
                wrong = {k: (was[k], now[k]) for k in was if not alike(was[k], now[k])}
                assert not wrong, f"{title}: {name} {wrong}"
        laddered = {row["id"] for name, r in after.resources.items() if r.roles for row in found[name]}
        roles = {name: r.roles for name, r in after.resources.items()}
        assert {m[1:] for m in self.members()} == {m[1:] for m in members if m[1] in laddered}
        assert all(role in roles[resource] for resource, _, role in self.members())
        tables = build(parse(after.yaml()))
        self.use.require_served()
        projects.require_same(self.database, tables)

    # --- what is stored ---

    def run(self, sql: str) -> list[Any]:
        def do(connection: Connection) -> list[Any]:
            result = connection.exec_driver_sql(sql)
            return [tuple(row) for row in result] if result.returns_rows else []

        return migrating.within(self.url, do)

    def members(self) -> set[tuple[str, str, str]]:
        return set(self.run("SELECT resource, CAST(record AS VARCHAR(36)), role FROM freehold_memberships"))

    def rows(self, spec: Specification) -> Rows:
        found: Rows = {}
        for name, resource in spec.resources.items():
            columns = {"id": "id", "owner": "owner", **({resource.parent: "id"} if resource.parent else {})}
            columns |= {each: f.kind for each, f in resource.fields.items()}
            chosen = ", ".join(self.read_as(column, kind) for column, kind in columns.items())
            keys = ["id", "owner", *(["parent"] if resource.parent else []), *resource.fields]
            got = [dict(zip(keys, row, strict=True)) for row in self.run(f"SELECT {chosen} FROM {name}_s")]
            found[name] = by_id([{"parent": None} | row for row in got])
        return found

    def read_as(self, column: str, kind: str) -> str:
        if not self.typed:
            return column
        match kind:
            case "yes/no":
                return f"CAST({column} AS integer)"
            case "time":
                return f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
            case "integer" | "number":
                return column
            case _:
                return f"CAST({column} AS text)"

    def fill(self) -> None:
        """One more record in each resource, if its unique fields allow it."""
        tables = build(parse(self.spec.yaml()))
        rows = self.rows(self.spec)
        for name in sorted(self.spec.resources, key=lambda each: len(self.spec.above(each))):
            self.count += 1
            resource = self.spec.resources[name]
            row: Row = {"id": f"00000000-0000-7000-8000-{self.count:012d}", "parent": None}
            row["owner"] = self.random.choice(ACCOUNTS)
            if resource.parent:
                if not rows[resource.parent]:
                    continue
                above = self.random.choice(rows[resource.parent])
                row |= {"parent": above["id"], "owner": above["owner"]}
            for each, made in resource.fields.items():
                row[each] = self.value(made, rows)
            try:
                drawn._unique(rows | {name: [*rows[name], row]}, name, resource)
            except Refused:
                continue
            rows[name].append(row)
            self.insert(tables, name, row, rows)
            if resource.roles and resource.parent is None:
                role, account = self.random.choice(resource.roles), self.random.choice(ACCOUNTS)
                self.run(
                    "INSERT INTO freehold_memberships (resource, record, account, role) "
                    f"VALUES ('{name}', '{row['id']}', '{account}', '{role}')"
                )

    def value(self, made: drawn.Field, rows: Rows) -> Any:
        if made.kind == "account":
            return self.random.choice((None, *ACCOUNTS))
        if made.kind == "reference":
            there = rows[str(made.target)]
            return self.random.choice(there)["id"] if there and self.random.random() < 0.8 else None
        return None if made.optional and self.random.random() < 0.4 else drawn.value_of(self.random, made)

    def insert(self, tables: Tables, name: str, row: Row, rows: Rows) -> None:
        parent = self.spec.resources[name].parent
        values = {k: v for k, v in row.items() if k != "parent"} | ({parent: row["parent"]} if parent else {})
        values |= {"created_at": NOW, "updated_at": NOW}
        for column in tables.of[name].c:
            if column.name not in values:
                values[column.name] = self.beside(tables, name, row, column.name, rows)
        columns = ", ".join(values)
        said = ", ".join("NULL" if v is None else f"'{str(v).replace(chr(39), 2 * chr(39))}'" for v in values.values())
        self.run(f"INSERT INTO {name}_s ({columns}) VALUES ({said})")

    def beside(self, tables: Tables, name: str, row: Row, column: str, rows: Rows) -> Any:
        """A column that repeats one of the record that another one names."""
        if column in row:
            return row[column]
        resource = tables.specification.resources[name]
        for link, beside in tables.beside(resource).items():
            if column in beside:
                target = row["parent"] if link == resource.parent else row[link]
                there = tables.specification.target(name, link)
                found = next((each for each in rows[there] if each["id"] == target), None)
                return None if found is None else self.beside(tables, there, found, beside[column], rows)
        raise AssertionError(column)


def by_id(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: str(row["id"]))


def alike(wanted: Any, found: Any) -> bool:
    """Equal; how a number is written as text differs from one database to another."""
    if wanted == found:
        return True
    try:
        return float(wanted) == float(found)
    except (TypeError, ValueError):
        return False


def made_anew(tables: Tables, database: Database) -> list[Any]:
    Upkeep(database).develop(tables)
    return catalog(database)


_CATALOG = """
SELECT c.relname::text, 'column', a.attname::text, format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull || ' ' ||
  coalesce(l.collname, '') FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  LEFT JOIN pg_collation l ON l.oid = a.attcollation
  WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL SELECT conrelid::regclass::text, 'constraint', conname::text, pg_get_constraintdef(oid) FROM pg_constraint
  WHERE connamespace = current_schema()::regnamespace AND contype <> 'n'
UNION ALL SELECT indrelid::regclass::text, 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid)
  FROM pg_index JOIN pg_class ON pg_class.oid = indrelid WHERE relnamespace = current_schema()::regnamespace
UNION ALL SELECT polrelid::regclass::text, 'policy', polname::text, coalesce(pg_get_expr(polqual, polrelid), '')
  FROM pg_policy
ORDER BY 1, 2, 3
"""


def catalog(database: Database) -> list[Any]:
    """Everything that makes the tables what they are, whatever order it was made in."""
    lite = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY 1, 2"

    def look(connection: Connection) -> list[Any]:
        found = connection.exec_driver_sql(lite if isinstance(database, Path) else _CATALOG)
        return [(*row[:-1], " ".join(str(row[-1]).split())) for row in found]

    return migrating.within(Upkeep(database).url, look)


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


@settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(st.integers(0, 2**32))
def test_thirty_edits_on_sqlite(seed: int) -> None:
    random = Random(seed)
    with folder() as project:
        chain = Chain(project, project / "freehold.db", random)
        chain.begin()
        for number in range(STEPS):
            title = chain.step()
            anew = made_anew(build(parse(chain.spec.yaml())), project / f"anew{number}.db")
            assert catalog(project / "freehold.db") == anew, f"step {number}: {title}"


@settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(st.integers(0, 2**32))
def test_thirty_edits_on_postgresql(postgres_server: Server, seed: int) -> None:
    random, database = Random(seed), postgres_server.new()
    try:
        with folder() as project:
            chain = Chain(project, Place(database.url, database.migration_url), random)
            chain.begin()
            for number in range(STEPS):
                title = chain.step()
                other = postgres_server.new()
                try:
                    anew = made_anew(build(parse(chain.spec.yaml())), Place(other.url, other.migration_url))
                finally:
                    postgres_server.drop(other)
                assert catalog(Place(database.url, database.migration_url)) == anew, f"step {number}: {title}"
    finally:
        postgres_server.drop(database)
