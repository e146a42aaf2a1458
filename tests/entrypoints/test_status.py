"""`freehold status`: whatever somebody changed in a database by hand is named, and nothing else ever is."""

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from adapters.persistence.sql import postgres_inspection, sqlite_inspection
from adapters.persistence.sql.pool import Server as Place
from adapters.persistence.sql.second_wall import SecondWall
from domain.deviations import Deviation
from entrypoints import projects
from entrypoints.cli import cli
from tests.application.world import EXAMPLES, NAMES, example
from tests.conftest import tables_of
from tests.postgres import APPLICATION, OWNER, Server, Throwaway, binaries

Named = set[tuple[str, str, str]]
"""kind, where and aspect"""


def named(deviations: tuple[Deviation, ...]) -> Named:
    assert len({(d.kind, d.where, d.aspect) for d in deviations}) == len(deviations), "told twice"
    for each in deviations:
        assert each.mend, each
        assert str(each).endswith("."), each
    return {(d.kind, d.where, d.aspect) for d in deviations}


# --- SQLite ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of `notes` with somebody's records in it."""
    path = tmp_path_factory.mktemp("status") / "freehold.db"
    projects.bring_up(path, tables_of(example("notes")), allow_losses=False)
    return path


@pytest.fixture
def path(tmp_path: Path, made: Path) -> Path:
    return Path(shutil.copyfile(made, tmp_path / "freehold.db"))


