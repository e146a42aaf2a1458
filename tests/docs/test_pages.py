"""Every fenced block of every page is executed: a page cannot show what is not so.

| block | is |
|---|---|
| `console` | commands behind `$`, run in order in a shell of the page's own, and what they print; `…` is anything |
| `sh` | commands that must succeed; what they print is not shown |
| `yaml PATH` | written there, and read as `freehold check` does: no mistake; no open question, or with `asks` some |
| `yaml of NAME` | a part of a specification, put into the frame of that name below, and read; with `each`, each line |
| `yaml behind NAME` | the end of that example, in place of its own `examples:`; each sentence is true |
| `sql` | what row-level security is put up by; with `as ROLE`, what that role tells PostgreSQL |
| `python` | run from top to bottom |
| `ini` | a unit of systemd: it is one, and starts a command that there is, with options that there are |
| `{toctree}` | the pages that it names are there |

What is said once on a page goes on behind it: a command that serves does so until the next one, or to the page's end.
Ids, tokens and times are others each time; the same id on the page is the same id behind it. A few commands are not run
but read (`READ`, `FOR_LONG`): what would take minutes, or test the tests.
"""

import configparser
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from sqlalchemy import Connection

import dev
from adapters.persistence.sql.migrating import within
from adapters.specification_file import load
from domain.specification.model import Specification
from domain.specification.questions import review
from entrypoints.cli import cli
from tests.application.world import example
from tests.conftest import PostgresDatabase
from tests.docs.pages import PAGES, REPOSITORY, Block, blocks, indented
from tests.docs.session import SERVES, NotAsShown, Session, quick, session
from tests.examples.test_row_level_security import GENERATED, in_one_line

READ = ("python3 dev.py", ".ci/run", ".venv/bin/python -m benchmarks.", "FREEHOLD_TEST_", "npm ")
"""Commands that are only read: that there is such a command, with such options and files."""
FOR_LONG = re.compile(
    r"freehold prove .*(--budget (10m|5m|1000000|\d{5})|--database )|freehold prove \S+( --html \S+)?$"
)
"""likewise: a proof of minutes, and what never ends; the options are those of the command"""

PLAIN = "fields: {name: text}, can: {create: signed in, read: owner}"
FRAMES = {
    "fields": f"""
  client: {{owner: account, {PLAIN}}}
  lead: {{owner: account, plural: leaders, {PLAIN}}}
  invoice:
    owner: account
    roles: lead
    BLOCK
    can: {{create: signed in, read: [owner, invoice.lead], share: owner}}
""",
    "can": """
  record:
    owner: account
    roles: practitioner
    fields:
      author: creator
      portal: {type: account, optional: yes}
      address: text
      phone: text
      state: one of draft, published
    BLOCK
""",
    "roles": """
  record:
    owner: account
    BLOCK
    fields: {name: text}
    can: {create: signed in, read: owner}
""",
    "links": """
  record:
    owner: account
    roles: viewer
    BLOCK
    fields: {name: text}
    can: {create: signed in, read: [owner, viewer], share: owner}
""",
    "steps": """
  task:
    owner: account
    roles: lead
    fields: {status: "one of todo, doing, done", assignee: {type: account, optional: yes}}
    BLOCK
    can: {create: signed in, read: [owner, lead, assignee], share: owner}
""",
    "unique": f"""
  client: {{owner: account, {PLAIN}}}
  business: {{owner: account, plural: businesses, {PLAIN}}}
  invoice:
    owner: business
    fields: {{title: text, number: text, year: integer, email: text, client: client, username: text}}
    BLOCK
    can: {{create: owner, read: owner}}
""",
    "update": """
  client:
    owner: account
    roles: clerk
    fields:
      name: text
      phone: text
    can:
      create: signed in
      read: [owner, clerk]
      share: owner
      BLOCK
""",
}
"""what the parts of a specification that a page shows are parts of"""


SOME_ID, OTHER_ID, THIRD_ID = (f"01a20a76-39f6-7790-bd9a-a9be217e93b{digit}" for digit in "abc")


