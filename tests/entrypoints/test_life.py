"""The life of a specification by the commands that people type: planned, approved, migrated, served, refused."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import warnings
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic.command import downgrade
from sqlalchemy import Connection, Engine, event
from typer.testing import CliRunner

from adapters.persistence.sql import migrating
from adapters.persistence.sql.pool import Server as Place
from adapters.persistence.sql.revisions import Revisions
from entrypoints import projects
from entrypoints.cli import cli
from tests.postgres import Server

REPOSITORY = Path(__file__).resolve().parents[2]
TEXT = """\
app: trial
resources:
  shelf:
    plural: shelves
    owner: account
    roles: editor > viewer
    fields: {name: text}
    can: {create: signed in, read: [owner, viewer], update: owner, delete: owner, share: owner}
  book:
    owner: shelf
    fields:
      {title: text, pages: {type: text, optional: yes}, state: "one of new, read, lost",
       bought: {type: date, optional: yes}, price: {type: decimal, optional: yes}}
    can: {create: owner, read: whoever can read shelf, update: owner, delete: owner}
"""
MARY = "00000000-0000-7000-8000-00000000000a"
NOW = "2026-11-23T09:30:00.000000Z"
LAST = "    can: {create: owner, read: whoever can read shelf, update: owner, delete: owner}\n"


def meant(code: str, on: str) -> tuple[str, str]:
    """The answer that a change raises the question for, written at the end."""
    return LAST, f"{LAST}answers: [{{question: {code}, on: {on}, because: it is meant}}]\n"


ALTERED = (
    ("fields: {name: text}", "fields: {label: {type: text, renamed_from: name}, hot: yes/no}"),
    ("pages: {type: text, optional: yes}", "pages: {type: integer, optional: yes}"),
    ("book:\n", "volume:\n    renamed_from: book\n"),
    meant("Q-TYPE-CHANGED", "volume.pages"),
)


def freehold(*arguments: str | Path, code: int = 0, **settings: str) -> str:
    """What a command says, without a terminal; settings by their lower-case names."""
    environment: dict[str, str | None] = {name: None for name in os.environ if name.startswith("FREEHOLD_")}
    environment |= {f"FREEHOLD_{name.upper()}": value for name, value in settings.items()} | {"COLUMNS": "200"}
    result = CliRunner().invoke(cli, list(map(str, arguments)), env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    return result.output


def killed(at: int, *arguments: str | Path, **settings: str) -> int:
    """Run a command as a process that dies at one of its statements or commits; the exit code is 9 then."""
    environment = os.environ | {f"FREEHOLD_{name.upper()}": value for name, value in settings.items()}
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", KILL.format(at), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment | {"PYTHONPATH": str(REPOSITORY)},
        check=False,
    )
    assert done.returncode in (0, 9), done.stdout + done.stderr
    return done.returncode


def write(folder: Path, *changes: tuple[str, str], text: str = TEXT) -> None:
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    (folder / "freehold.yaml").write_text(text, encoding="utf-8")


def execute(folder: Path, *statements: str) -> list[Any]:
    """On the embedded database; the rows of the last one."""
    with closing(sqlite3.connect(folder / "freehold.db")) as connection:
        for statement in statements[:-1]:
            connection.execute(statement)
        rows = connection.execute(statements[-1]).fetchall()
        connection.commit()
        return rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path)
    return tmp_path


@pytest.fixture
def filled(folder: Path) -> Path:
    """Approved, migrated, with a shelf and three books on it."""
    projects.settle(folder, folder / "freehold.db", "Ann")
    execute(folder, *ROWS, "SELECT 1")
    return folder


ROWS = (
    "INSERT INTO freehold_accounts (id, email, password_hash, created_at, disabled) "
    f"VALUES ('{MARY}', 'm@example.com', '', '{NOW}', '0')",
    "INSERT INTO shelves (owner, id, name, created_at, updated_at) "
    f"VALUES ('{MARY}', '{MARY[:-1]}1', 'A', '{NOW}', '{NOW}')",
    *(
        "INSERT INTO books (owner, id, shelf, title, pages, state, bought, price, created_at, updated_at) "
        f"VALUES ('{MARY}', '{MARY[:-1]}{i}', '{MARY[:-1]}1', 'T{i}', {pages}, 'read', '2026-01-0{i}', '1.5{i}', "
        f"'{NOW}', '{NOW}')"
        for i, pages in ((2, "'12'"), (3, "'34'"), (4, "NULL"))
    ),
    "INSERT INTO freehold_memberships (resource, record, account, role) "
    f"VALUES ('shelf', '{MARY[:-1]}1', '{MARY}', 'viewer')",
    "INSERT INTO freehold_api_keys (id, account, hash, name, actions, resources, created_at, expires_at) "
    f"VALUES ('{MARY[:-1]}7', '{MARY}', '{'0' * 64}', 'k', '[\"read\"]', '[\"book\", \"shelf\"]', '{NOW}', '{NOW}')",
)
SCOPES = "SELECT resources FROM freehold_api_keys"


# --- the way as it should be -----------------------------------------------------------------


def test_a_specification_is_planned_approved_migrated_and_changed(folder: Path) -> None:
    assert "nothing is approved yet" in freehold("plan", folder)
    assert "never approved" in freehold("serve", folder, code=1)
    assert "never approved" in freehold("migrate", folder, code=1)
    said = freehold("approve", folder, "--by", "Ann")
    assert "Approved by Ann: wrote freehold.lock and the revision 0001_" in said
    said = freehold("serve", folder, code=1)
    assert "There is no database" in said
    assert "`freehold migrate` makes one" in said
    assert "Applied 0001_" in freehold("migrate", folder)
    assert "There is nothing to approve" in freehold("approve", folder)
    execute(folder, *ROWS, "SELECT 1")

    write(folder, *ALTERED)
    said = freehold("serve", folder, code=1)
    assert "`freehold.yaml` is not what Ann approved" in said
    assert "freehold approve" in said
    plan = json.loads(freehold("plan", folder, "--json"))
    found = {(each["what"], each["resource"], each["field"]): each for each in plan["changes"]}
    assert set(found) == {
        ("field_renamed", "shelf", "label"),
        ("field_added", "shelf", "hot"),
        ("resource_renamed", "volume", None),
        ("type_changed", "volume", "pages"),
    }
    assert found["type_changed", "volume", "pages"]["records"] == 0
    assert plan["approved"]["by"] == "Ann"
    freehold("approve", folder, "--by", "Bob")
    assert "`freehold migrate` brings it there" in freehold("serve", folder, code=1)
    done = json.loads(freehold("migrate", folder, "--json"))
    assert execute(folder, "SELECT label, hot FROM shelves") == [("A", 0)]
    assert execute(folder, "SELECT title, pages FROM volumes ORDER BY id") == [("T2", 12), ("T3", 34), ("T4", None)]
    with closing(sqlite3.connect(done["backup"])) as copy:
        assert copy.execute("SELECT count(*) FROM books").fetchone() == (3,), "the copy is the database as it was"
    assert (Path(done["backup"]).stat().st_mode & 0o777) == 0o600
    projects.require_same(folder / "freehold.db", projects.Container(folder=folder).tables())


def test_a_plan_says_who_gains_and_loses_and_what_clients_notice(filled: Path) -> None:
    write(
        filled,
        ("can: {create: owner, read: whoever", "can: {create: [owner, shelf.editor], read: whoever"),
        ("update: owner, delete: owner, share: owner}", "update: editor, delete: owner, share: owner}"),
        ("fields: {name: text}", "fields: {name: text, hot: yes/no}"),
    )
    plan = json.loads(freehold("plan", filled, "--json"))
    rights = {(each["change"], each["resource"], tuple(each["rights"])) for each in plan["gains_and_losses"]}
    assert rights == {
        ("gain", "book", ("create",)),
        ("gain", "shelf", ("update",)),
        ("loss", "shelf", ("update",)),
    }
    assert all(each["witness"] for each in plan["gains_and_losses"])
    assert {"where": "Shelf", "text": "field `hot` is new.", "breaking": False} in plan["api"], plan["api"]
    said = freehold("plan", filled)
    assert "an *editor* of a shelf gains `create`" in said, said
    assert "Shelf: field `hot` is new." in said
    assert "parameter `hot` is new" in said
    assert "hot_ne" not in said
    assert plan["questions"] == [] == plan["untrue"]


def test_nothing_with_an_open_question_or_a_false_example_is_approved(filled: Path) -> None:
    lock = (filled / "freehold.lock").read_bytes()
    write(filled, ("pages: {type: text, optional: yes}", "pages: {type: integer, optional: yes}"))
    said = freehold("approve", filled, code=2)
    assert "Q-TYPE-CHANGED on book.pages" in said
    assert "because" in said, "with what to paste"
    write(filled, (LAST, LAST + "examples: [ann owns shelf 1; bob can read shelf 1]\n"))
    said = freehold("approve", filled, code=1)
    assert "bob" in said
    assert "bob" in freehold("plan", filled, code=1)
    assert (filled / "freehold.lock").read_bytes() == lock
    assert "is not what" in freehold("serve", filled, code=1)


def test_a_revision_leads_back_too(filled: Path) -> None:
    def tables() -> list[Any]:
        made = (
            "SELECT name, sql FROM sqlite_master WHERE tbl_name NOT LIKE 'freehold%' AND sql IS NOT NULL ORDER BY name"
        )
        return [(name, " ".join(sql.split())) for name, sql in execute(filled, made)]

    before = tables()
    write(filled, *ALTERED)
    freehold("approve", filled)
    freehold("migrate", filled)
    assert tables() != before
    config = Revisions(filled)._config
    first = min(path.name for path in (filled / "migrations").glob("0001_*.py"))[:13]
    url = f"sqlite:///{filled / 'freehold.db'}"
    migrating.within(url, lambda connection: downgrade(config(connection=connection), first))
    assert tables() == before
    assert execute(filled, "SELECT title, pages FROM books ORDER BY id") == [("T2", "12"), ("T3", "34"), ("T4", None)]
    assert execute(filled, "SELECT name FROM shelves") == [("A",)]


def test_what_only_the_rules_say_needs_no_revision(filled: Path) -> None:
    write(filled, ("read: [owner, viewer]", "read: owner"))
    before = sorted((filled / "migrations").glob("*.py"))
    assert json.loads(freehold("approve", filled, "--json"))["written"] is None
    assert sorted((filled / "migrations").glob("*.py")) == before
    freehold("migrate", filled)
    projects.Container(folder=filled).specifications().require_served()


def test_what_would_be_lost_is_counted_and_red_and_goes_when_it_is_approved(filled: Path) -> None:
    write(
        filled,
        (", pages: {type: text, optional: yes}", ""),
        ("roles: editor > viewer", "roles: editor"),
        ("viewer]", "editor]"),
    )
    plan = json.loads(freehold("plan", filled, "--json"))
    (roles, gone) = plan["changes"]
    assert (roles["what"], roles["records"], roles["destructive"]) == ("roles_dropped", 1, True)
    assert (gone["what"], gone["field"], gone["records"], gone["destructive"]) == ("field_dropped", "pages", 2, True)
    assert "(2 with a value)" in freehold("plan", filled)
    freehold("approve", filled)
    freehold("migrate", filled)
    assert execute(filled, "SELECT count(*) FROM freehold_memberships") == [(0,)], "no role comes back by its name"
    assert execute(filled, "SELECT count(*) FROM books") == [(3,)]


def test_api_keys_are_for_the_same_records_as_before_and_for_none_that_come_by_a_name(filled: Path) -> None:
    """The way of a name: `book` becomes `volume`, and a `book` of another kind comes and goes."""
    write(filled, *ALTERED)
    freehold("approve", filled)
    freehold("migrate", filled)
    assert execute(filled, SCOPES) == [('["volume","shelf"]',)]
    end = "  book:\n    owner: account\n    fields: {name: text}\n    can: {create: signed in, read: owner}\n"
    write(filled, *ALTERED, ("    renamed_from: book\n", ""), (LAST, LAST + end))
    freehold("approve", filled)
    freehold("migrate", filled)
    assert execute(filled, SCOPES) == [('["volume","shelf"]',)]
    last = (filled / "freehold.yaml").read_text(encoding="utf-8").partition("  volume:\n")[0]
    (filled / "freehold.yaml").write_text(last, encoding="utf-8")
    freehold("approve", filled)
    freehold("migrate", filled)
    assert execute(filled, SCOPES) == [('["shelf"]',)], "whatever is called `volume` one day is something else"


def test_a_role_with_another_name_is_asked_about_and_carried_over_in_the_revision(filled: Path) -> None:
    changed = ("roles: editor > viewer", "roles: editor > reader"), ("[owner, viewer]", "[owner, reader]")
    write(filled, *changed)
    said = freehold("plan", filled, code=2)
    assert "with the memberships that carry it (held by 1)" in said
    assert "Q-RENAMED on shelf.roles" in said
    write(filled, *changed, meant("Q-RENAMED", "shelf.roles"))
    freehold("approve", filled)
    (revision,) = (filled / "migrations").glob("0002_*.py")
    text = revision.read_text(encoding="utf-8")
    assert "whoever shall be reader instead" in text
    update = "UPDATE freehold_memberships SET role = 'reader' WHERE resource = 'shelf' AND role = 'viewer'"
    changed_text = text.replace("def upgrade() -> None:\n", f'def upgrade() -> None:\n    op.execute("{update}")\n', 1)
    revision.write_text(changed_text, encoding="utf-8")
    freehold("approve", filled)
    freehold("migrate", filled)
    assert execute(filled, "SELECT role FROM freehold_memberships") == [("reader",)]


def test_a_migration_tells_what_runs_and_over_how_many_rows(filled: Path) -> None:
    write(filled, *ALTERED)
    freehold("approve", filled)
    told: list[str] = []
    projects.Container(folder=filled).specifications().migrate(told.append)
    assert "a copy of freehold.db to freehold.db.before-" in told[0]
    assert any(each.startswith("3 rows of books: INSERT INTO volumes") for each in told), told
    assert any(each.startswith("1 row of shelves: INSERT INTO shelves") for each in told), told


def test_what_another_version_of_freehold_makes_of_the_text_is_approved_anew(filled: Path) -> None:
    """Else `status` would name a deviation that nothing mends."""
    container = projects.Container(folder=filled)
    (approval,) = container.project().approvals()
    container.project().keep(replace(approval, openapi="what an older version made"))
    assert "makes another api" in freehold("status", filled, code=1)
    assert "makes another api" in freehold("plan", filled)
    assert json.loads(freehold("approve", filled, "--json"))["remade"] == ["api"]
    assert "No deviations" in freehold("status", filled)
    assert "nothing to approve" in freehold("approve", filled)


def test_a_plan_says_what_else_is_otherwise(filled: Path) -> None:
    write(filled, ("title: text", 'title: {type: text, pattern: "[A-Z].*"}'), ("  book:\n", "  book:\n    keep: yes\n"))
    plan = json.loads(freehold("plan", filled, "--json", code=2))
    assert [(each["what"], each["resource"], each["field"]) for each in plan["behaviour"]] == [
        ("keep", "book", None),
        ("pattern", "book", "title"),
    ]
    assert all(each["line"] and each["text"] in freehold("plan", filled, code=2) for each in plan["behaviour"])
    write(filled, ("app: trial", "# what is read by people only\napp: trial"))
    assert "Nothing that is served changes" in freehold("plan", filled)
    assert "Stored records stay as they are" in freehold("plan", filled)


MISFITS: dict[str, tuple[tuple[str, str], str, int]] = {
    "a required field": (("title: text,", "title: text, isbn: text,"), "without a default", 3),
    "a value that is gone": (("new, read, lost", "new, lost"), "loses the value `read`", 3),
    "another type": (("title: text", "title: date"), "`date` instead of `text`", 3),
    "required now": (("{type: text, optional: yes}", "text"), "required now", 1),
    "unique now": (("    owner: shelf\n", "    owner: shelf\n    unique: state per shelf\n"), "must be unique", 3),
    "narrower": (("title: text", "title: {type: text, length: 3 to 9}"), "narrower", 3),
    "later days": (("{type: date,", "{type: date, min: 2026-01-03,"), "narrower: at least 2026-01-03", 1),
    "fewer digits": (("{type: decimal,", "{type: decimal, places: 1,"), "narrower: at most 1 digit after", 3),
}


MEANT = {
    "a required field": meant("Q-REQUIRED", "book.isbn"),
    "another type": meant("Q-TYPE-CHANGED", "book.title"),
    "required now": meant("Q-REQUIRED", "book.pages"),
}
"""what is asked of some of them before they are approved"""


@pytest.mark.parametrize("change", MISFITS)
def test_what_does_not_fit_is_said_by_the_plan_and_refused_with_a_count_and_an_example(
    filled: Path, change: str
) -> None:
    replaced, words, count = MISFITS[change]
    write(filled, replaced)
    if change in MEANT:
        refused = freehold("approve", filled, code=2)
        assert "Not approved: there are open questions." in refused
        write(filled, replaced, MEANT[change])
    (found,) = json.loads(freehold("plan", filled, "--json"))["changes"]
    assert (found["destructive"], found["refused"], found["records"]) == (True, True, count)
    freehold("approve", filled)
    said = freehold("migrate", filled, code=1)
    assert words in said
    assert f"{count} record{'s stand' if count > 1 else ' stands'} in the way" in said
    assert found["example"] in said
    assert "Nothing was changed" in said
    assert "migrations/0002_" in said
    assert execute(filled, "SELECT count(*) FROM books WHERE state = 'read'") == [(3,)]


def test_a_revision_may_be_edited_and_is_approved_again(filled: Path) -> None:
    write(filled, MISFITS["a value that is gone"][0])
    freehold("approve", filled)
    (file,) = (filled / "migrations").glob("0002_*.py")
    text = file.read_text("utf-8")
    file.write_text(
        text.replace("    else:\n", "    else:\n        op.execute(\"UPDATE books SET state = 'lost'\")\n", 1), "utf-8"
    )
    assert f"migrations/{file.name} is not as it was approved" in freehold("plan", filled)
    said = freehold("migrate", filled, code=1)
    assert f"`migrations/{file.name}` changed after the approval" in said
    approved = json.loads(freehold("approve", filled, "--json"))
    assert (approved["edited_revisions"], approved["written"]) == ([file.name], None)
    freehold("migrate", filled)
    assert execute(filled, "SELECT DISTINCT state FROM books") == [("lost",)]


def test_a_revision_that_leads_elsewhere_is_refused(filled: Path) -> None:
    write(filled, ("title: text", "title: text, hot: yes/no"))
    freehold("approve", filled)
    (file,) = (filled / "migrations").glob("0002_*.py")
    file.write_text(file.read_text("utf-8").replace("hot", "cold"), "utf-8")
    freehold("approve", filled)
    said = freehold("migrate", filled, code=1)
    assert "would not be those of the specification. " in said
    file.write_text("revision = (", "utf-8")
    assert "cannot be used" in freehold("plan", filled, code=1)


# --- two people ------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> int:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, check=False).returncode  # noqa: S603, S607


def test_two_who_approve_side_by_side_are_told_and_find_a_way_out(filled: Path) -> None:
    (filled / ".gitignore").write_text("freehold.db*\n__pycache__/\n.freehold-secret\n")
    hot, cold = ("title: text", "title: text, hot: yes/no"), ("name: text", "name: text, cold: yes/no")
    git(filled, "init", "-b", "main")
    git(filled, "add", ".")
    git(filled, "commit", "-m", "first")
    for branch, change in (("ann", hot), ("bob", cold)):
        git(filled, "checkout", "-b", branch, "main")
        write(filled, change)
        freehold("approve", filled, "--by", branch)
        git(filled, "add", ".")
        git(filled, "commit", "-m", branch)
    git(filled, "checkout", "ann")
    freehold("migrate", filled)
    assert git(filled, "merge", "bob") == 1, "git finds the conflict"
    write(filled, hot, cold)
    for command in ("plan", "approve", "migrate", "serve"):
        said = freehold(command, filled, code=1)
        assert "approved by ann" in said
        assert "approved by bob" in said
    heads = sorted(line.split()[-1] for line in said.splitlines() if "--onto" in line)
    (kept,) = [head for head in heads if "hot" in next((filled / "migrations").glob(f"{head}*")).read_text("utf-8")]
    assert "cannot be kept" in freehold("approve", filled, "--onto", "0001_nobody", code=1)
    said = freehold("approve", filled, "--onto", kept, "--by", "ann")
    assert "Removed migrations/0002_" in said
    assert "the revision 0003_" in said
    freehold("migrate", filled)
    assert execute(filled, "SELECT hot FROM books LIMIT 1") == [(0,)]
    assert execute(filled, "SELECT cold FROM shelves") == [(0,)]
    projects.Container(folder=filled).specifications().require_served()


def test_a_folder_whose_lock_and_revisions_are_not_of_the_same_version_is_refused(filled: Path) -> None:
    lock = (filled / "freehold.lock").read_bytes()
    write(filled, ("title: text", "title: text, hot: yes/no"))
    freehold("approve", filled)
    (filled / "freehold.lock").write_bytes(lock)
    assert "Take both from the same version" in freehold("plan", filled, code=1)
    (filled / "freehold.lock").unlink()
    assert "there is no `freehold.lock`" in freehold("serve", filled, code=1)


# --- databases that are not ours, or are elsewhere --------------------------------------------


def test_a_database_that_is_not_ours_or_is_newer_is_left_alone(folder: Path) -> None:
    freehold("approve", folder)
    execute(folder, "CREATE TABLE theirs (a)", "INSERT INTO theirs VALUES (1)", "SELECT 1")
    before = (folder / "freehold.db").read_bytes()
    said = freehold("migrate", folder, code=1)
    assert "is not one of Freehold's: it holds the table `theirs`" in said
    assert (folder / "freehold.db").read_bytes() == before
    (folder / "freehold.db").unlink()
    freehold("migrate", folder)
    execute(folder, "UPDATE freehold_app_version SET version_num = '0009_elsewhere'", "SELECT 1")
    for command in ("migrate", "serve"):
        said = freehold(command, folder, code=1)
        assert "`0009_elsewhere`" in said
        assert "newer version of this project" in said
    assert [path.name for path in folder.glob("freehold.db.*")] == [], "nothing was copied"


def test_what_dev_made_is_taken_over_if_nothing_is_lost(folder: Path) -> None:
    path = folder / "freehold.db"
    container = projects.Container(folder=folder)
    projects.bring_up(path, container.tables(), allow_losses=False)
    execute(folder, *ROWS, "SELECT 1")
    write(folder, *ALTERED)
    freehold("approve", folder)
    assert "is at no approved revision" in freehold("serve", folder, code=1)
    assert "It is taken over" in freehold("migrate", folder)
    assert execute(folder, "SELECT title, pages FROM volumes ORDER BY id") == [("T2", 12), ("T3", 34), ("T4", None)]
    projects.Container(folder=folder).specifications().require_served()
    write(folder, *ALTERED, ("title: text, ", ""))
    projects.bring_up(path, projects.Container(folder=folder).tables(), allow_losses=True)
    write(folder, *ALTERED, ('state: "one of new, read, lost"', "state: text"), ("title: text, ", ""))
    write(folder, *ALTERED, (', state: "one of new, read, lost"', ""), ("title: text, ", ""))
    freehold("approve", folder)
    said = freehold("migrate", folder, code=1)
    assert "would lose stored values: `volume.state` vanishes" in said
    assert "freehold dev" in said


def test_tables_that_were_changed_by_hand_are_not_built_upon(filled: Path) -> None:
    execute(filled, "ALTER TABLE books ADD COLUMN more", "SELECT 1")
    write(filled, ("title: text", "title: text, hot: yes/no"))
    assert json.loads(freehold("plan", filled, "--json"))["counted"] is True, "there is nothing to count"
    freehold("approve", filled)
    said = freehold("migrate", filled, code=1)
    assert "changed by hand, so how to change it is not known. " in said


# --- killed ----------------------------------------------------------------------------------

KILL = """
import os, sqlalchemy
from entrypoints.cli import main
left = [{}]
def die(*_):
    left[0] -= 1
    if left[0] == 0:
        os._exit(9)
sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", die)
sqlalchemy.event.listen(sqlalchemy.Engine, "commit", die)
main()
"""


def dies(at: int, folder: Path) -> bool:
    """Migrate in a process that dies at one of its statements or commits; whether it came so far."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # another thread, which waits for nobody
        child = os.fork()
    if child:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, 9)
        return status == 9
    left = [at]

    def die(*_: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            os._exit(9)

    code = 1
    try:
        event.listen(Engine, "before_cursor_execute", die)
        event.listen(Engine, "commit", die)
        projects.Container(folder=folder).specifications().migrate(lambda _: None)
        code = 0
    finally:
        os._exit(code)


def test_a_migration_that_is_killed_at_any_statement_loses_nothing_and_the_next_one_finishes(
    filled: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Two revisions wait; each run begins with the same database and dies one statement later."""
    write(filled, *ALTERED)
    freehold("approve", filled)
    write(filled, *ALTERED, ("title: text", "title: {type: text, length: 1 to 9}, more: {type: integer, default: 5}"))
    freehold("approve", filled)
    at, ended = 1, False
    while not ended:
        folder = tmp_path_factory.mktemp("killed") / "project"
        shutil.copytree(filled, folder)
        ended = not dies(at, folder)
        assert execute(folder, "PRAGMA integrity_check") == [("ok",)]
        names = {name for (name,) in execute(folder, "SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert ("books" in names) is not ("volumes" in names)
        if not ended:
            projects.Container(folder=folder).specifications().migrate(lambda _: None)
        assert execute(folder, "SELECT title, pages, more FROM volumes ORDER BY id") == [
            ("T2", 12, 5),
            ("T3", 34, 5),
            ("T4", None, 5),
        ]
        assert execute(folder, "SELECT label, hot FROM shelves") == [("A", 0)]
        assert execute(folder, "SELECT resource, role FROM freehold_memberships") == [("shelf", "viewer")]
        projects.require_same(folder / "freehold.db", projects.Container(folder=folder).tables())
        shutil.rmtree(folder.parent)
        at += 1
    assert at > 30, "it was killed at every one"


def test_on_postgresql_too_it_is_one_transaction_a_revision(postgres_server: Server, folder: Path) -> None:
    database = postgres_server.new()
    place = Place(database.url, database.migration_url)
    settings = {"database_url": database.url, "migration_url": database.migration_url}
    try:
        projects.settle(folder, place, "Ann")
        for row in ROWS:
            postgres_server.execute(row, database.name)
        write(folder, MISFITS["later days"][0], MISFITS["fewer digits"][0])
        plan = json.loads(freehold("plan", folder, "--json", **settings))
        assert [each["records"] for each in plan["changes"]] == [1, 3]
        write(folder, *ALTERED)
        assert "`book` is now called `volume`" in freehold("plan", folder, **settings)
        freehold("approve", folder, **settings)
        sql = freehold("migrate", folder, "--dry-run", **settings)
        assert "ALTER TABLE books RENAME TO volumes;" in sql
        assert "CREATE POLICY" in sql
        for at in (3, 40, 80, 200):
            assert killed(at, "migrate", folder, **settings) == 9
            found = postgres_server.execute("SELECT title, pages FROM books ORDER BY id", database.name)
            assert [tuple(row) for row in found] == [("T2", "12"), ("T3", "34"), ("T4", None)]
        freehold("migrate", folder, **settings)
        found = migrating.within(database.migration_url, _volumes)
        assert found == [("T2", 12), ("T3", 34), ("T4", None)]
        (scope,) = postgres_server.execute(SCOPES, database.name)
        assert json.loads(scope[0]) == ["volume", "shelf"], "an API key is for the same records as before"
        projects.require_same(place, projects.Container(folder=folder).tables())
    finally:
        postgres_server.drop(database)


def _volumes(connection: Connection) -> list[Any]:
    return [tuple(row) for row in connection.exec_driver_sql("SELECT title, pages FROM volumes ORDER BY id")]
