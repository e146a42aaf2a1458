"""The servers as the benchmark sees them: how each is filled, started, logged into and asked."""

import asyncio
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from benchmarks import load_freehold
from benchmarks.data import PASSWORD, Account, Data, Note, Notebook
from benchmarks.postgres import Database, Table
from benchmarks.processes import Answer, Trouble, ask


@dataclass(frozen=True, slots=True)
class Call:
    """One request and the status that must answer it."""

    method: str
    path: str
    body: Mapping[str, str] | None
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


class Server(ABC):
    """A server in a folder of its own."""

    name: ClassVar[str]
    ready: ClassVar[str]
    """the path that answers 200 when it can work"""
    hidden: ClassVar[int] = 404
    """the status for what a caller cannot read"""

    def __init__(self, folder: Path) -> None:
        """Use a folder, which need not exist."""
        self.folder = folder

    def make_folder(self) -> None:
        """Make the folder anew."""
        self.remove()
        self.folder.mkdir(parents=True)

    def remove(self) -> None:
        """Remove the folder with all data."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @abstractmethod
    def prepare(self, data: Data) -> None:
        """Make everything that `command` needs, with the data in it. Raises `Trouble`."""

    @abstractmethod
    def command(self, port: int) -> Sequence[str]:
        """What starts it, with one worker."""

    def settings(self) -> Mapping[str, str]:
        """What its environment says; asked for after `command`."""
        return {}

    def started(self) -> None:  # noqa: B027 - most have nothing to do
        """It is ready, and nobody has asked anything yet."""

    @abstractmethod
    def log_in(self, port: int, account: Account) -> str:
        """An access token."""

    @abstractmethod
    def get(self, note: Note) -> Call:
        """A: one note."""

    @abstractmethod
    def newest(self) -> Call:
        """B: the 20 newest notes that the caller can read."""

    @abstractmethod
    def create(self, notebook: Notebook, author: Account, title: str, body: str, status: str) -> Call:
        """C: a note; the author is the caller."""

    @abstractmethod
    def change(self, note: Note, title: str, status: str) -> Call:
        """D: another title and status."""

    @abstractmethod
    def items(self, answer: Any) -> list[dict[str, Any]]:
        """The notes in the answer to `newest`."""


class PostgresServer(Server):
    """A server with a PostgreSQL database of its own."""

    def __init__(self, folder: Path, database: Database) -> None:
        """Use an empty database."""
        super().__init__(folder)
        self.database = database


def token_in(name: str, answer: Answer, field: str) -> str:
    """The token in the answer to a login. Raises `Trouble` where there is none."""
    if answer.status != 200 or not isinstance(answer.body, dict) or field not in answer.body:
        raise Trouble(f"{name} refused a login: {answer.status} {answer.body}")
    return str(answer.body[field])


class Freehold(Server):
    """What this repository makes, on SQLite."""

    name = "freehold"
    ready = "/health/ready"

    def prepare(self, data: Data) -> None:
        """Fill it with the benchmark's specification and records."""
        self.fill(load_freehold.SPECIFICATION, load_freehold.tables_with(data))

    def fill(self, specification: Path, rows: Iterable[Table]) -> None:
        """Make the folder and the database of a specification, with these rows in its tables."""
        self.make_folder()
        load_freehold.embedded(self.folder, specification, rows)

    def command(self, port: int) -> Sequence[str]:
        """The command that people type."""
        return [sys.executable, "-m", "entrypoints.cli", "serve", str(self.folder), "--port", str(port)]

    def settings(self) -> Mapping[str, str]:
        """Requests are counted as everywhere; only that a few accounts ask for so much is allowed."""
        return {"FREEHOLD_REQUESTS_PER_MINUTE": str(10**9)}

    def log_in(self, port: int, account: Account) -> str:
        """Log in with the password."""
        answer = ask(port, "POST", "/auth/login", {"email": account.email, "password": PASSWORD})
        return token_in(self.name, answer, "access_token")

    def get(self, note: Note) -> Call:
        """See `Server`."""
        return Call("GET", f"/v1/notes/{note.id}", None, 200)

    def newest(self) -> Call:
        """See `Server`."""
        return Call("GET", "/v1/notes?limit=20", None, 200)

    def create(self, notebook: Notebook, author: Account, title: str, body: str, status: str) -> Call:
        """See `Server`; the engine knows the author."""
        values = {"notebook": str(notebook.id), "title": title, "body": body, "status": status}
        return Call("POST", "/v1/notes", values, 201)

    def change(self, note: Note, title: str, status: str) -> Call:
        """See `Server`."""
        return Call("PATCH", f"/v1/notes/{note.id}", {"title": title, "status": status}, 200)

    def items(self, answer: Any) -> list[dict[str, Any]]:
        """See `Server`."""
        return list(answer["items"])