class Page:
    """What one page needs while it is executed."""

    def __init__(self, shell: Session, database: PostgresDatabase) -> None:
        """`database` makes one of PostgreSQL, where a page asks for that."""
        self.shell, self.database = shell, database

    def execute(self, block: Block) -> None:
        """Raise where it is not so."""
        known = {
            "console": self._console,
            "sh": self._sh,
            "yaml": self._yaml,
            "sql": self._sql,
            "python": self._python,
            "ini": self._unit,
            "{toctree}": self._toctree,
        }
        assert block.language in known, f"nothing executes `{' '.join(block.words)}`: see {__name__}"
        known[block.language](block)

    def _console(self, block: Block) -> None:
        steps = list(_shown(block.text))
        for at, (command, shown) in enumerate(steps):
            after = steps[at + 1] if at + 1 < len(steps) else ("", "")
            if command == "echo $?":
                continue
            said = after[1].strip() if after[0] == "echo $?" else "0"
            self.shell.show(command, shown, int(said))

    def _sh(self, block: Block) -> None:
        for command in _commands(block.text.splitlines()):
            bare = re.sub(r"^(?:FREEHOLD_\w+=\S+ )+(?=python3)", "", re.sub(r"\s+# .*$", "", command))
            if bare.startswith(READ):
                _read(bare)
            elif FOR_LONG.match(bare):
                _read_freehold(shlex.split(bare)[1:])
            elif SERVES.fullmatch(bare):
                self.shell.show(bare, "…")
            else:
                code, printed = self.shell.run(command)
                if code:
                    raise NotAsShown(f"`{command}` ended with {code}:\n{printed}")

    def _yaml(self, block: Block) -> None:
        match list(block.words[1:]):
            case ["of", name, *each] if each in ([], ["each"]):
                for part in block.text.splitlines() if each else [block.text]:
                    _loads(self.shell.folder, f"app: shown\nresources:{_framed(FRAMES[name], part)}")
            case ["behind", name]:
                given = (
                    (REPOSITORY / "examples" / name / "freehold.yaml").read_text("utf-8").partition("examples:\n")[0]
                )
                specification = _loads(self.shell.folder, given + block.text)
                assert review(specification) == ((), ())
            case [path, *asks] if asks in ([], ["asks"]):
                file = self.shell.folder / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(block.text, "utf-8")
                questions, problems = review(load(file))
                assert problems == ()
                assert bool(questions) is bool(asks), questions
            case _:
                raise NotAsShown("say which file this is, or of what it is a part")

    def _sql(self, block: Block) -> None:
        told = block.text.split("\n\n")
        match list(block.words[1:]):
            case []:
                assert [each for each in told if in_one_line(each) not in GENERATED] == []
            case ["as", "freehold_app"]:
                application = self.database(example("notes")).url
                within(application, lambda connection: [connection.exec_driver_sql(each) for each in told])
            case ["as", "postgres"]:
                # on roles that are not there yet, and undone
                statements = [each.replace("ROLE freehold_", "ROLE shown_") for each in told]
                with pytest.raises(Undone):
                    within(self.database(example("notes")).superuser_url, lambda found: _undone(found, statements))
            case _:
                raise NotAsShown("say as whom")

    def _python(self, block: Block) -> None:
        exec(compile(block.text, block.place, "exec"), {})  # noqa: S102

    def _unit(self, block: Block) -> None:
        unit = configparser.ConfigParser(interpolation=None, delimiters="=")
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read_string(block.text)
        assert {"Unit", "Service", "Install"} == set(unit.sections())
        program, *arguments = shlex.split(unit["Service"]["ExecStart"])
        assert program.endswith("/freehold")
        _read_freehold(arguments)

    def _toctree(self, block: Block) -> None:
        named = [line for line in block.text.splitlines() if line and not line.startswith(":")]
        for name in named:
            assert list(block.page.parent.glob(f"{name}.md")), name


class Undone(Exception):
    """What was tried is rolled back."""


def _undone(connection: Connection, statements: list[str]) -> None:
    if "CREATE ROLE" not in statements[0]:
        connection.exec_driver_sql("CREATE ROLE shown_app")
    for statement in statements:
        connection.exec_driver_sql(statement)
    raise Undone


def _shown(text: str) -> Iterator[tuple[str, str]]:
    """Each command, and what is shown behind it; `> ` goes on with a command."""
    command, shown = "", ""
    for line in text.splitlines():
        if command.endswith("\\") or (line.startswith("> ") and command and not shown):
            command += "\n" + line.removeprefix("> ")
        elif line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line.removeprefix("$ "), ""
        else:
            assert command, "what is printed stands behind a command"
            shown += line + "\n"
    yield command, shown


def _commands(lines: list[str]) -> Iterator[str]:
    """Each command of a script, with the lines that go on with it."""
    command = ""
    for line in lines:
        command = f"{command}\n{line}" if command else line
        if command and not command.endswith(("\\", "|")) and command.count("'") % 2 == 0:
            if not command.startswith("#"):
                yield command
            command = ""


