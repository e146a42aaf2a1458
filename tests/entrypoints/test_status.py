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
from adapters.persistence.sql.inspecting import inspector
from adapters.persistence.sql.pool import Server as Place
from adapters.persistence.sql.second_wall import SecondWall
from adapters.persistence.sql.sqlite import connect
from domain.deviations import Deviation, How
from entrypoints import projects
from entrypoints.cli import cli
from tests.application.world import EXAMPLES, NAMES, example
from tests.conftest import tables_of
from tests.postgres import APPLICATION, OWNER, Server, Throwaway, binaries
from tests.serving import process

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
        sql = " ".join(sql.split()).replace("( ", "(").replace(" )", ")")
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
        rebuilt("notes", (f", CONSTRAINT ck_notes_audience {AUDIENCE}", "")),
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
                          "ON DELETE CASCADE ON UPDATE CASCADE, ", "")),
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
        rebuilt("notes", ("CONSTRAINT uq_notes_id UNIQUE (id), ", "")),
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
        rebuilt("notes", ("'everyone')))", "'everyone'))) WITHOUT ROWID")), {("table_differs", "notes", "options")},
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
    connection = connect(path)
    connection.execute("PRAGMA foreign_keys=OFF")
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


def test_each_statement_that_mends_a_sqlite_database_does(path: Path, made: Path) -> None:
    """What is said to mend it is run as it stands, with a record in the tables."""
    tried = 0
    for change, _ in SQLITE.values():
        shutil.copyfile(made, path)
        changed(path, change)
        for _ in range(4):
            for each in sqlite_inspection.inspect(path, tables_of(example("notes")))[:1]:
                assert "a value for" not in each.mend or each.where == "notes.body"
                sql = each.mend.partition(": ")[2] if each.mend.startswith(("If ", "Stop ", "Restore ")) else each.mend
                changed(path, sql)
                tried += 1
        assert sqlite_inspection.inspect(path, tables_of(example("notes"))) == (), change
    assert tried > 30


@pytest.mark.parametrize("name", NAMES)
def test_an_untouched_sqlite_database_does_not_deviate(name: str, tmp_path: Path) -> None:
    tables, path = tables_of(example(name)), tmp_path / "freehold.db"
    projects.bring_up(path, tables, allow_losses=False)
    assert sqlite_inspection.inspect(path, tables) == ()
    changed(path, "ANALYZE; VACUUM; REINDEX; PRAGMA user_version = 7; PRAGMA optimize")
    assert sqlite_inspection.inspect(path, tables) == ()


OTHERWISE = """
create table if not exists "made_anew" ( -- by another program
  [owner] varchar ( 36 ) not null, `id` VARCHAR(36) NOT NULL,
  created_at varchar(27) NOT NULL, updated_at VARCHAR(27) NOT NULL, "note__owner" VARCHAR(36),
  constraint fk_bookmarks_owner foreign key (owner) references "freehold_accounts"(id),
  primary key (owner, id), constraint uq_bookmarks_id unique ("id")
)
"""
LATER = """
ALTER TABLE bookmarks ADD COLUMN note varchar(36)
  CONSTRAINT ck_bookmarks_note__owner CHECK ((note IS NULL) = (note__owner IS NULL))
"""