class FreeholdOnPostgres(PostgresServer, Freehold):
    """What this repository makes, on PostgreSQL."""

    def fill(self, specification: Path, rows: Iterable[Table]) -> None:
        """See `Freehold`."""
        self.make_folder()
        load_freehold.on_postgres(self.folder, specification, self.database, rows)

    def settings(self) -> Mapping[str, str]:
        """Where its database is, for the application and for migrations."""
        return {
            **super().settings(),
            "FREEHOLD_DATABASE_URL": self.database.place.url,
            "FREEHOLD_MIGRATION_URL": self.database.place.migration_url,
        }


class WithoutRowLevelSecurity(FreeholdOnPostgres):
    """The same with its second wall taken down, to see what that costs; nothing else ever does this."""

    name = "freehold-without-rls"

    def started(self) -> None:
        """Only now: a start without it is refused."""
        load_freehold.switch_off_row_level_security(self.database)


class Baseline(Server):
    """The usual app, in baseline.py."""

    name = "baseline"
    ready = "/health/ready"

    @property
    def _database(self) -> Path:
        return self.folder / "baseline.db"

    def prepare(self, data: Data) -> None:
        """Make the tables and fill them, in one transaction."""
        # Here, so that what is wrong with it hinders nobody else; its tables live in SQLModel's own metadata.
        from sqlmodel import Session, create_engine, insert

        from benchmarks.baseline_models import metadata, models

        self.make_folder()
        engine = create_engine(f"sqlite:///{self._database}")
        metadata().create_all(engine)
        with Session(engine) as session:
            for (_, names, rows), model in zip(_usual_rows(data), models(), strict=True):
                session.exec(insert(model), params=[dict(zip(names, row, strict=True)) for row in rows])
            session.commit()
        engine.dispose()

    def command(self, port: int) -> Sequence[str]:
        """Run it with uvicorn."""
        return [sys.executable, "-m", "benchmarks.baseline", str(port)]

    def settings(self) -> Mapping[str, str]:
        """Where the database is."""
        return {"BASELINE_DATABASE": str(self._database)}

    def log_in(self, port: int, account: Account) -> str:
        """Log in with the password."""
        answer = ask(port, "POST", "/login", {"email": account.email, "password": PASSWORD})
        return token_in(self.name, answer, "access_token")

    def get(self, note: Note) -> Call:
        """See `Server`."""
        return Call("GET", f"/notes/{note.id}", None, 200)

    def newest(self) -> Call:
        """See `Server`."""
        return Call("GET", "/notes?limit=20", None, 200)

    def create(self, notebook: Notebook, author: Account, title: str, body: str, status: str) -> Call:
        """See `Server`; the app knows the author."""
        values = {"notebook_id": str(notebook.id), "title": title, "body": body, "status": status}
        return Call("POST", "/notes", values, 201)

    def change(self, note: Note, title: str, status: str) -> Call:
        """See `Server`."""
        return Call("PATCH", f"/notes/{note.id}", {"title": title, "status": status}, 200)

    def items(self, answer: Any) -> list[dict[str, Any]]:
        """See `Server`."""
        return list(answer["data"])


class AsyncBaseline(PostgresServer, Baseline):
    """The usual app with `async def` on asyncpg, in baseline_async.py."""

    def prepare(self, data: Data) -> None:
        """Make the tables and copy the records."""
        from sqlalchemy.ext.asyncio import create_async_engine

        from benchmarks.baseline_models import metadata

        self.make_folder()

        async def make_tables() -> None:
            engine = create_async_engine(self._url)
            async with engine.begin() as connection:
                await connection.run_sync(metadata().create_all)
            await engine.dispose()

        asyncio.run(make_tables())
        self.database.fill(_usual_rows(data))

    @property
    def _url(self) -> str:
        return self.database.place.migration_url.replace("postgresql:", "postgresql+asyncpg:", 1)

    def command(self, port: int) -> Sequence[str]:
        """Run it with uvicorn."""
        return [sys.executable, "-m", "benchmarks.baseline_async", str(port)]

    def settings(self) -> Mapping[str, str]:
        """Where the database is."""
        return {"BASELINE_DATABASE": self._url}


def _usual_rows(data: Data) -> Iterator[Table]:
    """The records in the tables of the usual app, which are in `baseline_models.models`'s order."""
    from benchmarks.baseline_models import passwords

    hashed = passwords.hash(PASSWORD)
    users = ((a.id, a.email, hashed, True) for a in data.accounts)
    yield "user", ("id", "email", "hashed_password", "is_active"), users
    notebooks = ((n.id, n.owner.id, n.title, n.created_at) for n in data.notebooks)
    yield "notebook", ("id", "owner_id", "title", "created_at"), notebooks
    members = ((m.notebook.id, m.account.id, m.role) for m in data.members)
    yield "member", ("notebook_id", "user_id", "role"), members
    names = ("id", "notebook_id", "author_id", "title", "body", "status", "created_at", "updated_at")
    yield "note", names, notes_of(data)


def notes_of(data: Data) -> Iterable[Sequence[Any]]:
    """Id, notebook, author, title, body, status and times of every note."""
    for n in data.notes:
        at = n.created_at
        yield n.id, n.notebook.id, n.notebook.owner.id, n.title, data.text(n), n.status, at, at