def _read(command: str) -> None:
    """Raise unless there is such a command, and every file and option that it names."""
    words = [word for word in shlex.split(command) if not re.fullmatch(r"FREEHOLD_\w+=\S+", word)]
    match words:
        case ["python3", "dev.py", name, *arguments]:
            assert name in dev.PLAIN or name in dev.PASSING_ON, name
        case [".ci/run"]:
            name, arguments = "", []
            assert (REPOSITORY / ".ci" / "run").exists()
        case [".venv/bin/pytest", *arguments]:
            name = ""
        case ["npm", "--prefix", folder, *rest]:
            # what `tests/clients` runs
            package = json.loads((REPOSITORY / folder / "package.json").read_text("utf-8"))
            assert (REPOSITORY / folder / "package-lock.json").exists()
            assert rest == ["ci"] or rest in [["run", script] for script in package["scripts"]], command
            return
        case [".venv/bin/python", "-m", module, *arguments]:
            assert (REPOSITORY / (module.replace(".", "/") + ".py")).exists(), module
            source = (REPOSITORY / (module.replace(".", "/") + ".py")).read_text("utf-8")
            assert all(option in source for option in arguments if option.startswith("--"))
            return
        case _:
            raise NotAsShown(f"`{command}` cannot be read")
    if name == "bench":
        source = (REPOSITORY / "benchmarks" / "run.py").read_text("utf-8")
        assert all(option in source for option in arguments if option.startswith("--")), command
    if name == "prove":
        _read_freehold(["prove", *arguments])
    for word in arguments:
        assert not word.startswith("tests") or (REPOSITORY / word).exists(), word


def _read_freehold(arguments: list[str]) -> None:
    """Raise unless `freehold` takes these arguments."""
    command: Any = typer.main.get_command(cli)
    rest = list(arguments)
    while hasattr(command, "commands"):
        name = rest.pop(0)
        assert name in command.commands, f"there is no command `{name}`"
        command = command.commands[name]
    command.make_context("freehold", rest)


def _loads(folder: Path, text: str) -> Specification:
    file = folder / "shown.yaml"
    file.write_text(text, "utf-8")
    return load(file)


def _framed(frame: str, text: str) -> str:
    """The text at its place, as deep as that is."""
    before, _, after = frame.partition("BLOCK")
    return before + text.rstrip().replace("\n", "\n" + " " * len(before.rpartition("\n")[2])) + after


@pytest.fixture
def lazily(request: pytest.FixtureRequest) -> PostgresDatabase:
    """A database, once a page asks for one."""
    return lambda specification: request.getfixturevalue("postgres_database")(specification)


@pytest.fixture(scope="module")
def freehold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of that command."""
    with quick(tmp_path_factory.mktemp("quick")) as folder:
        yield folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_a_page_shows_what_is_so(page: Path, tmp_path: Path, freehold: Path, lazily: PostgresDatabase) -> None:
    found = blocks(page)
    assert indented(page) == [], "nobody executes what has no fence"
    if not found:
        return
    with session(tmp_path, freehold) as shell:
        executing = Page(shell, lazily)
        for block in found:
            try:
                executing.execute(block)
            except BaseException as error:
                error.add_note(f"in {block.place}")
                raise


def test_every_page_of_docs_is_in_the_navigation() -> None:
    folder = REPOSITORY / "docs"
    named = [
        path
        for page in PAGES
        for block in blocks(page)
        if block.language == "{toctree}"
        for line in block.text.splitlines()
        if not line.startswith(":")
        for path in page.parent.glob(f"{line}.md")
    ]
    assert sorted([folder / "index.md", *named]) == sorted(folder.glob("**/*.md"))


# --- that it can fail ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "text", "why"),
    [
        ("json", "{}", "nothing executes `json`"),
        ("", "$ true", "nothing executes ``"),
        ("console", "$ echo 1\n2\n", "the page shows:\n2"),
        ("console", "$ echo 1\n1\n2\n", "the page shows:\n1\n2"),
        ("console", "$ false\n", "ended with 1"),
        ("console", "$ true\n$ echo $?\n1\n", "ended with 0"),
        ("console", f"$ echo {OTHER_ID}\n{SOME_ID}\n$ echo {THIRD_ID}\n{SOME_ID}\n", "the page shows"),
        ("sh", "true\nfalse\n", "`false` ended with 1"),
        ("sh", "python3 dev.py serv", "serv"),
        ("sh", "freehold prove myapp --buget 10m", "buget"),
        ("sh", "npm --prefix examples/admin run biuld", "biuld"),
        ("yaml", "app: a", "say which file"),
        ("yaml of roles", "roles: editor < viewer", "editor"),
        ("yaml behind notes", "examples:\n  - mary owns notebook 1; mary cannot read notebook 1\n", "assert"),
        ("sql", "GRANT ALL ON notes TO PUBLIC", "GRANT ALL"),
        ("python", "assert False, 'never'", "never"),
        ("{toctree}", "nowhere", "nowhere"),
    ],
)
def test_a_page_that_shows_what_is_not_so_fails(
    words: str, text: str, why: str, tmp_path: Path, freehold: Path, lazily: PostgresDatabase
) -> None:
    with session(tmp_path, freehold) as shell, pytest.raises(BaseException, match=re.escape(why)):
        Page(shell, lazily).execute(Block(REPOSITORY / "docs" / "none.md", 1, tuple(words.split()), text))


def test_code_without_a_fence_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Do this:\n\n    freehold check\n\n```sh\ntrue\n\n    indented\n```\n\n- a list\n\n    goes on\n", "utf-8"
    )
    assert indented(page)[0] == "    freehold check"