def test_a_table_written_in_another_layout_deviates_in_nothing_else(path: Path) -> None:
    """As other programs write it; and with a column that came last, and brought its check along."""

    def rewritten(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA legacy_alter_table=ON")
        connection.execute(OTHERWISE)
        connection.execute("DROP TABLE bookmarks")
        connection.execute("ALTER TABLE made_anew RENAME TO bookmarks")
        connection.execute(LATER)

    before = sqlite3.connect(path)
    indexes = [sql for (sql,) in before.execute("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL "
                                                "AND tbl_name = 'bookmarks'")]  # fmt: skip
    before.close()
    changed(path, rewritten)
    changed(path, "; ".join(indexes))
    assert named(sqlite_inspection.inspect(path, tables_of(example("notes")))) == {
        ("foreign_key_missing", "bookmarks.fk_bookmarks_note", "")
    }


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
        {("policy_renamed", "notes.freehold_select", "")},
    ),
    "a privilege more": (
        f"GRANT TRUNCATE ON notes TO {APPLICATION}",
        {("privilege_unexpected", f"notes: TRUNCATE to {APPLICATION}", "")},
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
        "ALTER TABLE notebooks DISABLE TRIGGER freehold_ended",
        {("trigger_differs", "notebooks.freehold_ended", "enabled")},
    ),
    "all triggers off, those of keys, too": (
        "ALTER TABLE notes DISABLE TRIGGER ALL",
        {("foreign_key_differs", "notes.fk_notes_notebook", "enforced"),
         ("foreign_key_differs", "notes.fk_notes_author", "enforced"),
         ("foreign_key_differs", "comments.fk_comments_note", "enforced"),
         ("foreign_key_differs", "bookmarks.fk_bookmarks_note", "enforced")},
    ),
    "a trigger less": (
        "DROP TRIGGER freehold_limit_new ON notebooks", {("trigger_missing", "notebooks.freehold_limit_new", "")},
    ),
    "a trigger more": (
        "CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL;END'; "
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
        {("function_differs", "freehold.notes_opens(uuid)", "owner")},
    ),
    "a function more": (
        "CREATE FUNCTION freehold.more() RETURNS boolean LANGUAGE sql SECURITY DEFINER RETURN true",
        {("function_unexpected", "freehold.more()", "")},
    ),
    "a table of another owner": (
        "ALTER TABLE notes OWNER TO tester", {("table_differs", "notes", "owner")},
    ),
    "a table with another name": ("ALTER TABLE notes RENAME TO pages", {("table_renamed", "notes", "")}),
    "a table more": ("CREATE TABLE extra (id int)", {("table_unexpected", "extra", "")}),
    "a table less": (
        "DROP TABLE notes CASCADE",
        {("table_missing", "notes", ""), ("foreign_key_missing", "comments.fk_comments_note", ""),
         ("foreign_key_missing", "bookmarks.fk_bookmarks_note", "")},
    ),
    "a table that a crash would empty": (
        "ALTER TABLE bookmarks SET UNLOGGED", {("table_differs", "bookmarks", "storage")},
    ),
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
    "the role is a superuser": (
        f"ALTER ROLE {APPLICATION} SUPERUSER", {("role_differs", APPLICATION, "is a superuser")},
    ),
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


def test_what_a_role_should_not_be_is_one_sentence() -> None:
    found = Deviation("database", "role", How.DIFFERS, "app", "is BYPASSRLS", "no", "yes", None, "")
    assert str(found) == "role `app` is BYPASSRLS, and should not."


@pytest.mark.parametrize("name", NAMES)
def test_an_untouched_postgresql_database_does_not_deviate(name: str, postgres_server: Server) -> None:
    database = postgres_server.new()
    tables = tables_of(example(name))
    try:
        projects.bring_up(Place(database.url, database.migration_url), tables, allow_losses=False)
        look = inspector(Place(database.url), tables)
        assert look() == ()
        for statement in ("ANALYZE", "VACUUM FULL", "REINDEX SCHEMA public"):
            postgres_server.execute(statement, database.name)
        assert look() == ()
    finally:
        postgres_server.drop(database)


