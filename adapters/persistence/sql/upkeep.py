"""Keeps one database at a specification: by the project's revisions, or straight from text to text, as `dev` does.

The database says itself what it holds. `freehold_app_version` has the revision, which `migrate` writes; where `dev`
changed something since, there is none. `freehold_specification` has the text that the tables are of. Every change is
one transaction, which ends by comparing the tables with the specification.
"""

import os
import re
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, event, insert, inspect, select
from sqlalchemy.exc import DBAPIError

from adapters.persistence.sql import evolving, migrating, postgres, postgres_schema, schema, second_wall, sqlite
from adapters.persistence.sql.evolving import Guard, Run, Step
from adapters.persistence.sql.inspection import APP_REVISION_TABLE as _VERSION
from adapters.persistence.sql.inspection import APP_REVISIONS, APP_TEXT
from adapters.persistence.sql.inspection import APP_TEXT_TABLE as _TEXT
from adapters.persistence.sql.policies import OWN_CLOCK
from adapters.persistence.sql.pool import Server
from adapters.persistence.sql.postgres_inspection import deviations_of
from adapters.persistence.sql.revisions import Revisions, counted, found_by, refuse_where
from adapters.persistence.sql.schema import BUILT_IN
from adapters.persistence.sql.second_wall import SecondWall
from adapters.persistence.sql.tables import Tables, build
from adapters.specification_file import parse
from application.ports import Migrated
from domain.errors import SchemaDiffers, SpecificationInvalid
from domain.specification.approval import Approval, digest
from domain.specification.evolution import Change, Lineage, changes_of, lineage
from domain.specification.model import Specification

T = TypeVar("T")
Tell = Callable[[str], None]
_OURS = "freehold_accounts"
"""a table that every database of ours has"""


class LosesValues(SchemaDiffers):
    """Stored values would be lost, and nobody allowed that."""


@dataclass(frozen=True)
class _Held:
    """What a database says of itself."""

    revision: str | None
    source: str | None
    """the text that its tables are of; None where it does not say"""


