"""A project's `migrations/`: one Alembic revision for each approval that changes tables, written to be read and edited.

A revision holds plain SQL for both databases, the way there and the way back. `op.refuse_where` is the one word beside
Alembic's own: a query that must find nothing before anything is changed.
"""

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.operations import MigrateOperation, Operations
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from adapters.persistence.sql import postgres, sqlite
from adapters.persistence.sql.evolving import Guard, Run, Step, created, dropped, evolved
from adapters.persistence.sql.migrating import MIGRATIONS
from adapters.persistence.sql.second_wall import APP_REVISIONS
from adapters.persistence.sql.tables import Tables
from domain.errors import NotApproved, SchemaDiffers
from domain.specification.approval import digest
from domain.specification.evolution import changes_of, lineage, reverse

FOLDER = "migrations"
_BIND = re.compile(r"(?<![:\w$\\])(:[\w$]+)(?![:\w$])")
"""what SQLAlchemy would take for a parameter"""
_NO_BIND = r"\\\1"


def refuse_where(connection: Connection, query: str, why: str) -> None:
    """Raises `SchemaDiffers` with how many records stand in the way, and one of them, where a query finds any."""
    count, example = found_by(connection, query)
    if count:
        which = (
            f"{counted(count)} {'stand' if count > 1 else 'stands'} in the way, {'such as' if count > 1 else 'with id'}"
        )
        raise SchemaDiffers(f"{why[:1].upper()}{why[1:]}. {which} `{example}`.")


def found_by(connection: Connection, query: str) -> tuple[int, str | None]:
    """How many ids a query finds, and the first of them."""
    asked = f"SELECT count(*), min(CAST(id AS VARCHAR(64))) FROM ({query}) AS found"  # noqa: S608 - of ours or a revision
    count, example = connection.exec_driver_sql(asked).one()
    return count, example


def counted(count: int) -> str:
    """So many records, in words."""
    return "1 record" if count == 1 else f"{count:,} records"


@Operations.register_operation("refuse_where")
class RefuseWhere(MigrateOperation):
    """`op.refuse_where(query, why)` in a revision."""

    def __init__(self, query: str, why: str) -> None:
        """Keep both."""
        self.query, self.why = query, why

    @classmethod
    def refuse_where(cls, operations: Operations, query: str, why: str) -> Any:
        """See `refuse_where`."""
        return operations.invoke(cls(query, why))


@Operations.implementation_for(RefuseWhere)
def _refuse_where(operations: Operations, operation: RefuseWhere) -> None:
    context = operations.get_context()
    if context.as_sql:
        context.impl.static_output(f"-- refused where this finds something ({operation.why}):\n-- {operation.query};\n")
        return
    connection = context.connection
    assert connection is not None
    refuse_where(connection, operation.query, operation.why)


class Revisions:
    """The revisions of one project."""

    def __init__(self, project: Path) -> None:
        """Nothing is read yet, and the folder need not be there."""
        self.folder = project / FOLDER

    # --- what is there -------------------------------------------------------------------

    def digests(self) -> Mapping[str, str]:
        """Of each file."""
        return {path.name: digest(path.read_bytes().decode()) for path in sorted(self.folder.glob("*.py"))}

    def heads(self) -> tuple[str, ...]:
        """The revisions that none follows. Raises `NotApproved` where a file cannot be read."""
        with _Reading(self.folder):
            return tuple(sorted(self._script().get_heads())) if self.folder.is_dir() else ()

    def line(self, head: str | None) -> tuple[str, ...]:
        """A revision and all before it, the first one first; empty where there is no such revision."""
        if head is None or not self.folder.is_dir():
            return ()
        with _Reading(self.folder):
            script = self._script()
            if head not in {each.revision for each in script.walk_revisions()}:
                return ()
            return tuple(each.revision for each in script.iterate_revisions(head, "base"))[::-1]

    def file_of(self, revision: str) -> Path:
        """Where a revision stands."""
        return Path(str(self._script().get_revision(revision).path))

    def _script(self) -> ScriptDirectory:
        return ScriptDirectory.from_config(self._config())

    def _config(self, **attributes: Any) -> Config:
        config = Config(attributes={"version_table": APP_REVISIONS, **attributes})
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", str(self.folder).replace("%", "%%"))
        return config

    # --- running -------------------------------------------------------------------------

    def upgrade(self, connection: Connection, revision: str) -> None:
        """Run it in the transaction of a connection. Raises `NotApproved` where it cannot be read."""
        with _Reading(self.folder):
            command.upgrade(self._config(connection=connection), revision)

    def stamp(self, connection: Connection, revision: str) -> None:
        """Write down that the database is at this revision."""
        with _Reading(self.folder):
            command.stamp(self._config(connection=connection), revision, purge=True)

    def sql(self, since: str | None, until: str, *, typed: bool) -> str:
        """What an upgrade from one to another would run."""
        output = io.StringIO()
        config = self._config(url="postgresql+asyncpg://" if typed else "sqlite://")
        config.output_buffer = output
        with _Reading(self.folder):
            command.upgrade(config, f"{since}:{until}" if since else until, sql=True)
        return output.getvalue()

    # --- writing -------------------------------------------------------------------------

    def write(self, before: Tables | None, after: Tables, follows: str | None) -> str | None:
        """The new revision; None where the tables need none."""
        number = len(self.line(follows)) + 1
        revision = f"{number:04d}_{digest(after.specification.source)[:8]}"
        there, back, title = _ways(before, after)
        if not any(there.values()):
            return None
        text = _FILE.format(
            title=title[:1].upper() + title[1:],
            revision=revision,
            follows=repr(follows).replace("'", '"'),
            upgrade=_function(there),
            downgrade=_function(back),
        )
        self.folder.mkdir(exist_ok=True)
        slug = "_".join(re.findall(r"[a-z0-9]+", title.lower()))[:40].rstrip("_")
        (self.folder / f"{revision}_{slug}.py").write_bytes(text.encode())
        return revision

    def remove(self, revision: str) -> Path:
        """Of the folder; its file, as it was."""
        path = self.file_of(revision)
        path.unlink()
        return path