def rebuilt(name: str, *changes: tuple[str, str]) -> Callable[[sqlite3.Connection], None]:
    """What makes a table anew as many tools do, with other words."""

    def change(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA legacy_alter_table=ON")
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        indexes = connection.execute(
            "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL AND tbl_name = ?", (name,)
        ).fetchall()
        for before, after in changes:
            assert before in sql, sql
            sql = sql.replace(before, after)
        connection.execute(sql.replace(f"CREATE TABLE {name}", "CREATE TABLE made_anew", 1))
        connection.execute(f"DROP TABLE {name}")
        connection.execute(f"ALTER TABLE made_anew RENAME TO {name}")
        for (index,) in indexes:
            connection.execute(index)

    return change


def edited(name: str, *changes: tuple[str, str]) -> Callable[[sqlite3.Connection], None]:
    """What edits the schema's text behind SQLite's back."""

    def change(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA writable_schema=ON")
        for before, after in changes:
            done = connection.execute(
                "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE name = ? AND instr(sql, ?)",
                (before, after, name, before),
            )
            assert done.rowcount == 1

    return change


AUDIENCE = "CHECK (audience IN ('members', 'link_only', 'everyone'))"
SQLITE: dict[str, tuple[str | Callable[[sqlite3.Connection], None], Named]] = {
    "a column more": ("ALTER TABLE notes ADD COLUMN secret TEXT", {("column_unexpected", "notes.secret", "")}),
    "a column more, among the built-in ones": (
        "ALTER TABLE freehold_accounts ADD COLUMN plan TEXT", {("column_unexpected", "freehold_accounts.plan", "")},
    ),
    "a column less": (
        "ALTER TABLE notes DROP COLUMN body", {("column_missing", "notes.body", "")},
    ),
    "a column with another name": (
        "ALTER TABLE notes RENAME COLUMN body TO content",
        {("column_missing", "notes.body", ""), ("column_unexpected", "notes.content", "")},
    ),
    "an index less": ("DROP INDEX ix_notes_notebook", {("index_missing", "notes.ix_notes_notebook", "")}),
    "an index less, of a built-in table": (
        "DROP INDEX ix_freehold_sessions_account_id",
        {("index_missing", "freehold_sessions.ix_freehold_sessions_account_id", "")},
    ),
    "an index more": ("CREATE INDEX mine ON notes (title)", {("index_unexpected", "notes.mine", "")}),
    "a unique index more": ("CREATE UNIQUE INDEX mine ON notes (title)", {("index_unexpected", "notes.mine", "")}),
    "an index on other columns": (
        "DROP INDEX ix_notes_notebook; CREATE INDEX ix_notes_notebook ON notes (notebook)",
        {("index_differs", "notes.ix_notes_notebook", "columns")},
    ),
    "an index that is not partial any more": (
        "DROP INDEX ix_notes__public_1; CREATE INDEX ix_notes__public_1 ON notes (id)",
        {("index_differs", "notes.ix_notes__public_1", "where")},
    ),
    "a table more": ("CREATE TABLE extra (id TEXT)", {("table_unexpected", "extra", "")}),
    "a table more that has a name like ours": (
        "CREATE TABLE freehold_extra (id TEXT)", {("table_unexpected", "freehold_extra", "")},
    ),
    "a table less": ("DROP TABLE notes", {("table_missing", "notes", "")}),
    "a table with another name": ("ALTER TABLE notes RENAME TO pages", {("table_renamed", "notes", "")}),
    "a table above with another name": (
        "ALTER TABLE notebooks RENAME TO books", {("table_renamed", "notebooks", "")},
    ),
    "a view": ("CREATE VIEW everything AS SELECT * FROM notes", {("view_unexpected", "everything", "")}),
    "a trigger": (
        "CREATE TRIGGER spy AFTER INSERT ON notes BEGIN UPDATE notes SET title = ''; END",
        {("trigger_unexpected", "notes.spy", "")},
    ),
    "made anew without its check": (
        rebuilt("notes", (f", \n\tCONSTRAINT ck_notes_audience {AUDIENCE}", "")),
        {("check_missing", "notes.ck_notes_audience", "")},
    ),
    "made anew with a wider check": (
        rebuilt("notes", ("'everyone')", "'everyone', 'nobody')")),
        {("check_differs", "notes.ck_notes_audience", "condition")},
    ),
    "made anew with a check that has no name": (
        rebuilt("notes", (f"CONSTRAINT ck_notes_audience {AUDIENCE}", AUDIENCE)),
        {("check_renamed", "notes.ck_notes_audience", "")},
    ),
    "made anew without the key to the table above": (
        rebuilt("notes", ("CONSTRAINT fk_notes_notebook FOREIGN KEY(owner, notebook) REFERENCES notebooks (owner, id) "
                          "ON DELETE CASCADE ON UPDATE CASCADE, \n\t", "")),
        {("foreign_key_missing", "notes.fk_notes_notebook", "")},
    ),
    "made anew with a key that does not name the owner": (
        rebuilt("notes", ("FOREIGN KEY(owner, notebook) REFERENCES notebooks (owner, id)",
                          "FOREIGN KEY(notebook) REFERENCES notebooks (id)")),
        {("foreign_key_differs", "notes.fk_notes_notebook", "columns"),
         ("foreign_key_differs", "notes.fk_notes_notebook", "references")},
    ),
    "made anew with another primary key": (
        rebuilt("notes", ("PRIMARY KEY (owner, id)", "PRIMARY KEY (id)")),
        {("primary_key_differs", "notes", "columns")},
    ),
    "made anew without a unique key": (
        rebuilt("notes", ("CONSTRAINT uq_notes_id UNIQUE (id), \n\t", "")),
        {("unique_key_missing", "notes.uq_notes_id", "")},
    ),
    "made anew with another type": (
        rebuilt("notes", ("title TEXT", "title BLOB")), {("column_differs", "notes.title", "type")},
    ),
    "made anew with a column that may be empty": (
        rebuilt("notes", ("title TEXT NOT NULL", "title TEXT")), {("column_differs", "notes.title", "null")},
    ),
    "made anew with a default": (
        rebuilt("notes", ("title TEXT NOT NULL", "title TEXT DEFAULT 'x' NOT NULL")),
        {("column_differs", "notes.title", "default")},
    ),
    "made anew with another collation": (
        rebuilt("notes", ("title TEXT NOT NULL", "title TEXT COLLATE NOCASE NOT NULL")),
        {("column_differs", "notes.title", "collation")},
    ),
    "made anew without row ids": (
        rebuilt("notes", ("'everyone'))\n)", "'everyone'))\n) WITHOUT ROWID")), {("table_differs", "notes", "options")},
    ),
    "a check edited away behind SQLite's back": (
        edited("notes", (AUDIENCE, "CHECK (1)")), {("check_differs", "notes.ck_notes_audience", "condition")},
    ),
    "NOT NULL edited away behind SQLite's back": (
        edited("notes", ("title TEXT NOT NULL", "title TEXT")), {("column_differs", "notes.title", "null")},
    ),
    "a cascade edited away behind SQLite's back": (
        edited("notes", (" ON DELETE CASCADE", "")),
        {("foreign_key_differs", "notes.fk_notes_notebook", "on delete")},
    ),
    "a key that conflicts silently": (
        edited("notes", ("UNIQUE (id)", "UNIQUE (id) ON CONFLICT REPLACE")),
        {("unique_key_differs", "notes.uq_notes_id", "on conflict")},
    ),
    "two things at once": (
        "ALTER TABLE notes ADD COLUMN secret TEXT; DROP INDEX ix_notes_notebook",
        {("column_unexpected", "notes.secret", ""), ("index_missing", "notes.ix_notes_notebook", "")},
    ),
}  # fmt: skip


def changed(path: Path, change: str | Callable[[sqlite3.Connection], None]) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    if callable(change):
        change(connection)
    else:
        connection.executescript(change)
    connection.close()


@pytest.mark.parametrize("case", SQLITE)
def test_what_was_changed_by_hand_in_sqlite_is_named(case: str, path: Path) -> None:
    change, expected = SQLITE[case]
    changed(path, change)
    assert named(sqlite_inspection.inspect(path, tables_of(example("notes")))) == expected


@pytest.mark.parametrize("name", NAMES)
def test_an_untouched_sqlite_database_does_not_deviate(name: str, tmp_path: Path) -> None:
    tables, path = tables_of(example(name)), tmp_path / "freehold.db"
    projects.bring_up(path, tables, allow_losses=False)
    assert sqlite_inspection.inspect(path, tables) == ()
    changed(path, "ANALYZE; VACUUM; REINDEX; PRAGMA user_version = 7; PRAGMA optimize")
    assert sqlite_inspection.inspect(path, tables) == ()


def test_a_table_written_in_another_layout_does_not_deviate(path: Path) -> None:
    """As other programs write them; and a column that came last by ALTER TABLE, with its check, does not, either."""
    words = ("CREATE TABLE", 'create table if not exists "main"."x"')
    connection = sqlite3.connect(path)
    (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'notes'").fetchone()
    connection.close()
    last = f"audience text not null default 'members' constraint ck_notes_audience {AUDIENCE.replace(' IN ', ' in ')}"
    other = sql.replace(", \n\tCONSTRAINT ck_notes_audience " + AUDIENCE, "").replace("\n\taudience TEXT NOT NULL, ", "")
    other = other.replace("title TEXT", '"title"   text -- of a note\n').rstrip(")\n") + "), " + last + ")"
    assert words
    changed(path, rebuilt("notes", (sql, other)))
    (only,) = sqlite_inspection.inspect(path, tables_of(example("notes")))
    assert (only.kind, only.where, only.aspect) == ("column_differs", "notes.audience", "default")


# --- PostgreSQL ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def wall() -> SecondWall:
    return SecondWall(tables_of(example("notes")))


@pytest.fixture(scope="session")
def approved(postgres_server: Server) -> Throwaway:
    """A database of `notes` as `freehold migrate` makes it, to be copied."""
    found = postgres_server.new()
    place = Place(found.url, found.migration_url)
    projects.bring_up(place, tables_of(example("notes")), allow_losses=False)
    return found


@pytest.fixture
def own(postgres_server: Server, approved: Throwaway) -> Iterator[Throwaway]:
    found = postgres_server.new(approved.name)
    yield found
    postgres_server.drop(found)


READABLE = "whatever"
POSTGRESQL: dict[str, tuple[str, Named]] = {
    "row-level security off": (
        "ALTER TABLE notes DISABLE ROW LEVEL SECURITY", {("table_differs", "notes", "row-level security")},
    ),
    "not forced": ("ALTER TABLE notes NO FORCE ROW LEVEL SECURITY", {("table_differs", "notes", "forced")}),
    "row-level security off, of a built-in table": (
        "ALTER TABLE freehold_sessions DISABLE ROW LEVEL SECURITY",
        {("table_differs", "freehold_sessions", "row-level security")},
    ),
    "a policy less": ("DROP POLICY freehold_select ON notes", {("policy_missing", "notes.freehold_select", "")}),
    "a policy that lets all in": (
        "ALTER POLICY freehold_select ON notes USING (true)", {("policy_differs", "notes.freehold_select", "using")},
    ),
    "a policy with a weaker check": (
        "ALTER POLICY freehold_insert ON notes WITH CHECK (true)",
        {("policy_differs", "notes.freehold_insert", "with check")},
    ),
    "a policy for another role": (
        f"ALTER POLICY freehold_owner ON notes TO {APPLICATION}", {("policy_differs", "notes.freehold_owner", "for")},
    ),
    "a policy more": ("CREATE POLICY mine ON notes USING (true)", {("policy_unexpected", "notes.mine", "")}),
    "a policy with another name": (
        "ALTER POLICY freehold_select ON notes RENAME TO mine",
        {("policy_missing", "notes.freehold_select", ""), ("policy_unexpected", "notes.mine", "")},
    ),
    "a privilege more": (
        f"GRANT TRUNCATE ON notes TO {APPLICATION}", {("privilege_unexpected", f"notes: TRUNCATE to {APPLICATION}", "")},
    ),
    "a privilege for everybody": (
        "GRANT SELECT ON notes TO PUBLIC", {("privilege_unexpected", "notes: SELECT to PUBLIC", "")},
    ),
    "a privilege on a column": (
        f"GRANT UPDATE (owner) ON notebooks TO {APPLICATION}",
        {("privilege_unexpected", f"notebooks: UPDATE (owner) to {APPLICATION}", "")},
    ),
    "a privilege less": (
        f"REVOKE DELETE ON notes FROM {APPLICATION}", {("privilege_missing", f"notes: DELETE to {APPLICATION}", "")},
    ),
    "a privilege that may be passed on": (
        f"GRANT SELECT ON notes TO {APPLICATION} WITH GRANT OPTION",
        {("privilege_differs", f"notes: SELECT to {APPLICATION}", "passed on")},
    ),
    "a privilege on a function": (
        "GRANT EXECUTE ON FUNCTION freehold.me() TO PUBLIC",
        {("privilege_unexpected", "freehold.me(): EXECUTE to PUBLIC", "")},
    ),
    "a privilege on our schema": (
        "GRANT CREATE ON SCHEMA freehold TO PUBLIC",
        {("privilege_unexpected", "schema freehold: CREATE to PUBLIC", ""),
         ("role_differs", APPLICATION, "may create in schema freehold")},
    ),
    "a column of another type": (
        "ALTER TABLE freehold_sessions ALTER COLUMN device TYPE text",
        {("column_differs", "freehold_sessions.device", "type")},
    ),
    "a column that may be empty": (
        "ALTER TABLE notes ALTER COLUMN title DROP NOT NULL", {("column_differs", "notes.title", "null")},
    ),
    "a column with a default": (
        "ALTER TABLE notes ALTER COLUMN title SET DEFAULT 'x'", {("column_differs", "notes.title", "default")},
    ),
    "a column of another collation": (
        'ALTER TABLE notebooks ALTER COLUMN title TYPE text COLLATE "POSIX"',
        {("column_differs", "notebooks.title", "collation")},
    ),
    "a column more": ("ALTER TABLE notes ADD COLUMN secret text", {("column_unexpected", "notes.secret", "")}),
    "an event whose number may be chosen": (
        "ALTER TABLE freehold_audit ALTER COLUMN id SET GENERATED BY DEFAULT",
        {("column_differs", "freehold_audit.id", "generated")},
    ),
    "a check less": (
        "ALTER TABLE notes DROP CONSTRAINT ck_notes_audience", {("check_missing", "notes.ck_notes_audience", "")},
    ),
    "a check that lets more in": (
        "ALTER TABLE notes DROP CONSTRAINT ck_notes_audience; ALTER TABLE notes ADD CONSTRAINT ck_notes_audience "
        "CHECK (audience IN ('members', 'link_only', 'everyone', 'nobody'))",
        {("check_differs", "notes.ck_notes_audience", "condition")},
    ),
    "a check that was not validated": (
        "ALTER TABLE notes DROP CONSTRAINT ck_notes_audience; ALTER TABLE notes ADD CONSTRAINT ck_notes_audience "
        "CHECK (audience IN ('members', 'link_only', 'everyone')) NOT VALID",
        {("check_differs", "notes.ck_notes_audience", "validated")},
    ),
    "a check more": (
        "ALTER TABLE notes ADD CONSTRAINT mine CHECK (title <> '')", {("check_unexpected", "notes.mine", "")},
    ),
    "a key less": (
        "ALTER TABLE notes DROP CONSTRAINT fk_notes_notebook",
        {("foreign_key_missing", "notes.fk_notes_notebook", "")},
    ),
    "a key that was not validated": (
        "ALTER TABLE notes DROP CONSTRAINT fk_notes_notebook; ALTER TABLE notes ADD CONSTRAINT fk_notes_notebook "
        "FOREIGN KEY (owner, notebook) REFERENCES notebooks (owner, id) ON UPDATE CASCADE ON DELETE CASCADE NOT VALID",
        {("foreign_key_differs", "notes.fk_notes_notebook", "validated")},
    ),
    "a key with another action": (
        "ALTER TABLE notes DROP CONSTRAINT fk_notes_notebook; ALTER TABLE notes ADD CONSTRAINT fk_notes_notebook "
        "FOREIGN KEY (owner, notebook) REFERENCES notebooks (owner, id) ON UPDATE CASCADE",
        {("foreign_key_differs", "notes.fk_notes_notebook", "on delete")},
    ),
    "a key with another name": (
        "ALTER TABLE notes RENAME CONSTRAINT fk_notes_notebook TO mine",
        {("foreign_key_renamed", "notes.fk_notes_notebook", "")},
    ),
    "a key that can wait": (
        "ALTER TABLE notes ALTER CONSTRAINT fk_notes_notebook DEFERRABLE",
        {("foreign_key_differs", "notes.fk_notes_notebook", "deferrable")},
    ),
    "an index less": ("DROP INDEX ix_notes_notebook", {("index_missing", "notes.ix_notes_notebook", "")}),
    "an index more": ("CREATE INDEX mine ON notes (title)", {("index_unexpected", "notes.mine", "")}),
    "an index that came to nothing": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_notes_notebook'::regclass",
        {("index_differs", "notes.ix_notes_notebook", "valid")},
    ),
    "an index in another order": (
        "DROP INDEX ix_notes_notebook; CREATE INDEX ix_notes_notebook ON notes (notebook, id DESC)",
        {("index_differs", "notes.ix_notes_notebook", "columns")},
    ),
    "an index on other records": (
        "DROP INDEX ix_notes__public_1; CREATE INDEX ix_notes__public_1 ON notes (id) WHERE audience = 'members'",
        {("index_differs", "notes.ix_notes__public_1", "where")},
    ),
    "a trigger that is off": (
        "ALTER TABLE notebooks DISABLE TRIGGER freehold_ended", {("trigger_differs", "notebooks.freehold_ended", "enabled")},
    ),
    "all triggers off, those of keys, too": (
        "ALTER TABLE notes DISABLE TRIGGER ALL",
        {("foreign_key_differs", "notes.fk_notes_notebook", "enforced"),
         ("foreign_key_differs", "notes.fk_notes_author", "enforced")},
    ),
    "a trigger less": (
        "DROP TRIGGER freehold_limit_new ON notebooks", {("trigger_missing", "notebooks.freehold_limit_new", "")},
    ),
    "a trigger more": (
        "CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
        "CREATE TRIGGER spy AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION spy()",
        {("trigger_unexpected", "notes.spy", "")},
    ),
    "a rule less": ("DROP RULE freehold_plain ON notes", {("rule_missing", "notes.freehold_plain", "")}),
    "a rule more": (
        "CREATE RULE mine AS ON DELETE TO notes DO INSTEAD NOTHING", {("rule_unexpected", "notes.mine", "")},
    ),
    "a function with another body": (
        "CREATE OR REPLACE FUNCTION freehold.present() RETURNS boolean LANGUAGE sql STABLE RETURN true",
        {("function_differs", "freehold.present()", "body")},
    ),
    "a function that looks elsewhere for names": (
        "ALTER FUNCTION freehold.notes_opens(uuid) RESET search_path",
        {("function_differs", "freehold.notes_opens(uuid)", "settings")},
    ),
    "a function that runs as its caller": (
        "ALTER FUNCTION freehold.notes_opens(uuid) SECURITY INVOKER",
        {("function_differs", "freehold.notes_opens(uuid)", "runs as")},
    ),
    "a function of another owner": (
        "ALTER FUNCTION freehold.notes_opens(uuid) OWNER TO tester",
        {("function_differs", "freehold.notes_opens(uuid)", "owner"),
         ("privilege_unexpected", f"freehold.notes_opens(uuid): EXECUTE to {OWNER}", "")},
    ),
    "a function more": (
        "CREATE FUNCTION freehold.more() RETURNS boolean LANGUAGE sql SECURITY DEFINER RETURN true",
        {("function_unexpected", "freehold.more()", ""),
         ("privilege_unexpected", "freehold.more(): EXECUTE to PUBLIC", ""),
         ("privilege_unexpected", "freehold.more(): EXECUTE to tester", "")},
    ),
    "a table of another owner": (
        "ALTER TABLE notes OWNER TO tester", {("table_differs", "notes", "owner")},
    ),
    "a table with another name": ("ALTER TABLE notes RENAME TO pages", {("table_renamed", "notes", "")}),
    "a table more": ("CREATE TABLE extra (id int)", {("table_unexpected", "extra", "")}),
    "a table less": ("DROP TABLE notes CASCADE", {("table_missing", "notes", "")}),
    "a table that a crash would empty": ("ALTER TABLE notes SET UNLOGGED", {("table_differs", "notes", "storage")}),
    "a table whose rows show in another": (
        "CREATE TABLE below () INHERITS (notes)", {("table_unexpected", "below", "")},
    ),
    "a view": ("CREATE VIEW everything AS SELECT * FROM notes", {("view_unexpected", "everything", "")}),
    "a materialized view": (
        "CREATE MATERIALIZED VIEW everything AS SELECT 1 AS one", {("materialized_view_unexpected", "everything", "")},
    ),
    "a sequence": ("CREATE SEQUENCE mine", {("sequence_unexpected", "mine", "")}),
    "the role steps over policies": (
        f"ALTER ROLE {APPLICATION} BYPASSRLS", {("role_differs", APPLICATION, "is BYPASSRLS")},
    ),
    "the role is a superuser": (f"ALTER ROLE {APPLICATION} SUPERUSER", {("role_differs", APPLICATION, "is a superuser")}),
    "the role makes roles and databases": (
        f"ALTER ROLE {APPLICATION} CREATEROLE CREATEDB",
        {("role_differs", APPLICATION, "is CREATEROLE"), ("role_differs", APPLICATION, "is CREATEDB")},
    ),
    "the role is the owner's": (
        f"GRANT {OWNER} TO {APPLICATION}",
        {("role_differs", APPLICATION, "owns the database or its tables, or is a member of a role that does")},
    ),
    "the role is somebody from the start": (
        f"ALTER ROLE {APPLICATION} SET app.account = 'anonymous'",
        {("role_differs", APPLICATION, "begins with app.account set")},
    ),
}  # fmt: skip


@pytest.fixture
def role(postgres_server: Server) -> Iterator[None]:
    """What was done to the role is undone: it is the same one in every database."""
    yield
    for undo in (
        f"ALTER ROLE {APPLICATION} NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB",
        f"ALTER ROLE {APPLICATION} RESET ALL",
        f"REVOKE {OWNER} FROM {APPLICATION}",
    ):
        postgres_server.execute(undo)


@pytest.mark.parametrize("case", POSTGRESQL)
def test_what_was_changed_by_hand_in_postgresql_is_named(
    case: str, own: Throwaway, postgres_server: Server, wall: SecondWall, role: None
) -> None:
    change, expected = POSTGRESQL[case]
    for statement in change.split("; "):
        postgres_server.execute(statement, own.name)
    assert named(postgres_inspection.inspect(own.url, wall)) == expected


@pytest.mark.parametrize("name", NAMES)
def test_an_untouched_postgresql_database_does_not_deviate(name: str, postgres_server: Server) -> None:
    database = postgres_server.new()
    tables = tables_of(example(name))
    try:
        projects.bring_up(Place(database.url, database.migration_url), tables, allow_losses=False)
        look = projects.inspector(Place(database.url), tables)
        assert look() == ()
        for statement in ("ANALYZE", "VACUUM FULL", "REINDEX SCHEMA public"):
            postgres_server.execute(statement, database.name)
        assert look() == ()
    finally:
        postgres_server.drop(database)