class Upkeep:
    """One database: an SQLite file, or a server in the role that owns the tables."""

    def __init__(self, database: Path | Server, revisions: Revisions | None = None, *, moment: str = OWN_CLOCK) -> None:
        """`revisions`: the project's, for all that is done by them; `moment`: whose clock counts on PostgreSQL."""
        self.database, self._moment = database, moment
        self._revisions = Revisions(Path()) if revisions is None else revisions
        self.url = database.owner_url if isinstance(database, Server) else f"sqlite:///{database}"
        self._typed = isinstance(database, Server)
        self._dialect = postgres.DIALECT if self._typed else sqlite.DIALECT

    # --- from text to text ---------------------------------------------------------------

    def develop(self, tables: Tables, *, allow_losses: bool = False) -> tuple[Change, ...]:
        """Make the database hold the specification's tables, all or nothing; what was to do, and was done.

        Raises `LosesValues` where stored values would be lost (unless that is allowed), and `SchemaDiffers` where
        stored records do not fit, or it is not known what the tables are.
        """
        self._made_ready()
        return self._within(partial(self._develop, tables=tables, allow_losses=allow_losses))

    def _develop(self, connection: Connection, tables: Tables, allow_losses: bool) -> tuple[Change, ...]:
        held = _held(connection)
        forth, steps = self._way(connection, held, tables)
        if not steps and held.source == tables.specification.source and not self._gap(connection, tables):
            return ()
        changes = () if forth is None else changes_of(forth)
        refused = [why for step in steps if isinstance(step, Guard) and (why := _refusal(connection, step))]
        if refused:
            raise SchemaDiffers("\n".join(refused))
        if forth is not None and not allow_losses:
            self._require_no_losses(connection, forth, changes)
        self._change(connection, tables, steps, held.revision if not steps else None)
        return changes

    def _way(self, connection: Connection, held: _Held, tables: Tables) -> tuple[Lineage | None, tuple[Step, ...]]:
        """Which is which, and the steps; nothing where the tables are those already."""
        present = [name for name in inspect(connection).get_table_names() if not name.startswith(BUILT_IN)]
        if not present and not held.source:
            return None, evolving.created(tables, self._dialect)
        same = not self._compare(connection, tables)
        before = None if not held.source else _tables(held.source)
        if before is None or self._compare(connection, before):
            if same:
                return None, ()
            raise self._drifted(self._compare(connection, before or tables), known=before is not None)
        forth = lineage(before.specification, tables.specification)
        return forth, evolving.evolved(before, tables, forth, self._dialect)

    def _drifted(self, differences: schema.Differences, *, known: bool) -> SchemaDiffers:
        why = "was changed by hand" if known else "was not made by this version of Freehold"
        return SchemaDiffers(
            f"{self.database} {why}, so how to change it is not known. {schema.told(differences)} `freehold status` "
            "says what mends it; or begin with an empty database."
        )

    def _require_no_losses(self, connection: Connection, forth: Lineage, changes: Iterable[Change]) -> None:
        before, after = build(forth.before), build(forth.after)
        losses = []
        for change in changes:
            if change.destructive and not change.refuses:
                query = evolving.counting(before, after, forth, change, self._dialect)
                count, _ = found_by(connection, query) if query is not None else (0, None)
                losses += [f"{change.text} ({counted(count)})"] if count else []
        if losses:
            raise LosesValues("This would lose stored values: " + "; ".join(losses) + ".")

    def _change(self, connection: Connection, tables: Tables, steps: Iterable[Step], revision: str | None) -> None:
        if self._typed:
            second_wall.lower(connection)
        try:
            for step in steps:
                if isinstance(step, Run):
                    connection.exec_driver_sql(step.sql)
        except DBAPIError as error:
            raise SchemaDiffers(f"The stored records do not fit the specification: {error.orig}.") from error
        self._finish(connection, tables, revision)

    def _finish(self, connection: Connection, tables: Tables, revision: str | None) -> None:
        """The tables must be those of the specification; write down that they are, and raise the second wall."""
        differences = self._compare(connection, tables)
        if differences:
            raise SchemaDiffers(f"The tables would not be those of the specification. {schema.told(differences)}")
        for table in (_VERSION, _TEXT):
            table.create(connection, checkfirst=True)
        if revision is None:
            connection.execute(_VERSION.delete())
        connection.execute(_TEXT.delete())
        connection.execute(insert(_TEXT).values(source=tables.specification.source, revision=revision))
        if isinstance(self.database, Server):
            SecondWall(tables, self._moment).put_up(connection, self.database.role)

    # --- what a change would meet --------------------------------------------------------

    def counts(self, before: Specification, after: Specification) -> dict[Change, tuple[int, str | None]] | None:
        """See `Keeping`."""
        if isinstance(self.database, Path) and not self.database.exists():
            return None
        forth = lineage(before, after)
        old, new = build(before), build(after)

        def count(connection: Connection) -> dict[Change, tuple[int, str | None]] | None:
            held = _held(connection)
            if held.source is None or digest(held.source) != digest(before.source) or self._compare(connection, old):
                return None
            queries = {
                change: evolving.counting(old, new, forth, change, self._dialect) for change in changes_of(forth)
            }
            return {change: found_by(connection, query) for change, query in queries.items() if query is not None}

        return self._within(count)

    # --- by revisions --------------------------------------------------------------------

    def require(self, approval: Approval) -> None:
        """See `Keeping`."""
        url = self.database.url if isinstance(self.database, Server) else self.url
        if isinstance(self.database, Path) and not self.database.exists():
            raise SchemaDiffers(f"There is no database at {self.database}. `freehold migrate` makes one.")
        revision = migrating.reading(url, _revision)
        if revision == approval.revision:
            return
        self._require_known(revision, self._revisions.line(approval.revision))
        at = "no approved revision" if revision is None else f"revision `{revision}`"
        raise SchemaDiffers(
            f"{self.database} is at {at}; `{approval.revision}` is approved. `freehold migrate` brings it there."
        )

    def _require_known(self, revision: str | None, line: tuple[str, ...]) -> None:
        if revision is not None and revision not in line:
            raise SchemaDiffers(
                f"{self.database} is at revision `{revision}`, which the approved `migrations/` does not have: it "
                "was migrated by a newer version of this project, or by another one. Take that version, or another "
                "database."
            )

    def migrate(self, approval: Approval, tell: Tell) -> Migrated:
        """See `Keeping`."""
        line, tables = self._revisions.line(approval.revision), build(parse(approval.text))
        if isinstance(self.database, Path) and not self.database.exists():
            held, built_in, empty = _Held(None, None), False, True
        else:
            held, built_in, empty = self._within(self._looked_at)
        self._require_known(held.revision, line)
        pending = line[line.index(held.revision) + 1 :] if held.revision in line else line
        adopted = held.revision is None and held.source is not None
        there = not pending and built_in and held.source == approval.text
        if there and self._within(lambda connection: self._settled(connection, tables)):
            return Migrated((), None, adopted=False)
        backup = None
        if isinstance(self.database, Path) and not empty:
            backup = str(self._backed_up(self.database, line, tell))
        tell("the built-in tables")
        self._made_ready()
        if adopted:
            self._within(lambda connection: self._adopt(connection, approval, tables))
            return Migrated(tuple(pending), backup, adopted=True)
        for revision in pending:
            tell(f"revision {revision}")
            last = tables if revision == pending[-1] else None
            self._within(lambda c, r=revision, t=last: self._run(c, r, t, tell))  # type: ignore[misc]
        if not pending:
            tell("row-level security" if self._typed else "the text that the tables are of")
            self._within(lambda connection: self._change(connection, tables, (), held.revision))
        return Migrated(tuple(pending), backup, adopted=False)

    def _looked_at(self, connection: Connection) -> tuple[_Held, bool, bool]:
        """What it says of itself, whether its built-in tables are current, whether it is empty."""
        names = inspect(connection).get_table_names()
        if names and _OURS not in names:
            raise SchemaDiffers(
                f"{self.database} is not one of Freehold's: it holds the table `{sorted(names)[0]}`. "
                "Name another database, or an empty one."
            )
        held = _held(connection)
        before = None if not held.source else _tables(held.source)
        if before is not None and (differences := self._compare(connection, before)):
            raise self._drifted(differences, known=True)
        return held, migrating.built_in_current(connection), not names

    def _settled(self, connection: Connection, tables: Tables) -> bool:
        return not self._compare(connection, tables) and not self._gap(connection, tables)

    def _adopt(self, connection: Connection, approval: Approval, tables: Tables) -> None:
        """What `dev` made: straight to the approved text, if nothing is lost on the way; from then on by revisions."""
        try:
            self._develop(connection, tables, False)
        except LosesValues as error:
            raise SchemaDiffers(
                f"`freehold dev` made {self.database} from another text than the approved one. {error} Let "
                "`freehold dev` do that, which asks; or name another database."
            ) from error
        if approval.revision is not None:
            self._revisions.stamp(connection, approval.revision)
            connection.execute(_TEXT.update().values(revision=approval.revision))

    def _run(self, connection: Connection, revision: str, last: Tables | None, tell: Tell) -> None:
        rows = _Rows(connection)

        def told(_: Any, cursor: Any, statement: str, *others: Any) -> None:
            if statement != _ESTIMATE:
                plain = " ".join(_COMMENT.sub("", statement).split())
                tell(f"{rows.of(plain)}{plain[:100]}")

        event.listen(connection, "before_cursor_execute", told)
        if self._typed:
            second_wall.lower(connection)
        file = self._revisions.file_of(revision).name
        try:
            self._revisions.upgrade(connection, revision)
            if last is not None:
                self._finish(connection, last, revision)
        except DBAPIError as error:
            raise SchemaDiffers(
                f"The stored records do not fit `{file}`: {error.orig}. Nothing was changed."
            ) from error
        except SchemaDiffers as error:
            raise SchemaDiffers(
                f"{error} Nothing was changed. Change these records first, or write into `migrations/{file}` what "
                "becomes of them and approve again."
            ) from error
        finally:
            event.remove(connection, "before_cursor_execute", told)

    def _backed_up(self, path: Path, line: tuple[str, ...], tell: Tell) -> Path:
        """A copy beside the file, whole or not there."""
        wanted = f"{path.name}.before-{line[-1] if line else 'migration'}"
        taken = {each.name for each in path.parent.iterdir()}
        names = (wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 3)))
        backup = path.with_name(next(name for name in names if name not in taken))
        tell(f"a copy of {path.name} to {backup.name}")
        part = path.with_name(f"{path.name}.part")
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
        os.replace(part, backup)
        return backup

    def sql(self, approval: Approval) -> str:
        """See `Keeping`."""
        line, tables = self._revisions.line(approval.revision), build(parse(approval.text))
        there = not isinstance(self.database, Path) or self.database.exists()
        held, built_in, empty = self._within(self._looked_at) if there else (_Held(None, None), False, True)
        self._require_known(held.revision, line)
        if held.revision is None and held.source is not None:
            raise SchemaDiffers(f"`freehold dev` made {self.database}: `freehold migrate` compares and takes it over.")
        parts = [] if built_in else [migrating.sql(self.url, fresh=empty)]
        if line and held.revision != line[-1]:
            parts.append(self._revisions.sql(held.revision, line[-1], typed=self._typed))
        if isinstance(self.database, Server):
            wall = SecondWall(tables, self._moment).statements('"public"', '"database"', self.database.role)
            parts.append("-- Row-level security; what stands there already is taken down before\n")
            parts.append("".join(f"{statement};\n\n" for statement in wall))
        return "\n".join(parts)

    # --- both ----------------------------------------------------------------------------

    def _made_ready(self) -> None:
        if isinstance(self.database, Path):
            self.database.parent.mkdir(parents=True, exist_ok=True)
        migrating.upgrade(self.url)

    def _within(self, do: Callable[[Connection], T]) -> T:
        return migrating.within(self.url, do)

    def _compare(self, connection: Connection, tables: Tables) -> schema.Differences:
        if self._typed:
            return postgres_schema.compare_within(connection, tables)
        driven = connection.connection.driver_connection
        assert isinstance(driven, sqlite3.Connection)
        return schema.compare_within(driven, tables)

    def _gap(self, connection: Connection, tables: Tables) -> bool:
        """Whether row-level security is not as it should be."""
        if not isinstance(self.database, Server):
            return False
        wall = SecondWall(tables, self._moment)
        return any(not each.harmless for each in deviations_of(connection, wall, self.database.role))