class _Reading:
    """What Alembic and Python say about files of the folder, as `NotApproved`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, CommandError | SyntaxError | ImportError | NameError | AttributeError | TypeError):
            raise NotApproved(f"A revision in {self.folder} cannot be used: {error}.") from error


Way = Mapping[str, tuple[Step, ...]]
"""the steps on each database"""
_DIALECTS = (sqlite.DIALECT, postgres.DIALECT)


def _ways(before: Tables | None, after: Tables) -> tuple[Way, Way, str]:
    """There, back, and what it is about."""
    if before is None:
        there: Way = {dialect.name: created(after, dialect) for dialect in _DIALECTS}
        return there, {d.name: dropped(after, d) for d in _DIALECTS}, f"the tables of {after.specification.app}"
    forth = lineage(before.specification, after.specification)
    back = reverse(forth)
    texts = [change.text for change in changes_of(forth)]
    further = f", and {len(texts) - 1} more" if len(texts) > 1 else ""
    title = f"{texts[0].replace('`', '')}{further}" if texts else "other columns and indexes for the rules"
    return (
        {dialect.name: evolved(before, after, forth, dialect) for dialect in _DIALECTS},
        {dialect.name: evolved(after, before, back, dialect) for dialect in _DIALECTS},
        title,
    )


_FILE = '''\
"""{title}.

Written by `freehold approve`. You may edit it until it has run; approve again, then it is approved as it stands.
`freehold migrate` runs it in one transaction, and refuses it where the tables would not be those of the specification.
"""

from alembic import op

revision = "{revision}"
down_revision = {follows}
branch_labels = None
depends_on = None


def upgrade() -> None:
{upgrade}


def downgrade() -> None:
{downgrade}
'''


def _function(ways: Way) -> str:
    """The body that tells the databases apart, unless they need the same."""
    embedded, typed = (list(_calls(ways[dialect.name])) for dialect in _DIALECTS)
    if embedded == typed:
        return _indented(typed or ["pass"], 1)
    return "\n".join(
        (
            '    if op.get_context().dialect.name == "postgresql":',
            _indented(typed or ["pass"], 2),
            "    else:",
            _indented(embedded or ["pass"], 2),
        )
    )


def _indented(calls: Iterable[str], depth: int) -> str:
    return "\n".join("    " * depth + line if line else line for call in calls for line in call.split("\n"))


def _calls(steps: Sequence[Step]) -> Iterator[str]:
    for step in steps:
        match step:
            case Guard(query, why):
                yield f"op.refuse_where(\n    {_text(query)},\n    {_text(why)},\n)"
            case Run(sql):
                yield f"op.execute({_text(_BIND.sub(_NO_BIND, sql))})"


def _text(text: str) -> str:
    """A text in Python: several lines where it has some."""
    if "\n" not in text:
        return _plain(text)
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return '"""\n' + "\n".join(f"    {line}" for line in escaped.split("\n")) + '\n"""'


def _plain(text: str) -> str:
    escaped = text.replace("\\", "\\\\")
    if '"' in text and "'" not in text:
        return f"'{escaped}'"
    return '"' + escaped.replace('"', '\\"') + '"'
