"""The three servers as the benchmark sees them: how each is filled, started, logged into and asked."""

import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from benchmarks import load_freehold
from benchmarks.data import PASSWORD, Account, Data, Note, Notebook
from benchmarks.processes import Answer, Trouble, ask


@dataclass(frozen=True, slots=True)
class Call:
    """One request and the status that must answer it."""

    method: str
    path: str
    body: Mapping[str, str] | None
    status: int


class Server(ABC):
    """A server in a folder of its own."""

    name: ClassVar[str]
    ready: ClassVar[str]
    """the path that answers 200 when it can work"""

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

    def settings(self) -> dict[str, str]:
        """What its environment says."""
        return {}

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


def token_in(name: str, answer: Answer, field: str) -> str:
    """The token in the answer to a login. Raises `Trouble` where there is none."""
    if answer.status != 200 or not isinstance(answer.body, dict) or field not in answer.body:
        raise Trouble(f"{name} refused a login: {answer.status} {answer.body}")
    return str(answer.body[field])


class Freehold(Server):
    """What this repository makes."""

    name = "freehold"
    ready = "/health/ready"

    def prepare(self, data: Data) -> None:
        """See `load_freehold`."""
        self.make_folder()
        load_freehold.load(self.folder, data)

    def command(self, port: int) -> Sequence[str]:
        """The command that people type."""
        return [sys.executable, "-m", "entrypoints.cli", "serve", str(self.folder), "--port", str(port)]

    def settings(self) -> dict[str, str]:
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
        from sqlmodel import Session, SQLModel, create_engine, insert

        from benchmarks.baseline import Member, Note, Notebook, User, passwords

        self.make_folder()
        engine = create_engine(f"sqlite:///{self._database}")
        tables = [SQLModel.metadata.tables[str(model.__tablename__)] for model in (User, Notebook, Member, Note)]
        SQLModel.metadata.create_all(engine, tables=tables)
        hashed = passwords.hash(PASSWORD)
        rows: dict[type[SQLModel], list[dict[str, Any]]] = {
            User: [{"id": a.id, "email": a.email, "hashed_password": hashed} for a in data.accounts],
            Notebook: [
                {"id": n.id, "owner_id": n.owner.id, "title": n.title, "created_at": n.created_at}
                for n in data.notebooks
            ],
            Member: [{"notebook_id": m.notebook.id, "user_id": m.account.id, "role": m.role} for m in data.members],
            Note: [
                {
                    "id": n.id,
                    "notebook_id": n.notebook.id,
                    "author_id": n.notebook.owner.id,
                    "title": n.title,
                    "body": data.text(n),
                    "status": n.status,
                    "created_at": n.created_at,
                    "updated_at": n.created_at,
                }
                for n in data.notes
            ],
        }
        with Session(engine) as session:
            for model, values in rows.items():
                session.exec(insert(model), params=values)
            session.commit()
        engine.dispose()

    def command(self, port: int) -> Sequence[str]:
        """Run it with uvicorn."""
        return [sys.executable, "-m", "benchmarks.baseline", str(port)]

    def settings(self) -> dict[str, str]:
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