_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)
_LONG = re.compile(r'(?:INSERT INTO .* FROM|UPDATE|ALTER TABLE|CREATE (?:UNIQUE )?INDEX \S+ ON) "?(\w+)"?')
"""statements that take the longer the more rows a table has"""
_ESTIMATE = "SELECT reltuples FROM pg_class WHERE oid = to_regclass($1)"


class _Rows:
    """How many rows a statement has before it: counted in SQLite, where that is quick, else as PostgreSQL estimates."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._known = connection, dict[str, int]()

    def of(self, statement: str) -> str:
        """`3 rows of books: `; empty where it is about no table, or about none that is known."""
        found = _LONG.match(statement)
        if found is None:
            return ""
        table = found[1]
        if table not in self._known:
            self._known[table] = self._count(table)
        count, shown = self._known[table], table.removeprefix(evolving.ASIDE)
        return f"{count:,} row{'' if count == 1 else 's'} of {shown}: " if count > 0 else ""

    def _count(self, table: str) -> int:
        driven = self._connection.connection.driver_connection
        try:
            if isinstance(driven, sqlite3.Connection):
                return int(driven.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0])  # noqa: S608 - a name
            return int(self._connection.exec_driver_sql(_ESTIMATE, (table,)).scalar() or 0)
        except sqlite3.Error:
            return 0


def _tables(source: str) -> Tables | None:
    try:
        return build(parse(source))
    except SpecificationInvalid:
        return None


def _held(connection: Connection) -> _Held:
    revision, source = _revision(connection), None
    if inspect(connection).has_table(APP_TEXT):
        row = connection.execute(select(_TEXT.c.source).where(_TEXT.c.revision.is_not_distinct_from(revision))).first()
        source = None if row is None else row[0]
    return _Held(revision, source)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table": APP_REVISIONS}).get_current_revision()


def _refusal(connection: Connection, guard: Guard) -> str | None:
    try:
        refuse_where(connection, guard.query, guard.why)
    except SchemaDiffers as error:
        return str(error)
    return None