def test_a_restored_postgresql_database_does_not_deviate(
    own: Throwaway, postgres_server: Server, wall: SecondWall, tmp_path: Path
) -> None:
    """Dumped and restored as text, with rows in it, by another owner of the objects' names only."""
    programs = binaries()
    assert programs is not None
    if not (programs / "pg_dump").exists():
        pytest.skip("this PostgreSQL comes without pg_dump")
    dump = tmp_path / "dump.sql"
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    subprocess.run([programs / "pg_dump", "-f", dump, own.superuser_url], check=True, env=environment)  # noqa: S603
    restored = postgres_server.new("template0")
    try:
        postgres_server.execute("ALTER SCHEMA public OWNER TO pg_database_owner", restored.name)
        subprocess.run(  # noqa: S603
            [programs / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", dump, restored.superuser_url],
            check=True, env=environment, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        assert named(postgres_inspection.inspect(restored.url, wall)) == set()
    finally:
        postgres_server.drop(restored)


def test_what_belongs_to_an_extension_is_nobodys_business(
    own: Throwaway, postgres_server: Server, wall: SecondWall
) -> None:
    """The server of the tests has none to add: a view and a table are given to one that is there."""
    postgres_server.execute("CREATE VIEW theirs AS SELECT 1 AS one", own.name)
    postgres_server.execute("CREATE TABLE known (id int PRIMARY KEY)", own.name)
    assert len(named(postgres_inspection.inspect(own.url, wall))) == 2
    postgres_server.execute(
        "INSERT INTO pg_depend SELECT 'pg_class'::regclass, c.oid, 0, 'pg_extension'::regclass, e.oid, 0, 'e' "
        "FROM pg_class c, pg_extension e WHERE c.relname IN ('theirs', 'known')",
        own.name,
    )
    assert named(postgres_inspection.inspect(own.url, wall)) == set()


def test_row_level_security_is_put_up_anew(own: Throwaway, postgres_server: Server, wall: SecondWall) -> None:
    for statement in (
        "DROP POLICY freehold_insert ON notes",
        "ALTER POLICY freehold_select ON notes USING (true)",
        f"GRANT ALL ON notes TO {APPLICATION}",
        "CREATE OR REPLACE FUNCTION freehold.present() RETURNS boolean LANGUAGE sql STABLE RETURN true",
    ):
        postgres_server.execute(statement, own.name)
    assert len(postgres_inspection.inspect(own.url, wall)) > 4
    projects.bring_up(Place(own.url, own.migration_url), tables_of(example("notes")), allow_losses=False)
    assert named(postgres_inspection.inspect(own.url, wall)) == set()


def test_each_statement_that_mends_does(own: Throwaway, postgres_server: Server, wall: SecondWall, role: None) -> None:
    """What is said to mend it is run as it stands; it needs no command where it is a statement."""
    tried = 0
    for change, _ in POSTGRESQL.values():
        if "DROP TABLE" in change or "pg_index" in change or "DROP POLICY" in change:
            continue
        for statement in change.split("; "):
            postgres_server.execute(statement, own.name)
        for each in postgres_inspection.inspect(own.url, wall):
            sql = each.mend.partition(": ")[2] if each.mend.startswith("If nobody needs ") else each.mend
            if sql.endswith(";"):
                tried += 1
                for part in sql.removesuffix(";").split("; "):
                    postgres_server.execute(part, own.name)
        left = [d for d in postgres_inspection.inspect(own.url, wall) if d.mend.endswith(";")]
        assert left == [], change
    assert tried > 30


# --- the command -----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of `notes`, approved and migrated."""
    folder = tmp_path_factory.mktemp("approved")
    shutil.copyfile(EXAMPLES / "notes" / "freehold.yaml", folder / "freehold.yaml")
    for command in (("approve", "--yes", "--by", "Mary"), ("migrate",)):
        code, text = said(command[0], str(folder), *command[1:])
        assert code == 0, text
    return folder


@pytest.fixture
def folder(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("FREEHOLD_DATABASE_URL", raising=False)
    return Path(shutil.copytree(project, tmp_path / "project"))


def said(*arguments: str) -> tuple[int, str]:
    answer = CliRunner().invoke(cli, list(arguments))
    return answer.exit_code, answer.stdout + answer.stderr


def told(folder: Path, *options: str) -> list[dict[str, Any]]:
    code, text = said("status", str(folder), "--json", *options)
    found: list[dict[str, Any]] = json.loads(text)["deviations"]
    assert code == (1 if found else 0), text
    return found


SECRET = "freehold.yaml:21: column `notes.secret` should not be there: text, null allowed."


def test_status_says_that_nothing_deviates(folder: Path) -> None:
    assert said("status", str(folder)) == (0, "No deviations.\n")
    assert said("status", str(folder), "--json") == (0, '{\n  "deviations": []\n}\n')


def test_status_names_what_deviates_with_its_line_and_what_mends_it(folder: Path) -> None:
    changed(folder / "freehold.db", "ALTER TABLE notes ADD COLUMN secret TEXT; DROP INDEX ix_notes_notebook")
    code, text = said("status", str(folder))
    assert code == 1
    assert text == (
        f"- {SECRET}\n"
        "  Mend it: If nobody needs its values: ALTER TABLE notes DROP COLUMN secret;\n"
        "- freehold.yaml:21: index `notes.ix_notes_notebook` is missing: (notebook, id).\n"
        "  Mend it: CREATE INDEX ix_notes_notebook ON notes (notebook, id);\n"
        "2 deviations. Nothing was changed.\n"
    )
    assert told(folder)[0] == {
        "part": "database", "kind": "column_unexpected", "where": "notes.secret", "aspect": None, "expected": None,
        "found": "text, null allowed", "line": 21, "harmless": False,
        "message": "column `notes.secret` should not be there: text, null allowed.",
        "mend": "If nobody needs its values: ALTER TABLE notes DROP COLUMN secret;",
    }  # fmt: skip


def test_status_names_what_the_file_says_and_nobody_approved(folder: Path) -> None:
    """By what it means for records and clients; the database is what was approved, and does not deviate."""
    file = folder / "freehold.yaml"
    file.write_text(file.read_text().replace("      body: text\n", "      body: text\n      stars: integer\n", 1))
    found = told(folder)
    assert {each["part"] for each in found} == {"lock"}
    messages = {each["message"]: each["line"] for each in found}
    assert any(message.startswith("`freehold.yaml` is not what Mary approved on ") for message in messages)
    assert messages["Not approved: NoteCreate: field `stars` is new and must be sent."] == 27
    (records,) = [each for each in found if each["kind"] == "records_differs"]
    assert (records["where"], records["line"]) == ("note.stars", 27)
    assert all("freehold approve" in each["mend"] for each in found)
    text = file.read_text().replace("      stars: integer\n", "").replace("app: notes", "app: others")
    file.write_text(text.replace("      delete: owner\n", "      delete: engine\n", 1))
    kinds = {each["kind"] for each in told(folder)}
    assert {"file_differs", "rights_differs", "behaviour_differs"} <= kinds, kinds


def test_status_of_what_was_never_approved_or_whose_lock_was_edited(folder: Path) -> None:
    lock = folder / "freehold.lock"
    text = lock.read_text()
    lock.write_text(text.replace("Mary", "Bob"))
    (only,) = told(folder)
    assert (only["part"], only["kind"]) == ("lock", "approval_unreadable")
    lock.unlink()
    (only,) = told(folder)
    assert (only["part"], only["kind"]) == ("lock", "approval_unreadable")


def test_status_names_a_revision_that_was_edited(folder: Path) -> None:
    (revision,) = (folder / "migrations").glob("*.py")
    revision.write_text(revision.read_text() + "\n# and more\n")
    (only,) = told(folder)
    assert (only["kind"], only["where"], only["part"]) == ("revision_differs", revision.name, "lock")


def test_status_of_a_database_that_is_behind(folder: Path) -> None:
    file = folder / "freehold.yaml"
    stars = "      body: text\n      stars: {type: integer, optional: yes}\n"
    file.write_text(file.read_text().replace("      body: text\n", stars, 1))
    assert said("approve", str(folder), "--yes")[0] == 0
    found = told(folder)
    assert [each["kind"] for each in found][:2] == ["revision_differs", "column_missing"]
    assert (found[0]["mend"], found[1]["line"]) == ("Run `freehold migrate`.", 27)
    assert said("migrate", str(folder))[0] == 0
    assert told(folder) == []


def test_status_of_no_database_or_of_something_else(folder: Path) -> None:
    (folder / "freehold.db").write_text("This is no database. " * 100)
    (only,) = told(folder)
    assert (only["kind"], only["line"]) == ("database_unreadable", None)
    (folder / "freehold.db").unlink()
    code, text = said("status", str(folder))
    assert (code, "There is no database" in text, "freehold migrate" in text) == (1, True, True), text
    assert not (folder / "freehold.db").exists()


def test_wrong_usage_is_told_apart_from_deviations(folder: Path) -> None:
    assert said("status", str(folder), "--url", "localhost")[0] == 2
    assert said("status", str(folder), "--nothing")[0] == 2


def test_serve_refuses_with_the_same_words(folder: Path) -> None:
    changed(folder / "freehold.db", "ALTER TABLE notes ADD COLUMN secret TEXT")
    code, text = said("serve", str(folder))
    assert (code, SECRET in text, SECRET in said("status", str(folder))[1]) == (1, True, True), text


def test_status_asks_a_server_what_it_serves(folder: Path) -> None:
    with process(folder, "serve") as served:
        assert told(folder, "--url", served.url) == []
        file = folder / "freehold.yaml"
        file.write_text(
            file.read_text()
            .replace("      body: text\n", "", 1)
            .replace("audience: one", "pages: {type: integer, optional: yes}\n      audience: one", 1)
        )
        assert said("approve", str(folder), "--yes")[0] == 0
        asked = [each for each in told(folder, "--url", served.url) if each["part"] == "api"]
        assert any("NoteCreate: field `body` is new and must be sent" in each["message"] for each in asked), asked
        assert any("Note: field `pages` is gone" in each["message"] and each["line"] for each in asked), asked
    (only,) = [each for each in told(folder, "--url", served.url) if each["part"] == "api"]
    assert only["kind"] == "api_unreadable"
